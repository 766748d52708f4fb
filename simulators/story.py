"""The opening story: what befalls a town so that it is worth watching from the first minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from registry.instants import MINUTE, SECOND, to_datetime, to_micros
from simulators.chance import scattered
from simulators.errors import SimulationError
from simulators.events import Event, Happening, event
from simulators.meters import Columns, Kinds
from simulators.town import Town

_STORY = 61
_SOON = (7 * MINUTE, 9 * MINUTE + 30 * SECOND)
_ANYHOW = (2 * MINUTE, 18 * MINUTE)
"""When the reading comes that proves the silence, after the start: wanted, and in a town too small to choose."""
_ENOUGH = 12.0
"""Litres between two readings that no rule of "less than 10 L" can overlook, even if it smooths them a little."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """A household whose reading at `last` is its last use if it falls just before, and proven at `proof`."""

    household: str
    before: int
    last: int
    proof: int
    litres: float


def story(town: Town, start: datetime, silence: timedelta = timedelta(hours=24)) -> tuple[Event, ...]:
    """Return what befalls a town that begins to be watched at `start`.

    Somebody who lives alone collapsed about `silence` ago, at the end of their last use of water: a rule "less
    than 10 L in `silence`" can say so by the reading 7 to 9.5 minutes after `start`, which reaches the service
    within two minutes more. Nobody answers for them until somebody goes there. Which household, and when, is
    read from the town's own readings; where nobody living alone used enough water at that time of day (the small
    hours), one of them took a bath first. Afterwards, modestly:

    45 min a kettle boils dry · 2.5 h a cistern leaks · 4 h a smoke detector's battery runs low ·
    5 h an electricity meter falls silent · 26 h a community has no electricity for 90 min · 54 h a pipe bursts.

    It is the same whatever has been injected meanwhile, so that a town can be resumed.

    Raises:
        SimulationError: nobody in the town lives alone and at home.
    """
    town = town.untouched()
    moments = sorted(_moments(town, start, silence), key=lambda each: (-each.litres, each.household, each.last))
    soon = [each for each in moments if _SOON[0] <= each.proof - to_micros(start) <= _SOON[1]]
    events: list[Event] = []
    for chosen, staged in [*((m, False) for m in soon), *((m, True) for m in soon), *((m, True) for m in moments)]:
        at = _bath_over(town, chosen) if staged else _last_use_over(town, chosen)
        if at is not None:
            break
    else:
        raise SimulationError("nobody in this town lives alone and is at home; choose more households or a later start")
    if staged:
        bath = at - 6 * MINUTE
        events.append(event(Happening.USE, chosen.household, bath, lasting=timedelta(minutes=6), amount=40.0))
    events.append(event(Happening.FALL, chosen.household, at, unreachable=True))
    return (*events, *_later(town, start, chosen.household))


def _moments(town: Town, start: datetime, silence: timedelta) -> list[_Moment]:
    """Return the readings whose anniversary, `silence` later, proves a silence soon after `start`."""
    begin, window = to_micros(start), silence // timedelta(microseconds=1)
    proofs = _volumes(town, begin - 20 * MINUTE, begin + _ANYHOW[1])
    lasts = _volumes(town, begin - window - 35 * MINUTE, begin - window + _ANYHOW[1])
    found = []
    for row in np.flatnonzero(town.habits.alone).tolist():
        mine = lasts.sensor == row * Kinds.COUNT + Kinds.VOLUME
        later = proofs.time[proofs.sensor == row * Kinds.COUNT + Kinds.VOLUME]
        times, registers = lasts.time[mine], lasts.value[mine]
        for at in range(1, len(times)):
            due = later[later >= times[at] + window]
            if not len(due) or not _ANYHOW[0] <= due[0] - begin <= _ANYHOW[1]:
                continue
            if not _prompt(town, row * Kinds.COUNT + Kinds.VOLUME, int(due[0])):
                continue
            home, used = town.households[row], float(registers[at] - registers[at - 1])
            found.append(_Moment(home, int(times[at - 1]), int(times[at]), int(due[0]), used))
    return found


def _volumes(town: Town, begin: int, end: int) -> Columns:
    told = town.readings(to_datetime(begin), to_datetime(end))
    rows = told.sensor % Kinds.COUNT == Kinds.VOLUME
    return Columns(told.sensor[rows], told.time[rows], told.value[rows])


def _prompt(town: Town, sensor: int, time: int) -> bool:
    """Whether the reading that proves the silence is neither lost nor late on its way."""
    published = town.reaches(sensor, time)
    return published is not None and published - time < 2 * MINUTE


def _last_use_over(town: Town, moment: _Moment) -> int | None:
    """Return the end of the last use before the reading at `moment.last`, None if it is too little or goes on."""
    if moment.litres < _ENOUGH:
        return None
    over = _over(town, moment)
    return None if over is None else max(over, moment.before) + SECOND


def _bath_over(town: Town, moment: _Moment) -> int | None:
    """Return when a bath that is all counted by that reading would be over, None if nobody was there to take it."""
    at = moment.last - MINUTE
    if _over(town, moment) is None or town.state(moment.household, to_datetime(at - 6 * MINUTE)) == "away":
        return None
    return at


def _over(town: Town, moment: _Moment) -> int | None:
    """Return when the last use before the reading ended, None if one runs on beyond it."""
    begin, end = to_datetime(moment.last - 60 * MINUTE), to_datetime(moment.last)
    ends = [over for _, over, _ in town.used(moment.household, begin, end)]
    return max(ends, default=0) if max(ends, default=0) <= moment.last - 2 * SECOND else None


def _later(town: Town, start: datetime, fallen: str) -> tuple[Event, ...]:
    others = [home for home in town.households if home != fallen] or [fallen]
    chance = scattered(town.seed, _STORY, to_micros(start), np.arange(len(others)))
    order: list[str] = [others[at] for at in np.argsort(chance, kind="stable").tolist()]

    def after(**lasting: float) -> datetime:
        return start + timedelta(**lasting)

    # Whoever burns their kettle is at home; the others are the next in order.
    burns = next((each for each in order[:40] if town.state(each, after(minutes=45)) == "awake"), order[0])
    order = [burns, *(each for each in order if each != burns)]
    areas = {each.id: each.area for each in town.registry.households}

    def home(number: int) -> str:
        return order[number % len(order)]

    return (
        event(Happening.KETTLE_FIRE, burns, after(minutes=45)),
        event(Happening.LEAK, home(1), after(hours=2, minutes=30), amount=25.0),
        event(Happening.BATTERY, home(2).replace("household", "sd"), after(hours=4)),
        event(Happening.DEAD, home(3).replace("household", "em"), after(hours=5)),
        event(Happening.BLACKOUT, areas[home(4)], after(hours=26), lasting=timedelta(minutes=90)),
        event(Happening.BURST, home(5), after(hours=54)),
    )
