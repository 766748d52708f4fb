"""Electricity: what runs by itself, what people switch on, what the weather asks for.

Ratings are those of ordinary Chinese appliances; habits say who has which. A base of refrigerator and standby
is about 1.5 kWh a day, a person at home adds one to three, heating and cooling up to three more: the order of
the 3.3 kWh per person-day of Beijing in 2020 (Shi et al., Energy Proceedings) and of the small, frugal
households of the China Residential Energy Consumption Survey (Zheng et al., Energy Policy 75, 2014).
"""

from __future__ import annotations

import numpy as np

from simulators.chance import Dice, Floats, Ints, poisson
from simulators.climate import daylight, outdoor
from simulators.days import BINS, WIDTH, Plan, during, minutes
from simulators.registers import Uses, joined, used
from simulators.residents import Bools, Habits

_KETTLES = 6
_MILLIWATT_HOURS = 1000 / 3600


def steady(habits: Habits, day: int) -> Ints:
    """Return what runs without anybody, refrigerator and standby, as milliwatt-hours per bin (n, 288)."""
    minute = minutes()
    # The compressor's rhythm goes on over midnight: its phase is counted from 1970.
    turn = (day * 1440 + minute + habits.fridge_phase[:, None]) / habits.fridge_period[:, None] % 1.0
    cooling = habits.fridge[:, None] * (turn < habits.fridge_duty[:, None])
    return _energy(habits.standby[:, None] + cooling)


def comfort(seed: int, habits: Habits, plan: Plan, dice: Dice, day: int) -> Ints:
    """Return light, television, heating and cooling as milliwatt-hours per bin (n, 288).

    Heating begins below 10 °C outside, cooling above 27 °C; both grow with the distance.
    """
    minute = minutes()
    temperature = outdoor(seed, day, minute)
    sunrise, sunset = daylight(day)
    dark = (minute < sunrise + 10) | (minute > sunset - 10)
    awake, inside = plan.active.any(axis=1), plan.inside.any(axis=1)
    evening = minute > 1110 + 30 * dice.normal(1)
    midday = (minute > 720) & (minute < 810) & (dice.uniform(1) < habits.television_midday[:, None])
    watts = habits.lamp[:, None] * (awake & dark)
    watts = watts + habits.television[:, None] * (awake & (evening | midday))
    watts = watts + habits.heater[:, None] * np.clip((10 - temperature) / 8, 0, 1) * (0.8 * awake + 0.2 * inside)
    watts = watts + habits.cooler[:, None] * np.clip((temperature - 27) / 6, 0, 1) * (0.4 * awake + 0.3 * inside)
    return _energy(watts)


def appliances(habits: Habits, plan: Plan, dice: Dice, showers: Uses, fills: Uses) -> Uses:
    """Return what people switch on, in milliwatt-hours.

    Kettle (4 to 5 min), rice cooker (500 W, half an hour), hob or, with gas, the hood alone, the washing
    machine with its fills, an electric boiler with the shower (25 K: 29 Wh a litre).
    """
    n = len(habits.who)
    awake: Floats = np.any(plan.active, axis=1).astype(np.float64)
    start, possible = during(awake, dice.uniform(_KETTLES))
    start[:, 0] = (60 * (plan.up[:, 0] + 10)).astype(np.int64)
    count = 1 + poisson(dice.uniform(1), 2.5, _KETTLES - 1)
    boils = possible & (np.arange(_KETTLES) < count) & _at(awake, start)
    lasts = np.rint(240 + 60 * dice.uniform(_KETTLES)).astype(np.int64)
    kettles = _switched(start, lasts, habits.kettle[:, None], boils)

    watts = np.where(habits.electric_hob, 1100.0, 120.0)[:, None]
    hobs = _switched(plan.stove, plan.cooking, watts, plan.cooked)
    cooker = (60 * (plan.meals[:, 1:] - 40)).astype(np.int64)
    steams = plan.cooked[:, 1:] & (dice.uniform(2) < np.array([0.9, 0.6]))
    rice = _switched(cooker, np.full((n, 2), 1800), np.full((n, 1), 500.0), steams)

    boiler = showers.only(habits.electric_boiler[showers.row])
    boiler = Uses(boiler.row, boiler.start, np.minimum(3600, 86_400 - boiler.start), boiler.amount * 29)
    machine = Uses(fills.row, fills.start, np.full(len(fills), 700), np.full(len(fills), 60_000))
    return joined([kettles, hobs, rice, boiler, machine.only(machine.start < 85_000)])


def _at(awake: Floats, start: Ints) -> Bools:
    happens: Bools = np.take_along_axis(awake, np.clip(start // WIDTH, 0, BINS - 1), axis=1) > 0
    return happens


def _switched(start: Ints, lasts: Ints, watts: Floats, happens: Bools) -> Uses:
    return used(start, lasts, np.rint(watts * lasts * _MILLIWATT_HOURS).astype(np.int64), happens)


def _energy(watts: Floats) -> Ints:
    return np.rint(watts * (WIDTH * _MILLIWATT_HOURS)).astype(np.int64)
