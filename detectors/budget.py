"""How many false visits may there be? Thresholds follow what people found, to hold a stated budget.

For whoever embeds it (the inactivity detector):

- `Budget(sensors, rate)`: `rate` is false visits for each household-day (`allow` sets another, the memory stays).
- A household n alarms at level l when its evidence exceeds `theta[l] + theta_shift(l) + delta(n)`; `delta` takes a
  column of household numbers and returns one of the same length.
- Pass on `learn(verdicts, now, watched)` as it comes, and call `pass_days(now, watched)` in `tick`; `watched` are the
  numbers of the households whose evidence counts now, each once. More calls than one a day change nothing.
- `**rows()` into `pack`, `take(unpack(…))` back. As long as nobody ever learned, everything stays 0: a backtest
  without outcomes is judged by the calibration alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import Bank, Column
from detectors.finding import Kind, Severity
from detectors.verdict import Verdict
from registry.instants import DAY
from registry.readings import SensorTable

FALSE_VISITS = 1.1 / 1000
"""False visits for each household-day if nothing else is said: 0.4 a household-year (issue 3, DESIGN §7)."""
CALL = 0.1
"""What a false alarm that somebody's answer ended weighs against a false visit: 4 calls a year go with 0.4 visits."""
_GAIN = 0.02
_FEWEST = 0.3
_RANGE = (-1.0, 3.0)
_NEVER = -1


@runtime_checkable
class Budgeted(Protocol):
    """A detector that holds a budget of false visits."""

    def allow(self, rate: float) -> None:
        """Take the budget, false visits for each household-day."""
        ...


class Budget:
    """The controller of DESIGN §7; 12 bytes a household.

    Every day, with f the rate, N the households watched and `false` the false visits heard of:
    `theta += 0.02·(false − f·N) / √max(1, f·N)`, an integral controller whose step is measured in standard
    deviations of a Poisson count. For every household, with fa its false alarms in `days` watched:
    `delta = clip(ln max((1 + fa) / (1/f + days) / f, 0.3), −1, 3)`: the logarithm of its rate over the budget's, the
    rate being the mean of a gamma posterior whose prior is worth one visit in 1/f days. Evidence is a sum of log
    hazards, so a threshold higher by x makes chance alarms rarer by about e^x. Theta keeps to the same range, so that
    neither a service without outcomes nor one that writes all down as false ends far from where it began.

    A false alarm that ended with an answer cost nobody a walk: it counts `CALL` in fa, and not in theta. A real case
    never raises anything: it takes the household's false alarms off, which leaves its delta at 0 or below.
    """

    def __init__(self, sensors: SensorTable, rate: float = FALSE_VISITS, kind: Kind = Kind.INACTIVITY) -> None:
        self._sensors = sensors
        self._kind = kind
        self._bank = _bank()
        self._theta = 0.0
        self._visits = 0.0  # false visits heard of since the last day that was settled
        self._day = _NEVER  # the day that is running, counted from 1970 UTC
        self.allow(rate)

    @property
    def rate(self) -> float:
        """False visits for each household-day that are accepted."""
        return self._rate

    def allow(self, rate: float) -> None:
        """Take another budget, false visits for each household-day; what was learned stays.

        Raises:
            ValueError: it is not above 0.
        """
        if not rate > 0:
            raise ValueError(f"a budget of {rate} false visits would forbid every visit; allow more than 0")
        self._rate = rate
        self._weigh()

    def theta_shift(self, level: Severity) -> float:
        """Return how much later (in evidence) all households reach a level.

        A level that sends nobody (LOW) is never later for it, and never later than the level above it.
        """
        return min(self._theta, 0.0) if level is Severity.LOW else self._theta

    def delta(self, households: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return how much later each of some households (n,) reaches every level that sends somebody."""
        self._reach()
        delta: NDArray[np.float32] = self._bank["delta"][households]
        return delta

    def learn(self, verdicts: Sequence[Verdict], now: int, watched: NDArray[np.int32]) -> None:
        """Take verdicts not heard before; those of other kinds are passed over. `now` is microseconds UTC."""
        if self._day == _NEVER:
            self._day = now // DAY
        self.pass_days(now, watched)
        self._reach()
        false = self._bank["false"]
        for verdict in verdicts:
            if verdict.kind is not self._kind:
                continue
            number = self._sensors.household_number(verdict.household)
            if not verdict.real:
                self._visits += verdict.visited
            if number is not None:
                false[number] = 0.0 if verdict.real else false[number] + (1.0 if verdict.visited else CALL)
        self._weigh()

    def pass_days(self, now: int, watched: NDArray[np.int32]) -> None:
        """Settle the days that have ended by `now`, microseconds UTC; nothing before anybody learned."""
        ended = now // DAY - self._day
        if self._day == _NEVER or ended <= 0:
            return
        expected = self._rate * len(watched)
        step = _GAIN / math.sqrt(max(1.0, expected))
        low, high = _RANGE
        for _ in range(ended):  # what came while nobody settled counts for the first of these days
            self._theta = min(max(self._theta + step * (self._visits - expected), low), high)
            self._visits = 0.0
        self._day += ended
        self._reach()
        self._bank["days"][watched] += ended
        self._weigh()

    def rows(self) -> dict[str, NDArray[Any]]:
        """Return the state for `pack`; households by their names, for their numbers are of this run only."""
        self._reach()
        count = len(self._sensors.households)
        return {
            "budget": np.array([self._theta, self._visits, self._day], np.float64),
            "budget_households": self._bank.rows()[:count].copy(),
            "budget_names": np.array(self._sensors.households, np.str_),
        }

    def take(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `rows` returned."""
        self._theta, self._visits, day = map(float, rows["budget"])
        self._day = int(day)
        self._bank = _bank()
        self._reach()
        for name, row in zip(rows["budget_names"], rows["budget_households"], strict=True):
            number = self._sensors.household_number(str(name))
            if number is not None:
                self._bank.rows()[number] = row
        self._weigh()

    def _reach(self) -> None:
        self._bank.reach(len(self._sensors.households))

    def _weigh(self) -> None:
        rows = self._bank.rows()
        ratio = (1 + rows["false"]) / (1 + self._rate * rows["days"])
        rows["delta"] = np.clip(np.log(np.maximum(ratio, _FEWEST)), *_RANGE)


def _bank() -> Bank:
    return Bank(Column("days", "f4", 0.0), Column("false", "f4", 0.0), Column("delta", "f4", 0.0))
