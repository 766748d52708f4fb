"""What is usual at this hour? Tables by hour of the day and of the week, and means that follow slowly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.clock_hours import WEEK
from detectors.columns.bank import StateError
from detectors.columns.runs import Positions
from registry.readings import Values

_GAIN = 0.1  # of an hour of the week at least; 1 / (weeks + 2) while it is young
_GAIN_OF_DAY = 0.15
_DAY = 24


class HourTable:
    """A number for each of some hours and each sensor (its row in a bank of the rule's), NaN where there is none yet.

    Laid out hour by hour, not sensor by sensor: all sensors pass through the same hour together, so what is read
    and written lies side by side (the weeks of 100,000 sensors do not fit a cache; one hour of them does).
    """

    def __init__(self, hours: int, dtype: str) -> None:
        self._table = np.full((hours, 1), np.nan, dtype)

    @property
    def nbytes(self) -> int:
        """Bytes per sensor."""
        return len(self._table) * self._table.itemsize

    def reach(self, size: int) -> None:
        """Make room for rows below `size`."""
        hours, room = self._table.shape
        if size > room:
            larger = np.full((hours, max(size, 9 * room // 8)), np.nan, self._table.dtype)
            larger[:, :room] = self._table
            self._table = larger

    def get(self, row: Positions, hour: NDArray[np.int64]) -> Values:
        """Return what stands for rows (n,) at hours (n,)."""
        return self._table.reshape(-1)[self._place(row, hour)].astype(np.float64)

    def put(self, row: Positions, hour: NDArray[np.int64], value: Values) -> None:
        """Write what stands from now on."""
        self._table.reshape(-1)[self._place(row, hour)] = value

    def _place(self, row: Positions, hour: NDArray[np.int64]) -> Positions:
        """Return places in the table as one row of numbers, which is indexed twice as fast."""
        return hour * self._table.shape[1] + row

    def rows(self, order: Positions) -> NDArray[Any]:
        """Return the table in an order of rows, for `pack`."""
        return self._table[:, order]

    def take(self, rows: NDArray[Any]) -> None:
        """Continue from what `rows` returned.

        Raises:
            StateError: it is no such table.
        """
        if rows.dtype != self._table.dtype or len(rows) != len(self._table):
            raise StateError("a saved state has other hours than this version of the rule")
        self._table = rows.copy()


class WeekProfile:
    """Means of a value by hour of the local week, with the hour of the day in place of those not seen yet.

    720 bytes a row.
    """

    def __init__(self) -> None:
        self._week = HourTable(WEEK, "f4")
        self._day = HourTable(_DAY, "f2")

    def reach(self, size: int) -> None:
        """Make room for rows below `size`."""
        self._week.reach(size)
        self._day.reach(size)

    def usual(self, row: Positions, local: NDArray[np.int64]) -> Values:
        """Return what is usual of rows (n,) at hours of the week (n,); NaN of an hour of the day never seen."""
        usual = self._week.get(row, local)
        young = np.flatnonzero(np.isnan(usual))
        if young.size:
            usual[young] = self._day.get(row[young], local[young] % _DAY)
        return usual

    def learn(
        self, row: Positions, local: NDArray[np.int64], value: Values, usual: Values, step: Values, hours: Values,
        clip: float,
    ) -> None:  # fmt: skip
        """Move the means of an hour on from what was `usual`, by a share of `step` of the week's.

        `hours` (n,) are those known of each sensor: the fewer, the larger the share. The first `value` of an hour of
        the day is taken whole; later ones move it by at most `clip` times their share, until the week is known.
        """
        first, new = np.isnan(self._week.get(row, local)), np.isnan(usual)
        gain = np.maximum(_GAIN, 1 / (hours / WEEK + 2))
        self._week.put(row, local, np.where(new, value, usual + gain * step))
        if first.any():
            young, day = row[first], local[first] % _DAY
            gain_of_day, of_day = np.maximum(_GAIN_OF_DAY, 1 / (hours[first] / _DAY + 2)), self._day.get(young, day)
            moved = of_day + gain_of_day * np.minimum(np.maximum(value[first] - of_day, -clip), clip)
            self._day.put(young, day, np.where(np.isnan(of_day), value[first], moved))

    def rows(self, order: Positions) -> dict[str, NDArray[Any]]:
        """Return the state in an order of rows, for `pack`."""
        return {"week": self._week.rows(order), "day": self._day.rows(order)}

    def take(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `rows` returned; raises `StateError` where it is none."""
        self._week.take(rows["week"])
        self._day.take(rows["day"])
