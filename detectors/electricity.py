"""Is far more or far less electricity used than this hour of the week usually needs?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.clock_hours import LocalHours, hour_ends
from detectors.calendar.week_profile import WeekProfile
from detectors.columns.bank import Bank, Column, QuantityBank, pack, unpack
from detectors.columns.records import read, write
from detectors.columns.runs import Mask, Positions
from detectors.columns.slices import slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Count, Rule
from detectors.verdict import Verdict, sensors_of_real
from registry.instants import HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Observations, Sensors, SensorTable, Times, Values

_YEAR = 8766  # hours
_FLOOR = 0.02  # kWh added before the logarithm: what an idle home uses in an hour (DESIGN §7)
_ANYBODY = -1.9  # log(kWh + floor) of the population, 0.13 kWh: for hours of which nothing is known
_CLIP = 1.5  # an hour more than 4.5 times or less than 1/4.5 of the usual teaches as much as that
_LEVEL = 72.0  # hours over which the level follows guests, a cold spell, a holiday
_BINS, _STEP = 32, 0.125  # of the sketch of past means, each side
_CALM = 0.3  # a condition ends when the mean is back within a factor 1.35
_WEIGHT = 500.0  # hours of own past that the tail assumed is worth
_SCALE = 0.25  # of that tail at first, the population's
_LEAST = 0.1  # and at least: the most regular home may once use a tenth more
_FIRST, _LONG = 100.0, 2000.0  # hours that the first scale is worth, and over which it is known
_LARGEST = 2.0  # s that it learns from
_CLUSTER = 3.0  # hours by which a strange mean stays strange
_STILL = 2  # hours without any use at all that are a blackout
_OLD = 2 * _YEAR  # hours after which the past counts half
_SIDES = (1.0, -1.0)

Means = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Round:
    """One hour of each of n sensors."""

    sensor: Sensors
    at: Positions
    """Where the banks have them."""
    hour: NDArray[np.int64]
    """Its number since 1970 UTC, and below that of the local week."""
    local: NDArray[np.int64]
    used: Values
    """Kilowatt-hours, NaN where unknown."""
    away: Mask
    time: Times
    """When it could be said."""
    own: NDArray[Any]
    """(n,) what is remembered of each sensor, a copy to be changed and written back."""


class Electricity:
    """Raises `SURGE` and `DROP`, each about so often for each household-year where nothing is wrong.

    Per hour of the clock, x = log(kWh + 0.02) is compared with the mean of its hour of the local week (168 bins,
    online, winsorised; before a bin is known the mean of the hour of the day, before that the population's) and
    with a slow level (72 h): more counts above both only, less below both only, so that a cold spell is no surge for
    weeks and a return from a holiday none either. s is the mean of that over `hours`. Its p-value is conformal, from
    the sensor's own past s: with c the times s was larger in n hours (a sketch of 2 x 32 bins of 1/8, halved every
    two years), and a tail `0.5·exp(−s / scale)` worth 500 hours, `p = (c + 500·tail) / (n + 500)`; its scale is the
    mean of this home's s above 0, at first the population's 0.25. Raised when
    `p < f · 3 / 8766 · (1 + f·years) / (1 + told)`, f the stated rate a year, 3 h the length of a chance cluster, and
    `told` how often this side was raised here: a home with a heavier tail must be stranger to be told again. A real
    case, as `learn` hears of it, starts `told` anew. Cleared below s = 0.3, or when it is unknown.

    A register that stands still for two whole hours is a drop with its own sentence, unless that is usual here (a
    coarse register, a roof's own electricity): then it happened more than 1 + 2 / year times. Absence suppresses drops
    and freezes learning; an outage does both for both. Readings more than two hours apart are not judged.

    Source: DESIGN §7. Constants from 60 simulated homes and 2 of London, see docs/detection.md. 984 bytes a meter.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "electricity",
        *, surges: float = 1.0, drops: float = 1.0, hours: int = 4, warm_up: float = 14.0,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"electricity {surges} {drops} {hours} {warm_up}"
        self._sensors = sensors
        self._rates = surges, drops
        self._window = hours
        self._warm_up = 24 * warm_up
        self._bank = QuantityBank(
            Column("at", "f8", 0.0),  # what the register stood at when the last known hour ended
            Column("hour", "i4", -1),  # that hour, -1 where the chain is broken
            Column("level", "f4", 0.0),  # mean deviation of the last days
            Column("known", "u2", 0),  # hours learned
            Column("still", "u1", 0),  # hours without use up to now
            Column("stills", "u1", 0),  # how often there were `_STILL` of them
            Column("on", "?", 0, 2),  # whether raised now, surge and drop
            Column("told", "u1", 0, 2),  # how often raised, real cases not counted
            Column("scale", "f4", _SCALE, 2),  # mean of s where it is above 0
            Column("odd", "f4", np.nan, 2 * hours),  # deviations of the window's hours, upward then downward
            Column("used", "f4", np.nan, hours),  # kWh of the window's hours
        )
        # Those below have their rows where `_bank` has them.
        self._past = Bank(Column("means", "u2", 0, 2 * _BINS))  # sketch of s, upward then downward
        self._profile = WeekProfile()
        self._local = LocalHours()
        self._conditions = (
            Condition(sensors, name, Kind.SURGE, Severity.MEDIUM),
            Condition(sensors, name, Kind.DROP, Severity.MEDIUM),
        )

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge electricity registers."""
        piece = slice_of(batch, self._sensors, Quantity.ENERGY)
        if not len(piece):
            return []
        sensors, bank = self._sensors, self._bank
        ends = hour_ends(batch, sensors, Quantity.ENERGY)
        if not len(ends.row):
            return []
        key, tail, time = ends.runs.key, ends.runs.tail, piece.time[ends.row]
        at = bank.at(key)
        self._past.reach(len(bank.rows()))
        self._profile.reach(len(bank.rows()))
        last = bank["hour"][at]
        used = (ends.total - ends.runs.previous(ends.total, bank["at"][at])) / 1000
        used[~ends.follows(last) | ends.cut] = np.nan
        local = self._local.of_ends(batch, sensors, Quantity.ENERGY)
        bank["at"][at[tail]] = ends.total[tail]
        bank["hour"][at[tail]] = ends.chained[tail]

        new = ends.runs.head & (last < 0)
        for condition in self._conditions:
            condition.seen(key[new], time[new])
        findings: list[Finding] = []
        for rows in ends.rounds():
            own = read(bank, at[rows])
            one = _Round(
                key[rows], at[rows], ends.hour[rows], local[rows], used[rows], ends.away[rows], time[rows], own
            )
            findings += self._hour(one)
            write(bank, one.at, own)
        return findings

    def _hour(self, one: _Round) -> list[Finding]:
        own = one.own
        x = np.log(one.used + _FLOOR)
        usual = self._profile.usual(one.at, one.local)
        new, level = np.isnan(usual), own["level"].astype(np.float64)
        odd = x - np.where(new, _ANYBODY, usual)
        up, down = odd - np.maximum(level, 0), np.minimum(level, 0) - odd
        down[one.away] = np.nan
        mean = self._follow(one, up, down)
        own["still"] = np.where(one.used <= 0, np.minimum(own["still"], 254) + 1, 0)
        own["stills"] += (own["still"] == _STILL) & (own["stills"] < 255)
        findings = self._judge(one, mean)

        learns = np.flatnonzero(~(np.isnan(x) | one.away))
        step = np.minimum(np.maximum(odd[learns] - level[learns], -_CLIP), _CLIP)
        known = own["known"][learns].astype(np.float64)
        self._profile.learn(one.at[learns], one.local[learns], x[learns], usual[learns], step, known, _CLIP)
        own["level"][learns] += np.where(new[learns], 0.0, step / _LEVEL).astype(np.float32)
        self._remember(one, mean, learns)
        return findings

    def _follow(self, one: _Round, up: Values, down: Values) -> Means:
        """Move the window on by one hour; return the means over it, upward and downward (n, 2)."""
        odd, used, width = one.own["odd"], one.own["used"], self._window
        odd[:, :-1], used[:, :-1] = odd[:, 1:].copy(), used[:, 1:].copy()
        odd[:, width - 1], odd[:, -1], used[:, -1] = up, down, one.used
        # An unknown hour makes the mean unknown until it has left the window.
        hours = odd.astype(np.float64).reshape(-1, 2, width)
        sums = hours[:, :, 0]
        for nth in range(1, width):
            sums = sums + hours[:, :, nth]
        return sums / width

    def _judge(self, one: _Round, mean: Means) -> list[Finding]:
        own, findings = one.own, list[Finding]()
        years = own["known"] / _YEAR
        settled, holds = own["known"] >= self._warm_up, own["on"].copy()
        dark = (own["still"] >= _STILL) & (own["stills"] <= 2 + 2 * years) & settled & ~one.away
        rates = np.array(self._rates)
        limit = rates * _CLUSTER / _YEAR * (1 + rates * years[:, None]) / (1.0 + own["told"])
        chance = self._chance(one, mean, np.where(settled[:, None] & ~holds, limit, 0.0))
        begins, stays = chance < limit, mean >= _CALM
        begins[:, 1] |= dark & ~holds[:, 1]
        stays[:, 1] |= dark
        turns = begins | (holds & ~stays)
        for side, row in np.argwhere(turns.T).tolist():
            condition, sensor, time = self._conditions[side], int(one.sensor[row]), int(one.time[row])
            own["on"][row, side] = begins[row, side]
            if not begins[row, side]:
                findings.append(condition.end(sensor, time))
                continue
            own["told"][row, side] += own["told"][row, side] < 255
            if side and dark[row]:
                why = self._dark(one, row)
            else:
                why = self._why(one, row, side, chance[row, side], limit[row, side])
            findings.append(condition.begin(sensor, time, why))
        return findings

    def _chance(self, one: _Round, mean: Means, limit: Means) -> Means:
        """Return the p-value of each mean (n, 2), infinite where it cannot be below the limit."""
        hours = np.maximum(one.own["known"] - self._warm_up / 2, 0) + _WEIGHT
        scale = np.maximum(one.own["scale"], _LEAST)
        tail = _WEIGHT * 0.5 * np.exp(-np.maximum(mean, 0) / scale) / hours[:, None]
        chance = np.full(mean.shape, np.inf)
        row, side = np.nonzero((tail < limit) & (mean > 0))
        if row.size:
            nth = np.arange(len(row))
            past = self._past["means"][one.at[row]].astype(np.float64).reshape(-1, 2, _BINS)[nth, side]
            larger = np.cumsum(past[:, ::-1], axis=1)[:, ::-1]
            at = nth, _bin(mean[row, side])
            chance[row, side] = tail[row, side] + (larger[at] - past[at] / 2) / hours[row]
        return chance

    def _remember(self, one: _Round, mean: Means, learns: Positions) -> None:
        """Learn how strange the hour was, and let what is old count less."""
        past, known = self._past["means"], one.own["known"]
        settled = learns[known[learns] >= self._warm_up / 2]
        for side in (0, 1) if settled.size else ():
            rows = settled[mean[settled, side] > 0]
            past[one.at[rows], _BINS * side + _bin(mean[rows, side])] += 1
            scale, hours = one.own["scale"], np.minimum(known[rows] - self._warm_up / 2, _LONG)
            scale[rows, side] += (np.minimum(mean[rows, side], _LARGEST) - scale[rows, side]) / (hours + _FIRST)
        known[learns] += 1
        for row in np.flatnonzero(known >= _OLD):
            past[one.at[row]] = (past[one.at[row]] + 1) // 2
            known[row] //= 2

    def _why(self, one: _Round, row: int, side: int, chance: float, limit: float) -> Raise:
        width, own, end = self._window, one.own[row], (int(one.hour[row]) + 1) * HOUR
        chance = max(float(chance), 1e-6)
        used = own["used"].astype(np.float64)
        odd = _SIDES[side] * own["odd"][width * side : width * (side + 1)].astype(np.float64)
        usual = np.maximum((used + _FLOOR) * np.exp(-odd) - _FLOOR, 0)
        facts: dict[str, Fact] = {
            "template": ("electricity_surge", "electricity_drop")[side],
            "used": float(used.sum()),
            "usual": float(usual.sum()),
            "lasted": width * HOUR / SECOND,
            "since_at": end - width * HOUR,
            "until_at": end,
            "rarity": _CLUSTER * HOUR / SECOND / chance,
        }
        return Raise(end - width * HOUR, float(limit) / chance, facts)

    @staticmethod
    def _dark(one: _Round, row: int) -> Raise:
        still = int(one.own["still"][row])
        onset = (int(one.hour[row]) + 1 - still) * HOUR
        facts: dict[str, Fact] = {
            "template": "electricity_none",
            "lasted": still * HOUR / SECOND,
            "since_at": onset,
            "before": int(one.own["stills"][row]) - 1,
        }
        return Raise(onset, still / _STILL, facts)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def learn(self, verdicts: Sequence[Verdict], now: int) -> None:  # noqa: ARG002 - part of the protocol
        """Take what people found: a real case does not count among those that make a home less sensitive."""
        for side, kind in enumerate((Kind.SURGE, Kind.DROP)):
            at = self._bank.at(sensors_of_real(verdicts, kind, self._sensors, (Quantity.ENERGY,)))
            self._bank["told"][at, side] = 0

    def snapshot(self) -> bytes:
        """Return the whole state."""
        surge, drop = self._conditions
        self._past.reach(len(self._bank.rows()))
        self._profile.reach(len(self._bank.rows()))
        order = self._bank.order()
        past, profile = self._past.rows()[order], self._profile.rows(order)
        banks = {"hours": self._bank.saved(), "past": past, **profile}
        return pack(self._about, {**banks, "surge": surge.rows(), "drop": drop.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["hours"])
        self._past.take(saved["past"])
        self._profile.take(saved)
        for condition, name in zip(self._conditions, ("surge", "drop"), strict=True):
            condition.take(saved[name])


def _bin(mean: Values) -> NDArray[np.intp]:
    return np.minimum(mean / _STEP, _BINS - 1).astype(np.intp)


class ElectricityRule(Rule, tag="electricity"):
    """`type = "electricity"`."""

    surges: Amount = 1.0
    drops: Amount = 1.0
    hours: Count = 4
    warm_up: Amount = 14.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Electricity(
            sensors, self.name, surges=self.surges, drops=self.drops, hours=self.hours, warm_up=self.warm_up
        )
