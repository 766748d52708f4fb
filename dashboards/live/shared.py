"""What many want at the same time is made once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

Made = TypeVar("Made")


class Shared(Generic[Made]):
    """Makes things by their keys; nobody is given one that was begun before they asked for it.

    Whoever asks while one is being made waits for the next, together with all who do so meanwhile: a hundred who ask at
    once are two things made, however long each takes.
    """

    def __init__(self) -> None:
        self._begun: dict[Hashable, asyncio.Task[Made]] = {}
        self._next: dict[Hashable, asyncio.Task[Made]] = {}

    async def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returns, in a thread; of all who ask for `key` meanwhile, only the first one's is called.

        Raises:
            Exception: what `make` raised.
        """
        making = self._next.get(key)
        if making is None:
            making = self._next[key] = asyncio.create_task(self._make(key, make, self._begun.get(key)))
        return await asyncio.shield(making)  # who goes away takes it from nobody else

    async def _make(self, key: Hashable, make: Callable[[], Made], before: asyncio.Task[Made] | None) -> Made:
        if before is not None:
            await asyncio.wait([before])
        mine = self._begun[key] = self._next.pop(key)
        try:
            return await run_in_threadpool(make)
        finally:
            if self._begun.get(key) is mine:
                del self._begun[key]
