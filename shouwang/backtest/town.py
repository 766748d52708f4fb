"""The readings of a simulated town in which nothing happens but its residents' lives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from registry.instants import HOUR, MINUTE, SECOND
from registry.readings import ReadingBatch
from shouwang.backtest.circumstances import Circumstances, told
from shouwang.backtest.errors import BacktestError
from shouwang.backtest.roster import Numbers
from simulators.chance import Dice
from simulators.days import BINS, WIDTH, plan
from simulators.events import TOWN_ZONE
from simulators.lives import LIFE, day_of, midnight
from simulators.residents import trips
from simulators.town import Town

START = datetime(2026, 3, 1, tzinfo=ZoneInfo(TOWN_ZONE))
"""When every such town begins: spring, so that neither heating nor cooling hides who is up."""


@dataclass(frozen=True, slots=True)
class TownPlan:
    """A town of so many households over so many days; `known` hours make an outing one that is registered."""

    seed: int
    households: int
    days: int
    known: float | None = None

    @classmethod
    def parse(cls, text: str, known: float | None = None) -> TownPlan:
        """Return what `SEED:HOUSEHOLDS:DAYS` says.

        Raises:
            BacktestError: it says something else.
        """
        try:
            seed, households, days = (int(part) for part in text.split(":"))
        except ValueError:
            raise BacktestError(f"town `{text}` is none; write SEED:HOUSEHOLDS:DAYS such as 3:500:90") from None
        if households < 1 or days < 1:
            raise BacktestError(f"town `{text}` is empty; write at least one household and one day")
        return cls(seed, households, days, known)


class TownReadings:
    """The readings of a town, day by day, in the order of their times; none is lost on its way or late."""

    by_home = False

    def __init__(self, asked: TownPlan) -> None:
        self._asked = asked
        self._town = Town(asked.seed, asked.households, START)

    def circumstances(self) -> Circumstances:
        """Return what the town's registry says; of absences, those its residents told of within these days."""
        known = told(self._town.registry, TOWN_ZONE)
        return replace(known, absences=self._absences())

    def batches(self, roster: Numbers) -> Iterator[tuple[ReadingBatch, float]]:
        """Yield one day after the other, and how much of all that is."""
        ids = np.array([roster.of(device, quantity) for device, quantity in self._town.sensors], np.int32)
        for day in range(self._asked.days):
            heard = self._town.readings(START + timedelta(days=day), START + timedelta(days=day + 1))
            yield ReadingBatch(ids[heard.sensor], heard.time, heard.value, heard.time), (day + 1) / self._asked.days

    def _absences(self) -> dict[str, list[tuple[int, int]]]:
        spans: dict[str, list[tuple[int, int]]] = {}
        first = day_of(int(START.timestamp()) * SECOND)
        days = range(first - 28, first + self._asked.days + 28)
        town = self._town
        for day in days[::28]:
            trip = trips(town.seed, town.habits.who, day)
            for row in np.flatnonzero(trip.away & trip.known).tolist():
                begin = midnight(int(trip.first[row])) + int(trip.leaves[row]) * MINUTE
                end = midnight(int(trip.last[row])) + int(trip.returns[row]) * MINUTE
                spans.setdefault(town.households[row], []).append((begin, end))
        if self._asked.known is not None:
            for row, begin, end in self._outings(first, round(self._asked.known * HOUR)):
                spans.setdefault(town.households[row], []).append((begin, end))
        return spans

    def _outings(self, first: int, least: int) -> Iterator[tuple[int, int, int]]:
        """Yield row, begin and end of every time of at least `least` in which nobody is at home."""
        town = self._town
        n, bins = len(town.households), WIDTH * SECOND
        left = np.full(n, -1, np.int64)
        for day in range(first, first + self._asked.days):
            dice = Dice(town.seed, LIFE, town.habits.who, day)
            empty = ~plan(town.seed, town.habits, dice, day).inside.any(axis=1)
            edges = np.diff(empty.astype(np.int8), axis=1, prepend=(left >= 0)[:, None].astype(np.int8))
            for row, at in np.argwhere(edges != 0).tolist():
                moment = midnight(day) + at * bins
                if edges[row, at] > 0:
                    left[row] = moment
                    continue
                if moment - left[row] >= least:
                    yield row, int(left[row]), moment
                left[row] = -1
        end = midnight(first + self._asked.days - 1) + BINS * bins
        for row in np.flatnonzero((left >= 0) & (end - left >= least)).tolist():
            yield row, int(left[row]), end
