"""Questions about a whole home, from several of its sensors, with River's statistics."""

from __future__ import annotations

import math

from river import stats

from detectors.calendar.local_slots import SLOTS
from detectors.silence.quarter_hours import SLOT
from detectors.silence.survival import BIN, BINS, KINDS, LONGEST
from registry.instants import HOUR, SECOND
from registry.quantities import Quantity
from shouwang.bench.per_object.seen import Seen

_BIN: list[int] = BIN.tolist()
_PAUSES_A_YEAR = 20 * 365.25
_RATES = (4.0, 1.0, 0.365)
_BLOCKS = 6
_PRIOR_HOUR, _PRIOR_BAND, _PRIOR_DAYS = 3.0, (5.0, 5.0, 5.0, 0.7), 8.0


class Everybody:
    """What all homes share: P(use) by time of day and pause as in `silence/survival.py`, and `evidence_tail.py`."""

    def __init__(self) -> None:
        self.used = [[[stats.Mean() for _ in range(BINS)] for _ in range(SLOTS)] for _ in range(KINDS)]
        self.levels = [stats.Quantile(1 - rate / _PAUSES_A_YEAR) for rate in _RATES]


class _Factor:
    """A home's slots with use against those expected to have it: two sums that are forgotten alike."""

    def __init__(self, forgotten: float) -> None:
        self.used, self.due = stats.EWMean(forgotten), stats.EWMean(forgotten)

    def update(self, used: bool, due: float) -> None:  # noqa: FBT001 - a value, as River takes it
        self.used.update(used)
        self.due.update(due)

    def ratio(self, prior: float) -> float:
        return (prior + SLOTS * self.used.get()) / (prior + SLOTS * self.due.get())


class Inactivity:
    """`detectors/inactivity.py`: quarter-hours of water and electricity, the factors of 48 hours, 4 bands and days.

    Beside them the longest pause of each hour of the week, the two highest rises of power in each block of four hours
    with the usual second one (`detectors/silence/quiet_power.py`), and the evidence. As there, factors hold for a day.
    """

    def __init__(self, everybody: Everybody) -> None:
        self._everybody = everybody
        self._hours = [_Factor(0.003) for _ in range(48)]
        self._bands = [_Factor(0.0001) for _ in range(4)]
        self._late = _Factor(0.0036)
        self._habit, self._patience, self._days = [1.0] * 48, [1.0] * 4, 1.0
        self._longest = [0] * 168
        self._highest = [(-math.inf, -math.inf)] * _BLOCKS
        self._usual = [stats.EWMean(0.2) for _ in range(_BLOCKS)]
        self._quiet = math.inf
        self._watts = (math.nan, math.nan)
        self._open: dict[int, tuple[int, float]] = {}
        self._reached = {Quantity.VOLUME: 0, Quantity.ENERGY: 0}
        self._levels = [math.inf] * len(_RATES)
        self._day = -1
        self._pause = self._dry = 0
        self._weight = 1.0

    def see(self, seen: Seen) -> bool:
        """Say whether the home has been silent for longer than it ever is at such an hour."""
        first, final, opened = seen.previous // SLOT, (seen.time - 1) // SLOT, self._open
        if seen.gap:
            if seen.quantity is Quantity.VOLUME:
                for slot in range(first, final + 1):
                    used, watts = opened.get(slot, (-1, math.nan))
                    drawn = seen.use > 0 and slot == final
                    opened[slot] = (1 if drawn else max(used, 0), watts)
            else:
                now = seen.use * HOUR / seen.gap
                for slot in range(first, final + 1):
                    used, watts = opened.get(slot, (-1, math.nan))
                    opened[slot] = (used, now if watts != watts else max(watts, now))  # noqa: PLR0124 - NaN
        self._reached[seen.quantity] = seen.time // SLOT
        until, strange = min(self._reached.values()), False
        for slot in sorted(one for one in opened if one < until):
            strange |= self._close(slot, *opened.pop(slot))
        return strange

    def _close(self, slot: int, water: int, watts: float) -> bool:
        day, quarter = slot // SLOTS, slot % SLOTS
        if day != self._day:
            self._begin(day)
        rise = watts - min(self._watts)
        self._watts = (watts, self._watts[0])
        metered = rise == rise  # noqa: PLR0124 - NaN
        if metered:
            block = (quarter - 4) % SLOTS // (SLOTS // _BLOCKS)
            high, second = self._highest[block]
            if rise > second:
                self._highest[block] = (rise, high) if rise > high else (high, rise)
        used = water == 1 or (self._dry < SLOTS and rise > 1.3 * self._quiet + 20)
        self._dry = 0 if water == 1 else self._dry + 1
        kind = 2 if metered and water >= 0 else 1 if metered else 0

        age = min(self._pause, LONGEST - 1)
        cell = self._everybody.used[kind][quarter][_BIN[age]]
        band = 0 if age < 4 else 1 if age < 16 else 2 if age < 36 else 3
        hour = quarter // 4 + (24 if (day + 3) % 7 >= 5 else 0)
        common, habit, patience = cell.get(), self._habit[hour], self._patience[band]
        due = common * habit * patience
        cell.update(used)
        self._hours[hour].update(used, common * patience)
        self._bands[band].update(used, common * habit)
        self._late.update(used, due)
        if not used:
            self._pause += 1
            self._weight = (self._weight + 0.005) * math.exp(due * self._days)
            return math.log(self._weight) > self._levels[0]
        if self._pause:
            evidence = math.log(self._weight)
            for level in self._everybody.levels:
                level.update(evidence)
            for before in range(slot - self._pause, slot, 4):
                of_week = before // 4 % 168
                self._longest[of_week] = max(self._longest[of_week], min(self._pause, 255))
        self._pause, self._weight = 0, 1.0
        return False

    def _begin(self, day: int) -> None:
        """Let what was learned until midnight hold."""
        self._day = day
        self._habit = [one.ratio(_PRIOR_HOUR) for one in self._hours]
        self._patience = [one.ratio(prior) for one, prior in zip(self._bands, _PRIOR_BAND, strict=True)]
        self._days = self._late.ratio(_PRIOR_DAYS)
        self._levels = [one.get() or math.inf for one in self._everybody.levels]
        for usual, (_, second) in zip(self._usual, self._highest, strict=True):
            if second > -math.inf:
                usual.update(second)
        self._quiet = min((one.get() for one in self._usual if one.get()), default=math.inf)
        self._highest = [(-math.inf, -math.inf)] * _BLOCKS


_LOOK = 300 * SECOND


class _Heard:
    """A device's last reception, its long but usual gap, and how often it is silent."""

    def __init__(self) -> None:
        self.at = self.gaps = 0
        self.gap = stats.Quantile(0.9)
        self.chance = stats.EWMean(1 / 576)


class AreaShare:
    """A home's share of `detectors/areas/evidence.py`: what it shows of its area, and how often it shows it by chance.

    For each device its usual gap, learned from one in eight once it is known, and its chance to be silent; for the
    home the chances to be dark, and to have drawn no water by hour of the day. Every five minutes it is looked at. What
    the homes of an area add up to is left out.
    """

    def __init__(self) -> None:
        self._devices: dict[int, _Heard] = {}
        self._dark = stats.EWMean(1 / 576)
        self._dry = [stats.EWMean(1 / 8) for _ in range(24)]
        self._look = self._read = self._lit = self._metered = self._drawn = 0

    def see(self, seen: Seen) -> bool:
        """Say whether the home shows anything."""
        look, strange = seen.received // _LOOK, False
        if not self._look:
            self._look = look
        while self._look < look:
            self._look += 1
            strange |= self._look_at(self._look * _LOOK)
        device = self._devices.get(seen.device)
        if device is None:
            device = self._devices[seen.device] = _Heard()
        if 0 < device.at < seen.received:
            if device.gaps < 8 or (device.gaps & 7) == 0:
                device.gap.update(seen.received - device.at)
            device.gaps += 1
        device.at = max(device.at, seen.received)
        if seen.quantity is Quantity.VOLUME:
            self._metered = seen.time
            if seen.use > 0:
                self._drawn = seen.time
        elif seen.quantity is Quantity.ENERGY:
            self._read = seen.time
            if not seen.known or seen.use * HOUR > 2 * seen.gap:
                self._lit = seen.time
        return strange

    def _look_at(self, now: int) -> bool:
        silences = 0
        for device in self._devices.values():
            if device.gaps >= 8:
                silent = now - device.at > 1.2 * (device.gap.get() or 0) + 120 * SECOND
                device.chance.update(silent)
                silences += silent
        dark = self._read > self._lit
        self._dark.update(dark)
        if now % HOUR < _LOOK and self._metered:
            self._dry[now // HOUR % 24].update(self._drawn <= now - 3 * HOUR)
        return bool(dark or silences)
