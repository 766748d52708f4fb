"""The event stream: news at once, the time in quiet, and an end after which a page proves itself anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from dashboards.context import Context
from dashboards.live import Ear
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


async def _first(count: int, news: list[bool]) -> list[str]:
    told = stream.told(GIVEN, ScriptedEar(iter(news)))
    return [await anext(told) for _ in range(count)]


def test_a_page_that_connects_looks_afresh_and_then_hears_of_changes() -> None:
    events = asyncio.run(_first(4, [False, True, False]))
    assert [event.split("\n")[0] for event in events] == [
        "event: change",
        "event: clock",
        "event: change",
        "event: clock",
    ]
    assert all(event.endswith(f"\ndata: {int(NOW.timestamp() * 1000)}\n\n") for event in events)


def test_the_stream_ends_so_that_a_revoked_token_does_not_listen_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "_LONGEST", 0.0)
    assert asyncio.run(_all()) == []


async def _all() -> list[str]:
    return [event async for event in stream.told(GIVEN, ScriptedEar(iter([])))]


def test_an_ear_remembers_that_there_was_news_not_how_often() -> None:
    async def listen() -> list[bool]:
        ear = Ear()
        ear.tell()
        ear.tell()
        return [await ear.wait(10), await ear.wait(0.001)]

    assert asyncio.run(listen()) == [True, False]
