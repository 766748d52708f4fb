"""When was each device heard, and how new was what it said? Worked out once per batch for all who ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.runs import Runs
from registry.readings import Observations, Sensors, SensorTable, Times


@dataclass(frozen=True, slots=True)
class Receptions:
    """n receptions, device by device in the order they were heard; readings that came together are one.

    `runs.key` (n,) is the device; `received` (n,) and `newest` (n,) int64 microseconds UTC: when it was heard,
    and the newest event time among its readings; `sensor` (n,) int32 one of those that spoke.
    """

    runs: Runs
    received: Times
    newest: Times
    sensor: Sensors

    def __len__(self) -> int:
        return len(self.received)


def receptions_of(batch: Observations, sensors: SensorTable) -> Receptions:
    """Return the receptions of a batch; the same object whoever asks."""
    known: Receptions | None = batch.shared.get("receptions")
    if known is None:
        known = batch.shared["receptions"] = _receptions(batch, sensors)
    return known


def _receptions(batch: Observations, sensors: SensorTable) -> Receptions:
    runs = Runs.of(sensors.device[batch.sensor])
    if runs.single:
        return Receptions(runs, batch.received, batch.time, batch.sensor)
    order, received = runs.order, batch.received[runs.order]
    if ((received[1:] < received[:-1]) & ~runs.head[1:]).any():
        arrival = np.lexsort((received, runs.key))
        order, received = order[arrival], received[arrival]
    time, sensor = batch.time[order], batch.sensor[order]
    new = runs.head.copy()
    new[1:] |= received[1:] != received[:-1]
    first = np.flatnonzero(new)
    newest = np.maximum.reduceat(time, first)
    return Receptions(Runs.grouped(runs.key[first]), received[first], newest, sensor[first])
