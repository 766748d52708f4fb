"""Which sensor is which in a backtest, since when each household was watched, and how well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from registry.instants import DAY, HOUR
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable
from shouwang.backtest.circumstances import Circumstances

YEAR = 365.25 * DAY
JUDGEABLE = 3 * HOUR
"""Readings further apart say too little to judge a person by: of the 46 DAIAD homes half report every hour, and a
water meter that works is silent for longer 152 times a year (DESIGN §6)."""
SETTLING = 30 * DAY
"""A household's first month, in which detectors learn it; rates are judged from the second on."""

_FAR = 2**62


@dataclass(frozen=True, slots=True)
class Watched:
    """How a household was watched: its zone, its first and last reading (microseconds UTC), and how well.

    `covered` is the time, in microseconds, between readings of its best register that are at most 3 h apart.
    """

    zone: str
    first: int
    last: int
    covered: int = 0

    @property
    def span(self) -> int:
        """How long, microseconds."""
        return self.last - self.first

    @property
    def settled(self) -> int:
        """When its second month began, microseconds UTC."""
        return self.first + SETTLING


class Numbers(Protocol):
    """Who gives sensors their numbers, from 1 on; 0 for one that is left out."""

    def of(self, device: str, quantity: Quantity) -> int:
        """Return a sensor's number."""
        ...


class Roster:
    """Gives sensors their ids, in every table alike, and remembers how each household was watched."""

    def __init__(self, circumstances: Circumstances, *tables: SensorTable) -> None:
        self.sensors = SensorTable()
        """A table of its own, that no rule set writes into."""
        self._circumstances = circumstances
        self._tables = (self.sensors, *tables)
        for table in self._tables:
            table.places = list(circumstances.areas)
        self._ids: dict[tuple[str, Quantity], int] = {}
        self.forget()

    def forget(self) -> None:
        """Forget who was heard when; sensors keep their ids."""
        self._first = np.full(1, _FAR, np.int64)
        self._last = np.full(1, -_FAR, np.int64)
        self._covered = np.zeros(1, np.int64)

    def of(self, device: str, quantity: Quantity) -> int:
        """Return a sensor's id; one not seen yet is entered."""
        key = device, quantity
        if key not in self._ids:
            self._ids[key] = len(self._ids) + 1
            place = self._circumstances.place(device)
            for table in self._tables:
                new = table.household_number(place.household) is None
                table.add(
                    self._ids[key], device, quantity, place.household, place.zone,
                    area=place.area, gateway=place.gateway,
                )  # fmt: skip
                if new:
                    self._tell(table, place.household)
        return self._ids[key]

    def _tell(self, table: SensorTable, household: str) -> None:
        number = table.household_number(household)
        assert number is not None  # noqa: S101 - it has just been entered
        for begin, end in self._circumstances.absences.get(household, ()):
            table.absences.add(number, begin, end)
        if household in self._circumstances.dependent:
            table.dependent.add(number)

    def saw(self, seen: Observations) -> None:
        """Note who was heard, and for how long nobody was."""
        table = self.sensors
        self._first = _reaching(self._first, len(table.households), _FAR)
        self._last = _reaching(self._last, len(table.households), -_FAR)
        self._covered = _reaching(self._covered, len(table), 0)
        household = table.household[seen.sensor]
        np.minimum.at(self._first, household, seen.time)
        np.maximum.at(self._last, household, seen.time)
        silent = seen.time - seen.previous
        np.add.at(self._covered, seen.sensor, np.where((seen.previous > 0) & (silent <= JUDGEABLE), silent, 0))

    def watched(self) -> dict[str, Watched]:
        """Return how each household was watched."""
        table = self.sensors
        registers = np.isin(table.quantity, (Quantity.VOLUME, Quantity.ENERGY))
        best = np.zeros((2, len(table.households)), np.int64)
        sensors = np.arange(1, len(self._ids) + 1)
        sensors = sensors[sensors < len(self._covered)]
        np.maximum.at(best, (registers[sensors].astype(np.intp), table.household[sensors]), self._covered[sensors])
        has = np.zeros(len(table.households), np.bool_)
        has[table.household[sensors[registers[sensors]]]] = True
        return {
            name: Watched(table.zones[at], int(self._first[at]), int(self._last[at]), int(best[int(has[at]), at]))
            for at, name in enumerate(table.households)
            if at < len(self._first) and self._last[at] >= self._first[at]
        }


def _reaching(column: NDArray[np.int64], size: int, empty: int) -> NDArray[np.int64]:
    if size <= len(column):
        return column
    grown = np.full(max(size, 2 * len(column)), empty, np.int64)
    grown[: len(column)] = column
    return grown
