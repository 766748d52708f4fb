"""Who is watched: the sensors of a shard under this process's own numbers, and what the registry says around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

import numpy as np
import psycopg

from ingest.records import Message
from ingest.validation import Validated
from registry.numbering import Numbering
from registry.readings import ReadingBatch, SensorTable
from registry.shards import Shard
from shouwang.reception import Reception
from storage import registry
from storage.registry import DirectoryRow


class Roster:
    """Keeps `sensors`, which the detectors look things up in, as the registry is."""

    def __init__(self, conn: psycopg.Connection, shard: Shard, turn: AbstractContextManager[object]) -> None:
        """Take a connection, which is used while `turn` is held."""
        self.sensors = SensorTable()
        self.numbering = Numbering()
        self._conn = conn
        self._turn = turn
        self._reception = Reception(conn, self._met, shard, turn)
        self._absent: Mapping[str, Sequence[tuple[int, int]]] = {}
        self._absences_told = True
        self._strangers: set[int] = set()  # sensors met in readings that the registry has not, or has elsewhere

    @property
    def stale(self) -> bool:
        """Whether the registry was changed since it was read."""
        return self._reception.stale

    def read(self) -> None:
        """Take over what is registered now."""
        self.sensors.dependent = set()
        self._strangers.clear()
        with self._turn:
            self._reception.read()
            self.sensors.places = registry.places(self._conn)
            self._absent = registry.known_absences(self._conn)
        self._absences_told = False
        self._tell_absences()

    def check(self, messages: Sequence[Message], now: datetime) -> Validated:
        """Decode and check messages; see `Reception.check`."""
        validated = self._reception.check(messages, now, self.read)
        self._tell_absences()
        return validated

    def ours(self, batch: ReadingBatch) -> ReadingBatch:
        """Return the readings of a batch whose sensors are watched here; sensors that are new are got to know."""
        numbers = self.numbering.numbers(batch.sensor)
        if numbers.all():
            return batch
        unknown = set(np.unique(batch.sensor[numbers == 0]).tolist()) - self._strangers
        if unknown:
            self._reception.meet(sorted(unknown))
            self._tell_absences()
            numbers = self.numbering.numbers(batch.sensor)
            self._strangers |= set(np.unique(batch.sensor[numbers == 0]).tolist())
        return batch.only(numbers > 0)

    def numbered(self, batch: ReadingBatch) -> ReadingBatch:
        """Return a batch of ours under the numbers that its sensors have here."""
        return replace(batch, sensor=self.numbering.numbers(batch.sensor))

    def _tell_absences(self) -> None:
        """Tell the detectors of the absences of all households that have a sensor by now."""
        if not self._absences_told:
            numbered = {self.sensors.household_number(home): spans for home, spans in self._absent.items()}
            self.sensors.absences.replace({at: spans for at, spans in numbered.items() if at is not None})
            self._absences_told = True

    def _met(self, row: DirectoryRow) -> None:
        for quantity, sensor in row.sensors.items():
            number = self.numbering.give(sensor)
            self.sensors.add(number, row.device, quantity, row.household, row.zone, area=row.area, gateway=row.gateway)
        if row.dependent and (home := self.sensors.household_number(row.household)) is not None:
            self.sensors.dependent.add(home)
        self._absences_told = False
