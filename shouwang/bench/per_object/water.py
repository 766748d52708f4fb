"""Questions about water, each of one register, with River's statistics."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from river import drift, stats, utils

from registry.instants import DAY, HOUR, MINUTE, SECOND
from shouwang.bench.per_object.seen import Seen


class LowUse:
    """`detectors/low_use.py`: the use within a day's window, and the longest pause."""

    def __init__(self) -> None:
        self._window: Any = utils.TimeRolling(stats.Sum, period=timedelta(hours=24))
        self._longest = stats.Max()
        self._since = 0

    def see(self, seen: Seen) -> bool:
        """Say whether less than ten litres were used in a day."""
        self._window.update(seen.use, t=seen.moment)
        if seen.use > 0:
            self._since = seen.time
        self._longest.update(seen.time - self._since)
        return bool(self._window.get() < 10)


class DayUse:
    """`detectors/day_use.py`: a calendar day's use, and the mean of a day's."""

    def __init__(self) -> None:
        self._sum = stats.Sum()
        self._usual = stats.Mean()
        self._day = 0

    def see(self, seen: Seen) -> bool:
        """Say whether the day has used more than two cubic metres."""
        day = seen.moment.toordinal()
        if day != self._day:
            self._usual.update(self._sum.get())
            self._sum = stats.Sum()
            self._day = day
        self._sum.update(seen.use)
        return bool(self._sum.get() > 2000)


class Leak:
    """`detectors/leak.py`: time without a zero hour; mean, variance and CUSUM of a day's still time; the least flow.

    The least flow of today and of yesterday is kept twice, since the last pause of two hours and since that of one;
    beside the still time of a day the time of it that is known.
    """

    def __init__(self) -> None:
        self._still, self._covered = stats.Sum(), stats.Sum()
        self._mean, self._spread = stats.EWMean(1 / 45), stats.EWVar(1 / 45)
        self._cusum: Any = drift.PageHinkley(min_instances=14, delta=0.5, threshold=4.0, mode="up")
        self._flow, self._flow_before = stats.Min(), stats.Min()
        self._chain, self._chain_before = stats.Min(), stats.Min()
        self._known = stats.Sum()  # seconds without an hour of no use
        self._since = self._day = 0

    def see(self, seen: Seen) -> bool:
        """Say whether water does not stop."""
        if seen.time // DAY != self._day:
            self._close(seen.time // DAY)
        moved = seen.use > 0
        pause = seen.gap / (seen.use + 1) if moved else seen.time - self._since
        self._covered.update(seen.gap)
        self._known.update(seen.gap)
        if pause >= HOUR or seen.gap > DAY:
            self._known = stats.Sum()
            self._chain, self._chain_before = stats.Min(), stats.Min()
        if pause >= 2 * HOUR:
            self._still.update(pause if moved or pause - seen.gap < 2 * HOUR else seen.gap)
            self._flow, self._flow_before = stats.Min(), stats.Min()
        elif seen.gap:
            flow = (seen.use + 0.5) / seen.gap if moved else 1 / pause if pause else math.inf
            self._flow.update(flow)
            if self._known.get() >= 2 * HOUR:
                self._chain.update(flow)
        if moved or not seen.known:
            self._since = seen.time
        return bool(self._known.get() > DAY or self._cusum.drift_detected)

    def _close(self, day: int) -> None:
        """Judge and learn the day that is over."""
        self._day = day
        if self._covered.get() >= 20 * HOUR:
            still = min(self._still.get(), DAY)
            scale = max(math.sqrt(max(self._spread.get(), 0.0)), float(HOUR))
            self._cusum.update(min(max((self._mean.get() - still) / scale, -3.0), 3.0))
            self._mean.update(still)
            self._spread.update(still)
        self._still, self._covered = stats.Sum(), stats.Sum()
        self._flow_before, self._chain_before = self._flow, self._chain
        self._flow, self._chain = stats.Min(), stats.Min()


class Burst:
    """`detectors/burst.py`: the use of three hours, its p99.9 and largest by the hour, the peak of what exceeds it."""

    def __init__(self) -> None:
        self._window: Any = utils.TimeRolling(stats.Sum, period=timedelta(hours=3))
        self._rare = stats.Quantile(0.999)
        self._largest, self._peak = stats.Max(), stats.Max()
        self._limit = 1000.0
        self._hour = self._day = self._hours = 0

    def see(self, seen: Seen) -> bool:
        """Say whether far more is used than ever."""
        self._window.update(seen.use, t=seen.moment)
        volume = self._window.get()
        if seen.time // DAY != self._day:
            self._day = seen.time // DAY
            rare, largest = self._rare.get() or 0.0, max(self._largest.get(), 0.0)
            self._limit = max(2 * rare, 300.0) if self._hours >= 999 else max(2 * largest, 1000.0)
        unusual = volume > self._limit
        if unusual:
            self._peak.update(volume)
        if seen.time // HOUR != self._hour:
            self._hour = seen.time // HOUR
            if not unusual:
                self._hours += 1
                self._rare.update(volume)
                self._largest.update(volume)
        return bool(unusual)


class Tap:
    """`detectors/tap.py`: mean and deviation of a run's flow, weighted by time; lengths of runs, by part of the day."""

    def __init__(self) -> None:
        self._flow = stats.Var()
        self._usual = [stats.Quantile(0.995) for _ in range(8)]
        self._begin = self._samples = 0

    def see(self, seen: Seen) -> bool:
        """Say whether a steady flow lasts for longer than is usual at this time of day."""
        flow = seen.use * HOUR / seen.gap if seen.gap else 0.0
        if flow < 60:
            lasted = seen.previous - self._begin
            if self._samples and lasted >= 15 * MINUTE:
                self._usual[self._begin // (3 * HOUR) % 8].update(lasted)
            if self._samples:
                self._flow, self._samples = stats.Var(), 0
            return False
        self._samples += 1
        if self._samples == 1:  # the tap was opened within it
            self._begin = seen.time
            return False
        self._flow.update(flow, seen.gap / SECOND)
        mean = self._flow.mean.get()
        if self._samples <= (2 if mean >= 120 else 4) or mean > 720:
            return False
        usual = self._usual[self._begin // (3 * HOUR) % 8].get() or 0
        steady = math.sqrt(max(self._flow.get(), 0.0)) <= 0.3 * mean
        return bool(steady and seen.time - self._begin > max(1.25 * usual, 45 * MINUTE))
