"""Questions about devices and registers, each of one device or sensor, with River's statistics."""

from __future__ import annotations

from river import stats

from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from shouwang.bench.per_object.seen import Seen

_WEEK = 7 * DAY


class Register:
    """`detectors/registers.py`: the highest state so far, and the use summed."""

    def __init__(self) -> None:
        self._mark = stats.Max()
        self._total = stats.Sum()

    def see(self, seen: Seen) -> bool:
        """Say whether the register restarted."""
        high = self._mark.get()
        self._mark.update(seen.value)
        self._total.update(max(seen.value - high, 0.0))
        return bool(high - seen.value > min(max(0.01 * high, 2.0), 50.0))


class Offline:
    """`detectors/offline.py`: p99.9, the habit (nine in ten) and the median of a device's gaps between receptions."""

    def __init__(self) -> None:
        self._rare, self._habit, self._usual = stats.Quantile(0.999), stats.Quantile(0.9), stats.Quantile(0.5)
        self._heard = 0

    def see(self, seen: Seen) -> bool:
        """Say whether the device was silent for longer than it ever is."""
        gap = seen.received - self._heard
        if gap <= 0 or not self._heard:
            self._heard = max(self._heard, seen.received)
            return False
        unusual = gap > max(24 * HOUR, self._rare.get() or 0, 1.5 * (self._habit.get() or 0))
        self._rare.update(gap)
        self._habit.update(gap)
        self._usual.update(gap)
        self._heard = seen.received
        return bool(unusual)


class ClockSkew:
    """`detectors/clock_skew.py`: the least lag of a device, and the streak of receptions ahead, behind or well."""

    def __init__(self) -> None:
        self._least = stats.Min()
        self._heard = self._newest = self._since = self._lag = self._anchor = 0
        self._ahead = self._steady = self._well = 0

    def see(self, seen: Seen) -> bool:
        """Say whether its clock is wrong; a reception counts when the next one comes."""
        if seen.received <= self._heard:
            self._newest = max(self._newest, seen.time)
            return False
        lag, time = self._heard - self._newest, self._heard
        self._heard, self._newest = seen.received, seen.time
        if not time or abs(lag) >= DAY:
            return False
        self._least.update(max(lag, 0))
        early, high = lag < -2 * MINUTE, lag > self._least.get() + 2 * MINUTE
        if not early and not high:
            self._ahead = self._steady = 0
            self._well += 1
            return False
        like = abs(lag - self._lag) <= 30 * SECOND
        self._ahead = self._ahead + 1 if early else 0
        if not (high and self._steady and like):
            self._since, self._anchor = time, lag
        self._steady = self._steady + 1 if high and like else int(high)
        self._lag, self._well = lag, 0
        same = abs(lag - self._anchor) <= 30 * SECOND
        return self._ahead >= 5 or (self._steady >= 5 and same and time - self._since >= 6 * HOUR)


class Stuck:
    """`detectors/stuck.py`: the number, the longest and p99.9 of pauses; of electricity the use by weeks."""

    def __init__(self) -> None:
        self._pauses = stats.Count()
        self._longest = stats.Max()
        self._rare = stats.Quantile(0.999)
        self._week = stats.Sum()
        self._usual = stats.EWMean(0.2)
        self._moved = self._last = self._number = 0
        self._value = 0.0

    def see(self, seen: Seen) -> bool:
        """Say whether it stands for longer than it ever does."""
        moves = not seen.known or (seen.use > 0 if seen.quantity.cumulative else seen.value != self._value)
        least = 12 * HOUR if seen.quantity in (Quantity.ENERGY, Quantity.POWER) else 72 * HOUR
        if seen.quantity is Quantity.ENERGY:
            if seen.time // _WEEK != self._number:
                self._usual.update(self._week.get())
                self._week, self._number = stats.Sum(), seen.time // _WEEK
            self._week.update(seen.use)
        self._value = seen.value
        if moves:
            if seen.known and self._moved:
                paused = self._last - self._moved
                self._pauses.update()
                self._longest.update(paused)
                self._rare.update(paused)
            self._moved = self._last = seen.time
            return False
        self._last = seen.time
        pause = seen.time - self._moved
        return bool(pause > least and self._pauses.get() >= 200 and pause > (self._rare.get() or 0))


class Meter:
    """`detectors/meter.py`: the register before and after a reset, believed at the reading after it. No statistic."""

    def __init__(self) -> None:
        self._value = self._old = 0.0
        self._since = 0
        self._new = False

    def see(self, seen: Seen) -> bool:
        """Say whether the register goes on from where a reset left it."""
        believed = self._new and not seen.reset and seen.value - self._value <= seen.use + 0.5
        if seen.reset:
            self._old, self._since = self._value, seen.time
        self._new, self._value = seen.reset, seen.value
        return believed


class Limit:
    """`detectors/threshold.py` (`battery`, `tamper`, `smoke_alarm`): beyond a limit with hysteresis, and how often."""

    def __init__(self, limit: float, until: float) -> None:
        self._limit, self._until = limit, until
        self._on = False
        self._times = stats.Count()

    def see(self, seen: Seen) -> bool:
        """Say whether it is beyond."""
        low = self._until > self._limit
        if low:
            on = seen.value < (self._until if self._on else self._limit)
        else:
            on = seen.value >= (self._until if self._on else self._limit)
        if on and not self._on:
            self._times.update()
        self._on = on
        return on
