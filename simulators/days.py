"""How a day goes: who is up, who is out, when meals are, in five-minute bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.chance import Dice, Floats, Ints, placed
from simulators.residents import Bools, Habits, absent

BINS = 288
WIDTH = 300
"""A day in bins of so many seconds."""
DAY_SECONDS = BINS * WIDTH


@dataclass(frozen=True, slots=True)
class Plan:
    """A day of n households; minutes of the local day, bins (…, 288)."""

    up: Floats
    """(n, 2) minute of getting up."""
    bed: Floats
    """(n, 2) minute of going to bed."""
    inside: Bools
    """(n, 2, 288) at home, awake or not; a second person who does not exist never is."""
    active: Bools
    """(n, 2, 288) at home and awake."""
    meals: Floats
    """(n, 3) breakfast, lunch, dinner."""
    cooked: Bools
    """(n, 3) whether somebody was at home to cook it."""
    stove: Ints
    """(n, 3) second of the day at which the stove is lit, and how many seconds it burns: 6 to 26 minutes."""
    cooking: Ints


def plan(seed: int, habits: Habits, dice: Dice, day: int) -> Plan:
    """Return how a day goes in some households.

    Outings: the market in the morning (about an hour and a quarter), a walk or visit in the afternoon
    (about two hours), dancing in the evening, and one day in thirty a visit that takes the whole day.
    """
    n = len(habits.who)
    up = np.clip(habits.rises + 15 * dice.normal(2), 240, 540)
    bed = np.clip(habits.retires + 20 * dice.normal(2), 1170, 1425)

    chance, length = dice.uniform(4 * 2).reshape(n, 4, 2), dice.normal(4 * 2).reshape(n, 4, 2)
    shift = dice.uniform(3 * 2).reshape(n, 3, 2)
    market = np.maximum(up + 60, 440 + 80 * shift[:, 0])
    stroll = 850 + 70 * shift[:, 1]
    dance = 1140 + 20 * shift[:, 2]
    begin = np.stack([market, stroll, dance, 550 + 40 * shift[:, 0]], axis=1)
    lasts = np.stack([
        75 * np.exp(0.3 * length[:, 0]), 110 * np.exp(0.35 * length[:, 1]),
        65 + 8 * length[:, 2], 510 + 40 * length[:, 3],
    ], axis=1)  # fmt: skip
    end = np.minimum(begin + lasts, bed[:, None] - 30)
    likely = np.stack([habits.market, habits.strolls, habits.dances, np.full((n, 2), 1 / 30)], axis=1)
    goes = (chance < likely) & (end > begin)

    minute = minutes()
    out = (goes[..., None] & (minute >= begin[..., None] - 5) & (minute < end[..., None])).any(axis=1)
    away_from, away_to = absent(seed, habits.who, day)
    away = (minute >= away_from[:, None] - 5) & (minute < away_to[:, None])
    lives = np.stack([np.ones(n, np.bool_), ~habits.alone], axis=1)
    inside = lives[..., None] & ~out & ~away[:, None]
    active = inside & (minute >= up[..., None]) & (minute + 5 <= bed[..., None])

    wobble = dice.normal(3)
    meals = np.stack([
        up[:, 0] + 35 + 8 * wobble[:, 0], 690 + 18 * wobble[:, 1], 1055 + 20 * wobble[:, 2],
    ], axis=1)  # fmt: skip
    before = np.clip((meals - 15) // 5, 0, BINS - 1).astype(np.int64)
    someone = np.take_along_axis(active.any(axis=1), before, axis=1)
    cooked = someone & (dice.uniform(3) < habits.cooks[:, None])
    burns = np.array([6.0, 14.0, 12.0]) + np.array([4.0, 12.0, 10.0]) * dice.uniform(3)
    cooking = np.rint(60 * burns).astype(np.int64)
    stove = (60 * meals).astype(np.int64) - cooking
    return Plan(up, bed, inside, active, meals, cooked, stove, cooking)


def during(weight: Floats, chance: Floats) -> tuple[Ints, Bools]:
    """Return where events fall by a weight per bin (n, 288), in seconds, and which can take place at all."""
    able = np.any(weight > 0, axis=1, keepdims=True)
    return placed(weight, chance, WIDTH), np.broadcast_to(able, chance.shape)


def minutes() -> Floats:
    """Return the minute of the day at which each bin begins, (288,)."""
    return np.arange(BINS, dtype=np.float64) * (WIDTH / 60)
