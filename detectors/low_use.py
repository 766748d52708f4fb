"""Has a household used next to no water for too long? Less than some litres in a sliding window of hours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import Bank, Column, pack, unpack
from detectors.columns.runs import Positions
from detectors.columns.slices import slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule
from registry.instants import HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable, Values

_LEVELS = 32
_ANEW = Flag.FIRST | Flag.RESET


class LowUse:
    """Raises when less than `litres` were used in the last `hours`, as far as readings prove it.

    Let f(c) be the time at which the total was first seen at level c. At a reading at t the window of low use
    began at s = f(smallest c > total(t) - litres); t - s ≥ `hours` raises with onset s, and t - s < `hours`
    clears. Only a reading is judged: a meter that is not heard says nothing, and when it is heard again its
    register says what was used meanwhile. A reset starts a new window.

    Levels are remembered by the first reading in each of 30 cells of litres / 30 (1/3 L for 10 L: exact for a
    litre register). Levels in one cell count as its first, so that s is never too early and an alarm never
    too soon; it is late by at most the time in which litres / 30 were used.

    Source: Changning and Longgang less than 10 L in 12 h, Taicang in 24 h. 808 bytes a sensor.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "low-use", *, litres: float = 10.0, hours: float = 24.0
    ) -> None:
        self.name = name
        self._about = f"low_use {litres} {hours}"
        self._sensors = sensors
        self._litres = litres
        self._window = round(hours * HOUR)
        self._grain = litres / (_LEVELS - 2)
        self._bank = Bank(
            Column("count", "i8", 0),  # levels remembered, all above total - litres but for rounding
            Column("time", "i8", 0, _LEVELS),  # when each was first seen
            Column("level", "f8", 0.0, _LEVELS),
            Column("before", "i8", 0, _LEVELS),  # the longest pause known when it was first seen
            Column("longest", "i8", 0),  # the longest pause known now
        )
        self._condition = Condition(sensors, name, Kind.INACTIVITY, Severity.MEDIUM)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge water registers."""
        water = slice_of(batch, self._sensors, Quantity.VOLUME)
        if not len(water):
            return []
        bank = self._bank
        bank.reach(len(self._sensors))
        runs, key = water.runs, water.runs.key
        time, total = water.time, water.total

        # Which rows are remembered: the first of each cell, and every start of a new window.
        count = bank["count"][key]
        anew = (water.flags & _ANEW != 0) | (runs.head & (count == 0))
        cell = np.floor(total / self._grain)
        last_cell = np.floor(bank["level"][key, np.maximum(count - 1, 0)] / self._grain)
        kept = anew | (cell != runs.previous(cell, last_cell))

        # Levels of each run in one column: those remembered, then those of this batch.
        number = np.cumsum(runs.head) - 1
        ids = key[runs.head]
        held = bank["count"][ids]
        owner = np.repeat(np.arange(len(ids)), held)
        slot = np.arange(len(owner)) - np.repeat(np.cumsum(held) - held, held)
        of = np.concatenate((owner, number[kept]))
        together = np.argsort(of, kind="stable")
        base = np.searchsorted(of[together], np.arange(len(ids)))
        times = np.concatenate((bank["time"][ids[owner], slot], time[kept]))[together]
        levels = np.concatenate((bank["level"][ids[owner], slot], total[kept]))[together]
        before = np.concatenate((bank["before"][ids[owner], slot], time[kept]))[together]

        # The window of each row: levels from its last new start up to itself.
        seen = np.cumsum(kept)
        seen -= (seen - kept)[runs.start]
        upto = base[number] + count + seen
        start = runs.latest(anew)
        onset = _first_above(levels, total - self._litres, np.where(start >= 0, upto[start] - 1, base[number]), upto)
        since = times[onset]
        pause = time - since
        longest = np.maximum(runs.peak(pause), bank["longest"][key])
        before[upto[kept] - 1] = longest[kept]

        def describe(row: int) -> Raise:
            facts: dict[str, Fact] = {
                "template": "low_use",
                "limit": self._litres,
                "window": self._window / SECOND,
                "used": float(total[row] - levels[onset[row]]),
                "since_at": int(since[row]),
                "lasted": int(pause[row]) / SECOND,
                "longest": int(before[onset[row]]) / SECOND,
            }
            return Raise(int(since[row]), float(pause[row] / self._window), facts)

        tail = np.flatnonzero(runs.tail)
        bank["longest"][ids] = longest[tail]
        # Where no level came and none went, as in most quarters of an hour, what is remembered stays as it is.
        first = onset[tail]
        changed = np.flatnonzero((first != base) | (upto[tail] - base != held))
        ids, first, keep = ids[changed], first[changed], (upto[tail] - onset[tail])[changed]
        lane = np.arange(_LEVELS)
        taken = np.minimum(first[:, None] + lane, len(levels) - 1)
        valid = lane < keep[:, None]
        bank["count"][ids] = keep
        bank["time"][ids] = np.where(valid, times[taken], 0)
        bank["level"][ids] = np.where(valid, levels[taken], 0.0)
        bank["before"][ids] = np.where(valid, before[taken], 0)
        return self._condition.follow(runs, time, pause >= self._window, describe)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: silence of a meter is not silence of a person."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(self._about, {"windows": self._bank.rows(), "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["windows"])
        self._condition.take(saved["condition"])


def _first_above(levels: Values, threshold: Values, low: NDArray[np.int64], high: NDArray[np.int64]) -> Positions:
    """Return for each row the first position in [low, high) whose level is above the row's threshold.

    Levels ascend within each range, and the last of a range is above: a binary search for all rows at once.
    """
    low, high = low.copy(), high - 1
    while (low < high).any():
        middle = (low + high) // 2
        above = levels[middle] > threshold
        high = np.where(above, middle, high)
        low = np.where(above, low, np.minimum(middle + 1, high))
    return low


class LowUseRule(Rule, tag="low_use"):
    """`type = "low_use"`."""

    litres: Amount = 10.0
    hours: Amount = 24.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return LowUse(sensors, self.name, litres=self.litres, hours=self.hours)
