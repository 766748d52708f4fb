"""News reaches viewers: `NOTIFY alerts` in the database becomes a server-sent event, however many there were."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from fastapi import FastAPI

from dashboards.board_filter import Filter
from dashboards.live.broadcaster import Broadcaster
from dashboards.pages import board
from tests.integration.dashboards_site import EAST, WEST, open_site
from tests.integration.event_stream import PATIENCE, following


async def _told(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        await conn.execute("SELECT pg_notify('alerts', 'x')")


async def _listens(database: str) -> None:
    """Return once somebody listens for news in this database."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        while True:
            rows = await conn.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
            if await rows.fetchone():
                return
            await asyncio.sleep(0.01)


def test_a_notification_reaches_the_stream(database: str) -> None:
    with open_site(database) as site:
        app, viewer = site.client.app, site.token("viewer")
        assert isinstance(app, FastAPI)

        async def watch() -> list[bytes]:
            async with app.state.context.events.running(), following(app, viewer) as next_message:
                head = await next_message()
                assert head["status"] == 200
                assert (b"content-type", b"text/event-stream; charset=utf-8") in head["headers"]
                heard = [(await next_message())["body"]]
                await _listens(database)
                # The connection that came up may itself be news; what counts is that this one is told after it.
                await _told(database)
                heard.append((await next_message())["body"])
                return heard

        events = asyncio.run(watch())
        assert all(event.startswith(b"event: change\ndata: ") and event.endswith(b"\n\n") for event in events)


async def _parts(app: FastAPI, headers: dict[str, str], *addresses: str) -> dict[str, str]:
    """Return what the stream sends of parts at once, by their addresses."""
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    query = urlencode([("part", one) for one in addresses])
    async with following(app, {**headers, "Accept-Encoding": "gzip"}, query) as next_message:
        head = dict((await next_message())["headers"])
        assert head[b"content-encoding"] == b"gzip"
        told = ""
        while told.count("event: part") < len(addresses):
            told += reader.decompress((await next_message())["body"]).decode()
    sent = [json.loads(line.removeprefix("data: ")) for line in told.split("\n") if line.startswith("data: {")]
    return {one["part"]: one["html"] for one in sent}


def test_the_stream_sends_what_fetching_would_show_and_nothing_of_elsewhere(database: str) -> None:
    with open_site(database) as site:
        west, east = site.alert("hh-1"), site.alert("hh-3")
        app = site.client.app
        assert isinstance(app, FastAPI)
        parts = ("/parts/alerts", "/parts/alerts?held=mine", "/parts/beside")
        for area, seen, unseen in ((WEST, west, east), (EAST, east, west)):
            who = site.token("officer", area)
            sent = asyncio.run(_parts(app, who, *parts))
            assert sent == {one: site.client.get(one, headers=who).text for one in parts}
            assert str(seen) in sent["/parts/alerts"]
            assert str(unseen) not in str(sent)


def test_a_hundred_boards_are_drawn_once_or_twice(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    real = board.SENT["/parts/beside"]

    def counted(*which: Any) -> str:
        drawn.append("beside")
        return real(*which)

    monkeypatch.setattr(board, "SENT", {**board.SENT, "/parts/beside": counted})
    with open_site(database) as site:
        app = site.client.app
        assert isinstance(app, FastAPI)

        async def look() -> list[dict[str, str]]:
            who = site.token("viewer")
            return await asyncio.gather(*(_parts(app, who, "/parts/beside") for _ in range(100)))

        assert len({str(sent) for sent in asyncio.run(look())}) == 1
    # Each is let in by a question of its own to the database, so that they do not ask in the same moment.
    assert len(drawn) < 50


def test_a_part_is_sent_by_its_own_address_however_long(database: str) -> None:
    with open_site(database) as site:
        app, who = site.client.app, site.token("viewer")
        assert isinstance(app, FastAPI)
        address = Filter(area="4401" * 40, kind="inactivity", least="low", held="nobody", text="守" * 200).address(
            "/parts/alerts"
        )
        assert len(address) > 2000
        assert asyncio.run(_parts(app, who, address)) == {address: site.client.get(address, headers=who).text}


def test_the_stream_sends_no_part_that_is_none(database: str) -> None:
    with open_site(database) as site:
        viewer = site.token("viewer")
        for part in ("/parts/tasks", "//elsewhere/parts/alerts", "/parts/alerts?severity=dreadful", "//[", ""):
            assert site.client.get("/events", params={"part": part}, headers=viewer).status_code == 422
        many = ["/parts/beside"] * 5
        assert site.client.get("/events", params={"part": many}, headers=viewer).status_code == 422


def test_nobody_unknown_gets_a_stream(database: str) -> None:
    with open_site(database) as site:
        assert site.client.get("/events").status_code == 401


def test_a_flood_is_told_as_little_and_nothing_is_left_untold(database: str) -> None:
    flood = 200

    async def count() -> int:
        news = Broadcaster(database, pause=0.5)
        async with news.running():
            ear, other = news.subscribe(), news.subscribe()
            await _listens(database)
            while await ear.wait(0.01):
                pass
            async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
                for _ in range(flood):
                    await conn.execute("SELECT pg_notify('alerts', '')")
            heard = 0
            while await ear.wait(1.5):
                heard += 1
            assert await other.wait(1), "every viewer hears"
            return heard

    assert 1 <= asyncio.run(count()) < flood // 4


def test_a_lost_connection_is_made_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.live.broadcaster._RETRY", 0.01)

    async def survive() -> bool:
        news = Broadcaster(database, pause=0.01)
        async with news.running():
            ear = news.subscribe()
            await _listens(database)
            while await ear.wait(0.05):
                pass
            async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
                await conn.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                )
            return await ear.wait(PATIENCE)

    assert asyncio.run(survive()), "after a gap everybody looks afresh"
