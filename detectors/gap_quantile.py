"""Has a household used no water for longer than it nearly ever does? Its own quantile of past pauses, no more.

The plain baseline that every cleverer answer must beat: it knows neither the time of day nor electricity.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import NEVER, Bank, Column, pack, unpack
from detectors.columns.runs import Runs
from detectors.columns.slices import Slice, slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule
from registry.instants import DAY, HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable, Values

_YEAR = 365.25 * DAY
_UNKNOWN = Flag.FIRST | Flag.RESET
_EDGES = np.concatenate((
    np.arange(0, 16, 0.25), np.arange(16, 24, 0.5), np.arange(24, 48, 2), np.geomspace(48, 24 * 30, 16),
))  # fmt: skip
"""Lower edges of the bins in which lengths of pauses are counted, hours."""
_BINS = len(_EDGES)
_TAIL = 0.1

Scope = Literal["household", "all"]


class GapQuantile:
    """Raises when the pause of water use exceeds the quantile of past pauses that gives `rate` alarms a year.

    A pause begins with the last reading that showed use; its length is what readings without use have proved of
    it. With g pauses a year the limit is their quantile at 1 - rate / g, read from counts in 108 bins. Where
    fewer than one known pause is that long, the tail goes on exponentially from the longest one, with the mean
    excess of the longest tenth as its scale. A household's own pauses count once it has been read for `days`;
    until then, and always with scope `all`, those of everybody do, once there are `days` of them and `fewest`
    pauses. Limits are those of the end of yesterday, by the service's clock. A pause that touches a registered
    absence or an outage is neither learned nor raised.

    Source: the comparison of DESIGN §7, "gap quantile". 280 bytes a sensor.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "gap-quantile", *,
        rate: float = 12.0, scope: Scope = "household", days: float = 30.0, fewest: int = 20,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"gap_quantile {rate} {scope} {days} {fewest}"
        self._sensors = sensors
        self._rate = rate
        self._own = scope == "household"
        self._enough = days * DAY
        self._fewest = fewest
        self._bank = Bank(
            Column("used", "i8", NEVER),  # the last reading that showed use, or began a register
            Column("proved", "i8", 0),  # how long the present pause is known to last
            Column("read", "f8", 0.0),  # how long the register has been read, microseconds
            Column("limit", "f4", np.inf),  # hours
            Column("day", "i4", -1),  # for which day the limit is
            Column("own", "i4", 0),  # whether the limit is the household's own
            Column("longest", "f4", 0.0),  # hours
            Column("counts", "u2", 0, _BINS),
        )
        self._pool = np.zeros(_BINS)
        self._read = 0  # how long everybody was read, microseconds
        self._longest = 0.0  # hours
        self._day = -1
        self._common = np.inf  # the limit of everybody (hours), as of the end of yesterday
        self._condition = Condition(sensors, name, Kind.INACTIVITY, Severity.HIGH)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge water registers."""
        water = slice_of(batch, self._sensors, Quantity.VOLUME)
        if not len(water):
            return []
        self._bank.reach(len(self._sensors))
        day = batch.received[water.rows] // DAY
        first, last = int(day.min()), int(day.max())
        if first == last:
            return self._of_day(first, water, np.arange(len(water)))
        return [found for one in np.unique(day) for found in self._of_day(int(one), water, np.flatnonzero(day == one))]

    def _of_day(self, day: int, water: Slice, rows: NDArray[np.intp]) -> list[Finding]:
        """Judge rows received on one day, sensor by sensor."""
        bank = self._bank
        runs = water.runs if len(rows) == len(water) else Runs.of(water.runs.key[rows])
        key, time, use, flags = runs.key, water.time[rows], water.use[rows], water.flags[rows]
        sensor = key[runs.head]
        self._renew(day, sensor)

        unknown = (flags & _UNKNOWN != 0) | (runs.head & (bank["used"][key] == NEVER))
        used = unknown | (use > 0)
        since = runs.previous(runs.filled(time, used, bank["used"][key]), bank["used"][key])
        pause = time - since
        proved = np.where(used, 0, pause)
        before = runs.previous(proved, bank["proved"][key])
        household = water.household[rows]
        over = ~used & (pause > bank["limit"][key].astype(np.float64) * HOUR)
        over[over] = self._at_home(household[over], since[over], time[over])
        holds = runs.switch(over, used, self._condition.holds(key))

        ended = np.flatnonzero(~unknown & used & (before > 0))
        ended = ended[self._at_home(household[ended], since[ended], since[ended] + before[ended])]
        self._learn(key[ended], before[ended] / HOUR)
        read = np.add.reduceat(np.where(unknown, 0, time - water.previous[rows]), np.flatnonzero(runs.head))
        bank["read"][sensor] += read
        self._read += int(read.sum())

        def describe(row: int) -> Raise:
            limit = float(bank["limit"][key[row]])
            facts: dict[str, Fact] = {
                "template": "gap_quantile",
                "rate": self._rate,
                "since_at": int(since[row]),
                "lasted": int(pause[row]) / SECOND,
                "limit": limit * HOUR / SECOND,
                "own": int(bank["own"][key[row]]),
            }
            return Raise(int(since[row]), float(pause[row] / (limit * HOUR)), facts)

        tail = runs.tail
        bank["used"][key[tail]] = np.where(used, time, since)[tail]
        bank["proved"][key[tail]] = proved[tail]
        return self._condition.follow(runs, time, holds, describe)

    def _at_home(
        self, household: NDArray[np.int32], begin: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        table = self._sensors
        away: NDArray[np.bool_] = table.absences.touch(household, begin, end) | table.outages.touch(
            household, begin, end
        )
        return ~away

    def _learn(self, sensor: NDArray[np.int32], hours: Values) -> None:
        if not len(sensor):
            return
        bin_of = np.searchsorted(_EDGES, hours, side="right") - 1
        np.add.at(self._bank["counts"], (sensor, bin_of), 1)
        np.maximum.at(self._bank["longest"], sensor, hours.astype(np.float32))
        self._pool += np.bincount(bin_of, minlength=_BINS)
        self._longest = max(self._longest, float(np.float32(hours.max())))

    def _renew(self, day: int, sensor: NDArray[np.int32]) -> None:
        """Set the limits of some sensors (each once) that have none for this day yet."""
        if day > self._day:
            self._day = day
            self._common = np.inf
            if self._read >= self._enough and self._pool.sum() >= self._fewest:
                read, longest = np.array([float(self._read)]), np.array([self._longest])
                self._common = float(limits(self._pool[None], read, longest, self._rate)[0])
        bank = self._bank
        stale = sensor[bank["day"][sensor] < day]
        bank["day"][stale] = day
        counts = bank["counts"][stale].astype(np.float64)
        own = np.flatnonzero((bank["read"][stale] >= self._enough) & (counts.sum(axis=1) >= self._fewest) & self._own)
        bank["limit"][stale] = self._common
        bank["own"][stale] = 0
        if own.size:
            chosen = stale[own]
            bank["own"][chosen] = 1
            bank["limit"][chosen] = limits(counts[own], bank["read"][chosen], bank["longest"][chosen], self._rate)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: silence of a meter is not silence of a person."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        everybody = np.array([self._read, self._longest, self._day, self._common, *self._pool])
        rows = {"pauses": self._bank.rows(), "condition": self._condition.rows(), "everybody": everybody}
        return pack(self._about, rows)

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["pauses"])
        self._condition.take(saved["condition"])
        read, self._longest, day, self._common, *pool = saved["everybody"].tolist()
        self._read, self._day, self._pool = int(read), int(day), np.array(pool)


def limits(counts: Values, read: Values, longest: Values, rate: float) -> Values:
    """Return the pause, in hours, that is exceeded `rate` times a year.

    `counts` (n, bins) of pauses by length, each row with at least one; `read` (n,) the time they were counted in,
    microseconds; `longest` (n,) the longest of them, hours.
    """
    expected = rate * read / _YEAR  # pauses beyond the limit in the time that was counted
    above = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]  # pauses at least as long as the bin's lower edge
    row = np.arange(len(counts))
    upper = np.minimum(np.append(_EDGES[1:], np.inf), longest[:, None])
    middle = np.minimum((_EDGES + upper) / 2, longest[:, None])

    # Inside what is known: linear within the bin that holds the pause with so many longer ones.
    at = (above >= np.maximum(expected, 1.0)[:, None]).sum(axis=1) - 1
    at = np.maximum(at, 0)
    share = (above[row, at] - np.maximum(expected, 1.0)) / np.maximum(counts[row, at], 1.0)
    inside = _EDGES[at] + np.clip(share, 0, 1) * (upper[row, at] - _EDGES[at])

    # Beyond it: exponential, with the mean excess of the longest tenth as its scale.
    tenth = np.maximum((above >= (_TAIL * above[:, :1])).sum(axis=1) - 1, 0)
    base = _EDGES[tenth]
    long = np.where(np.arange(_BINS) >= tenth[:, None], counts, 0.0)
    excess = (long * (middle - base[:, None])).sum(axis=1) / np.maximum(long.sum(axis=1), 1.0)
    beyond = longest + np.maximum(excess, 0.25) * -np.log(np.minimum(expected, 1.0).clip(1e-12))
    found: Values = np.maximum(np.where(expected < 1, beyond, inside), _EDGES[1])
    return found


class GapQuantileRule(Rule, tag="gap_quantile"):
    """`type = "gap_quantile"`; `rate` in false alarms a household-year."""

    rate: Amount = 12.0
    scope: Scope = "household"
    days: Amount = 30.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return GapQuantile(sensors, self.name, rate=self.rate, scope=self.scope, days=self.days)
