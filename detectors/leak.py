"""Does water run and never stop? A dripping joint, a running cistern: small, day and night."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.day_pieces import after, ever, gathered, heads, pieces_of, summed, tails, told
from detectors.columns.bank import Column, QuantityBank, pack, unpack
from detectors.columns.records import Records, read, write
from detectors.columns.runs import Mask, Runs
from detectors.columns.slices import Slice
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Count, Rule
from registry.instants import DAY, HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, Sensors, SensorTable, Times

_FIRST = int(Flag.FIRST)
_UNKNOWN = int(Flag.FIRST | Flag.RESET)
_HOUR = HOUR // SECOND
_DAY = 24 * _HOUR
_STILL = 2 * _HOUR
"""A register that stands for two hours shows that less than half a step an hour gets lost."""
_FINE = 5 * _HOUR // 4
"""Readings further apart cannot show whether every hour had use; an hourly meter is allowed some jitter."""
_COVERED = 20 * _HOUR
"""Of a day that is judged or learned."""
_WEEK = 7
"""Days from which on a habit is told."""
_DRIFT, _CEILING = 0.5, 3.0
_LEAST_SPREAD = _HOUR
_UNTOLD = 1000.0
"""L/h, more than any of these: a burst."""
_INF = np.float32(np.inf)
_MEMORY = 45
"""Days after which what was learned weighs a third."""


class Leak:
    """Raises when water does not stop, in either of two ways; cleared once the register stood for two hours.

    1. `hours` of readings without an hour of no use. A leak of at least one step of the register an hour (1 L/h
       where registers count litres) never leaves an hour between two steps, whatever the meter's interval, as long
       as that is at most 75 min. Wider intervals with use are unknown: they add nothing to those hours and end none,
       and after a day of silence the hours count anew.
    2. CUSUM on the still time of a day: the time in pauses of two hours or more, against the household's own habit
       (mean and deviation with a memory of 45 days, after `days` of them), in deviations with drift 0.5 and limit
       `h`, one day counting 3 at most. Only days with no such pause at all count, any such pause sets it to zero: a
       leak of half a step an hour leaves none. It is the night's minimum flow turned about: the register's smallest
       step over the longest pause is the largest leak that there can be. Unlike the minimum of 00-06 h it sees
       something below one step an hour and asks for no clock on the wall.

    LOW; MEDIUM after three days, from 10 L/h on, or while the household is registered as away: then nobody uses it.
    The rate told is the least flow over any pause and any interval of today and yesterday: what remains of use
    when nobody uses anything.

    Sources: DESIGN section 7 (24 h without a zero hour, 1.27 false a year; CUSUM on the night minimum with drift 0.5
    and h = 4); Page, Continuous inspection schemes, Biometrika 41 (1954). 88 bytes a water meter.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "leak", *,
        hours: float = 24.0, h: float = 4.0, days: int = 14, step: float = 1.0,
    ) -> None:  # fmt: skip
        """Take `step`, litres: what the register counts in."""
        self.name = name
        self._about = f"leak {hours} {h} {days} {step}"
        self._sensors = sensors
        self._enough = round(hours * _HOUR)
        self._limit = h
        self._days = days
        self._step = step
        self._bank = QuantityBank(
            Column("since", "u4", 0),  # second since which the register has stood
            Column("begin", "u4", 0),  # second until which an hour without use was seen
            Column("began", "u4", 0),  # second until which two hours without use were seen
            Column("known", "i4", 0),  # seconds of readings without an hour of no use
            Column("day", "i4", -1),  # UTC day of the last reading
            Column("covered", "i4", 0),  # seconds known of that day
            Column("still", "i4", 0),  # seconds of it in long pauses
            Column(
                "flow", "f4", np.inf, 2
            ),  # L/h, least of that day and the one before, since the last two hours' pause
            Column("chain", "f4", np.inf, 2),  # the same since the last hour's pause
            Column("sum", "f4", 0.0),  # CUSUM, deviations
            Column("mean", "f4", 0.0),  # seconds of still time in a day
            Column("variance", "f4", 0.0),
            Column("days", "u2", 0),  # learned
            Column("severity", "u2", 0),  # told of the leak that is raised
        )
        self._condition = _Growing(sensors, name, Kind.LEAK, Severity.LOW)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge water registers."""
        pieces = pieces_of(batch, self._sensors, Quantity.VOLUME)
        return [found for piece in pieces for found in self._judge(piece)]

    def _judge(self, piece: Slice) -> list[Finding]:
        runs, key = piece.runs, piece.runs.key
        starts, tail = heads(runs), tails(runs)
        at = self._bank.at(key[starts])
        own = read(self._bank, at)
        turned = self._close(key[starts], own, piece.time[starts])
        before = told(runs, own)

        second = piece.time // SECOND
        first, unknown = piece.flags & _FIRST != 0, piece.flags & _UNKNOWN != 0
        interval = np.where(first, 0, second - piece.previous // SECOND)
        moved = piece.use > 0
        since = runs.filled(second, moved | unknown, before["since"])
        pause, flow = self._pauses(piece, moved, interval, second - since)
        stopped = first | (pause >= _STILL)
        broken = stopped | (pause >= _HOUR) | (interval > _DAY)

        credit = np.where(moved & (interval > _FINE) | unknown, 0, interval)
        known = summed(runs, np.where(broken, 0, credit), broken, before["known"])
        begin = runs.filled(second, broken, before["begin"])
        began = runs.filled(second, stopped, before["began"])
        enough = known >= self._enough
        on = enough | (before["sum"] >= self._limit) & ~ever(runs, stopped)
        held = self._condition.holds(key)
        holds = runs.switch(on, stopped, held)
        # A pause before the leak says nothing about it: whoever never lets an hour pass is judged two hours later.
        chained = np.where(known < _STILL, _INF, flow)

        def least(row: int) -> float:
            name, values, ends = ("chain", chained, broken) if enough[row] else ("flow", flow, stopped)
            start = int(runs.start[row])
            here = np.flatnonzero(ends[start : row + 1])
            if here.size:
                return float(values[start + here[-1] + 1 : row + 1].min(initial=np.inf))
            return float(values[start : row + 1].min(initial=before[name][row].min()))

        findings = []
        self._condition.seen(key[starts], piece.time[starts])
        changes = holds != runs.previous(holds, held)
        if turned.any():
            changes[starts] |= holds[starts] & turned
        for row in np.flatnonzero(changes).tolist():
            mine, time = own[int(np.count_nonzero(runs.head[: row + 1])) - 1], int(piece.time[row])
            if not holds[row]:
                findings.append(self._end(mine, time))
                continue
            onset = int(begin[row] if enough[row] else began[row]) * SECOND
            findings += self._tell(
                mine, onset, time, int(known[row]), min(least(row), _UNTOLD), enough=bool(enough[row])
            )

        self._keep(runs, own["flow"], flow, stopped)
        self._keep(runs, own["chain"], chained, broken)
        own["sum"] = np.where(gathered(runs, np.logical_or, stopped), 0, own["sum"])
        own["covered"] += gathered(runs, np.add, credit)
        own["still"] += gathered(runs, np.add, _still(pause, interval, moved))
        for name, value in (("since", since), ("begin", begin), ("began", began), ("known", known)):
            own[name] = value[tail]
        write(self._bank, at, own)
        return findings

    def _pauses(
        self, piece: Slice, moved: Mask, interval: Times, stood: Times
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the least pause (n,), seconds, of each reading that `moved` on, else how long it `stood`; and L/h.

        n steps within an interval leave a pause of at least its (n + 1)th part.
        """
        used = np.flatnonzero(moved)
        use, within = piece.use[used], interval[used]
        stood[used] = (within / (use / self._step + 1)).astype(np.int64)
        with np.errstate(divide="ignore"):
            flow = self._step / stood
            flow[used] = (use + self._step / 2) / within
        return stood, (flow * _HOUR).astype(np.float32)

    def _close(self, sensor: Sensors, own: Records, time: Times) -> Mask:
        """Judge and learn the last day of sensors (each once) that begin another; return which do."""
        day = time // DAY
        turned: Mask = own["day"] != day
        closing = np.flatnonzero(turned)
        if not closing.size:
            return turned
        last = own.take(closing)
        mean, variance, days = last["mean"].copy(), last["variance"].copy(), last["days"].copy()
        still = np.minimum(last["still"], _DAY).astype(np.float32)
        spread = np.maximum(np.sqrt(variance), _LEAST_SPREAD)
        unusual = np.clip((mean - still) / spread, -_CEILING, _CEILING) - np.float32(_DRIFT)
        counts = (still == 0) & (days >= self._days)
        reached = np.where(counts, np.maximum(last["sum"] + unusual, 0), 0)
        covered = last["covered"] >= _COVERED
        last["sum"] = np.where(covered, reached, last["sum"])

        learns = covered & (reached < self._limit) & ~self._condition.holds(sensor[closing])
        weight = np.where(learns, 1 / (np.minimum(days, _MEMORY) + np.float32(1)), 0).astype(np.float32)
        step = weight * (still - mean)
        last["mean"] = mean + step
        last["variance"] = (1 - weight) * (variance + step * (still - mean))
        last["days"] = days + (learns & (days < _MEMORY))
        for column in ("flow", "chain"):
            last[column][:, 1] = last[column][:, 0]
            last[column][:, 0] = np.inf
        for column in ("covered", "still"):
            last[column] = 0
        last["day"] = day[closing]
        own[closing] = last
        return turned

    @staticmethod
    def _keep(runs: Runs, least: NDArray[np.float32], flow: NDArray[np.float32], ends: Mask) -> None:
        """Remember the least flow of today and of yesterday; up to the last row that `ends` them, none counts."""
        anew = gathered(runs, np.logical_or, ends)
        now = gathered(runs, np.minimum, np.where(after(runs, ends), flow, _INF))
        least[:, 0] = np.where(anew, now, np.minimum(now, least[:, 0]))
        least[:, 1] = np.where(anew, _INF, least[:, 1])

    def _tell(self, own: Any, onset: int, time: int, known: int, least: float, *, enough: bool) -> list[Finding]:
        """Raise a leak, or say that it has grown worse; nothing where it has not."""
        sensor, already = int(own["sensor"]), int(own["severity"])
        onset = self._condition.onset(sensor) if already else onset
        home = self._sensors.household[[sensor]]
        away = bool(self._sensors.absences.touch(home, np.array([time - HOUR]), np.array([time]))[0])
        grown = time - onset >= 3 * DAY or least >= 10 or away
        severity = Severity.MEDIUM if grown else Severity.LOW
        if severity <= already:
            return []
        days = int(own["days"])
        facts: dict[str, Fact] = {
            "template": ("leak_away" if away else "leak") if enough else ("leak_slow_away" if away else "leak_slow"),
            "since_at": onset,
            "lasted": (time - onset) / SECOND,
            "known": float(known),
            "flow": least,
            "daily": 24 * least,
            "still": float(own["mean"]),
            "learned": days if days >= _WEEK else 0,
            "pause": float(_STILL),
        }
        score = max(known / self._enough, float(own["sum"]) / self._limit)
        own["severity"] = severity
        why = Raise(onset, score, facts)
        found = self._condition.grow(sensor, time, why) if already else self._condition.begin(sensor, time, why)
        return [replace(found, severity=severity)]

    def _end(self, own: Any, time: int) -> Finding:
        severity = Severity(int(own["severity"]))
        own["severity"] = 0
        return replace(self._condition.end(int(own["sensor"]), time), severity=severity)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(self._about, {"flows": self._bank.saved(), "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["flows"])
        self._condition.take(saved["condition"])


def _still(pause: Times, interval: Times, moved: Mask) -> Times:
    """Return how much of each interval (n,) counts as still: of a long pause what is new, or all when it gets long."""
    still = np.zeros_like(pause)
    long = np.flatnonzero(pause >= _STILL)
    goes_on = ~moved[long] & (pause[long] - interval[long] >= _STILL)
    still[long] = np.where(goes_on, interval[long], pause[long])
    return still


class _Growing(Condition):
    """A condition that may grow worse while it holds."""

    def grow(self, sensor: int, time: int, why: Raise) -> Finding:
        """Raise it again, as what it was."""
        facts = {
            **why.facts,
            "times": self.times(sensor) - 1,
            "days": (self.onset(sensor) - self.first(sensor)) / DAY,
        }
        return self._finding(sensor, Phase.RAISED, onset=self.onset(sensor), time=time, score=why.score, facts=facts)


class LeakRule(Rule, tag="leak"):
    """`type = "leak"`."""

    hours: Amount = 24.0
    h: Amount = 4.0
    days: Count = 14
    step: Amount = 1.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Leak(sensors, self.name, hours=self.hours, h=self.h, days=self.days, step=self.step)
