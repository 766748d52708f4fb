"""News reaches viewers: `NOTIFY alerts` in the database becomes a server-sent event, however many there were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from starlette.types import Message

from dashboards.live import Broadcaster
from tests.integration.dashboards_site import open_site

PATIENCE = 20


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


@asynccontextmanager
async def _stream(app: FastAPI, headers: dict[str, str]) -> AsyncIterator[Callable[[], Any]]:
    """Open `/events` as a browser would; what is yielded waits for the next message of the application."""
    sent: asyncio.Queue[Message] = asyncio.Queue()
    gone = asyncio.Event()
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if asked:
            return asked.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/events", "raw_path": b"/events", "query_string": b"", "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("test", 1), "server": ("shouwang.test", 80),
    }  # fmt: skip
    serving = asyncio.create_task(app(scope, receive, sent.put))

    async def next_message() -> Message:
        return await asyncio.wait_for(sent.get(), PATIENCE)

    try:
        yield next_message
    finally:
        gone.set()
        await asyncio.wait_for(serving, PATIENCE)


def test_a_notification_reaches_the_stream(database: str) -> None:
    with open_site(database) as site:
        app, viewer = site.client.app, site.token("viewer")
        assert isinstance(app, FastAPI)

        async def watch() -> list[bytes]:
            async with app.state.context.events.running(), _stream(app, viewer) as following:
                head = await following()
                assert head["status"] == 200
                assert (b"content-type", b"text/event-stream; charset=utf-8") in head["headers"]
                heard = [(await following())["body"]]
                await _listens(database)
                # The connection that came up may itself be news; what counts is that this one is told after it.
                await _told(database)
                heard.append((await following())["body"])
                return heard

        events = asyncio.run(watch())
        assert all(event.startswith(b"event: change\ndata: ") and event.endswith(b"\n\n") for event in events)


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
    monkeypatch.setattr("dashboards.live._RETRY", 0.01)

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
