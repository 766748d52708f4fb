"""What happens in households on one day: their habits, the day's chance, and what befalls them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from registry.instants import DAY, HOUR, SECOND
from simulators.chance import Dice, Floats, Ints
from simulators.climate import daylight, outdoor
from simulators.days import BINS, DAY_SECONDS, WIDTH, Plan, plan
from simulators.electricity import appliances, comfort, steady
from simulators.events import TOWN_OFFSET, Happening, Span
from simulators.registers import Uses, joined
from simulators.residents import Habits
from simulators.smoke import cooking
from simulators.water import draws

LIFE = 3


@dataclass(frozen=True, slots=True)
class Befalls:
    """A span at work in one row of a day, with its limits in seconds of that day (beyond it where longer)."""

    row: int
    span: Span
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Lives:
    """One day of n households, as it really happens; rows as in `habits`."""

    day: int
    habits: Habits
    plan: Plan
    water: Uses
    """Millilitres."""
    power: Ints
    """(n, 288) milliwatt-hours per five minutes of what runs by itself or is left on."""
    energy: Uses
    """Milliwatt-hours of what somebody switched on."""
    fumes: Floats
    """(n, 3) what cooking each meal puts into the air, %/m."""


def midnight(day: int) -> int:
    """Return the instant at which a local day (since 1970) begins, microseconds UTC."""
    return day * DAY - TOWN_OFFSET


def day_of(moment: int) -> int:
    """Return the local day, since 1970, of an instant in microseconds UTC."""
    return (moment + TOWN_OFFSET) // DAY


def lives(seed: int, habits: Habits, day: int, befalls: Iterable[Befalls] = ()) -> Lives:
    """Return a day of some households; each row depends on (seed, household, day) and its own events alone."""
    dice = Dice(seed, LIFE, habits.who, day)
    planned = plan(seed, habits, dice, day)
    warmth = float(outdoor(seed, day, np.array([540.0, 1260.0])).mean())
    water, showers, fills = draws(habits, planned, dice, warmth)
    base = steady(habits, day)
    chosen = comfort(seed, habits, planned, dice, day)
    energy = appliances(habits, planned, dice, showers, fills)
    told = Lives(day, habits, planned, water, base + chosen, energy, cooking(habits, planned, dice))
    return _changed(told, base, chosen, tuple(befalls))


_STILL = (Happening.FALL, Happening.DEATH)
_FLOWS = (Happening.USE, Happening.LEAK, Happening.BURST, Happening.TAP)


def _changed(told: Lives, base: Ints, chosen: Ints, befalls: Sequence[Befalls]) -> Lives:
    for each in befalls:
        if each.span.event.kind in _STILL:
            told = _stilled(told, base, chosen, each)
    cuts = [each for each in befalls if each.span.event.kind == Happening.WATER_CUT]
    water = told.water
    for cut in cuts:
        water = water.until(cut.row, cut.begin, cut.end)
    flows = [_flow(each, cuts) for each in befalls if each.span.event.kind in _FLOWS]
    energy = [told.energy, *(_boiling(each, told) for each in befalls if each.span.event.kind == Happening.KETTLE_FIRE)]
    told = replace(told, water=joined([water, *flows]), energy=joined(energy))
    for each in befalls:
        if each.span.event.kind == Happening.BLACKOUT:
            told = _darkened(told, each)
    return told


def _stilled(told: Lives, base: Ints, chosen: Ints, fall: Befalls) -> Lives:
    """Stop all activity of a household. A tap that runs goes on to its end; a lamp that is on stays on."""
    minute = np.arange(BINS) * WIDTH
    lying = (minute + WIDTH > fall.begin) & (minute < fall.end)
    day, second = divmod(fall.span.begin - midnight(0), DAY)
    sunrise, sunset = daylight(day)
    dark = not sunrise * 60 < second // SECOND < sunset * 60
    lamp = round(told.habits.lamp[fall.row] * WIDTH / 3.6) if dark else 0
    power, fumes = told.power.copy(), told.fumes.copy()
    power[fall.row, lying] = base[fall.row, lying] + np.where(minute[lying] < fall.begin, chosen[fall.row, lying], lamp)
    stove = told.plan.stove[fall.row]
    fumes[fall.row, (stove >= fall.begin) & (stove < fall.end)] = 0.0
    return replace(
        told,
        water=told.water.without(fall.row, fall.begin, fall.end),
        energy=told.energy.without(fall.row, fall.begin, fall.end),
        power=power,
        fumes=fumes,
    )


def _flow(flow: Befalls, cuts: Sequence[Befalls]) -> Uses:
    """Return water that runs for a time, at litres per hour (a single use: litres in all), while there is any."""
    running = [(max(flow.begin, 0), min(flow.end, DAY_SECONDS))]
    for cut in cuts:
        if cut.row == flow.row:
            running = [
                piece for a, b in running
                for piece in ((a, min(b, cut.begin)), (max(a, cut.end), b)) if piece[0] < piece[1]
            ]  # fmt: skip
    hours = flow.span.event.lasting / HOUR
    rate = flow.span.event.amount / (hours if flow.span.event.kind == Happening.USE else 1.0)
    return Uses(
        np.full(len(running), flow.row),
        np.array([a for a, _ in running], np.int64),
        np.array([b - a for a, b in running], np.int64),
        np.array([round(rate * 1000 * (b - a) / 3600) for a, b in running], np.int64),
    )


def _boiling(fire: Befalls, told: Lives) -> Uses:
    """Return the electricity of a kettle that boils dry until its element melts, ten minutes."""
    begin, end = max(fire.begin, 0), min(fire.begin + 600, fire.end, DAY_SECONDS)
    lasts = np.array([max(end - begin, 0)])
    amount = np.rint(told.habits.kettle[[fire.row]] * lasts / 3.6).astype(np.int64)
    return Uses(np.array([fire.row]), np.array([begin]), lasts, amount).only(lasts > 0)


def _darkened(told: Lives, blackout: Befalls) -> Lives:
    begin = np.arange(BINS) * WIDTH
    dark = np.clip(np.minimum(begin + WIDTH, blackout.end) - np.maximum(begin, blackout.begin), 0, WIDTH)
    power = told.power.copy()
    power[blackout.row] = power[blackout.row] * (WIDTH - dark) // WIDTH
    return replace(told, power=power, energy=told.energy.until(blackout.row, blackout.begin, blackout.end))


def befalling(spans: Iterable[tuple[int, Span]], day: int) -> tuple[Befalls, ...]:
    """Return what befalls rows on a day, from spans with the row each concerns."""
    begin, end = midnight(day), midnight(day + 1)
    return tuple(
        Befalls(row, span, (span.begin - begin) // SECOND, min((span.end - begin) // SECOND, 2 * DAY_SECONDS))
        for row, span in spans
        if span.begin < end and (span.end > begin or span.begin == span.end >= begin)
    )
