"""Numbers for the sensors that one process watches: 1, 2, 3 … whatever their ids in the database are.

What detectors remember lies in columns by sensor number. An engine that watches one part of a city's households would
hold columns for the whole city if these were database ids.
"""

from __future__ import annotations

import numpy as np

from registry.readings import Sensors


class Numbering:
    """Gives each id the next number, and keeps it; 0 is nobody."""

    def __init__(self) -> None:
        self._ids: Sensors = np.zeros(1, np.int32)  # by number
        self._numbers: Sensors = np.zeros(1, np.int32)  # by id
        self._count = 1

    def give(self, sensor: int) -> int:
        """Return the number of a sensor by its database id; one that is new gets the next."""
        if sensor >= len(self._numbers):
            self._numbers = _longer(self._numbers, sensor + 1)
        number = int(self._numbers[sensor])
        if not number:
            number, self._count = self._count, self._count + 1
            if number >= len(self._ids):
                self._ids = _longer(self._ids, number + 1)
            self._ids[number], self._numbers[sensor] = sensor, number
        return number

    def numbers(self, sensors: Sensors) -> Sensors:
        """Return the numbers of database ids (n,), 0 for those that have none."""
        if len(sensors) and int(sensors.max()) >= len(self._numbers):
            self._numbers = _longer(self._numbers, int(sensors.max()) + 1)
        return self._numbers[sensors]

    def save(self) -> bytes:
        """Return everything given out so far."""
        return self._ids[: self._count].astype("<i4").tobytes()

    def restore(self, saved: bytes) -> None:
        """Go on from what `save` returned; what was given out here before is forgotten."""
        self._ids = np.frombuffer(saved, "<i4").astype(np.int32)
        self._count = len(self._ids)
        self._numbers = np.zeros(int(self._ids.max(initial=0)) + 1, np.int32)
        self._numbers[self._ids[1:]] = np.arange(1, self._count, dtype=np.int32)


def _longer(column: Sensors, least: int) -> Sensors:
    longer = np.zeros(max(least, 9 * len(column) // 8), np.int32)
    longer[: len(column)] = column
    return longer
