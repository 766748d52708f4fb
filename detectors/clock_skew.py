"""Is a device's clock wrong? Its readings bear times that have not come yet, or that are late by a constant."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.bank import NEVER, Bank, Column, pack, unpack
from detectors.daily import tails
from detectors.device_condition import DeviceCondition
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.receptions import receptions_of
from detectors.records import read, write
from detectors.rule import Amount, Rule
from detectors.runs import Mask, Runs
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
    64 bytes a device.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "clock-skew",
        *, minutes: float = 2.0, times: int = 5, hours: float = 6.0, backlog_hours: float = 24.0,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"clock_skew {minutes} {times} {hours} {backlog_hours}"
        self._sensors = sensors
        self._limit = round(minutes * MINUTE / _MS)
        self._times = times
        self._span = round(hours * HOUR)
        self._prompt = round(backlog_hours * HOUR) // _MS
        self._condition = DeviceCondition(
            sensors, name, Kind.CLOCK, Severity.LOW,
            Column("heard", "i8", NEVER),  # last reception, not judged yet
            Column("newest", "i8", 0),  # its newest event time
            Column("least", "i4", _UNKNOWN),  # the least lag ever, but not below zero; ms
            Column("odd", "u1", 0),  # whether a streak is on
        )  # fmt: skip
        # A bank of its own, since few devices have a streak: what every reception touches stays close together.
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
        bank = self._condition.reach()
        seen = receptions_of(batch, self._sensors)
        runs, received = seen.runs, seen.received
        known = read(bank, runs.key)
        heard = known["heard"]
        # A reception that arrives in pieces is one; what was heard before the last one is not looked at.
        newest = np.where(runs.head & (received == heard), np.maximum(seen.newest, known["newest"]), seen.newest)
        last = runs.previous(received, heard)
        fresh = (received > last) & (last != NEVER) & (received > heard)
        lag = (last - runs.previous(newest, known["newest"])) // _MS
        judged = fresh & (np.abs(lag) < self._prompt)
        least = np.minimum(-runs.peak(-np.where(judged, np.maximum(lag, 0), _UNKNOWN)), known["least"])

        odd = judged & ((lag < -self._limit) | (lag > least + self._limit) | (known["odd"] != 0))
        tail = tails(runs)
        now = known[tail]
        new = np.flatnonzero(now["heard"] == NEVER)
        now["sensor"][new] = seen.sensor[tail][new]
        now["newest"] = np.where(received[tail] >= now["heard"], newest[tail], now["newest"])
        now["heard"] = np.maximum(received[tail], now["heard"])
        now["least"] = least[tail]
        write(bank, runs.key[tail], now)
        if not odd.any():
            return []
        rows = np.flatnonzero(judged & np.isin(runs.key, runs.key[odd]))
        return self._follow(Runs.grouped(runs.key[rows]), last[rows], lag[rows], least[rows])

    def _follow(self, runs: Runs, time: Times, lag: Times, least: Times) -> list[Finding]:
        """Go on with the streaks of devices, of which no reception may be left out from the first odd one on."""
        self._streaks.reach(len(self._sensors.devices))
        bank, known = self._condition.bank, read(self._streaks, runs.key)
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
        bank["odd"][runs.key[tail]] = (high | early | holds)[tail]
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
        self._streaks.reach(len(self._sensors.devices))
        return pack(self._about, {**self._condition.rows(), "streaks": self._condition.known(self._streaks)})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        now, then = self._condition.take(saved)
        self._streaks.take(saved["streaks"][:0])
        self._streaks.reach(len(self._sensors.devices))
        self._streaks.rows()[now] = saved["streaks"][then]


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
