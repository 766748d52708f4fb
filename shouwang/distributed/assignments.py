"""Which partitions are this process's, and what becomes of their envelopes: each judged once, in order.

Knows nothing of Kafka: whoever tells it of assignments, and hands it envelopes, may be Faust or a test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import psycopg
import structlog

from shouwang.distributed.watching import GapError, Sealed, Watch
from storage.database import blames_data
from storage.errors import StorageError
from storage.shards import FencedError

log = structlog.get_logger(__name__)

_LONGEST_PAUSE = 10.0


class Assignments:
    """Watches by partition. `take_over` makes one; everything that may block runs in a thread of its own.

    `failed` is told of each attempt that comes to nothing and is made again.
    """

    def __init__(self, take_over: Callable[[int], Watch], failed: Callable[[], None] = lambda: None) -> None:
        self._take_over = take_over
        self._failed = failed
        self._watches: dict[int, Watch] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._ours: set[int] = set()
        self._waiting: set[int] = set()
        self._resting: set[int] = set()

    @property
    def ours(self) -> frozenset[int]:
        """The partitions that are assigned to us."""
        return frozenset(self._ours)

    def committed(self) -> dict[int, int]:
        """Return the offset up to which each of our partitions is committed, 0 where nothing has come yet.

        Those that wait for the database are left out: they stand still for a reason.
        """
        found = {}
        for partition in sorted(self._ours - self._waiting):
            watch = self._watches.get(partition)
            found[partition] = 0 if watch is None else watch.next_offset
        return found

    def assigned(self, partitions: Iterable[int]) -> None:
        """Note that partitions are ours, and no others; each is taken over with its first envelope, within a second.

        One that was ours before, and nobody else's since, goes on with what it has in memory.
        """
        self._ours |= set(partitions)
        for gone in self._resting - self._ours:
            self._drop(gone)

    async def revoked(self, partitions: Iterable[int]) -> None:
        """Give partitions up; what is under way is committed first, and the memory written down."""
        gone = sorted(set(partitions) & self._ours)
        self._ours.difference_update(gone)
        for partition in gone:
            if partition in self._watches:
                self._watches[partition].hurry()
        for partition in gone:
            async with self._lock(partition):
                watch = self._watches.get(partition)
                if watch is not None:
                    await self._rest(partition, watch)

    def close(self) -> None:
        """Let go of all that rests here."""
        for partition in list(self._resting):
            self._drop(partition)

    async def take(self, partition: int, sealed: Sequence[Sealed]) -> bool:
        """Judge and commit envelopes of a partition; False if it is not ours any more, and nothing is to be told.

        Raises:
            GapError: earlier envelopes must come first.
        """
        async with self._lock(partition):
            try:
                return await self._do(partition, lambda watch: watch.take(sealed))
            except GapError:
                raise
            except Exception:  # whatever is wrong with one envelope must not stop the others
                log.exception("envelopes cannot be judged together", partition=partition, envelopes=len(sealed))
                self._failed()
            held = True
            for one in sealed:
                held = held and await self._alone(partition, one)
            return held

    async def skip(self, partition: int, offset: int) -> None:
        """Go on with a later envelope: those before it are nowhere any more."""
        async with self._lock(partition):
            await self._do(partition, lambda watch: watch.skip(offset))

    async def _alone(self, partition: int, one: Sealed) -> bool:
        try:
            return await self._do(partition, lambda watch: watch.take([one]))
        except GapError:
            raise
        except Exception as error:  # a bug of ours that this envelope brings to light
            log.exception("an envelope cannot be judged; it goes to quarantine", partition=partition, offset=one[0])
            self._failed()
            reason = f"{type(error).__name__}: {error}"
            return await self._do(partition, lambda watch: watch.refuse(one, reason))

    async def _do(self, partition: int, work: Callable[[Watch], object]) -> bool:
        """Have a partition's watch do something; while the database is away, take it over anew and try again."""
        pause = 0.2
        while partition in self._ours:
            try:
                await asyncio.to_thread(work, await self._watching(partition))
            except GapError:
                raise
            except FencedError:
                log.warning("another worker has taken a partition over", partition=partition)
                self._drop(partition)
                self._ours.discard(partition)
            except (psycopg.Error, StorageError) as error:
                self._drop(partition)
                if isinstance(error, psycopg.Error) and blames_data(error):
                    raise
                log.warning("the database cannot do this now; trying again", error=str(error).strip(), seconds=pause)
                self._failed()
                self._waiting.add(partition)
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
            except BaseException:
                self._drop(partition)
                raise
            else:
                self._waiting.discard(partition)
                return partition in self._ours  # else it was told to hurry, and something may be left to do
        return False

    async def _watching(self, partition: int) -> Watch:
        """Return the watch of a partition: the one that rests here, if nobody else had it since, or a new one."""
        if partition in self._resting:
            if not await asyncio.to_thread(self._watches[partition].go_on):
                self._drop(partition)
            self._resting.discard(partition)
        if partition not in self._watches:
            self._watches[partition] = await asyncio.to_thread(self._take_over, partition)
        return self._watches[partition]

    async def _rest(self, partition: int, watch: Watch) -> None:
        try:
            await asyncio.to_thread(watch.rest)
        except (psycopg.Error, StorageError) as error:  # whoever has it now replays what is stored
            log.warning("a partition's memory was not written down", partition=partition, error=str(error).strip())
            self._drop(partition)
        else:
            self._resting.add(partition)

    def _drop(self, partition: int) -> None:
        self._resting.discard(partition)
        watch = self._watches.pop(partition, None)
        if watch is not None:
            watch.drop()

    def _lock(self, partition: int) -> asyncio.Lock:
        return self._locks.setdefault(partition, asyncio.Lock())
