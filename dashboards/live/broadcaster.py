"""News for the pages: one connection listens to PostgreSQL for all viewers, and each hears at most 5 times a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from weakref import WeakSet

import structlog
from psycopg import AsyncConnection, OperationalError

CHANNEL: Final = "alerts"
PAUSE: Final = 0.2
"""Seconds between two pieces of news: faster than anybody reads, slower than a flood of alerts."""
_RETRY: Final = 2.0

_log = structlog.get_logger(__name__)


class Ear:
    """One viewer's subscription: it remembers that something changed, not how often."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Say that something changed."""
        self._news.set()

    async def wait(self, patience: float) -> bool:
        """Return True when something changed since the last call, False after that many seconds of quiet."""
        try:
            await asyncio.wait_for(self._news.wait(), patience)
        except TimeoutError:
            return False
        self._news.clear()
        return True


class Broadcaster:
    """Hears `NOTIFY alerts` and tells every viewer."""

    def __init__(self, conninfo: str, *, pause: float = PAUSE) -> None:
        self._conninfo = conninfo
        self._pause = pause
        self._ears: WeakSet[Ear] = WeakSet()

    def subscribe(self) -> Ear:
        """Return an ear for one viewer; it hears for as long as it is kept."""
        ear = Ear()
        self._ears.add(ear)
        return ear

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen in the background; a lost connection is made again, and then everybody looks afresh."""
        task = asyncio.create_task(self._listen(), name="dashboards.live")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        while True:
            try:
                conn = await AsyncConnection.connect(self._conninfo, autocommit=True, application_name="shouwang live")
                async with conn:
                    await conn.execute(f"LISTEN {CHANNEL}".encode())
                    self._tell()  # what happened while nobody listened
                    while True:
                        async for _ in conn.notifies(stop_after=1):
                            self._tell()
                        # What comes meanwhile waits in the connection and is told as one.
                        await asyncio.sleep(self._pause)
            except OperationalError as error:
                _log.warning("live updates interrupted", error=str(error).strip(), retry_in=_RETRY)
            await asyncio.sleep(_RETRY)

    def _tell(self) -> None:
        for ear in list(self._ears):
            ear.tell()
