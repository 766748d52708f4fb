"""Whether those who follow the stream are still let in: one question to the database for all of them.

It is asked now and then, and before anything new is told, which may show homes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends
from psycopg import OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout
from starlette.requests import HTTPConnection

from dashboards.context import Subscription
from dashboards.live.shared import Shared
from storage import sessions

EVERY: Final = 2.0
"""Seconds between two looks while nothing is new: so long a page stays open whose session was ended."""


class SignedOut(Exception):  # noqa: N818 - it is no error
    """Somebody is let in no more."""


class Standing:
    """Keeps the credentials of everybody who follows the stream, and looks after them together."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._here: Counter[bytes] = Counter()
        self._good: frozenset[bytes] = frozenset()
        self._looked = float("-inf")
        self._looks: Shared[_Look] = Shared()

    @contextmanager
    def following(self, credential: bytes) -> Iterator[None]:
        """Look after a credential for as long as its stream is open; it was good a moment ago."""
        self._here[credential] += 1
        self._good |= {credential}
        try:
            yield
        finally:
            self._here[credential] -= 1
            if not self._here[credential]:
                del self._here[credential]

    async def lets_in(self, credential: bytes) -> bool:
        """Say whether a credential still lets somebody in, as of a look that is at most `EVERY` seconds old."""
        now = asyncio.get_running_loop().time()
        if now - self._looked >= EVERY:
            self._looked = now
            with suppress(OperationalError, PoolTimeout):  # while it is away nobody hears anything new either
                await self._look()
        return credential in self._good

    async def lets_in_now(self, credential: bytes) -> bool:
        """Say whether a credential still lets somebody in, as of a look that begins after this was asked.

        Raises:
            OperationalError: the database is away.
            PoolTimeout: it has no time.
        """
        self._looked = asyncio.get_running_loop().time()
        await self._look()
        return credential in self._good

    async def _look(self) -> None:
        look = await self._looks.get("", self._asked)
        self._good = look.good | (frozenset(self._here) - look.asked)  # with who came meanwhile

    def _asked(self) -> _Look:
        asked = frozenset(self._here)
        with self._pool.connection() as conn:
            return _Look(asked, sessions.standing(conn, asked))


@dataclass(frozen=True, slots=True)
class _Look:
    """Which credentials were asked for, and which of them were good."""

    asked: frozenset[bytes]
    good: frozenset[bytes]


class GuardedEar:
    """An ear at the event source that hears for as long as its viewer is let in."""

    def __init__(self, ear: Subscription, standing: Standing, credential: bytes) -> None:
        self._ear = ear
        self._standing = standing
        self._credential = credential

    async def wait(self, patience: float) -> bool:
        """Return True when something changed since the last call, False after that many seconds of quiet.

        Raises:
            SignedOut: its viewer is let in no more.
            OperationalError: the database is away.
            PoolTimeout: it has no time.
        """
        begin = asyncio.get_running_loop().time()
        while (left := begin + patience - asyncio.get_running_loop().time()) > 0:
            changed = await self._ear.wait(min(left, EVERY))
            lets_in = self._standing.lets_in_now if changed else self._standing.lets_in
            if not await lets_in(self._credential):
                raise SignedOut
            if changed:
                return True
        return False


def standing_of(request: HTTPConnection) -> Standing:
    """Return the one who looks after all streams of an application."""
    standing: Standing = request.app.state.standing
    return standing


Watched = Annotated[Standing, Depends(standing_of)]
