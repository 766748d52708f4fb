"""One partition's engine at work: envelopes in by offset, each committed once, whoever else may think it is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from ingest.envelope import Envelope, unseal
from ingest.records import Message
from registry.errors import ShouwangError
from registry.instants import to_datetime, to_micros
from registry.readings import ReadingBatch
from registry.shards import Shard
from shouwang.clock import StreamClock
from shouwang.engine import Engine
from storage.shards import Tenure

_TICK = timedelta(seconds=1)


class GapError(ShouwangError):
    """Envelopes are missing before these: read the partition again from `offset`."""

    def __init__(self, offset: int) -> None:
        super().__init__(str(self.__doc__))
        self.offset = offset


class Watch:
    """A shard while this process holds it. Not for several threads at a time; after an error it is of no use."""

    def __init__(self, shard: Shard, tenure: Tenure, clock: StreamClock, engine: Engine) -> None:
        self.shard = shard
        self.tenure = tenure
        self._clock = clock
        self._engine = engine
        self._ticked = clock.now()

    @property
    def next_offset(self) -> int:
        """The offset of the first envelope that is not committed."""
        return self.tenure.next_offset

    def take(self, sealed: Sequence[tuple[int, bytes]]) -> int:
        """Judge and commit envelopes, (offset, bytes) in order; return how many readings were stored.

        Those committed before, by us or by whoever had the shard, are passed over.

        Raises:
            GapError: some are missing in between.
            FencedError: another worker has taken the shard over.
        """
        due = [(offset, one) for offset, one in sealed if offset >= self.next_offset]
        if not due:
            return 0
        if due[0][0] > self.next_offset:
            raise GapError(self.next_offset)
        envelopes = [unseal(one) for _, one in due]
        return self._commit(envelopes, due[-1][0] + 1)

    def _commit(self, envelopes: Sequence[Envelope], next_offset: int) -> int:
        self.tenure.next_offset = next_offset
        self._clock.hear(to_datetime(max(one.at for one in envelopes)))
        full = [one.batch for one in envelopes if len(one.batch)]
        stored = self._engine.take_readings(_joined(full)).stored if full else 0
        if self._clock.now() - self._ticked >= _TICK or not full:
            self._ticked = self._clock.now()
            self._engine.tick()
        return stored

    def refuse(self, one: tuple[int, bytes], why: str) -> None:
        """Put an envelope that cannot be judged into quarantine, and go on behind it.

        Raises:
            FencedError: another worker has taken the shard over.
        """
        offset, sealed = one
        self.tenure.next_offset = offset + 1
        topic = f"partition {self.shard.number} of {self.shard.of}, offset {offset}"
        self._engine.refuse(Message(topic, sealed, to_micros(self._clock.now())), why)

    def leave(self) -> None:
        """Write the memory down and give the shard up.

        Raises:
            FencedError: another worker has it already.
        """
        try:
            self._engine.save()
        finally:
            self._engine.close()

    def drop(self) -> None:
        """Give the shard up with whatever was half done."""
        self._engine.close()


def _joined(batches: Sequence[ReadingBatch]) -> ReadingBatch:
    if len(batches) == 1:
        return batches[0]
    return ReadingBatch(
        np.concatenate([one.sensor for one in batches]),
        np.concatenate([one.time for one in batches]),
        np.concatenate([one.value for one in batches]),
        np.concatenate([one.received for one in batches]),
    )
