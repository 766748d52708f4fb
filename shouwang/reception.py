"""Messages in, checked readings out: what decoding and validation need of the registry, kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

import psycopg

from ingest.acceptance import accept
from ingest.directory import Directory, Owner
from ingest.records import Message, Reason
from ingest.validation import Validated
from registry.quantities import BY_LABEL
from registry.shards import WHOLE, Shard
from storage import registry
from storage.registry import DirectoryRow

_STALE = frozenset({Reason.UNKNOWN_DEVICE, Reason.WRONG_GATEWAY})
"""What may be refused only because the registry was changed since it was read."""


class Reception:
    """Knows the devices of a shard. `met` is told of each device with sensors, whenever it is read.

    Where other threads use the connection as well, each does while it holds `turn`.
    """

    def __init__(
        self,
        conn: psycopg.Connection,
        met: Callable[[DirectoryRow], None],
        shard: Shard = WHOLE,
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        self._conn = conn
        self._turn = turn or nullcontext()
        self._met = met
        self._shard = shard
        self._directory = Directory(0)

    @property
    def stale(self) -> bool:
        """Whether the registry was changed since it was read."""
        with self._turn:
            return registry.version(self._conn) != self._directory.version

    def read(self) -> None:
        """Take over what is registered now."""
        with self._turn:
            self._directory = Directory(registry.version(self._conn))
            self._enter(None)

    def meet(self, sensors: Sequence[int]) -> None:
        """Read of the registry what it has of a few sensors (database ids) that came into being since it was read."""
        with self._turn:
            self._enter(sensors)

    def check(self, messages: Sequence[Message], now: datetime, renew: Callable[[], None] | None = None) -> Validated:
        """Decode and check messages in the order they came; sensors that speak for the first time get their ids.

        Where the registry has changed, `renew` reads it again, `read` if it is not given.
        """
        validated = accept(messages, self._directory, now)
        if any(refusal.reason in _STALE for refusal in validated.refusals) and self.stale:
            (renew or self.read)()
            validated = accept(messages, self._directory, now)
        if validated.unborn:
            pairs = [(device, BY_LABEL[label]) for device, label in validated.unborn]
            with self._turn:
                born = registry.add_sensors(self._conn, pairs)
            self.meet(list(born.values()))
            validated = validated.born({(device, quantity.label): at for (device, quantity), at in born.items()})
        return validated

    def _enter(self, sensors: Sequence[int] | None) -> None:
        for row in registry.directory(self._conn, self._shard, sensors):
            known = {quantity.label: sensor for quantity, sensor in row.sensors.items()}
            self._directory.enter(row.device, Owner(row.gateway, row.household), known)
            self._met(row)
