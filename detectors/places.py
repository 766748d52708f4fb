"""Which row of a bank is a sensor's? Rules on one quantity keep no room for the sensors of all others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.runs import Positions
from registry.readings import Sensors


class Places:
    """Numbers sensors in the order in which they are met; 8 bytes a sensor of the rule's, 4 of any other.

    Sensors that speak together lie together then. The numbers are those of a process: what is saved is in the order
    of sensor ids, so that equal states are equal bytes.
    """

    def __init__(self) -> None:
        self._place = np.full(1, -1, np.int32)  # by sensor id
        self._sensor = np.empty(0, np.int32)  # by place

    def __len__(self) -> int:
        """How many sensors have a place."""
        return len(self._sensor)

    def of(self, sensor: Sensors) -> Positions:
        """Return the place of each sensor (n,); those not met yet get the next ones."""
        try:
            place = self._place[sensor]
        except IndexError:
            self._grow(int(sensor.max()) + 1)
            place = self._place[sensor]
        if place.min(initial=0) < 0:
            new = np.unique(sensor[place < 0]).astype(np.int32)
            self._place[new] = np.arange(len(self), len(self) + len(new))
            self._sensor = np.concatenate((self._sensor, new))
            place = self._place[sensor]
        return place.astype(np.intp)

    @property
    def sensors(self) -> Sensors:
        """The ids of all sensors met, ascending, for `pack`."""
        return np.sort(self._sensor)

    def saved(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return the rows of a bank in the order of `sensors`."""
        return rows[np.argsort(self._sensor)]

    def take(self, sensors: Sensors) -> None:
        """Continue with banks whose rows are those of some sensors, in their order."""
        self._sensor = sensors.copy()
        self._place = np.full(1, -1, np.int32)
        if len(sensors):
            self._grow(int(sensors.max()) + 1)
        self._place[sensors] = np.arange(len(sensors))

    def _grow(self, size: int) -> None:
        larger = np.full(max(size, 2 * len(self._place)), -1, np.int32)
        larger[: len(self._place)] = self._place
        self._place = larger
