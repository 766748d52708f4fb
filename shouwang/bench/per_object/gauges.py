"""Questions about smoke and cold, each of one sensor, with River's statistics."""

from __future__ import annotations

from typing import Any

from river import drift, stats

from registry.instants import DAY, HOUR, MINUTE
from registry.quantities import Quantity
from shouwang.bench.per_object.seen import HOURLY, Seen


class SmokeLevel:
    """`detectors/smoke_level.py`: clean air as a leaking minimum; in a spell of smoke its peak, CUSUM and hour.

    Spells are rare, and what is usual is learned from them only; so nothing else is kept for an ordinary reading. Of
    thermometers and alarm contacts of the home the last sign of heat or alarm.
    """

    def __init__(self) -> None:
        self._air = 0.0
        self._slow: Any = drift.PageHinkley(min_instances=1, delta=1.0, threshold=20.0, mode="up")
        self._peak = stats.Max()
        self._hours = [0] * 24
        self._begin = self._above = self._low = self._sign = 0
        self._heat = -300.0

    def see(self, seen: Seen) -> bool:
        """Say whether it looks like a fire."""
        if seen.quantity is not Quantity.SMOKE:
            self._note(seen)
            return False
        self._air = min(seen.value, self._air + 0.5 * min(seen.gap, HOUR) / DAY)
        excess = seen.value - min(self._air, 5.5)
        if not self._begin and excess <= 1.0:
            return False
        if not self._begin:
            self._begin = seen.time
        self._peak.update(excess)
        self._slow.update(excess)
        self._above = 0 if excess < 4 else self._above or seen.time
        self._low = 0 if excess > 2 else self._low or seen.time
        if self._low and seen.time - self._low >= 10 * MINUTE:
            self._hours[self._begin // HOUR % 24] += 1
            self._begin, self._peak = 0, stats.Max()
            self._slow = self._slow.clone()
            return False
        lasting = self._above and seen.time - self._above >= MINUTE
        return bool(excess > 10 or lasting or self._slow.drift_detected)

    def _note(self, seen: Seen) -> None:
        if seen.quantity is Quantity.TEMPERATURE:
            risen = seen.value - self._heat >= 10 and seen.gap <= 15 * MINUTE
            self._heat = seen.value
            if risen or seen.value >= 57:
                self._sign = seen.time
        elif seen.value >= 0.5:
            self._sign = seen.time


class Cold:
    """`detectors/cold.py`: hours in a row below three limits, and the temperature that 2 % of its hours are below."""

    def __init__(self) -> None:
        self._rare = stats.Quantile(0.02)
        self._known = stats.Count()
        self._below = [0, 0, 0]
        self._hour = -1

    def see(self, seen: Seen) -> bool:
        """Say whether it is colder than is healthy, and than it usually is."""
        if seen.time // HOUR == self._hour:
            return False
        if seen.gap > HOURLY * HOUR:
            self._below = [0, 0, 0]
        self._hour = seen.time // HOUR
        for nth, limit in enumerate((16.0, 12.0, 10.0)):
            self._below[nth] = self._below[nth] + 1 if seen.value < limit else 0
        unusual = self._known.get() >= 72 and seen.value < (self._rare.get() or 0)
        self._known.update()
        self._rare.update(seen.value)
        cool, cold, bitter = self._below
        return bool((cool > 6 and unusual) or cold > 3 or bitter > 1)
