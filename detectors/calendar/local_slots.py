"""Which quarter of an hour it is on a household's own clock."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from registry.instants import DAY, to_datetime
from registry.readings import SensorTable

Slots = NDArray[np.int64]
SLOTS = 96
"""Quarters of an hour in a day."""


class LocalSlots:
    """The slot on households' own clocks; offsets of a zone are looked up once a day of UTC."""

    def __init__(self, sensors: SensorTable) -> None:
        self._sensors = sensors
        self._first = 0
        self._offset = np.zeros((0, 0), np.int64)

    def reach(self, first: Slots, end: Slots) -> None:
        """Know the days of all slots from the least `first` to the greatest `end`, in every zone."""
        names = self._sensors.zone_names
        if len(self._offset) != len(names):
            self._offset = np.zeros((len(names), 0), np.int64)
        low, high = int(first.min()) // SLOTS, int(end.max()) // SLOTS + 1
        if not self._offset.size or low < self._first or high >= self._first + self._offset.shape[1]:
            low = min(low, self._first) if self._offset.size else low
            high = max(high + 30, self._first + self._offset.shape[1])
            self._first = low
            days = range(low, high)
            self._offset = np.array([[_offset(ZoneInfo(name), day) for day in days] for name in names], np.int64)

    def local(self, home: Slots, slot: Slots) -> Slots:
        """Return the local number of each slot: days since 1970 times 96, plus the quarter of the day."""
        at = self._sensors.zone[home] * self._offset.shape[1] + (slot // SLOTS - self._first)
        local: Slots = slot + self._offset.take(at)
        return local


def _offset(zone: ZoneInfo, day: int) -> int:
    # At noon of the day: on the two days a year on which clocks change, some hours are told by the other offset.
    offset = to_datetime(day * DAY + DAY // 2).astimezone(zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 900)
