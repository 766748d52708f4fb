"""Smoke: what hangs in the air of a kitchen, what a fire adds, and when the detector itself alarms."""

from __future__ import annotations

import numpy as np

from simulators.chance import Dice, Floats, Ints
from simulators.days import Plan
from simulators.residents import Bools, Habits

TICK = 10
"""Seconds between readings while the air is changing."""
CHANGING = 1.0
"""%/m above clean air from which a detector reports every tick; below it, every quarter of an hour."""
CLEARS = 600.0
"""Time constant in seconds with which smoke clears; after six of them it is gone."""
_TAIL = 6


def cooking(habits: Habits, plan: Plan, dice: Dice) -> Floats:
    """Return the peak of what cooking each meal puts into the air, %/m, (n, 3).

    Peaks are lognormal about 0.22 %/m: three meals in a hundred pass 1 %/m, one in some 1,500 the alarm's
    threshold, which makes about one false alarm in two household-years (cooking is their commonest cause;
    Dinaburg and Gottuk, Smoke Alarm Nuisance Source Characterization, 2014).
    """
    peak = 0.22 * np.exp(0.75 * dice.normal(3)) * habits.fumes[:, None]
    return np.where(plan.cooked, peak, 0.0)


def plume(shape: str, elapsed: Floats, lasts: Floats | float, peak: Floats | float) -> Floats:
    """Return the obscuration a source adds, %/m, `elapsed` seconds after it began.

    Cooking rises evenly while the stove burns. A flaming fire shows nothing for a minute, then approaches its
    peak with a time constant of 75 s; a smouldering one grows with the square of time for 75 minutes (both
    are fits by eye to the photoelectric curves of NIST TN 1455). All clear exponentially once they end.
    """
    share = _rise(shape, np.minimum(elapsed, lasts), lasts)
    after: Floats = np.exp(-np.maximum(elapsed - lasts, 0) / CLEARS)
    return np.where((elapsed > 0) & (elapsed < lasts + _TAIL * CLEARS), peak * share * after, 0.0)


def _rise(shape: str, elapsed: Floats, lasts: Floats | float) -> Floats:
    if shape == "flaming":
        share: Floats = -np.expm1(-np.maximum(elapsed - 60, 0) / 75)
    elif shape == "smouldering":
        share = np.minimum(elapsed / 4500, 1) ** 2
    else:
        share = elapsed / np.maximum(lasts, 1)
    return np.maximum(share, 0)


def quiet(haze: Floats, stove: Ints, lasts: Ints, peak: Floats, times: Ints) -> Floats:
    """Return the obscuration at `times` (n, k), seconds of the day, from clean air and cooking, %/m."""
    air = np.broadcast_to(haze[:, None], times.shape).copy()
    for meal in range(stove.shape[1]):
        elapsed = (times - stove[:, meal : meal + 1]).astype(np.float64)
        air += plume("cooking", elapsed, lasts[:, meal : meal + 1].astype(np.float64), peak[:, meal : meal + 1])
    return air


def ticks(begin: int, end: int, offset: int) -> Ints:
    """Return the detector's ticks in seconds [begin, end)."""
    first = begin + (offset - begin) % TICK
    return np.arange(first, end, TICK, dtype=np.int64)


def alarms(obscuration: Floats, threshold: float) -> Bools:
    """Return whether the detector sounds, tick by tick.

    It begins with the second tick in a row at its threshold or above, and ends after a minute below four
    fifths of it.
    """
    sounds = np.zeros(len(obscuration), np.bool_)
    if obscuration.max(initial=0.0) < threshold:
        return sounds
    above, below, on = 0, 0, False
    for tick, value in enumerate(obscuration.tolist()):
        above = above + 1 if value >= threshold else 0
        below = below + 1 if value < 0.8 * threshold else 0
        on = (on or above >= 2) and below < 6
        sounds[tick] = on
    return sounds
