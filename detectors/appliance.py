"""Does something strong stay switched on? A heater, a hob or an iron that somebody forgot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.clock_hours import HourEnds, LocalHours, hour_ends
from detectors.calendar.week_profile import HourTable
from detectors.columns.bank import Column, QuantityBank, pack, unpack
from detectors.columns.records import Records, read, write
from detectors.columns.runs import Positions
from detectors.columns.slices import Slice, slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Count, Rule
from detectors.verdict import Verdict, sensors_of_real
from registry.instants import HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable, Times, Values

_YEAR = 8766  # hours
_OLD = 2 * _YEAR  # hours after which the past counts half
_COARSEST = 65 * MINUTE  # between readings: an hour and a few minutes of delay
_GAIN = 0.15  # of the base of an hour of the day at least; 1 / (days + 2) while it is young
_CLIP = 300.0  # W a day may teach
_EDGES = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 36, 48, 72, 120])
"""Lengths in hours at which the sketch of past runs has its bins."""
_PRIOR, _FALL, _WEIGHT = 4.0, 2.0, 0.25  # the population's runs of the floor's length a year, hours in which they
# become 1/e, and the years of own past they are worth
_UNKNOWN = int(Flag.FIRST | Flag.RESET)
_QUANTITIES = (Quantity.ENERGY, Quantity.POWER)


class Appliance:
    """Raises `APPLIANCE` while the base load stays `watts` above the usual for longer than this home's habit.

    The base load of an hour is the smallest power any reading shows in it, so kettles and compressors do not count.
    It is compared with the usual one of that hour of the local day (an online mean, at most 300 W a day, gain 0.15: a
    heating season is the usual within one to two weeks). Hours in a row in which it is higher by `watts`, and by half
    of the usual where that is more, are a run.
    A run is strange once runs that long have come less than `rate` times a year here: with c past ones at least as
    long in y years, and the population's `4·exp(−(hours − floor) / 2)` a year worth a quarter of one,
    `(c + prior / 4) / (y + 1/4) < rate · (1 + rate · y) / (1 + told)`, `told` being how often it was raised here. So
    one evening's heater alarms once, and its second evening is a habit. MEDIUM; HIGH once it has lasted twice as long.
    Cleared with the first hour that is no part of the run.

    Judged on `energy` registers and `power` read at least once an hour; other hours end a run. Absence freezes
    learning, an outage ends a run. A run that `learn` hears was real is no habit, and starts `told` anew.

    Source of the floor and of 300 W: DESIGN §7 and issue 3; of the rest: 60 simulated homes. 116 bytes a meter.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "appliance",
        *, watts: float = 300.0, floor: int = 3, rate: float = 1.0, warm_up: float = 14.0,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"appliance {watts} {floor} {rate} {warm_up}"
        self._sensors = sensors
        self._watts = watts
        self._floor = floor
        self._rate = rate
        self._warm_up = 24 * warm_up
        self._bank = QuantityBank(
            Column("hour", "i4", -1),  # the last hour that ended
            Column("low", "f4", np.inf),  # smallest power since then, in watts
            Column("above", "f4", 0.0),  # by how much the run's hours exceed the usual, at least
            Column("known", "u2", 0),  # hours learned
            Column("run", "u2", 0),  # hours in a row
            Column("raised", "u2", 0),  # of the run when it was raised, 0 where it was not
            Column("severity", "u1", 0),
            Column("told", "u1", 0),  # how often raised, real cases not counted
            Column("real", "?", 0),  # whether the run that is raised was found to be no habit
            Column("runs", "u1", 0, len(_EDGES)),
        )
        self._base = HourTable(24, "f2")
        self._local = LocalHours()
        self._condition = Condition(sensors, name, Kind.APPLIANCE, Severity.MEDIUM)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge electricity registers and meters of power."""
        return [
            found
            for quantity in _QUANTITIES
            if len(piece := slice_of(batch, self._sensors, quantity))
            for found in self._look(batch, piece, quantity)
        ]

    def _look(self, batch: Observations, piece: Slice, quantity: Quantity) -> list[Finding]:
        bank, ends = self._bank, hour_ends(batch, self._sensors, quantity)
        key, every = ends.runs.key, bank.at(piece.runs.key)
        low = self._lows(piece, ends, every, self._watts_of(piece, quantity))
        if not low.size:
            return []
        at = every[ends.row]
        self._base.reach(len(bank.rows()))
        last = bank["hour"][at]
        low[~ends.follows(last) | ends.cut] = np.nan
        local = self._local.of_ends(batch, self._sensors, quantity) % 24
        time = piece.time[ends.row]
        new = ends.runs.head & (last < 0)
        self._condition.seen(key[new], time[new])
        bank["hour"][at[ends.runs.tail]] = ends.chained[ends.runs.tail]
        findings: list[Finding] = []
        for rows in ends.rounds():
            own = read(bank, at[rows])
            findings += self._hour(at[rows], own, local[rows], low[rows], ends.away[rows], ends.hour[rows], time[rows])
            write(bank, at[rows], own)
        return findings

    @staticmethod
    def _watts_of(piece: Slice, quantity: Quantity) -> Values:
        """Return the power (n,) that each reading shows since the one before it, NaN where it says nothing."""
        interval = piece.time - piece.previous
        watts = piece.value
        if quantity is Quantity.ENERGY:
            with np.errstate(divide="ignore", invalid="ignore"):
                watts = piece.use * (HOUR / interval)
        watts = watts.astype(np.float32).astype(np.float64)  # as the bank keeps them: no cut may change a digit
        watts[(interval > _COARSEST) | (piece.flags & _UNKNOWN != 0)] = np.nan
        return watts

    def _lows(self, piece: Slice, ends: HourEnds, at: Positions, watts: Values) -> Values:
        """Return the smallest power in each hour that ended, NaN where a reading says nothing; keep what follows."""
        runs, until, kept = piece.runs, ends.row, self._bank["low"]
        begun, head = kept[at], np.flatnonzero(ends.runs.head)
        tail = np.flatnonzero(runs.tail)
        ended = np.full(len(watts), -1)  # at a run's first row: where its last hour ended
        ended[runs.start[until]] = until
        # A reading over the end of an hour belongs to both hours, so what is told of them shares it.
        if runs.single:
            low, rest = watts[until], watts
        else:
            padded, start = np.append(watts, np.inf), runs.start[tail]
            low = _least(padded, ends.runs.previous(until, runs.start[until]), until)
            rest = _least(padded, np.maximum(start, ended[start]), tail)
        low[head] = np.minimum(low[head], begun[until[head]])
        begun = begun[tail]
        rest = np.where(ended[runs.start[tail]] < 0, np.minimum(rest, begun), rest)
        lower = np.flatnonzero(rest != begun)
        kept[at[tail[lower]]] = rest[lower]
        return low

    def _hour(
        self, at: Positions, own: Records, local: NDArray[np.int64], low: Values,
        away: NDArray[np.bool_], hour: NDArray[np.int64], time: Times,
    ) -> list[Finding]:  # fmt: skip
        usual = self._base.get(at, local)
        usual[np.isnan(usual)] = 0.0  # an hour of the day that has not been seen yet
        above = low - usual
        before = own["run"].astype(np.int64)
        run = np.where(above >= np.maximum(self._watts, usual / 2), before + 1, 0)
        own["above"] = np.where(before > 0, np.minimum(own["above"], above), above)

        years = own["known"] / _YEAR
        asked = np.flatnonzero((run >= self._floor) & (own["known"] >= self._warm_up))
        expected = np.full(len(run), np.inf)
        if asked.size:
            longer = np.where(_EDGES[None, :] >= _edge(run[asked])[:, None], own["runs"][asked], 0).sum(axis=1)
            prior = _WEIGHT * _PRIOR * np.exp((self._floor - run[asked]) / _FALL)
            expected[asked] = (longer + prior) / (years[asked] + _WEIGHT)

        raised = own["raised"].astype(np.int64)
        limit = self._rate * (1 + self._rate * years) / (1.0 + own["told"])
        begins = (raised == 0) & (expected < limit)
        grows = (raised > 0) & (own["severity"] == Severity.MEDIUM) & (run >= 2 * raised)
        ends = (raised > 0) & (run == 0)
        habit = np.flatnonzero((before > 0) & (run == 0) & ~own["real"])
        edge = np.searchsorted(_EDGES, before[habit], side="right") - 1
        own["runs"][habit, edge] += own["runs"][habit, edge] < 255
        own["run"], own["raised"][begins], own["raised"][ends] = np.minimum(run, 65535), run[begins], 0
        own["real"][run == 0] = False
        own["told"][begins] += own["told"][begins] < 255

        findings = []
        for row in np.flatnonzero(begins | grows | ends):
            if ends[row]:
                severity = Severity(int(own["severity"][row]))
                findings.append(
                    replace(self._condition.end(int(own["sensor"][row]), int(time[row])), severity=severity)
                )
                own["severity"][row] = 0
                continue
            own["severity"][row] = severity = Severity.HIGH if grows[row] else Severity.MEDIUM
            why = self._why(own[row], int(hour[row]), float(usual[row]), float(expected[row]), float(limit[row]))
            findings.append(
                replace(self._condition.begin(int(own["sensor"][row]), int(time[row]), why), severity=severity)
            )
        self._learn(at, own, local, low, away)
        return findings

    def _learn(
        self, at: Positions, own: Records, local: NDArray[np.int64], low: Values, away: NDArray[np.bool_]
    ) -> None:
        rows = np.flatnonzero(~(np.isnan(low) | away))
        known, usual = own["known"][rows].astype(np.float64), self._base.get(at[rows], local[rows])
        step = np.maximum(_GAIN, 1 / (known / 24 + 2)) * np.minimum(np.maximum(low[rows] - usual, -_CLIP), _CLIP)
        # Half floats end at 65,504; no home's base load comes near.
        base = np.where(np.isnan(usual), low[rows], usual + step)
        self._base.put(at[rows], local[rows], np.minimum(np.maximum(base, -6e4), 6e4))
        own["known"][rows] += 1
        for row in np.flatnonzero(own["known"] >= _OLD):
            own["known"][row] //= 2
            own["runs"][row] = (own["runs"][row] + 1) // 2

    def _why(self, own: NDArray[np.void], hour: int, usual: float, expected: float, limit: float) -> Raise:
        run = int(own["run"])
        onset = (hour + 1 - run) * HOUR
        past = np.flatnonzero(own["runs"])
        facts: dict[str, Fact] = {
            "template": "appliance",
            "above": float(own["above"]),
            "base": usual,
            "lasted": run * HOUR / SECOND,
            "since_at": onset,
            "longest": float(_EDGES[past[-1]]) * HOUR / SECOND if past.size else 0.0,
            "rarity": _YEAR * HOUR / SECOND / expected,
        }
        return Raise(onset, limit / expected, facts)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def learn(self, verdicts: Sequence[Verdict], now: int) -> None:  # noqa: ARG002 - part of the protocol
        """Take what people found: a run that was real is no habit."""
        for sensor in sensors_of_real(verdicts, Kind.APPLIANCE, self._sensors, _QUANTITIES).tolist():
            meter = self._bank.one(sensor)
            runs = meter["runs"]
            meter["told"] = 0
            if meter["raised"]:
                meter["real"] = True
            elif runs.any():
                runs[np.flatnonzero(runs)[-1]] -= 1

    def snapshot(self) -> bytes:
        """Return the whole state."""
        bank = self._bank
        states = {"runs": bank.saved(), "base": self._base.rows(bank.order()), "condition": self._condition.rows()}
        return pack(self._about, states)

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["runs"])
        self._base.take(saved["base"])
        self._condition.take(saved["condition"])


def _least(padded: Values, since: NDArray[np.intp], until: NDArray[np.intp]) -> Values:
    """Return the smallest of rows `since` to `until`, both counted, of each pair (n,); NaN where one is NaN."""
    if not len(since):
        return np.empty(0)
    pairs = np.stack((since, until + 1), axis=1).reshape(-1)
    least: Values = np.minimum.reduceat(padded, pairs)[::2]
    return least


def _edge(run: NDArray[np.int64]) -> NDArray[np.int64]:
    return _EDGES[np.searchsorted(_EDGES, run, side="right") - 1]


class ApplianceRule(Rule, tag="appliance"):
    """`type = "appliance"`."""

    watts: Amount = 300.0
    floor: Count = 3
    rate: Amount = 1.0
    warm_up: Amount = 14.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Appliance(sensors, self.name, watts=self.watts, floor=self.floor, rate=self.rate, warm_up=self.warm_up)
