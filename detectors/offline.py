"""Has a device fallen silent for longer than it ever does? A maintenance ticket, not an alarm for a life."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.bank import NEVER, Bank, Column, pack, unpack
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule
from detectors.runs import Mask, Positions, Runs
from registry.instants import HOUR, SECOND
from registry.readings import Observations, SensorTable

_EDGES = np.round(2.0 ** (np.arange(97) / 4) * SECOND).astype(np.int64)
_BINS = len(_EDGES) - 1
_ENOUGH = 1000


class Offline:
    """Raises when nothing of a device was heard for max(`hours`, its own p99.9 gap); judged by `received`.

    Gaps between receptions are counted in logarithmic bins, four to an octave from 1 s to 194 days; p99.9 is
    the upper edge of its bin, and counts from 1,000 gaps on (DESIGN §7). The onset is when the device was last
    heard, the time that plus the limit: the same whether `tick` saw it or only the next reading, which then
    also clears it. Time in which the service itself heard nothing does not count, see `deaf`. 424 bytes a
    device.
    """

    def __init__(self, sensors: SensorTable, name: str = "offline", *, hours: float = 24.0) -> None:
        self.name = name
        self._about = f"offline {hours}"
        self._sensors = sensors
        self._least = round(hours * HOUR)
        self._bank = Bank(
            Column("heard", "i8", NEVER),  # last reception
            Column("excused", "i8", 0),  # how long the service itself was deaf since
            Column("raised", "i8", NEVER),  # onset of what is raised
            Column("sensor", "i4", 0),  # one of the device's sensors: it knows the household
            Column("gaps", "u4", 0, _BINS),
            Column("known", "u4", 0),  # gaps counted
        )

    def observe(self, batch: Observations) -> list[Finding]:
        """Take note of who was heard, and when."""
        if not len(batch):
            return []
        bank = self._bank
        bank.reach(len(self._sensors.devices))
        arrival = np.argsort(batch.received, kind="stable")
        sensor = batch.sensor[arrival]
        runs = Runs.of(self._sensors.device[sensor])
        key = runs.key
        heard = np.maximum(batch.received[arrival][runs.order], bank["heard"][key])
        last = runs.previous(heard, bank["heard"][key])
        waited = last == bank["heard"][key]  # nothing newer was heard in this batch before this row
        excused = np.where(waited, bank["excused"][key], 0)
        silent = np.where(last == NEVER, 0, heard - last - excused)
        bin_of = np.searchsorted(_EDGES, silent, side="right") - 1
        counted = bin_of >= 0
        np.clip(bin_of, 0, _BINS - 1, out=bin_of)
        bank["sensor"][key[runs.tail]] = sensor[runs.order][runs.tail]

        findings: list[Finding] = []
        returned = waited & (bank["raised"][key] != NEVER) & (heard > last)
        learned = 0
        for row in np.flatnonzero(returned | (silent > self._least)):
            self._learn(key, bin_of, counted, learned, int(row))
            learned = int(row)
            device = int(key[row])
            if not returned[row]:
                limit = self._limit(device)
                if silent[row] <= limit:
                    continue
                onset = int(last[row])
                findings.append(self._raise(device, onset, onset + int(excused[row]) + limit))
            findings.append(self._clear(device, int(heard[row])))
        self._learn(key, bin_of, counted, learned, len(key))

        bank["heard"][key[runs.tail]] = heard[runs.tail]
        # A reception at the very moment of the last one says nothing new, so it leaves what was excused.
        fresh = key[heard > last]
        bank["excused"][fresh] = 0
        return findings

    def tick(self, now: int) -> list[Finding]:
        """Raise what has been silent too long by `now`, the clock by which readings are received."""
        bank = self._bank
        bank.reach(len(self._sensors.devices))
        heard, excused = bank["heard"], bank["excused"]
        waiting = (heard != NEVER) & (bank["raised"] == NEVER)
        findings = []
        for device in np.flatnonzero(waiting & (now - heard - excused > self._least)):
            due = int(heard[device] + excused[device]) + self._limit(int(device))
            if now > due:
                findings.append(self._raise(int(device), int(heard[device]), due))
        return findings

    def deaf(self, since: int, until: int) -> None:
        """Excuse everybody for the time from `since` to `until`, in which the service could hear nobody.

        To be called once, before what was received after `until` is observed.
        """
        bank = self._bank
        waiting = (bank["heard"] != NEVER) & (bank["raised"] == NEVER)
        bank["excused"][waiting] += max(until - since, 0)

    def _learn(self, key: NDArray[np.int32], bin_of: Positions, counted: Mask, low: int, high: int) -> None:
        rows = np.arange(low, high)[counted[low:high]]
        np.add.at(self._bank["gaps"], (key[rows], bin_of[rows]), 1)
        np.add.at(self._bank["known"], key[rows], 1)

    def _quantile(self, device: int, share: float) -> int:
        counts = np.cumsum(self._bank["gaps"][device])
        return int(_EDGES[1 + np.searchsorted(counts, share * counts[-1])])

    def _limit(self, device: int) -> int:
        if self._bank["known"][device] < _ENOUGH:
            return self._least
        return max(self._least, self._quantile(device, 0.999))

    def _raise(self, device: int, onset: int, time: int) -> Finding:
        self._bank["raised"][device] = onset
        known = int(self._bank["known"][device])
        facts: dict[str, Fact] = {
            "template": "offline",
            "heard_at": onset,
            "lasted": (time - onset) / SECOND,
            "limit": self._limit(device) / SECOND,
            "usual": self._quantile(device, 0.5) / SECOND if known else 0.0,
            "gaps": known,
        }
        return self._finding(device, Phase.RAISED, onset=onset, time=time, facts=facts)

    def _clear(self, device: int, time: int) -> Finding:
        onset = int(self._bank["raised"][device])
        self._bank["raised"][device] = NEVER
        return self._finding(device, Phase.CLEARED, onset=onset, time=time, facts={"lasted": (time - onset) / SECOND})

    def _finding(self, device: int, phase: Phase, *, onset: int, time: int, facts: dict[str, Fact]) -> Finding:
        return Finding(
            household=self._sensors.household_of(int(self._bank["sensor"][device])),
            kind=Kind.OFFLINE,
            rule=self.name,
            source=self._sensors.devices[device],
            phase=phase,
            severity=Severity.LOW,
            onset=onset,
            time=time,
            score=1.0 if phase is Phase.RAISED else 0.0,
            facts=facts,
        )

    def snapshot(self) -> bytes:
        """Return the whole state; devices by name, since their numbers are those of one process."""
        self._bank.reach(len(self._sensors.devices))
        rows = self._bank.rows()[: len(self._sensors.devices)]
        return pack(self._about, {"devices": rows, "names": np.array(self._sensors.devices, np.str_)})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; devices that the table does not know are left out.

        Raises:
            StateError: it is none.
        """
        saved = unpack(state, self._about)
        self._bank.take(saved["devices"][:0])
        self._bank.reach(len(self._sensors.devices))
        number = {name: at for at, name in enumerate(self._sensors.devices)}
        for row, name in zip(saved["devices"], saved["names"], strict=True):
            if str(name) in number:
                self._bank.rows()[number[str(name)]] = row


class OfflineRule(Rule, tag="offline"):
    """`type = "offline"`."""

    hours: Amount = 24.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Offline(sensors, self.name, hours=self.hours)
