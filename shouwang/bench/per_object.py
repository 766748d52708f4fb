"""What would the same questions cost with an object for every sensor? The rules' statistics, kept by River.

For each rule one small class asks the same of one sensor, reading by reading, in the way that River's documentation
shows: a statistic for each number that the rule keeps, plain Python between them. Conditions, sentences and whatever
needs other sensors are left out, in River's favour. They exist to be measured, and watch nobody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from time import process_time_ns
from typing import Any, NamedTuple

from river import drift, stats, utils

from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable


class Seen(NamedTuple):
    """A reading as every question takes it: times in µs, `gap` since the last one, `use` in litres or watt-hours."""

    time: int
    moment: datetime
    gap: int
    value: float
    use: float


class _Register:
    """Use since the last reading: `registers`."""

    def __init__(self) -> None:
        self._mark = stats.Max()
        self._total = stats.Sum()

    def see(self, seen: Seen) -> bool:
        high = self._mark.get()
        self._mark.update(seen.value)
        self._total.update(max(seen.value - high, 0.0))
        return bool(high - seen.value > min(max(0.01 * high, 2.0), 50.0))


class _Gaps:
    """Silence beyond the sensor's own: `offline`."""

    def __init__(self) -> None:
        self._rare = stats.Quantile(0.999)
        self._usual = stats.Quantile(0.5)

    def see(self, seen: Seen) -> bool:
        unusual = seen.gap > max(24 * HOUR, self._rare.get() or 0)
        self._rare.update(seen.gap)
        self._usual.update(seen.gap)
        return bool(unusual)


class _LowUse:
    """Less than some litres in a day's window: `low_use`."""

    def __init__(self) -> None:
        self._window: Any = utils.TimeRolling(stats.Sum, period=timedelta(hours=24))
        self._longest = stats.Max()
        self._since = 0

    def see(self, seen: Seen) -> bool:
        self._window.update(seen.use, t=seen.moment)
        if seen.use > 0:
            self._since = seen.time
        self._longest.update(seen.time - self._since)
        return bool(self._window.get() < 10)


class _DayUse:
    """A calendar day's sum: `day_use`."""

    def __init__(self) -> None:
        self._sum = stats.Sum()
        self._usual = stats.Mean()
        self._day = 0

    def see(self, seen: Seen) -> bool:
        day = seen.moment.toordinal()
        if day != self._day:
            self._usual.update(self._sum.get())
            self._sum = stats.Sum()
            self._day = day
        self._sum.update(seen.use)
        return bool(self._sum.get() > 2000)


class _Leak:
    """Hours without a pause, and a CUSUM on the still time of a day: `leak`, `constant_use`."""

    def __init__(self) -> None:
        self._still = stats.Sum()
        self._mean = stats.EWMean(0.05)
        self._spread = stats.EWVar(0.05)
        self._cusum: Any = drift.PageHinkley(min_instances=14, delta=0.5, threshold=4.0, mode="up")
        self._least = stats.Min()
        self._since = self._begin = self._day = 0

    def see(self, seen: Seen) -> bool:
        if seen.use > 0:
            self._since = seen.time
            self._least.update(seen.use / max(seen.gap, 1))
        elif seen.time - self._since >= HOUR:
            self._begin = seen.time
            if seen.time - self._since >= 2 * HOUR:
                self._still.update(seen.gap)
        if seen.time // DAY != self._day:
            self._day = seen.time // DAY
            still = self._still.get()
            scale = math.sqrt(max(self._spread.get() or 0.0, 0.0)) or 1.0
            self._cusum.update(((self._mean.get() or 0.0) - still) / scale)
            self._mean.update(still)
            self._spread.update(still)
            self._still, self._least = stats.Sum(), stats.Min()
        return bool(seen.time - self._begin > DAY or self._cusum.drift_detected)


class _Burst:
    """Three hours' use beyond the sensor's own quantile: `burst`."""

    def __init__(self) -> None:
        self._window: Any = utils.TimeRolling(stats.Sum, period=timedelta(hours=3))
        self._rare = stats.Quantile(0.999)
        self._largest = stats.Max()
        self._hour = 0

    def see(self, seen: Seen) -> bool:
        self._window.update(seen.use, t=seen.moment)
        volume = self._window.get()
        unusual = volume > max(2 * (self._rare.get() or 0), 300)
        if seen.time // HOUR != self._hour:
            self._hour = seen.time // HOUR
            self._rare.update(volume)
            self._largest.update(volume)
        return bool(unusual)


class _Tap:
    """A steady flow for longer than usual at this time of day: `tap`."""

    def __init__(self) -> None:
        self._flow = stats.Var()
        self._usual = [stats.Quantile(0.995) for _ in range(8)]
        self._begin = 0

    def see(self, seen: Seen) -> bool:
        flow = seen.use * HOUR / max(seen.gap, 1)
        part = self._usual[seen.time // (3 * HOUR) % 8]
        lasted = seen.time - self._begin
        if flow < 60:
            if self._begin and lasted > 15 * MINUTE:
                part.update(lasted)
            self._flow, self._begin = stats.Var(), 0
            return False
        self._begin = self._begin or seen.time
        self._flow.update(flow, seen.gap / SECOND)
        mean = self._flow.mean.get()
        steady = math.sqrt(max(self._flow.get(), 0.0)) < 0.35 * mean and mean < 720
        return bool(steady and lasted > max(1.25 * (part.get() or 0), 45 * MINUTE))


class _Inactivity:
    """Hazard of use by quarter of the day and silence so far, summed while silent: `inactivity`."""

    def __init__(self) -> None:
        self._used = [[stats.Mean() for _ in range(22)] for _ in range(24)]
        self._own = [stats.EWMean(0.03) for _ in range(24)]
        self._gaps = stats.Quantile(0.999)
        self._since = 0
        self._evidence = 0.0

    def see(self, seen: Seen) -> bool:
        hour = seen.time // HOUR % 24
        silent = min(int((seen.time - self._since) / HOUR * 2), 21)
        used = seen.use > 0
        chance = (self._used[hour][silent].get() + (self._own[hour].get() or 0.0)) / 2
        self._used[hour][silent].update(used)
        self._own[hour].update(used)
        if used:
            self._gaps.update(seen.time - self._since)
            self._since, self._evidence = seen.time, 0.0
        else:
            self._evidence -= math.log1p(-min(chance, 0.99))
        return bool(self._evidence > 7.1)


class _Electricity:
    """Use against its hour of the week, winsorised, over some hours: `electricity`."""

    def __init__(self) -> None:
        self._mean = [stats.EWMean(0.05) for _ in range(168)]
        self._spread = [stats.EWVar(0.05) for _ in range(168)]
        self._recent: Any = utils.Rolling(stats.Mean, window_size=16)
        self._high, self._low = stats.Quantile(0.999), stats.Quantile(0.001)

    def see(self, seen: Seen) -> bool:
        hour = seen.time // HOUR % 168
        level = math.log(seen.use / 1000 + 0.02)
        mean, spread = self._mean[hour], self._spread[hour]
        z = (level - (mean.get() or level)) / (math.sqrt(max(spread.get() or 0.0, 0.0)) or 1.0)
        z = min(max(z, -4.0), 4.0)
        mean.update(level)
        spread.update(level)
        self._recent.update(z)
        recent = self._recent.get()
        unusual = recent > (self._high.get() or 9) or recent < (self._low.get() or -9)
        self._high.update(recent)
        self._low.update(recent)
        return bool(unusual)


class _Smoke:
    """Obscuration above clean air: at once, lasting, or summed: `smoke_level`."""

    def __init__(self) -> None:
        self._clean = stats.EWMean(0.01)
        self._slow: Any = drift.PageHinkley(min_instances=1, delta=1.0, threshold=50.0, mode="up")
        self._worst = stats.Max()
        self._above = 0

    def see(self, seen: Seen) -> bool:
        excess = seen.value - (self._clean.get() or 0.0)
        if excess < 0.5:
            self._clean.update(seen.value)
        self._slow.update(excess)
        self._worst.update(excess)
        self._above = seen.time if excess < 4 else self._above
        return bool(excess > 10 or seen.time - self._above > MINUTE or self._slow.drift_detected)


class _Limit:
    """Beyond a limit, with hysteresis: `threshold`, `smoke_alarm`."""

    def __init__(self) -> None:
        self._on = False
        self._times = stats.Count()

    def see(self, seen: Seen) -> bool:
        on = seen.value > (0.3 if self._on else 0.5)
        if on and not self._on:
            self._times.update(seen.value)
        self._on = on
        return on


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - River compares instants without a zone only
_EVERY = tuple(Quantity)
_QUESTIONS: Mapping[str, tuple[type[Any], tuple[Quantity, ...]]] = {
    "registers": (_Register, (Quantity.VOLUME, Quantity.ENERGY)),
    "offline": (_Gaps, _EVERY),
    "low_use": (_LowUse, (Quantity.VOLUME,)),
    "day_use": (_DayUse, (Quantity.VOLUME,)),
    "constant_use": (_Leak, (Quantity.VOLUME,)),
    "leak": (_Leak, (Quantity.VOLUME,)),
    "burst": (_Burst, (Quantity.VOLUME,)),
    "tap": (_Tap, (Quantity.VOLUME,)),
    "inactivity": (_Inactivity, (Quantity.VOLUME, Quantity.ENERGY)),
    "electricity": (_Electricity, (Quantity.ENERGY,)),
    "smoke_level": (_Smoke, (Quantity.SMOKE,)),
    "smoke_alarm": (_Limit, (Quantity.ALARM,)),
    "battery": (_Limit, (Quantity.BATTERY,)),
    "tamper": (_Limit, (Quantity.TAMPER,)),
}
"""What is asked of which quantities, by the module or the name of the rule."""


def asked(names: Iterable[str]) -> list[str]:
    """Return those names that there is a question for."""
    return [name for name in names if name in _QUESTIONS]


def measure(batches: Iterable[Observations], table: SensorTable, names: Iterable[str]) -> tuple[int, float]:
    """Ask every question of every reading that it is about, an object for each sensor and question.

    Returns:
        Readings, and the seconds of the processor that they took; the first quarter of them is only learned from.
    """
    chosen = [_QUESTIONS[name] for name in names]
    makers = {
        quantity: [make for make, quantities in chosen if quantity in quantities] for quantity in Quantity
    }  # fmt: skip
    watches: dict[int, list[Callable[[Seen], bool]]] = {}
    readings = 0
    spent = 0
    batches = list(batches)
    for number, batch in enumerate(batches):
        rows = zip(
            batch.sensor.tolist(), batch.time.tolist(), batch.previous.tolist(), batch.value.tolist(),
            batch.use.tolist(), strict=True,
        )  # fmt: skip
        began = process_time_ns()
        for sensor, time, previous, value, use in rows:
            own = watches.get(sensor)
            if own is None:
                quantity = Quantity(int(table.quantity[sensor]))
                own = watches[sensor] = [make().see for make in makers[quantity]]
            moment = _EPOCH + timedelta(microseconds=time)
            seen = Seen(time, moment, time - previous, value, use if use == use else 0.0)  # noqa: PLR0124 - NaN
            for see in own:
                see(seen)
        if 4 * number >= len(batches):
            spent += process_time_ns() - began
            readings += len(batch)
    return readings, spent / 1e9
