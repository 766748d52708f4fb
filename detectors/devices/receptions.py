"""When was each device heard, and how new was what it said? Worked out once per batch for all who ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.columns.runs import Runs
from registry.readings import Observations, Sensors, SensorTable, Times

_BITS = 31
"""For rows: a batch has fewer than that."""


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
    # Device and row in one number, as `Runs.of` sorts; most devices are there once, so only the others are compared.
    device = sensors.device.take(batch.sensor)
    wide = device.astype(np.int64) << _BITS
    wide |= np.arange(len(device))
    wide.sort()
    key = wide >> _BITS
    again = np.flatnonzero(key[1:] == key[:-1]) + 1
    if not len(again):
        return Receptions(Runs.alone(device), batch.received, batch.time, batch.sensor)
    wide &= (1 << _BITS) - 1
    order = wide
    if (batch.received[order[again]] < batch.received[order[again - 1]]).any():
        order = order[np.lexsort((batch.received[order], key))]
    joins = again[batch.received[order[again]] == batch.received[order[again - 1]]]
    new = np.ones(len(order), np.bool_)
    new[joins] = False
    first = order[new]
    newest = batch.time[first]
    np.maximum.at(newest, joins - 1 - np.arange(len(joins)), batch.time[order[joins]])
    return Receptions(Runs.grouped(key[new]), batch.received[first], newest, batch.sensor[first])
