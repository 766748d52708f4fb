"""Has a device fallen silent for longer than it ever does? A maintenance ticket, not an alarm for a life."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.bank import NEVER, Bank, Column, pack, unpack
from detectors.device_condition import DeviceCondition
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.receptions import receptions_of
from detectors.records import read
from detectors.rule import Amount, Rule
from detectors.runs import Positions
from registry.instants import HOUR, SECOND
from registry.readings import Observations, SensorTable, Times

_OCTAVES = 24
_ENOUGH = 1000
_FULL = 0xFFFF


class Offline:
    """Raises when nothing of a device was heard for max(`hours`, its own p99.9 gap); judged by `received`.

    Gaps between receptions are counted in logarithmic bins from 1 s to 194 days: one to an octave below
    `hours`, where p99.9 changes nothing, four to an octave above. p99.9 is the upper edge of its bin, and
    counts from 1,000 gaps on (DESIGN §7). The onset is when the device was last heard, the time that plus the
    limit: the same whether `tick` saw it or only the next reading, which then also clears it. Time in which
    the service itself heard nothing does not count, see `deaf`. 162 bytes a device with 24 `hours`.
    """

    def __init__(self, sensors: SensorTable, name: str = "offline", *, hours: float = 24.0) -> None:
        self.name = name
        self._about = f"offline 2 {hours}"
        self._sensors = sensors
        self._least = round(hours * HOUR)
        self._edges, self._short = _edges(self._least)
        self._condition = DeviceCondition(
            sensors, name, Kind.OFFLINE, Severity.LOW,
            Column("heard", "i8", NEVER),  # last reception
            Column("excused", "i8", 0),  # how long the service itself was deaf since
        )  # fmt: skip
        # Banks of their own: what every reading touches stays close together.
        self._gaps = Bank(Column("short", "u4", 0, self._short))
        self._pauses = Bank(Column("long", "u2", 0, len(self._edges) - 1 - self._short))
        self._due = NEVER  # nobody is silent for too long before; not a state

    def observe(self, batch: Observations) -> list[Finding]:
        """Take note of who was heard, and when."""
        if not len(batch):
            return []
        bank = self._reach()
        seen = receptions_of(batch, self._sensors)
        key, received = seen.runs.key, seen.received
        self._due = min(self._due, int(received.min()) + self._least)
        before = read(bank, key)
        known = before["heard"]
        # A reception at the very moment of the last one, or before, says nothing new.
        last = np.maximum(seen.runs.previous(received, known), known)
        waited = (last == known) & (received > last)
        excused = np.where(waited, before["excused"], 0)
        silent = np.where((last == NEVER) | (received <= last), 0, received - last - excused)
        new = np.flatnonzero(known == NEVER)
        bank["sensor"][key[new]] = seen.sensor[new]

        findings: list[Finding] = []
        returned = waited & (before["raised"] != NEVER)
        learned = 0
        for row in np.flatnonzero(returned | (silent > self._least)):
            self._learn(key[learned:row], silent[learned:row])
            learned = int(row)
            device = int(key[row])
            if not returned[row]:
                limit = self._limit(device)
                if silent[row] <= limit:
                    continue
                onset = int(last[row])
                findings.append(self._raise(device, onset, onset + int(excused[row]) + limit))
            findings.append(self._condition.end(device, int(received[row])))
        self._learn(key[learned:], silent[learned:])

        tail = np.flatnonzero(seen.runs.tail)
        bank["heard"][key[tail]] = np.maximum(received, known)[tail]
        bank["excused"][key[np.flatnonzero(excused)]] = 0
        return findings

    def tick(self, now: int) -> list[Finding]:
        """Raise what has been silent too long by `now`, the clock by which readings are received."""
        if now <= self._due:
            return []
        bank = self._condition.reach()
        heard = bank["heard"]
        due = heard + bank["excused"] + self._least
        due[(heard == NEVER) | (bank["raised"] != NEVER)] = 2**62
        findings = []
        for device in np.flatnonzero(due < now).tolist():
            due[device] += self._limit(device) - self._least
            if now > due[device]:
                findings.append(self._raise(device, int(heard[device]), int(due[device])))
                due[device] = 2**62
        self._due = int(due.min())
        return findings

    def deaf(self, since: int, until: int) -> None:
        """Excuse everybody for the time from `since` to `until`, in which the service could hear nobody.

        To be called once, before what was received after `until` is observed.
        """
        bank = self._condition.reach()
        waiting = (bank["heard"] != NEVER) & (bank["raised"] == NEVER)
        bank["excused"][waiting] += max(until - since, 0)

    def _reach(self) -> Bank:
        self._gaps.reach(len(self._sensors.devices))
        self._pauses.reach(len(self._sensors.devices))
        return self._condition.reach()

    def _learn(self, device: NDArray[np.int32], silent: Times) -> None:
        pause = silent >= self._edges[self._short]
        gap = np.flatnonzero((silent >= SECOND) & ~pause)
        octave = np.minimum(np.frexp(silent[gap] / SECOND)[1] - 1, self._short - 1)
        np.add.at(self._gaps["short"].reshape(-1), device[gap] * self._short + octave, np.uint32(1))
        rows = np.flatnonzero(pause)
        if len(rows):
            width = len(self._edges) - 1 - self._short
            at = np.searchsorted(self._edges, silent[rows], side="right") - 1 - self._short
            cell, count = np.unique(device[rows] * width + np.minimum(at, width - 1), return_counts=True)
            pauses = self._pauses["long"].reshape(-1)
            pauses[cell] = np.minimum(pauses[cell] + count, _FULL)

    def _known(self, device: int) -> Positions:
        short, long = self._gaps["short"][device], self._pauses["long"][device]
        return np.cumsum(np.concatenate((short, long), dtype=np.int64))

    def _quantile(self, gaps: Positions, share: float) -> int:
        return int(self._edges[1 + np.searchsorted(gaps, share * gaps[-1])])

    def _limit(self, device: int) -> int:
        gaps = self._known(device)
        return self._least if gaps[-1] < _ENOUGH else max(self._least, self._quantile(gaps, 0.999))

    def _raise(self, device: int, onset: int, time: int) -> Finding:
        gaps = self._known(device)
        facts: dict[str, Fact] = {
            "template": "offline",
            "heard_at": onset,
            "lasted": (time - onset) / SECOND,
            "limit": self._limit(device) / SECOND,
            "usual": self._quantile(gaps, 0.5) / SECOND if gaps[-1] else 0.0,
            "gaps": int(gaps[-1]),
        }
        return self._condition.begin(device, onset, time, facts)

    def snapshot(self) -> bytes:
        """Return the whole state."""
        self._reach()
        short, long = (self._condition.known(bank) for bank in (self._gaps, self._pauses))
        return pack(self._about, {**self._condition.rows(), "short": short, "long": long})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; devices that the table does not know are left out.

        Raises:
            StateError: it is none.
        """
        saved = unpack(state, self._about)
        self._due = NEVER
        now, then = self._condition.take(saved)
        for bank, column in ((self._gaps, "short"), (self._pauses, "long")):
            bank.take(saved[column][:0])
            bank.reach(len(self._sensors.devices))
            bank.rows()[now] = saved[column][then]


def _edges(least: int) -> tuple[Times, int]:
    """Return the edges of the bins, and how many of these are below `least` microseconds."""
    quarter = max(min(math.floor(4 * math.log2(max(least, SECOND) / SECOND)), 4 * _OCTAVES - 4), 1)
    steps = np.concatenate((np.arange(0, quarter, 4), np.arange(quarter, 4 * _OCTAVES + 1)))
    return np.round(2.0 ** (steps / 4) * SECOND).astype(np.int64), len(range(0, quarter, 4))


class OfflineRule(Rule, tag="offline"):
    """`type = "offline"`."""

    hours: Amount = 24.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Offline(sensors, self.name, hours=self.hours)
