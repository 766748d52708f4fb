"""Was a local calendar day's water far below or far above what a household needs?"""

from __future__ import annotations

import numpy as np

from detectors.calendar.day_pieces import gathered, narrowed, tails, told
from detectors.calendar.local_days import LocalDays
from detectors.columns.bank import NEVER, Column, QuantityBank, pack, unpack
from detectors.columns.records import read, write
from detectors.columns.runs import Positions
from detectors.columns.slices import Slice, slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule, RulesError
from registry.instants import DAY
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable

_UNKNOWN = int(Flag.FIRST | Flag.RESET)


class DayUse:
    """Raises inactivity for a day certainly below `below` litres, excess for one certainly above `above`.

    Certainly below: the day is covered by readings, and even all intervals that overlap it sum up to less. It
    is said at the first reading at or after midnight, with the day's start as onset, and cleared by the first
    later reading that shows use (unless that reading completes another such day). Certainly above: the
    intervals wholly inside the day sum up to more. It is said at once, and cleared by the first reading of
    another day. Either limit may be None: then that question is not asked.

    Source: Shanghai Jing'an, below 0.01 or above 2 m³. 112 bytes a water meter.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "day-use",
        *, below: float | None = 10.0, above: float | None = 2000.0,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"day_use {below} {above}"
        self._sensors = sensors
        self._asks_below, self._asks_above = below is not None, above is not None
        self._below = -np.inf if below is None else below
        self._above = np.inf if above is None else above
        self._days = LocalDays()
        self._bank = QuantityBank(
            Column("day", "i8", NEVER),  # local day of the last reading
            Column("start", "i8", NEVER),  # when that day began
            Column("end", "i8", NEVER),
            Column("total", "f8", 0.0),  # total at the last reading
            Column("base", "f8", np.nan),  # total at or before the day's start, NaN where not known
            Column("inside", "f8", 0.0),  # total at the day's first reading
            Column("origin", "f8", 0.0),  # total when the sensor was first seen
        )
        self._quiet = Condition(sensors, name, Kind.INACTIVITY, Severity.MEDIUM)
        self._excess = Condition(sensors, name, Kind.EXCESS, Severity.MEDIUM)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge water registers."""
        water = slice_of(batch, self._sensors, Quantity.VOLUME)
        if not len(water):
            return []
        bank, runs, key = self._bank, water.runs, water.runs.key
        at = bank.at(key)
        # On the day that was the last reading's, below the limit and with nothing raised, only the total is new.
        changes = (water.time >= bank["end"][at]) | (water.flags & _UNKNOWN != 0)
        changes |= water.total - bank["inside"][at] > self._above
        for condition in (self._quiet, self._excess):
            changes |= condition.holds(key)
        some = told(runs, gathered(runs, np.logical_or, changes))
        findings = self._judge(narrowed(water, some), at[some]) if some.any() else []
        last = np.flatnonzero(runs.tail & ~some)
        bank["total"][at[last]] = water.total[last]
        return findings

    def _judge(self, water: Slice, at: Positions) -> list[Finding]:
        bank, runs, key = self._bank, water.runs, water.runs.key
        tail, time, total = tails(runs), water.time, water.total
        known = read(bank, at)
        day, start, end = known["day"].copy(), known["start"].copy(), known["end"].copy()
        beyond = np.flatnonzero(time >= end)
        if len(beyond):
            day[beyond], start[beyond], end[beyond] = self._days.of(self._sensors, key[beyond], time[beyond])
        origin = np.where(known["day"] == NEVER, total[runs.start], known["origin"])

        last_day = runs.previous(day, known["day"])
        last_total = runs.previous(total, known["total"])
        unknown = (water.flags & _UNKNOWN != 0) | (last_day == NEVER)
        begins = day > last_day
        at_start = np.where(time == start, total, np.where(unknown, np.nan, last_total))
        base = runs.filled(at_start, begins | unknown, known["base"])
        inside = runs.filled(total, begins, known["inside"])

        # Two bounds of a day that is over: of the day of the last reading, and of the days slept through since.
        whole = total - runs.previous(base, known["base"])
        across = total - last_total
        judged = begins & ~unknown
        quiet = judged & (whole < self._below)
        quiet_between = judged & (day > last_day + 1) & (across < self._below)

        asked = self._quiet if self._asks_below else self._excess

        def facts(row: int, template: str, limit: float, litres: float, day_at: int) -> dict[str, Fact]:
            sensor = int(key[row])
            lived = (int(time[row]) - asked.first(sensor)) / DAY
            usual = float(total[row] - origin[row]) / lived if lived else 0.0
            return {"template": template, "limit": limit, "used": litres, "day_at": day_at, "usual": usual}

        def describe_quiet(row: int) -> Raise:
            zone = self._sensors.zones[self._sensors.household[key[row]]]
            onset = self._days.start(zone, int(last_day[row]) + (0 if quiet[row] else 1))
            litres = float(whole[row] if quiet[row] else across[row])
            return Raise(onset, 1.0, facts(row, "quiet_day", self._below, litres, onset))

        def describe_excess(row: int) -> Raise:
            litres = float(total[row] - inside[row])
            onset = int(start[row])
            return Raise(onset, litres / self._above, facts(row, "excess_day", self._above, litres, onset))

        now = known[tail]
        for column, value in (
            ("day", day), ("start", start), ("end", end), ("total", total), ("base", base), ("inside", inside),
            ("origin", origin),
        ):  # fmt: skip
            now[column] = value[tail]
        write(bank, at[tail], now)
        findings = []
        if self._asks_below:
            used = (water.use > 0) | unknown
            is_quiet = runs.switch(quiet | quiet_between, used, self._quiet.holds(key))
            findings += self._quiet.follow(runs, time, is_quiet, describe_quiet)
        if self._asks_above:
            is_excess = runs.switch(total - inside > self._above, begins, self._excess.holds(key))
            findings += self._excess.follow(runs, time, is_excess, describe_excess)
        return findings

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: a day is judged by the reading that completes it."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(
            self._about,
            {"days": self._bank.saved(), "quiet": self._quiet.rows(), "excess": self._excess.rows()},
        )

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["days"])
        self._quiet.take(saved["quiet"])
        self._excess.take(saved["excess"])


class DayUseRule(Rule, tag="day_use"):
    """`type = "day_use"`."""

    below: Amount | None = None
    above: Amount | None = None

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        if self.below is None and self.above is None:
            raise RulesError("it asks nothing; write `below`, `above` or both, in litres a day")
        return DayUse(sensors, self.name, below=self.below, above=self.above)
