"""One partition's engine at work: envelopes in by offset, each committed once, whoever else may think it is theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from ingest.envelope import Envelope, unseal
from ingest.records import Message
from registry.errors import ShouwangError
from registry.instants import to_datetime, to_micros
from registry.readings import ReadingBatch
from shouwang.clock import Clock, StreamClock
from shouwang.engine import Engine
from storage.shards import Tenure

Sealed = tuple[int, bytes]
"""An envelope with its offset."""
_TICK = timedelta(seconds=1)
_SLICES = 3
"""So many slices of findings that wait become alerts between two lots of envelopes."""


class GapError(ShouwangError):
    """Envelopes are missing before these: read the partition again from `offset`."""

    def __init__(self, offset: int) -> None:
        super().__init__(str(self.__doc__))
        self.offset = offset


class Watch:
    """A shard while this process holds it. Not for several threads at a time; after an error it is of no use.

    `clock` is where the shard's clock stood, None if it never ran; `load` makes the loaded engine that follows it.
    """

    def __init__(self, tenure: Tenure, clock: datetime | None, load: Callable[[Clock], Engine]) -> None:
        self._tenure = tenure
        self._stood = clock
        self._load = load
        self._work: _Work | None = None

    @property
    def next_offset(self) -> int:
        """The offset of the first envelope that is not committed."""
        return self._tenure.next_offset

    def take(self, sealed: Sequence[Sealed]) -> int:
        """Judge and commit envelopes in the order of their offsets; return how many readings were stored.

        Those committed before, by us or by whoever had the shard, are passed over.

        Raises:
            GapError: some are missing in between.
            FencedError: another worker has taken the shard over.
            EnvelopeError: one of them is none.
        """
        due = [(offset, one) for offset, one in sealed if offset >= self.next_offset]
        if not due:
            return 0
        for expected, (offset, _) in enumerate(due, self.next_offset):
            if offset != expected:
                raise GapError(expected)
        return sum(self._commit(some, last + 1) for some, last in self._up_to_ticks(due))

    def refuse(self, one: Sealed, why: str) -> None:
        """Put an envelope that cannot be judged into quarantine, and go on behind it.

        Raises:
            FencedError: another worker has taken the shard over.
        """
        offset, sealed = one
        work = self._at_work(self._stood or to_datetime(0))
        shard = self._tenure.shard
        self._tenure.next_offset = offset + 1
        topic = f"partition {shard.number} of {shard.of}, offset {offset}"
        work.engine.refuse(Message(topic, sealed, to_micros(work.clock.now())), why)

    def skip(self, offset: int) -> None:
        """Wait for a later envelope than the next."""
        self._tenure.next_offset = max(offset, self.next_offset)

    def leave(self) -> None:
        """Write the memory down and give the shard up.

        Raises:
            FencedError: another worker has it already.
        """
        if self._work is not None:
            try:
                self._work.engine.save()
            finally:
                self._work.engine.close()

    def drop(self) -> None:
        """Give the shard up with whatever was half done."""
        if self._work is not None:
            self._work.engine.close()

    def _up_to_ticks(self, due: Sequence[Sealed]) -> Iterator[tuple[list[Envelope], int]]:
        """Yield envelopes that end where the clock is to be looked at, and the offset of the last of them.

        However many are taken together, the engine looks at the same moments of the stream.
        """
        together: list[Envelope] = []
        for offset, sealed in due:
            together.append(unseal(sealed))
            at = to_datetime(together[-1].at)
            if at - self._at_work(at).ticked >= _TICK:
                yield together, offset
                together = []
        if together:
            yield together, due[-1][0]

    def _commit(self, envelopes: Sequence[Envelope], next_offset: int) -> int:
        at = to_datetime(max(one.at for one in envelopes))
        work = self._at_work(at)
        work.clock.hear(at)
        self._tenure.next_offset = next_offset
        full = [one.batch for one in envelopes if len(one.batch)]
        stored = work.engine.hear(_joined(full)).stored if full else 0
        if work.clock.now() - work.ticked >= _TICK:
            work.ticked = work.clock.now()
            work.engine.tick()
        for _ in range(_SLICES):
            work.engine.go_on()
        return stored

    def _at_work(self, at: datetime) -> _Work:
        """Return the engine and its clock, which goes on from where it stood, or begins with the stream."""
        if self._work is None:
            clock = StreamClock(self._stood or at)
            self._work = _Work(clock, self._load(clock), clock.now())
        return self._work


@dataclass(slots=True)
class _Work:
    """An engine, the clock that it follows, and when it last looked at that."""

    clock: StreamClock
    engine: Engine
    ticked: datetime


def _joined(batches: Sequence[ReadingBatch]) -> ReadingBatch:
    if len(batches) == 1:
        return batches[0]
    return ReadingBatch(
        np.concatenate([one.sensor for one in batches]),
        np.concatenate([one.time for one in batches]),
        np.concatenate([one.value for one in batches]),
        np.concatenate([one.received for one in batches]),
    )
