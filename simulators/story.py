"""The opening story: what befalls a town so that it is worth watching from the first minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from registry.instants import HOUR, MINUTE, SECOND, to_datetime, to_micros
from simulators.chance import scattered
from simulators.errors import SimulationError
from simulators.events import FOREVER, Event, Happening, event
from simulators.town import State, Town

_STORY = 61
_SOON = (2 * MINUTE, 25 * MINUTE)
"""When the silence should be noticed, after the start."""
_HOURS_AGO = (9.0, 11.6, 7.0, 13.0, 5.0, 23.6, 10.0, 15.0, 12.0)
"""How long before the start somebody may have fallen: about what the rules we know ask for, by day and by night."""
_TOGETHER = 20
"""How many fall on trial at a time."""
_ALONE = 2
"""How many of each turn, those who come nearest, try it alone too."""
_FAR = 2 * HOUR
_UP_AND_ABOUT = 3 * HOUR
"""How long before that they used water for the last time."""

Rehearsal = Callable[[Sequence[Event]], Mapping[str, int]]
"""Let people fall on trial; return when (microseconds UTC) the silence of each household is first noticed."""


def cast(town: Town, start: datetime, rehearse: Rehearsal) -> Event:
    """Return the fall before `start` that is noticed soon after it; nobody answers until somebody has gone there.

    When silence becomes an alarm is for the rules to say, which know each household's habits: so some who live
    alone fall on trial, at the end of a use of water some hours ago, until for one of them the alarm comes 2 to 25
    minutes after `start`. In a small town it may come for nobody then: who comes nearest is nearly as good.

    Raises:
        SimulationError: nobody in the town lives alone and is at home.
    """
    town, begin = town.untouched(), to_micros(start)
    tried: list[tuple[int, Event]] = []
    for turn in range(len(_HOURS_AGO)):
        falls = _falls(town, start, turn)
        together = rehearse(falls) if falls else {}
        missed = {each.target: _missed(together.get(each.target), begin) for each in falls}
        # What many do at once moves what is usual in the town, and so when each of them is noticed.
        for each in sorted(falls, key=lambda one: missed[one.target])[:_ALONE]:
            by = (
                _missed(rehearse([each]).get(each.target), begin) if missed[each.target] < _FAR else missed[each.target]
            )
            if not by:
                return each
            tried.append((by, each))
    if not tried:
        raise SimulationError("nobody in this town lives alone and is at home; choose more households or a later start")
    return min(tried, key=lambda one: one[0])[1]


def _missed(noticed: int | None, begin: int) -> int:
    """Return by how much a silence is noticed too early or too late to be seen (microseconds); later is worse."""
    if noticed is None:
        return FOREVER
    return max(begin + _SOON[0] - noticed, 10 * (noticed - begin - _SOON[1]), 0)


def _falls(town: Town, start: datetime, turn: int) -> list[Event]:
    """Return the falls of a few who live alone, in the town's own order; who falls and when goes round with `turn`."""
    alone = np.flatnonzero(town.habits.alone)
    alone = alone[np.argsort(scattered(town.seed, _STORY, to_micros(start), alone), kind="stable")]
    alone = np.roll(alone, -turn * _TOGETHER)[:_TOGETHER]
    margin = timedelta(days=1)
    off = {each.household for each in town.registry.absences if each.starts - margin < start < each.ends + margin}
    falls = []
    for number, row in enumerate(alone.tolist()):
        home = town.households[row]
        by = to_micros(start) - round(_HOURS_AGO[(number + turn) % len(_HOURS_AGO)] * HOUR)
        used = [over for _, over, _ in town.used(home, to_datetime(by - _UP_AND_ABOUT), to_datetime(by))]
        at = max(used, default=by) + SECOND
        if at < by and home not in off and town.state(home, to_datetime(at)) is not State.AWAY:
            falls.append(event(Happening.FALL, home, at, unreachable=True))
    return falls


def story(town: Town, start: datetime, fallen: str) -> tuple[Event, ...]:
    """Return what befalls a town after `start`, modestly, beside the household of `cast`.

    45 min a kettle boils dry · 2.5 h a cistern leaks · 4 h a smoke detector's battery runs low ·
    5 h an electricity meter falls silent · 26 h a community has no electricity for 90 min · 54 h a pipe bursts.

    It is the same whatever has been injected meanwhile, so that a town can be resumed.
    """
    town = town.untouched()
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
