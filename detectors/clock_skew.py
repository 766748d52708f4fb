"""Is a device's clock wrong? Its readings bear times that have not come yet, or that are late by a constant."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.calendar.day_pieces import tails
from detectors.columns.bank import NEVER, Bank, Column, pack, unpack
from detectors.columns.records import read, write
from detectors.columns.runs import Mask, Runs
from detectors.devices.device_condition import DeviceCondition
from detectors.devices.receptions import receptions_of
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule
from registry.instants import HOUR, MINUTE, SECOND
from registry.readings import Observations, SensorTable, Times

_MS = 1000  # microseconds; lags are kept in milliseconds
_STEADY = 30 * SECOND // _MS
_UNKNOWN = 2**31 - 1
_MOST = 0xFF


class ClockSkew:
    """Raises when `times` receptions in a row show that a device's clock runs `minutes` or more ahead, or behind.

    The lag of a reception is when it was heard minus its newest event time. Ahead: the lag is below -`minutes`;
    no delivery is faster than light. Behind: the lag is the same to 30 s each time and for `hours`, by more
    than `minutes` above the least lag this device ever had. A delivery that is delayed varies; one that was
    always late (a meter read at midnight and sent at six) is the device's habit, and cannot be told from a
    clock that was wrong from the first day. Lags of more than `backlog_hours` are a backlog or a recording that is
    replayed and say nothing; a recording whose clock is its own newest reading has none.

    A reception counts when the next one comes, since its readings may arrive in pieces. Cleared after as many
    receptions without it in a row. Source of 2 minutes and of 5 receptions: ours, an hour's slot can stand it.
    57 bytes a device.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "clock-skew",
        *, minutes: float = 2.0, times: int = 5, hours: float = 6.0, backlog_hours: float = 24.0,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"clock_skew 2 {minutes} {times} {hours} {backlog_hours}"
        self._sensors = sensors
        self._limit = round(minutes * MINUTE / _MS)
        self._times = times
        self._span = round(hours * HOUR)
        self._prompt = round(backlog_hours * HOUR) // _MS
        self._condition = DeviceCondition(sensors, name, Kind.CLOCK, Severity.LOW)
        # Banks of their own, since few devices have a streak: what every reception touches stays close together, and
        # rows of 16 bytes are moved in one piece.
        self._last = Bank(
            Column("heard", "i8", NEVER),  # last reception, not judged yet
            Column("lag", "i4", _UNKNOWN),  # of it, ms
            Column("least", "i4", _UNKNOWN),  # the least lag ever, but not below zero; ms
        )
        self._odd = Bank(Column("odd", "?", 0))  # whether a streak is on
        self._streaks = Bank(
            Column("since", "i8", 0),  # when it began
            Column("lag", "i4", 0),  # of the last reception, ms
            Column("anchor", "i4", 0),  # of the streak's first
            Column("high", "u1", 0),  # whether it was high above the least
            Column("ahead", "u1", 0),  # receptions ahead in a row
            Column("steady", "u1", 0),  # receptions behind by the same in a row
            Column("well", "u1", 0),  # receptions in a row that are neither
        )

    def observe(self, batch: Observations) -> list[Finding]:
        """Compare event times with receptions."""
        if not len(batch):
            return []
        for bank in (self._last, self._odd):
            bank.reach(len(self._sensors.devices))
        seen = receptions_of(batch, self._sensors)
        runs, received = seen.runs, seen.received
        known = read(self._last, runs.key)
        heard, before = known["heard"].copy(), known["lag"].copy()
        now = (received - seen.newest) // _MS
        np.clip(now, -_UNKNOWN, _UNKNOWN, out=now)
        # A reception that arrives in pieces is one; what was heard before the last one is not looked at.
        stale = np.flatnonzero(received <= heard)
        pieces = stale[runs.head[stale] & (received[stale] == heard[stale])]
        now[pieces] = np.minimum(now[pieces], before[pieces])
        last, lag = runs.previous(received, heard), runs.previous(now, before)
        judged = np.abs(lag) < self._prompt
        judged[stale] = False
        least = np.where(judged, np.maximum(lag, 0), _UNKNOWN)
        least = np.minimum(least if runs.single else -runs.peak(-least), known["least"])

        odd = (lag < -self._limit) | (lag - least > self._limit)
        odd |= self._odd["odd"].take(runs.key)
        odd &= judged
        tail, new = tails(runs), np.flatnonzero(heard == NEVER)
        late = stale[runs.tail[stale] & (received[stale] < heard[stale])]
        if len(new):
            self._condition.reach()["sensor"][runs.key[new]] = seen.sensor[new]
        known["heard"], known["lag"], known["least"] = received, now, least
        known["heard"][late], known["lag"][late] = heard[late], before[late]
        write(self._last, runs.key[tail], known[tail])
        if not odd.any():
            return []
        rows = np.flatnonzero(judged & np.isin(runs.key, runs.key[odd]))
        return self._follow(Runs.grouped(runs.key[rows]), last[rows], lag[rows], least[rows])

    def _follow(self, runs: Runs, time: Times, lag: Times, least: Times) -> list[Finding]:
        """Go on with the streaks of devices, of which no reception may be left out from the first odd one on."""
        self._streaks.reach(len(self._sensors.devices))
        bank, known = self._condition.reach(), read(self._streaks, runs.key)
        early, high = lag < -self._limit, lag > least + self._limit
        like = np.abs(lag - runs.previous(lag, known["lag"])) <= _STEADY
        same = high & runs.previous(high, known["high"] != 0) & like
        ahead = _in_a_row(runs, early, known["ahead"])
        steady = _in_a_row(runs, same, known["steady"])
        well = _in_a_row(runs, ~early & ~high, known["well"])
        begins = (high & ~same) | (early & (ahead == 1))
        since = runs.filled(time, begins, known["since"])
        anchor = runs.filled(lag, begins, known["anchor"])
        behind = (steady >= self._times) & (np.abs(lag - anchor) <= _STEADY) & (time - since >= self._span)
        was = bank["raised"][runs.key] != NEVER
        holds = runs.switch((ahead >= self._times) | behind, well >= self._times, was)

        tail = np.flatnonzero(runs.tail)
        for column, value in (
            ("since", since), ("lag", lag), ("anchor", anchor), ("high", high),
            ("ahead", ahead), ("steady", steady), ("well", well),
        ):  # fmt: skip
            self._streaks[column][runs.key[tail]] = value[tail]
        self._odd["odd"][runs.key[tail]] = (high | early | holds)[tail]
        findings = []
        for row in np.flatnonzero(holds != runs.previous(holds, was)):
            device, began, now = int(runs.key[row]), int(since[row]), int(time[row])
            if not holds[row]:
                findings.append(self._condition.end(device, now))
                continue
            facts: dict[str, Fact] = {
                "template": "clock_behind" if high[row] else "clock_ahead",
                "skew": float(lag[row] - least[row] if high[row] else -lag[row]) / 1000,
                "usual": float(least[row]) / 1000,
                "readings": int(steady[row] + 1 if high[row] else ahead[row]),
                "since_at": began,
            }
            findings.append(self._condition.begin(device, began, now, facts))
        return findings

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: a clock is judged by what its device sends."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        saved = self._condition.rows()
        for bank, column in ((self._last, "last"), (self._odd, "odd"), (self._streaks, "streaks")):
            bank.reach(len(self._sensors.devices))
            saved[column] = self._condition.known(bank)
        return pack(self._about, saved)

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        now, then = self._condition.take(saved)
        for bank, column in ((self._last, "last"), (self._odd, "odd"), (self._streaks, "streaks")):
            bank.take(saved[column][:0])
            bank.reach(len(self._sensors.devices))
            bank.rows()[now] = saved[column][then]


def _in_a_row(runs: Runs, marked: Mask, before: NDArray[np.uint8]) -> Times:
    """Return how many rows up to each are marked without a break, at most 255."""
    rest = runs.latest(~marked)
    at = np.arange(len(marked))
    count = np.where(rest >= 0, at - rest, at - runs.start + 1 + before.astype(np.int64))
    return np.minimum(count, _MOST)


class ClockSkewRule(Rule, tag="clock_skew"):
    """`type = "clock_skew"`."""

    minutes: Amount = 2.0
    times: Annotated[int, msgspec.Meta(ge=1, le=_MOST)] = 5
    hours: Amount = 6.0
    backlog_hours: Annotated[float, msgspec.Meta(gt=0, le=500)] = 24.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return ClockSkew(
            sensors,
            self.name,
            minutes=self.minutes,
            times=self.times,
            hours=self.hours,
            backlog_hours=self.backlog_hours,
        )
