"""Has a habit changed over weeks? Of one register, with River's drift detector."""

from __future__ import annotations

import math
from typing import Any

from river import drift, stats

from registry.instants import DAY, HOUR
from registry.quantities import Quantity
from shouwang.bench.per_object.seen import HOURLY, Seen

_DAYS = 28


class _Habit:
    """One number of a day: its mean, its mean moving range, and Page and Hinkley's test."""

    def __init__(self, floor: float) -> None:
        self._floor = floor
        self._mean, self._range = stats.Mean(), stats.Mean()
        self._test: Any = drift.PageHinkley(min_instances=7, delta=0.25, threshold=20.0, mode="both")
        self._last = 0.0

    def update(self, x: float) -> bool:
        if self._mean.n < _DAYS:
            if self._mean.n:
                self._range.update(abs(x - self._last))
            self._mean.update(x)
            self._last = x
            return False
        spread = max(self._range.get() / 1.128, self._floor)
        self._test.update(min(max((x - self._mean.get()) / spread, -2.0), 2.0))
        return bool(self._test.drift_detected)


class Drift:
    """`detectors/drift.py`: a day's use, its first after five and its hours of the night with use, each a habit.

    The readings of a day give its longest gap, its first use and those hours. What the detector keeps to tell since
    when and by how much is left out.
    """

    def __init__(self) -> None:
        self._habits = _Habit(0.2), _Habit(0.5), _Habit(0.5)
        self._used, self._gap, self._rise = stats.Sum(), stats.Max(), stats.Min()
        self._night = self._day = 0

    def see(self, seen: Seen) -> bool:
        """Say whether a habit has changed."""
        changed = False
        if seen.time // DAY != self._day:
            changed = self._close(seen.quantity)
            self._day = seen.time // DAY
        self._used.update(seen.use)
        self._gap.update(seen.gap)
        if seen.use > 0:
            hour = seen.time % DAY / HOUR
            if hour >= 5:
                self._rise.update(hour)
            else:
                self._night |= 1 << int(hour)
        return changed

    def _close(self, quantity: Quantity) -> bool:
        used, gap, rise = self._used.get(), self._gap.get(), self._rise.get()
        amount, morning, night = self._habits
        changed = amount.update(math.log(used + (5.0 if quantity is Quantity.VOLUME else 100.0)))
        if quantity is Quantity.VOLUME and gap <= HOURLY * HOUR:
            if rise < math.inf:
                changed |= morning.update(min(rise, 14.0))
            changed |= night.update(self._night.bit_count())
        self._used, self._gap, self._rise, self._night = stats.Sum(), stats.Max(), stats.Min(), 0
        return changed
