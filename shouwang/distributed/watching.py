"""One partition's engine at work: envelopes in by offset, each committed once, whoever else may think it is theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from detectors.finding import Finding
from ingest.envelope import Envelope, unseal
from ingest.records import Message
from registry.errors import ShouwangError
from registry.instants import SECOND, to_datetime, to_micros
from registry.readings import ReadingBatch
from shouwang.clock import Clock, StreamClock
from shouwang.engine import Engine
from shouwang.outcome import Outcome
from storage.shards import Tenure

Sealed = tuple[int, bytes]
"""An envelope with its offset."""
LOOK_SECONDS = 10
"""How often of the stream's time the engine looks at the clock. What only time can show lasts hours; each look ends a
batch, and a batch of some thousand readings costs hardly more than one of a hundred."""
MOST_READINGS = 20_000
"""Readings judged and committed together at the most, but for a single envelope with more."""
_LOOK = LOOK_SECONDS * SECOND
_SLICES = 3
"""So many slices of findings that wait become alerts between two lots of envelopes."""


class GapError(ShouwangError):
    """Envelopes are missing before these: read the partition again from `offset`."""

    def __init__(self, offset: int) -> None:
        super().__init__(str(self.__doc__))
        self.offset = offset


class Watch:
    """A shard while this process holds it. Not for several threads at a time; after an error it is of no use.

    `clock` is where the shard's clock stood, None if it never ran; `load` makes the loaded engine that follows it;
    `found` is told of the findings of each commit.
    """

    def __init__(
        self,
        tenure: Tenure,
        clock: datetime | None,
        load: Callable[[Clock], Engine],
        found: Callable[[Sequence[Finding]], None] = lambda _: None,
    ) -> None:
        self._tenure = tenure
        self._found = found
        self._stood = clock
        self._load = load
        self._work: _Work | None = None
        self._hurried = False

    @property
    def next_offset(self) -> int:
        """The offset of the first envelope that is not committed."""
        return self._tenure.next_offset

    def take(self, sealed: Sequence[Sealed]) -> int:
        """Judge and commit envelopes in the order of their offsets; return how many readings were stored.

        Those committed before, by us or by whoever had the shard, are passed over. Once told to `hurry`, it ends with
        what is under way: the whole group waits for us then.

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
        stored = 0
        for lot in self._lots(due):
            if self._hurried:
                break
            stored += self._commit(lot)
        return stored

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

    def hurry(self) -> None:
        """End soon, whatever is still to be done; for another thread than the one at work."""
        self._hurried = True

    def rest(self) -> None:
        """Write the memory down and wait: the shard may come back to us, or go to another worker.

        Raises:
            FencedError: another worker has it already.
        """
        if self._work is not None:
            self._work.engine.save()
        self._hurried = False

    def go_on(self) -> bool:
        """Say whether the shard is still as we left it; if so, nothing need be loaded again."""
        return self._work is None or self._work.engine.in_office()

    def drop(self) -> None:
        """Give the shard up with whatever was half done."""
        if self._work is not None:
            self._work.engine.close()

    def _lots(self, due: Sequence[Sealed]) -> Iterator[_Lot]:
        """Yield envelopes that are committed together: up to a look at the clock, or to as many readings as are enough.

        However many are taken together, and whoever takes them, the engine looks at the same moments of the stream.
        """
        lot = _Lot()
        for offset, sealed in due:
            lot.add(offset, unseal(sealed))
            stood = to_micros(self._at_work(to_datetime(lot.at)).clock.now())
            lot.looks = lot.at // _LOOK > stood // _LOOK
            if lot.looks or lot.readings >= MOST_READINGS:
                yield lot
                lot = _Lot()
        if lot.batches or lot.next_offset > self.next_offset:
            yield lot

    def _commit(self, lot: _Lot) -> int:
        at = to_datetime(lot.at)
        work = self._at_work(at)
        work.clock.hear(at)
        self._tenure.next_offset = lot.next_offset
        heard = looked = Outcome()
        # One commit, or a worker that dies between the two would leave a look out.
        with work.engine.together():
            if lot.batches:
                heard = work.engine.hear(_joined(lot.batches))
            if lot.looks:
                looked = work.engine.tick()
        self._found([*heard.findings, *looked.findings])
        for _ in range(_SLICES):
            work.engine.go_on()
        return heard.stored

    def _at_work(self, at: datetime) -> _Work:
        """Return the engine and its clock, which goes on from where it stood, or begins with the stream."""
        if self._work is None:
            clock = StreamClock(self._stood or at)
            self._work = _Work(clock, self._load(clock))
        return self._work


@dataclass(frozen=True, slots=True)
class _Work:
    """An engine and the clock that it follows."""

    clock: StreamClock
    engine: Engine


@dataclass(slots=True)
class _Lot:
    """Envelopes that are committed together: their readings, the newest time, whether the clock is looked at then."""

    batches: list[ReadingBatch] = field(default_factory=list)
    readings: int = 0
    at: int = 0
    next_offset: int = 0
    looks: bool = False

    def add(self, offset: int, envelope: Envelope) -> None:
        self.at, self.next_offset = max(self.at, envelope.at), offset + 1
        if len(envelope.batch):
            self.batches.append(envelope.batch)
            self.readings += len(envelope.batch)


def _joined(batches: Sequence[ReadingBatch]) -> ReadingBatch:
    if len(batches) == 1:
        return batches[0]
    return ReadingBatch(
        np.concatenate([one.sensor for one in batches]),
        np.concatenate([one.time for one in batches]),
        np.concatenate([one.value for one in batches]),
        np.concatenate([one.received for one in batches]),
    )
