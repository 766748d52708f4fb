"""`/events` as a browser follows it, without a server between: what the application sends, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from starlette.types import Message

PATIENCE: Final = 20


@asynccontextmanager
async def following(app: FastAPI, headers: dict[str, str], query: str = "") -> AsyncIterator[Callable[[], Any]]:
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
        "path": "/events", "raw_path": b"/events", "query_string": query.encode(), "root_path": "",
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
