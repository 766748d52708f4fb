"""Water: a stochastic end-use model after SIMDEUM, for one or two elderly people.

Blokker, Vreeburg, van Dijk: Simulating residential water demand with a stochastic end-use model. Journal of
Water Resources Planning and Management 136 (2010) 19-26. Frequencies, durations and intensities below are its
published ones (as also given, for seniors, in the data of KWR's pysimdeum):

- toilet: Poisson, 7.2 a person-day; the cistern fills at 0.042 L/s; a saver, used 7 times in 10, halves it
- bathroom tap: Poisson, 4.1 a person-day, a third washing, the rest teeth; lognormal, mean 40 s and 15 s;
  U(0, 0.083) L/s
- kitchen tap: negative binomial, 10.1 ± 7 a day for one, 12.7 ± 7.2 for two; drinking, dishes, hands, other
  3:2:2:1; lognormal, mean 15, 45, 13, 37 s; U(0, 0.167) L/s, dishes U(0, 0.25) L/s
- shower: 0.69 a person-day; chi-square, 6.5 min; 0.142 or 0.123 L/s
- washing machine: Poisson, 0.32 a day for one, 0.29 for two; 50 L in four fills

What is ours: σ = 1 of the lognormals; bathtub, dishwasher and garden are left out; nightly toilet visits are a
count of their own, taken off the 7.2; showers are rarer in the cold (Hokoi et al., Frontiers of Architectural
Research 2013, on Nanjing and Hefei); when in the day things happen follows from who is up and at home, with
more around getting up, coming to the table and going to bed.
"""

from __future__ import annotations

import numpy as np

from simulators.chance import Dice, Floats, Ints, chi_square, negative_binomial, poisson
from simulators.days import BINS, DAY_SECONDS, Plan, during, minutes
from simulators.registers import Uses, joined, used
from simulators.residents import Bools, Habits

_TOILETS, _NIGHTS, _TAPS, _KITCHEN, _FILLS = 17, 4, 12, 36, 4


def draws(habits: Habits, plan: Plan, dice: Dice, warmth: float) -> tuple[Uses, Uses, Uses]:
    """Return a day's draws in millilitres: all of them, and of these the showers and the machine's fills.

    `warmth` is the day's mean temperature in °C.
    """
    showers = _showers(habits, plan, dice, warmth)
    fills = _laundry(habits, plan, dice)
    others = [_toilet(habits, plan, dice), _night(habits, plan, dice), _bathroom(habits, plan, dice)]
    return joined([*others, _kitchen(habits, plan, dice), showers, fills]), showers, fills


def _personal(plan: Plan) -> Floats:
    """How likely somebody goes to the bathroom, (n, 2, 288): most of all after rising, more before bed."""
    minute = minutes()
    rising = np.where(minute < plan.up[..., None] + 30, 4.0, 0.0)
    retiring = np.where(minute > plan.bed[..., None] - 30, 2.0, 0.0)
    return np.where(plan.active, 1.0 + rising + retiring, 0.0)


def _flush(habits: Habits, saves: Floats, people: int) -> tuple[Floats, Floats]:
    """Return duration (s) and volume (L) of flushes, (n · people, k)."""
    cistern, saver = np.repeat(habits.cistern, people)[:, None], np.repeat(habits.saver, people)[:, None]
    volume = cistern * np.where(saver & (saves < 0.7), 0.5, 1.0)
    return volume / 0.042, volume


def _toilet(habits: Habits, plan: Plan, dice: Dice) -> Uses:
    n = len(habits.who)
    count = poisson(dice.uniform(2), 7.2 - habits.night, _TOILETS).reshape(2 * n, 1)
    start, possible = during(_personal(plan).reshape(2 * n, BINS), dice.uniform(2 * _TOILETS).reshape(2 * n, -1))
    lasts, volume = _flush(habits, dice.uniform(2 * _TOILETS).reshape(2 * n, -1), 2)
    return _of_two(start, lasts, volume, possible & (np.arange(_TOILETS) < count))


def _night(habits: Habits, plan: Plan, dice: Dice) -> Uses:
    n = len(habits.who)
    asleep: Floats = (plan.inside & ~plan.active).reshape(2 * n, BINS).astype(np.float64)
    count = poisson(dice.uniform(2), habits.night, _NIGHTS).reshape(2 * n, 1)
    start, possible = during(asleep, dice.uniform(2 * _NIGHTS).reshape(2 * n, -1))
    lasts, volume = _flush(habits, dice.uniform(2 * _NIGHTS).reshape(2 * n, -1), 2)
    return _of_two(start, lasts, volume, possible & (np.arange(_NIGHTS) < count))


def _bathroom(habits: Habits, plan: Plan, dice: Dice) -> Uses:
    n = len(habits.who)
    count = poisson(dice.uniform(2), 4.1, _TAPS).reshape(2 * n, 1)
    start, possible = during(_personal(plan).reshape(2 * n, BINS), dice.uniform(2 * _TAPS).reshape(2 * n, -1))
    which = dice.uniform(2 * _TAPS).reshape(2 * n, -1)
    lasts = _lognormal(np.where(which < 1 / 3, 40.0, 15.0), dice.normal(2 * _TAPS).reshape(2 * n, -1))
    rate = 0.083 * dice.uniform(2 * _TAPS).reshape(2 * n, -1) * np.repeat(habits.thrift, 2)[:, None]
    return _of_two(start, lasts, lasts * rate, possible & (np.arange(_TAPS) < count))


def _showers(habits: Habits, plan: Plan, dice: Dice, warmth: float) -> Uses:
    n, minute = len(habits.who), minutes()
    morning = minute < plan.up[..., None] + 60
    evening = (minute > plan.bed[..., None] - 120) & (minute < plan.bed[..., None] - 20)
    weight = np.where(plan.active, 0.02 + 0.6 * morning + 1.5 * evening, 0.0)
    start, possible = during(weight.reshape(2 * n, BINS), dice.uniform(2).reshape(2 * n, 1))
    often = 0.69 * np.clip(0.5 + (warmth - 6.0) / 32.0, 0.5, 1.0)
    lasts = np.clip(60 * chi_square(dice.normal(2).reshape(2 * n, 1), 6.5), 60, 1500)
    volume = lasts * np.repeat(habits.shower, 2)[:, None]
    return _of_two(start, lasts, volume, possible & (dice.uniform(2).reshape(2 * n, 1) < often))


def _kitchen(habits: Habits, plan: Plan, dice: Dice) -> Uses:
    minute = minutes()
    table = (np.abs(minute - plan.meals[..., None]) < 40).any(axis=1)
    mean, deviation = np.where(habits.alone, 10.1, 12.7), np.where(habits.alone, 7.0, 7.2)
    count = negative_binomial(dice.uniform(1)[:, 0], mean, deviation, _KITCHEN)[:, None]
    weight: Floats = np.any(plan.active, axis=1) * (0.2 + 2.0 * table)
    start, possible = during(weight, dice.uniform(_KITCHEN))
    which = np.searchsorted([0.375, 0.625, 0.875], dice.uniform(_KITCHEN), side="right")
    lasts = _lognormal(np.array([15.0, 45.0, 13.0, 37.0])[which], dice.normal(_KITCHEN))
    rate = np.array([0.167, 0.25, 0.167, 0.167])[which] * dice.uniform(_KITCHEN) * habits.thrift[:, None]
    return _litres(start, lasts, lasts * rate, possible & (np.arange(_KITCHEN) < count))


def _laundry(habits: Habits, plan: Plan, dice: Dice) -> Uses:
    minute = minutes()
    weight: Floats = np.any(plan.active, axis=1) * np.where((minute > 480) & (minute < 960), 1.0, 0.0)
    start, possible = during(weight, dice.uniform(1))
    often = -np.expm1(np.where(habits.alone, -0.32, -0.29))
    washes = possible & (dice.uniform(1) < often[:, None]) & habits.machine[:, None]
    begins = start + 720 * np.arange(_FILLS)
    litres = np.full(begins.shape, 12.5)
    return _litres(begins, litres / 0.15, litres, np.broadcast_to(washes, begins.shape))


def _lognormal(mean: Floats, normal: Floats) -> Floats:
    lasts: Floats = np.clip(mean * np.exp(normal - 0.5), 2.0, 600.0)
    return lasts


def _litres(start: Ints, lasts: Floats, litres: Floats, happens: Bools) -> Uses:
    amount = np.rint(1000 * litres).astype(np.int64)
    lasts = np.clip(np.rint(lasts), 1, DAY_SECONDS)
    return used(start, lasts.astype(np.int64), amount, happens & (amount > 0))


def _of_two(start: Ints, lasts: Floats, litres: Floats, happens: Bools) -> Uses:
    # Two rows a household, one a person.
    uses = _litres(start, lasts, litres, happens)
    return Uses(uses.row // 2, uses.start, uses.duration, uses.amount)
