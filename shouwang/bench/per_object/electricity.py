"""Questions about electricity, each of one register, hour by hour of the clock, with River's statistics."""

from __future__ import annotations

import math
from typing import Any

from river import sketch, stats, utils

from registry.instants import HOUR, MINUTE
from shouwang.bench.per_object.seen import HOURLY, Seen

_CALM = 14 * 24  # hours after which a meter is judged
_RARE = 1 - 3 / 8766  # once a year, in clusters of three hours


class Electricity:
    """`detectors/electricity.py`: means of 168 and of 24 hours, a slow level, a mean over four hours each way.

    Of those means above 0 their own mean and a high quantile: the detector keeps a sketch for a conformal p-value, and
    what it asks of it is whether it is below a limit.
    """

    def __init__(self) -> None:
        self._week = [stats.EWMean(0.1) for _ in range(168)]
        self._days = [stats.EWMean(0.15) for _ in range(24)]
        self._seen_week, self._seen_day = [False] * 168, [False] * 24
        self._level = stats.EWMean(1 / 72)
        self._up: Any = utils.Rolling(stats.Mean, window_size=4)
        self._down: Any = utils.Rolling(stats.Mean, window_size=4)
        self._scales = stats.Mean(), stats.Mean()
        self._rare = stats.Quantile(_RARE), stats.Quantile(_RARE)
        self._used = 0.0
        self._hour = -1
        self._still = self._known = 0

    def see(self, seen: Seen) -> bool:
        """Say whether the hours that have ended used far more or far less than usual."""
        hour, self._hour, strange = self._hour, seen.time // HOUR, False
        if hour < 0 or not seen.known or seen.gap > HOURLY * HOUR:
            self._used = 0.0
            return False
        first = seen.previous // HOUR
        rate = seen.use / seen.gap
        for ended in range(first, self._hour):  # even use between two readings
            since = max(seen.previous, ended * HOUR)
            strange |= self._end(ended, self._used + rate * ((ended + 1) * HOUR - since))
            self._used = 0.0
        self._used += rate * (seen.time - max(seen.previous, self._hour * HOUR))
        return strange

    def _end(self, hour: int, used: float) -> bool:
        x = math.log(used / 1000 + 0.02)
        of_week, of_day = (hour + 72) % 168, hour % 24
        new = not self._seen_day[of_day]
        usual = self._days[of_day].get() if not new else -1.9
        if self._seen_week[of_week]:
            usual = self._week[of_week].get()
        level, odd = self._level.get(), x - usual
        self._up.update(odd - max(level, 0.0))
        self._down.update(min(level, 0.0) - odd)
        self._still = self._still + 1 if used <= 0 else 0
        strange = self._still >= 2
        for mean, scale, rare in zip((self._up.get(), self._down.get()), self._scales, self._rare, strict=True):
            if mean <= 0:
                continue
            strange |= self._known >= _CALM and mean > rare.get()
            if self._known >= _CALM / 2:
                scale.update(min(mean, 2.0))
                rare.update(mean)
        step = min(max(odd - level, -1.5), 1.5)
        self._week[of_week].update(x if new else usual + step)
        if not self._seen_week[of_week]:
            self._days[of_day].update(x)
        if not new:
            self._level.update(level + step)
        self._seen_week[of_week] = self._seen_day[of_day] = True
        self._known += 1
        return strange


class Appliance:
    """`detectors/appliance.py`: the least power of an hour, its mean by hour of the day, lengths of runs above it."""

    def __init__(self) -> None:
        self._base = [stats.EWMean(0.15) for _ in range(24)]
        self._low, self._above = stats.Min(), stats.Min()
        self._runs: Any = sketch.Histogram(max_bins=16)  # type: ignore[no-untyped-call] # River has no types here
        self._known = self._run = 0
        self._hour = -1

    def see(self, seen: Seen) -> bool:
        """Say whether something strong has stayed switched on for longer than it does here."""
        if not seen.known or not 0 < seen.gap <= 65 * MINUTE:
            self._low, self._run = stats.Min(), 0
            self._hour = seen.time // HOUR
            return False
        watts = seen.use * HOUR / seen.gap
        self._low.update(watts)
        if seen.time // HOUR == self._hour:
            return False
        ended, self._hour = self._hour % 24, seen.time // HOUR
        low, self._low = self._low.get(), stats.Min()
        self._low.update(watts)  # a reading over the end of an hour belongs to both
        usual = self._base[ended].get()
        above = low - usual
        if above >= max(300.0, usual / 2):
            self._run += 1
            self._above.update(above)
        elif self._run:
            self._runs.update(self._run)
            self._run, self._above = 0, stats.Min()
        self._base[ended].update(usual + min(max(above, -300.0), 300.0) if self._known >= 24 else low)
        self._known += 1
        if self._run < 3 or self._known < _CALM:
            return False
        longer = self._runs.n * (1 - self._runs.cdf(self._run)) if self._runs.n else 0.0
        return bool((longer + math.exp((3 - self._run) / 2)) / (self._known / 8766 + 0.25) < 1)
