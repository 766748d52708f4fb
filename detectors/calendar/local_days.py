"""Which local calendar day an instant belongs to; days of a zone with summer time have 23, 24 or 25 hours."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from registry.instants import DAY, to_micros
from registry.readings import Sensors, SensorTable, Times

_EPOCH = date(1970, 1, 1)


class LocalDays:
    """Local days as numbers (days since 1970-01-01 of the calendar on the wall); remembers midnights by zone."""

    def __init__(self) -> None:
        self._midnights: dict[str, tuple[int, Times]] = {}

    def start(self, zone: str, day: int) -> int:
        """Return the instant at which a local day begins, microseconds UTC."""
        first, midnights = self._known(zone, day, day)
        return int(midnights[day - first])

    def of(self, sensors: SensorTable, sensor: Sensors, moment: Times) -> tuple[NDArray[np.int64], Times, Times]:
        """Return the local day of each row in its household's zone, and the instants at which it begins and ends."""
        day, begin, end = np.zeros((3, len(moment)), np.int64)
        zone = sensors.zone[sensors.household[sensor]]
        for number, name in enumerate(sensors.zone_names):
            rows = np.flatnonzero(zone == number)
            if not len(rows):
                continue
            about = moment[rows] // DAY
            first, midnights = self._known(name, int(about.min()) - 2, int(about.max()) + 2)
            at = np.searchsorted(midnights, moment[rows], side="right") - 1
            day[rows] = first + at
            begin[rows], end[rows] = midnights[at], midnights[at + 1]
        return day, begin, end

    def _known(self, zone: str, low: int, high: int) -> tuple[int, Times]:
        first, midnights = self._midnights.get(zone, (low, np.empty(0, np.int64)))
        last = first + len(midnights) - 1
        if low < first or high > last:
            clock = ZoneInfo(zone)
            before = [_midnight(clock, day) for day in range(low, first)]
            after = [_midnight(clock, day) for day in range(last + 1, high + 1)]
            first = min(low, first)
            midnights = np.concatenate((np.array(before, np.int64), midnights, np.array(after, np.int64)))
            self._midnights[zone] = first, midnights
        return first, midnights


def _midnight(zone: ZoneInfo, day: int) -> int:
    # Where clocks are put forward at midnight, 00:00 read with the offset before is that very moment.
    return to_micros(datetime.combine(_EPOCH + timedelta(days=day), time(), zone))
