"""What else in a home speaks for a fire? Heat, another detector's alarm, smoke in another room."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import NEVER, Bank, Column
from detectors.columns.slices import slice_of
from registry.instants import MINUTE
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable

_HOT = 5700
_FAST = 1000
_WITHIN = 15 * MINUTE
_COLD = -30_000


class Sign(NamedTuple):
    """A sign on another sensor: when it was last seen (microseconds UTC) and what the sensor showed last."""

    sensor: int
    time: int
    quantity: Quantity
    value: float


class SmokeSigns:
    """The last sign of fire that each alarm contact and each thermometer gave; 12 bytes a sensor.

    Heat is 57 °C, at which a fixed-temperature detector operates (EN 54-5 class A1: 54–65 °C; UL 521: 135 °F), or
    10 °C more than the reading before, within 15 min, which no room's heating does.
    """

    def __init__(self, sensors: SensorTable) -> None:
        self._sensors = sensors
        self._bank = Bank(
            Column("at", "i8", NEVER),  # of the last sign
            Column("value", "i4", _COLD),  # last temperature, hundredths of °C
        )

    def observe(self, batch: Observations) -> None:
        """Take note of alarms and of heat."""
        bank = self._bank
        bank.reach(len(self._sensors))
        alarms = slice_of(batch, self._sensors, Quantity.ALARM)
        if len(alarms):
            sounds = alarms.value >= 0.5
            # Rows are in event-time order: of a sensor's several, the last one written stays.
            bank["at"][alarms.runs.key[sounds]] = alarms.time[sounds]
        heat = slice_of(batch, self._sensors, Quantity.TEMPERATURE)
        if len(heat):
            key, value = heat.runs.key, np.rint(100 * heat.value).astype(np.int64)
            last = heat.runs.previous(value, bank["value"][key])
            known = (last != _COLD) & (heat.time - heat.previous <= _WITHIN)
            hot = (value >= _HOT) | (known & (value - last >= _FAST))
            bank["at"][key[hot]] = heat.time[hot]
            bank["value"][key[heat.runs.tail]] = value[heat.runs.tail]

    def seen(self, since: int) -> list[Sign]:
        """Return the last sign of every sensor that gave one from `since` on (microseconds UTC)."""
        return [self._sign(int(row)) for row in np.flatnonzero(self._bank["at"] >= since)]

    def rows(self) -> NDArray[Any]:
        """Return the state, for `pack`."""
        return self._bank.rows()

    def take(self, rows: NDArray[Any]) -> None:
        """Continue from what `rows` returned."""
        self._bank.take(rows)

    def _sign(self, sensor: int) -> Sign:
        quantity = Quantity(int(self._sensors.quantity[sensor]))
        value = 1.0 if quantity is Quantity.ALARM else float(self._bank["value"][sensor]) / 100
        return Sign(sensor, int(self._bank["at"][sensor]), quantity, value)
