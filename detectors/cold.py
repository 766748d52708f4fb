"""Is a home colder than is healthy, and colder than it usually is? The heating has failed, or is not turned on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.clock_hours import hour_ends
from detectors.columns.bank import Column, QuantityBank, pack, unpack
from detectors.columns.records import Records, read, write
from detectors.columns.runs import Mask
from detectors.columns.slices import slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule, RulesError, Share
from registry.instants import HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Observations, Sensors, SensorTable, Times, Values

_BINS = 20  # degrees below which hours are counted one by one; from there on it is not cold
_OLD = 1440  # hours (60 days) after which the past counts half
_WARMER = 0.5  # °C above `cool` at which the milder levels end
_RISEN = 2.0  # °C above `cold` at which the highest ends
_DAY = 24


class Cold:
    """Raises `COLD` below `cool` °C for 6 h, if fewer than `share` of this home's hours were as cold, and below `cold`.

    LOW at 6 h below `cool`, MEDIUM at 24 h; HIGH at 3 h below `cold` or at 1 h below `bitter`, whatever is usual here.
    A room is judged once an hour, by the first reading after the hour, so a window opened for ten minutes is mostly not
    seen; readings more than two hours apart are not judged. What is usual are the hours spent at each degree, those
    older than 60 days counting half; 72 hours must be known. A registered absence suppresses what has not been raised
    and is not learned. Cleared at half a degree above `cool`, or two above `cold` once it was HIGH.

    Sources: the WHO Housing and health guidelines (2018) recommend at least 18 °C. Below 16 °C resistance to
    respiratory infection falls, below 12 °C blood pressure rises, and at 9 °C or below the core temperature of
    resting elderly people falls after two hours (Collins, Low indoor temperatures and morbidity in the elderly, Age and
    Ageing 15, 1986); 10 °C leaves a margin. A temperature sensor in a smoke detector hangs where a room is warmest, so
    it errs towards silence. 88 bytes a sensor.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "cold",
        *, cool: float = 16.0, cold: float = 12.0, bitter: float = 10.0, share: float = 0.02,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"cold {cool} {cold} {bitter} {share}"
        self._sensors = sensors
        self._limits = np.array([cool, cold, bitter])
        self._share = share
        self._bank = QuantityBank(
            Column("hour", "i4", -1),  # the last hour that ended
            Column("known", "u2", 0),  # hours learned
            Column("below", "u2", 0, 3),  # hours in a row below each limit
            Column("severity", "u1", 0),
            Column("since", "i4", 0),  # the hour at whose beginning the raised cold began
            Column("hours", "u2", 0, _BINS),  # hours learned at each degree below `_BINS`
        )
        self._condition = Condition(sensors, name, Kind.COLD, Severity.LOW)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge temperatures."""
        piece = slice_of(batch, self._sensors, Quantity.TEMPERATURE)
        if not len(piece):
            return []
        bank = self._bank
        ends = hour_ends(batch, self._sensors, Quantity.TEMPERATURE)
        if not len(ends.row):
            return []
        key, hour, tail = ends.runs.key, ends.hour, ends.runs.tail
        at = bank.at(key)
        last = bank["hour"][at]
        follows = ends.follows(last)
        bank["hour"][at[tail]] = ends.chained[tail]
        time, value = piece.time[ends.row], piece.value[ends.row]
        new = ends.runs.head & (last < 0)
        self._condition.seen(key[new], time[new])
        findings: list[Finding] = []
        for rows in ends.rounds():
            own = read(bank, at[rows])
            findings += self._hour(key[rows], own, value[rows], ends.away[rows], follows[rows], hour[rows], time[rows])
            write(bank, at[rows], own)
        return findings

    def _hour(
        self, sensor: Sensors, own: Records, value: Values, away: Mask, follows: Mask,
        hour: NDArray[np.int64], time: Times,
    ) -> list[Finding]:  # fmt: skip
        # Of n readings in a row below a limit, the first and the last lie n - 1 hours apart.
        run = np.where(follows[:, None], own["below"], 0) + 1
        run[value[:, None] >= self._limits] = 0
        own["below"] = np.minimum(run, 65535)
        degree = np.clip(value, 0, _BINS).astype(np.intp)
        cool = np.flatnonzero((run[:, 0] > 6) & (own["known"] >= 72))
        colder = np.cumsum(own["hours"][cool], axis=1)[np.arange(len(cool)), np.minimum(degree[cool], _BINS - 1)]
        unusual = np.zeros(len(value), np.bool_)
        unusual[cool] = colder < self._share * own["known"][cool]

        told = own["severity"].astype(np.int64)
        level = np.zeros(len(value), np.int64)
        level[(run[:, 0] > 6) & (unusual | (told > 0))] = Severity.LOW
        level[(run[:, 0] > _DAY) & (level == Severity.LOW)] = Severity.MEDIUM
        level[(run[:, 1] > 3) | (run[:, 2] > 1)] = Severity.HIGH
        level[away & (told == 0)] = 0
        warm = np.where(told == Severity.HIGH, self._limits[1] + _RISEN, self._limits[0] + _WARMER)
        ends = (told > 0) & (value >= warm)

        findings = []
        for row in np.flatnonzero(ends | (level > told)):
            if ends[row]:
                found = self._condition.end(int(sensor[row]), int(time[row]))
                findings.append(replace(found, severity=Severity(int(told[row]))))
                own["severity"][row] = 0
                continue
            why = self._why(own[row], run[row], int(level[row]), float(value[row]), int(hour[row]))
            if told[row]:
                why = why._replace(onset=int(own["since"][row]) * HOUR)
            own["severity"][row], own["since"][row] = level[row], why.onset // HOUR
            found = self._condition.begin(int(sensor[row]), int(time[row]), why)
            findings.append(replace(found, severity=Severity(int(level[row]))))

        learns = np.flatnonzero(~away)
        cold = learns[value[learns] < _BINS]
        own["hours"][cold, degree[cold]] += 1
        own["known"][learns] += 1
        for row in np.flatnonzero(own["known"] >= _OLD):
            own["known"][row] //= 2
            own["hours"][row] = (own["hours"][row] + 1) // 2
        return findings

    def _why(self, own: NDArray[np.void], run: NDArray[np.int64], level: int, value: float, hour: int) -> Raise:
        which = 0 if level < Severity.HIGH else 1 if run[1] > 3 else 2
        limit, lasted = float(self._limits[which]), (int(run[which]) - 1) * HOUR
        known = int(own["known"])
        onset = (hour + 1) * HOUR - lasted
        facts: dict[str, Fact] = {
            "template": "cold",
            "value": value,
            "limit": limit,
            "lasted": lasted / SECOND,
            "since_at": onset,
            "known": known if known >= _DAY else 0,
            "share": float(own["hours"][: int(min(limit, _BINS))].sum()) / max(known, 1),
        }
        return Raise(onset, max(limit - value, 0.1), facts)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(self._about, {"rooms": self._bank.saved(), "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["rooms"])
        self._condition.take(saved["condition"])


class ColdRule(Rule, tag="cold"):
    """`type = "cold"`."""

    cool: Amount = 16.0
    cold: Amount = 12.0
    bitter: Amount = 10.0
    share: Share = 0.02

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        if not self.bitter <= self.cold <= self.cool <= _BINS:
            raise RulesError(f"its limits must descend; write {_BINS} ≥ `cool` ≥ `cold` ≥ `bitter`")
        return Cold(sensors, self.name, cool=self.cool, cold=self.cold, bitter=self.bitter, share=self.share)
