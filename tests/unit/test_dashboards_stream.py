"""The event stream: news at once, the time in quiet, and an end after which a page proves itself anew."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest
from psycopg import OperationalError

from dashboards.context import Context
from dashboards.live.broadcaster import Ear
from dashboards.live.news import BEGIN, News
from dashboards.pages import stream

NOW = datetime(2026, 11, 5, 4, 0, tzinfo=UTC)
GIVEN = cast("Context", SimpleNamespace(now=lambda: NOW))


class ScriptedEar:
    """Hears what it is told beforehand."""

    def __init__(self, news: Iterator[bool]) -> None:
        self._news = news

    async def wait(self, patience: float) -> bool:
        assert patience > 0
        return next(self._news)


async def _first(count: int, news: list[bool], drawn: Callable[[], AsyncIterator[News]] = stream.nothing) -> list[News]:
    told = stream.told(GIVEN, ScriptedEar(iter(news)), drawn)
    return [await anext(told) for _ in range(count)]


def test_a_page_that_connects_looks_afresh_and_then_hears_of_changes() -> None:
    events = asyncio.run(_first(4, [False, True, False]))
    assert [one.event for one in events] == ["change", "clock", "change", "clock"]
    assert {one.data for one in events} == {str(int(NOW.timestamp() * 1000))}


def test_what_is_drawn_comes_with_each_change_and_not_with_the_time() -> None:
    async def drawn() -> AsyncIterator[News]:
        yield News("part", "a")
        yield News("part", "b")

    events = asyncio.run(_first(7, [False, True], drawn))
    assert [one.event for one in events] == ["change", "part", "part", "clock", "change", "part", "part"]


def test_the_stream_ends_when_nothing_can_be_drawn_so_that_the_page_says_so() -> None:
    async def drawn() -> AsyncIterator[News]:
        yield News("part", "a")
        raise OperationalError

    async def all_of() -> list[str]:
        return [one.event async for one in stream.told(GIVEN, ScriptedEar(iter([])), drawn)]

    assert asyncio.run(all_of()) == ["change", "part"]


def test_packed_news_can_be_read_as_it_comes_whoever_else_was_sent_it() -> None:
    shared = News("part", "守望" * 1000)
    for others in ([], [News("clock", "1"), News("change", "2")]):
        reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
        assert reader.decompress(BEGIN) == b""
        for one in [*others, shared, *others]:
            assert reader.decompress(one.packed) == one.plain, "each event is whole when its piece is there"
    assert len(shared.packed) < len(shared.plain) / 20


def test_the_stream_ends_so_that_a_revoked_token_does_not_listen_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "_LONGEST", 0.0)
    assert asyncio.run(_all()) == []


async def _all() -> list[News]:
    return [event async for event in stream.told(GIVEN, ScriptedEar(iter([])))]


def test_an_ear_remembers_that_there_was_news_not_how_often() -> None:
    async def listen() -> list[bool]:
        ear = Ear()
        ear.tell()
        ear.tell()
        return [await ear.wait(10), await ear.wait(0.001)]

    assert asyncio.run(listen()) == [True, False]
