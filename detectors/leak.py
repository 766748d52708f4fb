"""Does water run and never stop? A dripping joint, a running cistern: small, day and night."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.bank import Column, QuantityBank, pack, unpack
from detectors.condition import Condition, Raise
from detectors.daily import gathered, heads, pieces_of, summed, tails, told
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Count, Rule
from detectors.runs import Mask, Positions, Runs
from detectors.slices import Slice
from registry.instants import DAY, HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, Sensors, SensorTable, Times

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
    and h = 4); Page, Continuous inspection schemes, Biometrika 41 (1954). 104 bytes a water meter.
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
            Column("since", "i8", 0),  # second since which the register has stood
            Column("begin", "i8", 0),  # second until which an hour without use was seen
            Column("began", "i8", 0),  # second until which two hours without use were seen
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
        bank, runs, key = self._bank, piece.runs, piece.runs.key
        starts, at = heads(runs), bank.at(key)
        turned = np.zeros(len(piece), np.bool_)
        turned[starts] = self._close(key[starts], at[starts], piece.time[starts])

        second = piece.time // SECOND
        first = piece.flags & Flag.FIRST != 0
        unknown = first | (piece.flags & Flag.RESET != 0)
        interval = np.where(first, 0, second - piece.previous // SECOND)
        moved = piece.use > 0
        since = runs.filled(second, moved | unknown, bank["since"][at])
        stands = ~(moved | unknown)
        # n steps within an interval leave a pause of at least its (n + 1)th part.
        shared = interval / (np.where(moved, piece.use, 0.0) / self._step + 1)
        pause = np.where(moved, shared.astype(np.int64), second - since)
        stopped = first | (pause >= _STILL)
        broken = stopped | (pause >= _HOUR) | (interval > _DAY)

        credit = np.where(unknown | moved & (interval > _FINE), 0, interval)
        known = summed(runs, credit, bank["known"][at])
        known -= runs.filled(known, broken, np.zeros(len(key), np.int64))
        begin = runs.filled(second, broken, bank["begin"][at])
        began = runs.filled(second, stopped, bank["began"][at])
        fresh = runs.latest(stopped)
        enough = known >= self._enough
        on = enough | (bank["sum"][at] >= self._limit) & (fresh < 0)
        holds = runs.switch(on, stopped, self._condition.holds(key))
        with np.errstate(divide="ignore", invalid="ignore"):
            flow = np.where(
                moved, (piece.use + self._step / 2) / interval, np.where(stands, self._step / pause, np.inf)
            )
        flow = (flow * _HOUR).astype(np.float32)

        # A pause before the leak says nothing about it: whoever never lets an hour pass is judged two hours later.
        chained = np.where(known >= _STILL, flow, np.float32(np.inf))
        ends = runs.latest(broken)

        def least(row: int) -> float:
            name, values, end = ("chain", chained, ends[row]) if enough[row] else ("flow", flow, fresh[row])
            if end >= 0:
                return float(values[end + 1 : row + 1].min(initial=np.inf))
            return float(values[runs.start[row] : row + 1].min(initial=bank[name][at[row]].min()))

        findings = []
        self._condition.seen(key[starts], piece.time[starts])
        was = runs.previous(holds, self._condition.holds(key))
        for row in np.flatnonzero((holds != was) | holds & turned).tolist():
            sensor, time = int(key[row]), int(piece.time[row])
            if not holds[row]:
                findings.append(self._end(sensor, time))
                continue
            onset = int(begin[row] if enough[row] else began[row]) * SECOND
            findings += self._tell(
                sensor, onset, time, int(known[row]), min(least(row), _UNTOLD), enough=bool(enough[row])
            )

        self._keep("flow", runs, at, flow, fresh)
        self._keep("chain", runs, at, chained, ends)
        bank["sum"][at[fresh >= 0]] = 0
        still = np.where(pause < _STILL, 0, np.where(stands & (pause - interval >= _STILL), interval, pause))
        for column, added in (("covered", credit), ("still", still)):
            bank[column][at[starts]] += gathered(runs, np.add, added).astype(np.int32)
        tail = tails(runs)
        for name, value in (("since", since), ("begin", begin), ("began", began), ("known", known)):
            bank[name][at[tail]] = value[tail]
        return findings

    def _close(self, sensor: Sensors, at: Positions, time: Times) -> Mask:
        """Judge and learn the last day of sensors (each once) that begin another; return which do."""
        bank = self._bank
        day = time // DAY
        turned: Mask = bank["day"][at] != day
        closing, sensor = at[turned], sensor[turned]
        if not closing.size:
            return turned
        covered = bank["covered"][closing] >= _COVERED
        whole, sensor = closing[covered], sensor[covered]
        mean, variance, days = bank["mean"][whole], bank["variance"][whole], bank["days"][whole]
        still = np.minimum(bank["still"][whole], _DAY).astype(np.float32)
        spread = np.maximum(np.sqrt(variance), _LEAST_SPREAD)
        unusual = np.clip((mean - still) / spread, -_CEILING, _CEILING) - np.float32(_DRIFT)
        counts = (still == 0) & (days >= self._days)
        reached = np.where(counts, np.maximum(bank["sum"][whole] + unusual, 0), 0)
        bank["sum"][whole] = reached

        learns = (reached < self._limit) & ~self._condition.holds(sensor)
        weight = np.where(learns, 1 / (np.minimum(days, _MEMORY) + np.float32(1)), 0).astype(np.float32)
        step = weight * (still - mean)
        bank["mean"][whole] = mean + step
        bank["variance"][whole] = (1 - weight) * (variance + step * (still - mean))
        bank["days"][whole] = days + (learns & (days < _MEMORY))
        for column in ("flow", "chain"):
            bank[column][closing, 1] = bank[column][closing, 0]
            bank[column][closing, 0] = np.inf
        for column in ("covered", "still"):
            bank[column][closing] = 0
        bank["day"][closing] = day[turned]
        return turned

    def _keep(self, name: str, runs: Runs, at: Positions, flow: NDArray[np.float32], end: Positions) -> None:
        """Remember the least flow of today and of yesterday; rows up to `end`, which they inherit, do not count."""
        least, at, last = self._bank[name], at[heads(runs)], end[tails(runs)]
        counts = np.arange(len(flow)) > told(runs, last)
        own = gathered(runs, np.minimum, np.where(counts, flow, np.float32(np.inf)))
        anew = last >= 0
        least[at, 0] = np.where(anew, own, np.minimum(own, least[at, 0]))
        least[at[anew], 1] = np.inf

    def _tell(self, sensor: int, onset: int, time: int, known: int, least: float, *, enough: bool) -> list[Finding]:
        """Raise a leak, or say that it has grown worse; nothing where it has not."""
        own = self._bank.one(sensor)
        already = int(own["severity"])
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

    def _end(self, sensor: int, time: int) -> Finding:
        own = self._bank.one(sensor)
        severity = Severity(int(own["severity"]))
        own["severity"] = 0
        return replace(self._condition.end(sensor, time), severity=severity)

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
