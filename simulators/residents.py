"""Who lives in the town: each household's lasting habits, and when it is away for days."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulators.chance import Dice, Floats, Ints, scattered

Bools = NDArray[np.bool_]

HABITS = 1
AWAY = 2
_PERIOD = 28


@dataclass(frozen=True, slots=True)
class Habits:
    """What does not change from day to day, one row per household (n,), or per person (n, 2)."""

    who: Ints
    """Numbers of the households in the town, from 0."""
    alone: Bools
    rises: Floats
    """(n, 2) usual minute of getting up; elderly people rise early (about 06:10 here)."""
    retires: Floats
    """(n, 2) usual minute of going to bed (about 21:40)."""
    market: Floats
    """(n, 2) chance of a morning outing."""
    strolls: Floats
    """(n, 2) chance of an afternoon outing."""
    dances: Floats
    """(n, 2) chance of an evening outing (dancing in the square)."""
    cooks: Floats
    """Chance that a meal at home is cooked."""
    thrift: Floats
    """Factor on volumes from taps."""
    cistern: Floats
    """Litres of a flush."""
    saver: Bools
    shower: Floats
    """Litres per second."""
    machine: Bools
    night: Floats
    """(n, 2) mean of visits to the toilet in a night."""
    standby: Floats
    fridge: Floats
    fridge_duty: Floats
    fridge_period: Floats
    fridge_phase: Floats
    lamp: Floats
    television: Floats
    television_midday: Floats
    electric_hob: Bools
    electric_boiler: Bools
    heater: Floats
    cooler: Floats
    kettle: Floats
    """Watts, as all between `standby` and here that is not a share, minutes or a choice."""
    haze: Floats
    """Smoke obscuration of clean air as this detector reads it, %/m."""
    fumes: Floats
    """Factor on what cooking puts into the air."""
    threshold: Floats
    """Obscuration at which the detector alarms, %/m."""
    phase: Ints
    """(n, 3) second of the quarter hour at which water meter, electricity meter and detector report."""
    battery: Floats
    """(n, 2) how far the batteries of water meter and detector have run down, as a share of their life."""
    water_start: Ints
    """Register at the town's first midnight, millilitres."""
    energy_start: Ints
    """The same, milliwatt-hours."""

    def only(self, rows: Ints | slice) -> Habits:
        """Return some of the rows."""
        return Habits(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


def habits(seed: int, who: Ints) -> Habits:
    """Return the habits of households by their numbers.

    65 % live alone; the others are two. Detectors alarm between 2.2 and 4.4 %/m, inside the window of
    EN 14604 (0.05–0.20 dB/m, that is 1.1–4.5 %/m). A refrigerator draws about 100 W for a third to a half
    of the time (Prayas eMARC measured 100 W and 51 % in 115 homes). Cisterns hold 9 or 6 litres, and most
    have a saver (SIMDEUM's four types, in newer proportions).
    """
    dice = Dice(seed, HABITS, who, 0)
    n = len(who)

    def spread(low: float, high: float) -> Floats:
        return low + (high - low) * dice.uniform(1)[:, 0]

    def chance(share: float) -> Bools:
        return dice.uniform(1)[:, 0] < share

    rises = 370 + 35 * dice.normal(1) + np.array([0.0, 12.0]) * dice.normal(2)
    retires = 1300 + 35 * dice.normal(1) + np.array([0.0, 15.0]) * dice.normal(2)
    return Habits(
        who=np.asarray(who, np.int64),
        alone=chance(0.65),
        rises=np.clip(rises, 270, 480),
        retires=np.clip(retires, 1200, 1395),
        market=0.45 + 0.5 * dice.uniform(2),
        strolls=0.1 + 0.5 * dice.uniform(2),
        dances=0.35 * dice.uniform(2) ** 2,
        cooks=spread(0.7, 1.0),
        thrift=np.exp(0.18 * dice.normal(1)[:, 0]),
        cistern=np.where(chance(0.35), 9.0, 6.0),
        saver=chance(0.6),
        shower=np.where(chance(0.5), 0.142, 0.123),
        machine=chance(0.9),
        night=0.5 + 1.0 * dice.uniform(2),
        standby=spread(10, 35),
        fridge=spread(75, 115),
        fridge_duty=spread(0.30, 0.48),
        fridge_period=spread(40, 75),
        fridge_phase=spread(0, 75),
        lamp=spread(15, 45),
        television=spread(60, 130),
        television_midday=spread(0.0, 0.7),
        electric_hob=chance(0.5),
        electric_boiler=chance(0.35),
        heater=spread(300, 900),
        cooler=spread(250, 600),
        kettle=spread(1300, 1800),
        haze=spread(0.04, 0.22),
        fumes=np.exp(0.3 * dice.normal(1)[:, 0]),
        threshold=spread(2.2, 4.4),
        phase=np.floor(890 * dice.uniform(3)).astype(np.int64),
        battery=dice.uniform(2),
        water_start=np.floor(1e6 * spread(250, 900)).astype(np.int64).reshape(n),
        energy_start=np.floor(1e6 * spread(6_000, 30_000)).astype(np.int64).reshape(n),
    )


@dataclass(frozen=True, slots=True)
class Trips:
    """Stays away over night, at most one per household and four weeks, one row per household."""

    away: Bools
    known: Bools
    """Whether somebody told the registry."""
    first: Ints
    """Day it begins (days since 1970, local), and the minute of leaving."""
    leaves: Ints
    last: Ints
    """Day it ends, and the minute of return."""
    returns: Ints


def trips(seed: int, who: Ints, day: int) -> Trips:
    """Return the trip that each household makes in the four weeks to which a day belongs.

    One household in eight is away in four weeks, for one to six nights; six in ten say so beforehand.
    """
    period = day // _PERIOD
    draw = [scattered(seed, AWAY, who, period, part) for part in range(6)]
    first = period * _PERIOD + 1 + np.floor(20 * draw[1]).astype(np.int64)
    nights = 1 + np.minimum(np.floor(-2.0 * np.log1p(-draw[2])), 5).astype(np.int64)
    return Trips(
        away=draw[0] < 0.125,
        known=draw[3] < 0.6,
        first=first,
        leaves=np.floor(510 + 150 * draw[4]).astype(np.int64),
        last=first + nights,
        returns=np.floor(930 + 180 * draw[5]).astype(np.int64),
    )


def absent(seed: int, who: Ints, day: int) -> tuple[Ints, Ints]:
    """Return the minutes [from, to) of a day in which each household is away, (0, 0) where it is not."""
    trip = trips(seed, who, day)
    inside = trip.away & (trip.first <= day) & (day <= trip.last)
    begin = np.where(inside & (day == trip.first), trip.leaves, 0)
    end = np.where(day == trip.last, trip.returns, 1440)
    return begin, np.where(inside, end, 0)
