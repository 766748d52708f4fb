"""Has a device fallen silent for longer than it ever does? A maintenance ticket, not an alarm for a life."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import NEVER, Bank, Column, pack, unpack
from detectors.columns.records import Records, read, write
from detectors.columns.runs import Positions
from detectors.devices.device_condition import DeviceCondition
from detectors.devices.receptions import receptions_of
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule
from registry.instants import HOUR, SECOND
from registry.readings import Observations, SensorTable, Times

_OCTAVES = 24
_ENOUGH = 1000
_FEW, _MOST, _OVERDUE = 3, 0.9, 1.5  # gaps from which on nine in ten are a habit, and how much longer it may be
_FULL = 0xFFFF


class Offline:
    """Raises when nothing of a device was heard for longer than it ever is silent; judged by `received`.

    The limit is the largest of `hours`, its own p99.9 gap (from 1,000 gaps on, DESIGN §7), and half as much again as
    nine in ten of its gaps (from 3 on): a device that speaks once a day is given its day and some. Gaps between
    receptions are counted in logarithmic bins from 1 s to 194 days: one to an octave below `hours`, where p99.9
    changes nothing, four to an octave above; a quantile is the upper edge of its bin. The onset is when the device
    was last heard, the time that plus the limit: the same whether `tick` saw it or only the next reading, which then
    also clears it. Time in which the service itself heard nothing does not count, see `deaf`. 170 bytes a device
    with 24 `hours`.
    """

    def __init__(self, sensors: SensorTable, name: str = "offline", *, hours: float = 24.0) -> None:
        self.name = name
        self._about = f"offline 3 {hours}"
        self._sensors = sensors
        self._least = round(hours * HOUR)
        self._edges, self._short = _edges(self._least)
        self._condition = DeviceCondition(
            sensors, name, Kind.OFFLINE, Severity.LOW,
            Column("excused", "i8", 0),  # how long the service itself was deaf since it was heard
        )  # fmt: skip
        # Banks of their own: what every reception touches stays close together. Most gaps of a device lie in one bin,
        # so those that follow one another there are only told to the bins when another one comes.
        self._last = Bank(
            Column("heard", "i8", NEVER),  # last reception
            Column("same", "u4", 0),  # gaps in a row, in the octave below, that the bins do not know yet
            Column("octave", "u1", 0),
            Column("marked", "u1", 0),  # whether it may be raised or excused
        )
        self._gaps = Bank(Column("short", "u4", 0, self._short))
        self._pauses = Bank(Column("long", "u2", 0, len(self._edges) - 1 - self._short))
        self._due = NEVER  # nobody is silent for too long before; not a state

    def observe(self, batch: Observations) -> list[Finding]:
        """Take note of who was heard, and when."""
        if not len(batch):
            return []
        bank = self._reach()
        seen = receptions_of(batch, self._sensors)
        runs, key, received = seen.runs, seen.runs.key, seen.received
        self._due = min(self._due, int(received.min()) + self._least)
        before = read(self._last, key)
        known = before["heard"].copy()
        # A reception at the very moment of the last one, or before, says nothing new.
        last = known if runs.single else np.maximum(runs.previous(received, known), known)
        silent = np.maximum(received - last, 0)
        new = np.flatnonzero(known == NEVER)
        if len(new):
            bank["sensor"][key[new]] = seen.sensor[new]
            silent[last == NEVER] = 0
        marked = np.flatnonzero(before["marked"])
        marked = marked[(last[marked] == known[marked]) & (received[marked] > last[marked])]
        excused = bank["excused"][key[marked]]
        silent[marked] -= excused
        bank["excused"][key[marked]] = 0
        returned = marked[bank["raised"][key[marked]] != NEVER]
        self._last["marked"][key[marked]] = 0
        before["marked"][marked] = 0

        findings: list[Finding] = []
        learned = 0
        long = np.flatnonzero(silent > self._least)
        for row in np.union1d(returned, long).tolist() if len(returned) else long.tolist():
            if not runs.single:
                self._learn(key[learned:row], silent[learned:row])
                learned = row
            device = int(key[row])
            if bank["raised"][device] == NEVER:
                limit = self._limit(device)
                if silent[row] <= limit:
                    continue
                onset = int(last[row])
                spared = int(received[row]) - onset - int(silent[row])
                findings.append(self._raise(device, onset, onset + spared + limit))
            findings.append(self._condition.end(device, int(received[row])))
            self._last["marked"][device] = 0
        if runs.single:
            before["heard"] = np.maximum(received, known)
            self._learn_each(key, silent, before)
            write(self._last, key, before)
        else:
            self._learn(key[learned:], silent[learned:])
            tail = np.flatnonzero(runs.tail)
            self._last["heard"][key[tail]] = np.maximum(received, known)[tail]
        return findings

    def tick(self, now: int) -> list[Finding]:
        """Raise what has been silent too long by `now`, the clock by which readings are received."""
        if now <= self._due:
            return []
        bank = self._reach()
        size = len(bank.rows())
        heard = self._last.rows()["heard"][:size]
        due = heard + bank["excused"][:size] + self._least
        due[(heard == NEVER) | (bank["raised"][:size] != NEVER)] = 2**62
        findings = []
        for device in np.flatnonzero(due < now).tolist():
            due[device] += self._limit(device) - self._least
            if now > due[device]:
                findings.append(self._raise(device, int(heard[device]), int(due[device])))
                due[device] = 2**62
        self._due = int(due.min(initial=2**62))
        return findings

    def deaf(self, since: int, until: int) -> None:
        """Excuse everybody for the time from `since` to `until`, in which the service could hear nobody.

        To be called once, before what was received after `until` is observed.
        """
        bank = self._reach().rows()
        last = self._last.rows()[: len(bank)]
        waiting = (last["heard"] != NEVER) & (bank["raised"] == NEVER)
        bank["excused"][waiting] += max(until - since, 0)
        last["marked"][waiting] = 1

    def _reach(self) -> Bank:
        for bank in (self._last, self._gaps, self._pauses):
            bank.reach(len(self._sensors.devices))
        return self._condition.reach()

    def _learn_each(self, device: NDArray[np.int32], silent: Times, last: Records) -> None:
        """Count gaps of devices each there once; `last` is their rows, to be written afterwards."""
        pause = silent >= self._edges[self._short]
        gap, octave = (silent >= SECOND) & ~pause, _octave(silent)
        usual = gap & (octave == last["octave"])
        last["same"] += usual
        rows = np.flatnonzero(pause)
        if len(rows):
            self._learn(device[rows], silent[rows])
        others = np.flatnonzero(gap ^ usual)
        self._settle(device[others], last[others])
        last["same"][others] = 1
        last["octave"][others] = octave[others]

    def _settle(self, device: NDArray[np.integer], last: Records) -> None:
        """Tell the bins what they do not know yet."""
        at = device * self._short + last["octave"]
        np.add.at(self._gaps["short"].reshape(-1), at, last["same"])

    def _learn(self, device: NDArray[np.int32], silent: Times) -> None:
        pause = silent >= self._edges[self._short]
        gap = np.flatnonzero((silent >= SECOND) & ~pause)
        octave = np.minimum(_octave(silent[gap]), self._short - 1)
        np.add.at(self._gaps["short"].reshape(-1), device[gap] * self._short + octave, np.uint32(1))
        rows = np.flatnonzero(pause)
        if len(rows):
            width = len(self._edges) - 1 - self._short
            at = np.searchsorted(self._edges, silent[rows], side="right") - 1 - self._short
            cell, count = np.unique(device[rows] * width + np.minimum(at, width - 1), return_counts=True)
            pauses = self._pauses["long"].reshape(-1)
            pauses[cell] = np.minimum(pauses[cell] + count, _FULL)

    def _known(self, device: int) -> Positions:
        short, long, last = self._gaps["short"][device], self._pauses["long"][device], self._last.rows()[device]
        counts = np.concatenate((short, long), dtype=np.int64)
        counts[last["octave"]] += last["same"]
        return np.cumsum(counts)

    def _quantile(self, gaps: Positions, share: float) -> int:
        return int(self._edges[1 + np.searchsorted(gaps, share * gaps[-1])])

    def _limit(self, device: int) -> int:
        gaps = self._known(device)
        if gaps[-1] < _FEW:
            return self._least
        habit = round(_OVERDUE * self._quantile(gaps, _MOST))
        return max(self._least, habit, self._quantile(gaps, 0.999) if gaps[-1] >= _ENOUGH else 0)

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
        self._last["marked"][device] = 1
        return self._condition.begin(device, onset, time, facts)

    def snapshot(self) -> bytes:
        """Return the whole state."""
        self._reach()
        last = self._condition.known(self._last)
        waiting = np.flatnonzero(last["same"])
        self._settle(waiting, last[waiting])
        last["same"], last["octave"] = 0, 0  # equal states are equal bytes, however their readings were cut
        short, long = (self._condition.known(bank) for bank in (self._gaps, self._pauses))
        return pack(self._about, {**self._condition.rows(), "last": last, "short": short, "long": long})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; devices that the table does not know are left out.

        Raises:
            StateError: it is none.
        """
        saved = unpack(state, self._about)
        self._due = NEVER
        now, then = self._condition.take(saved)
        for bank, column in ((self._last, "last"), (self._gaps, "short"), (self._pauses, "long")):
            bank.take(saved[column][:0])
            bank.reach(len(self._sensors.devices))
            bank.rows()[now] = saved[column][then]


def _octave(silent: Times) -> Times:
    """Return the power of two below times, in seconds: the exponent of the number itself."""
    octave: Times = ((silent / SECOND).view(np.int64) >> 52) - 1023
    return octave


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
