"""What the devices of a town report of what happens: registers, smoke, alarms, batteries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from registry.instants import SECOND
from registry.quantities import Quantity
from registry.readings import Sensors, Times, Values
from simulators.chance import Floats, Ints, scattered
from simulators.days import DAY_SECONDS
from simulators.detector import episode, smoky
from simulators.errors import SimulationError
from simulators.events import Happening, Span
from simulators.lives import Befalls, Lives, befalling, day_of, lives, midnight
from simulators.registers import accumulated, metered, totals
from simulators.residents import Bools, Habits
from simulators.smoke import quiet

JITTER = 10
"""Seconds by which a device's report may come late; its clock does not drift."""
EVERY = 900
"""Seconds between reports of registers and of quiet air."""
_JITTER, _NOISE = 31, 32
_CHUNK = 256


class Kinds:
    """The sensors of a household, in the order in which a town numbers them: household · 6 + this."""

    DEVICES = ("wm", "wm", "em", "sd", "sd", "sd")
    QUANTITIES = (
        Quantity.VOLUME, Quantity.BATTERY, Quantity.ENERGY, Quantity.SMOKE, Quantity.ALARM, Quantity.BATTERY,
    )  # fmt: skip
    VOLUME, WATER_BATTERY, ENERGY, SMOKE, ALARM, SMOKE_BATTERY = range(6)
    COUNT = 6


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings in event order, n rows.

    `sensor` int32 numbers in the town, `time` int64 microseconds UTC, `value` float64 SI; registers as the
    meter shows them, in whole litres and watt-hours.
    """

    sensor: Sensors
    time: Times
    value: Values

    def __len__(self) -> int:
        return len(self.sensor)

    def between(self, begin: int, end: int) -> Columns:
        """Return the readings of [begin, end), microseconds."""
        first, last = np.searchsorted(self.time, [begin, end])
        return Columns(self.sensor[first:last], self.time[first:last], self.value[first:last])


def in_order(parts: Sequence[Columns]) -> Columns:
    """Return readings by time, then sensor."""
    sensor = np.concatenate([part.sensor for part in parts])
    time = np.concatenate([part.time for part in parts])
    value = np.concatenate([part.value for part in parts])
    order = np.lexsort((sensor, time))
    return Columns(sensor[order], time[order], value[order])


class Meters:
    """The devices of some households, whose registers are consistent over days generated in any order.

    Every register stands at its household's start value on midnight of `base`. A day's opening register is
    that value plus the totals of the days between (or minus them, before `base`); totals are regenerated and
    kept as exact integers, 16 bytes a household-day. The first look at a far day costs the days in between.
    """

    def __init__(self, seed: int, habits: Habits, base: int, spans: Iterable[tuple[int, Span]]) -> None:
        self._seed = seed
        self._habits = habits
        self._base = base
        self._openings = {base: np.stack([habits.water_start, habits.energy_start])}
        self._totals: dict[int, Ints] = {}
        self._spans: tuple[tuple[int, Span], ...] = ()
        self._exchanges: dict[tuple[int, Span], int] = {}
        self.befall(spans, base)

    def lives(self, day: int, rows: slice | None = None) -> Lives:
        """Return what really happens to all rows (or some) on a day."""
        rows = slice(0, len(self._habits.who)) if rows is None else rows
        spans = [(row - rows.start, span) for row, span in self._spans if rows.start <= row < rows.stop]
        return lives(self._seed, self._habits.only(rows), day, befalling(spans, day))

    def columns(self, day: int) -> Columns:
        """Return all readings of a local day."""
        opening = self._opening(day)
        parts, sums = [], []
        for rows in self._chunks():
            told = self.lives(day, rows)
            sums.append(_summed(told))
            parts.append(self._reported(told, opening[:, rows], rows))
        self._totals[day] = np.concatenate(sums, axis=1)
        return in_order(parts)

    def befall(self, spans: Iterable[tuple[int, Span]], since: int) -> None:
        """Take what befalls the rows from now on; it changes nothing before the day `since`."""
        self._spans = tuple(spans)
        self._totals = {day: kept for day, kept in self._totals.items() if day < since}
        low, high = (-1, since) if since >= self._base else (since + 1, self._base)
        self._openings = {day: kept for day, kept in self._openings.items() if low <= day <= high}
        exchanges = [each for each in self._spans if each[1].event.kind == Happening.REPLACE]
        self._exchanges = {each: self._standing(*each) for each in exchanges}

    def _chunks(self) -> Iterator[slice]:
        n = len(self._habits.who)
        return (slice(at, min(at + _CHUNK, n)) for at in range(0, n, _CHUNK))

    def _total(self, day: int) -> Ints:
        if day not in self._totals:
            self._totals[day] = np.concatenate([_summed(self.lives(day, rows)) for rows in self._chunks()], axis=1)
        return self._totals[day]

    def _opening(self, day: int) -> Ints:
        """Return the registers (water in mL, energy in mWh) at midnight, (2, n)."""
        known = min(self._openings, key=lambda each: abs(each - day))
        for each in range(known, day):
            self._openings[each + 1] = self._openings[each] + self._total(each)
        for each in range(known, day, -1):
            self._openings[each - 1] = self._openings[each] - self._total(each - 1)
            if self._openings[each - 1].min() < 0:
                raise SimulationError(
                    "so far back the town's meters were not yet installed; begin the town or its history later"
                )
        return self._openings[day]

    def _standing(self, row: int, span: Span) -> int:
        """Return what a meter has counted in all at the moment of its exchange."""
        day = day_of(span.begin)
        told = self.lives(day, slice(row, row + 1))
        at = np.array([[(span.begin - midnight(day)) // SECOND]])
        water = span.event.target.startswith("wm")
        spent = accumulated(told.water, at) if water else accumulated(told.energy, at) + metered(told.power, at)
        return int(self._opening(day)[0 if water else 1, row] + spent[0, 0])

    def _reported(self, told: Lives, opening: Ints, rows: slice) -> Columns:
        habits, day = told.habits, told.day
        befalls = befalling(
            [(row - rows.start, span) for row, span in self._spans if rows.start <= row < rows.stop], day
        )
        slots = np.arange(DAY_SECONDS // EVERY)
        device = np.arange(3)[None, :, None]
        late = scattered(self._seed, _JITTER, habits.who[:, None, None], device, day, slots)
        times = habits.phase[:, :, None] + slots * EVERY + np.floor(JITTER * late).astype(np.int64)

        water = opening[0][:, None] + accumulated(told.water, times[:, 0])
        energy = opening[1][:, None] + accumulated(told.energy, times[:, 1]) + metered(told.power, times[:, 1])
        self._exchange(water, energy, times, rows, day)
        noise = scattered(self._seed, _NOISE, habits.who[:, None], day, slots)
        air = quiet(habits.haze, told.plan.stove, told.plan.cooking, told.fumes, times[:, 2]) + 0.04 * (noise - 0.5)

        report = _Report(habits.who, day)
        report.add(Kinds.VOLUME, times[:, 0], water // 1000)
        report.add(Kinds.ENERGY, times[:, 1], energy // 1000)
        beats = times[:, 2, :: 6 * 3600 // EVERY] + 1
        sounding, beating, calm = np.zeros(beats.shape), np.ones(beats.shape, np.bool_), np.ones(air.shape, np.bool_)
        for row in smoky(told, befalls):
            heard = episode(self._seed, told, row, befalls)
            turns, ticked = heard.turns(), heard.told()
            report.one(Kinds.SMOKE, row, heard.at[ticked], heard.obscuration[ticked])
            report.one(Kinds.ALARM, row, heard.at[turns], heard.sounds[turns].astype(np.float64))
            calm[row] = ~heard.covers(times[row, 2])
            sounding[row] = heard.sounding(beats[row])
            beating[row] = ~np.isin(beats[row], heard.at[turns])
        report.add(Kinds.SMOKE, times[:, 2], np.round(air.clip(0.0), 2), calm)
        report.add(Kinds.ALARM, beats, sounding, beating)
        level = 100 - 65 * ((day * 0.03 / 65 + habits.battery) % 1.0)
        at = times[:, [0, 2], 12] + 2
        for number, kind in enumerate((Kinds.WATER_BATTERY, Kinds.SMOKE_BATTERY)):
            report.add(kind, at[:, number : number + 1], np.floor(level[:, number : number + 1]).astype(np.int64))
        return report.columns(befalls)

    def _exchange(self, water: Ints, energy: Ints, times: Ints, rows: slice, day: int) -> None:
        for (row, span), standing in sorted(self._exchanges.items(), key=lambda each: each[0][1].begin):
            if rows.start <= row < rows.stop:
                number = 0 if span.event.target.startswith("wm") else 1
                register = (water, energy)[number][row - rows.start]
                after = midnight(day) + times[row - rows.start, number] * SECOND >= span.begin
                # A later exchange counts from the same total, so undo what an earlier one did by reading afresh.
                register[after] += round(1000 * span.event.amount) - standing - self._shifted(row, span)

    def _shifted(self, row: int, span: Span) -> int:
        """Return by how much earlier exchanges of the same meter already moved its register."""
        moved = 0
        for (other, earlier), standing in sorted(self._exchanges.items(), key=lambda each: each[0][1].begin):
            if other == row and earlier.event.target == span.event.target and earlier.begin < span.begin:
                moved = round(1000 * earlier.event.amount) - standing
        return moved


def _summed(told: Lives) -> Ints:
    n = len(told.habits.who)
    return np.stack([totals(told.water, n), totals(told.energy, n) + told.power.sum(axis=1)])


class _Report:
    """Readings of one day being collected."""

    def __init__(self, who: Ints, day: int) -> None:
        self._who = who
        self._begin = midnight(day)
        self._parts: list[Columns] = []

    def add(
        self,
        kind: int,
        times: Ints,
        value: Ints | Floats,
        told: Bools | None = None,
    ) -> None:
        """Add (n, k) readings of one kind, those that are `told`."""
        sensor = np.broadcast_to((self._who * Kinds.COUNT + kind)[:, None], times.shape)
        keep = np.ones(times.shape, np.bool_) if told is None else told
        self._append(sensor[keep], times[keep], value[keep])

    def one(self, kind: int, row: int, times: Ints, value: Floats) -> None:
        """Add readings of one household."""
        self._append(np.full(len(times), int(self._who[row]) * Kinds.COUNT + kind), times, value)

    def _append(self, sensor: Ints, times: Ints, value: Ints | Floats) -> None:
        time = self._begin + times * SECOND
        self._parts.append(Columns(sensor.astype(np.int32), time.astype(np.int64), value.astype(np.float64)))

    def columns(self, befalls: Iterable[Befalls]) -> Columns:
        """Return all readings, less those of devices that say nothing, with flat batteries told at once."""
        befalls = list(befalls)
        for each in befalls:
            if each.span.event.kind == Happening.BATTERY and 0 <= each.begin < DAY_SECONDS:
                kind = Kinds.WATER_BATTERY if each.span.event.target.startswith("wm") else Kinds.SMOKE_BATTERY
                self.one(kind, each.row, np.array([each.begin]), np.array([each.span.event.amount]))
        sensor = np.concatenate([part.sensor for part in self._parts])
        time = np.concatenate([part.time for part in self._parts])
        value = np.concatenate([part.value for part in self._parts])
        heard = np.ones(len(sensor), np.bool_)
        for each in befalls:
            inside = (time >= each.span.begin) & (time < each.span.end)
            own = sensor // Kinds.COUNT == self._who[each.row]
            target, which = each.span.event.target[:2], sensor % Kinds.COUNT
            if each.span.event.kind == Happening.DEAD:
                kinds = [n for n, prefix in enumerate(Kinds.DEVICES) if prefix == target]
                heard &= ~(inside & own & np.isin(which, kinds))
            elif each.span.event.kind == Happening.BLACKOUT:
                heard &= ~(inside & own & (which == Kinds.ENERGY))
            elif each.span.event.kind == Happening.BATTERY:
                kind = Kinds.WATER_BATTERY if target == "wm" else Kinds.SMOKE_BATTERY
                value[inside & own & (which == kind)] = each.span.event.amount
        return Columns(sensor[heard], time[heard], value[heard])
