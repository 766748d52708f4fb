"""Where a ladder's rungs stand on a picture of lanes and time: who is told, and how soon, at one glance."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

from alerts.ladders.policy import TASKS, Policy, Rung
from registry.instants import MINUTE

LANES: Final = ("resident", "contact", "caseworker", "duty_officer")
"""From the home outwards; whoever is on call stands with the duty officers."""
_CLOSEST: Final = 20.0
"""Hundredths of the width that the writing of a time needs, on a telephone."""
_ROWS: Final = 2
_SHORTEST: Final = 10 * MINUTE
"""A ladder that is over sooner is not drawn wider for that."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One rung: its place in hundredths of the width, its lane, and its sign: `sms`, `call`, `visit`, `task`."""

    x: float
    lane: int
    sign: str
    nth: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A time that is written below the lanes, `after` microseconds from the start, in the first row that has room."""

    x: float
    after: int
    row: int


@dataclass(frozen=True, slots=True)
class Strip:
    """A ladder as it is drawn."""

    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]


def strip(policy: Policy) -> Strip:
    """Return the picture of a ladder. The first minutes have more room than the last: they matter most."""
    last = max(_SHORTEST, *(rung.after for rung in policy.rungs))

    def place(after: int) -> float:
        return round(100 * sqrt(after / last), 2)

    marks = tuple(Mark(place(rung.after), lane(rung), sign(rung), nth) for nth, rung in enumerate(policy.rungs, 1))
    ticks: list[Tick] = []
    full = [-_CLOSEST] * _ROWS  # where each row was written last
    for after in sorted({rung.after for rung in policy.rungs}):
        free = next((row for row, written in enumerate(full) if place(after) - written >= _CLOSEST), None)
        if free is not None:
            full[free] = place(after)
            ticks.append(Tick(place(after), after, free))
    return Strip(marks, tuple(ticks))


def lane(rung: Rung) -> int:
    """Return the lane of whom a rung tells or sends."""
    who = rung.action.who
    if who.startswith("contact"):
        return LANES.index("contact")
    return LANES.index(who) if who in LANES else LANES.index("duty_officer")


def sign(rung: Rung) -> str:
    """Return the sign of what a rung does; whatever is written is drawn as an SMS."""
    do = rung.action.do
    if do in TASKS:
        return "visit" if do.value == "visit" else "task"
    return "call" if do.value in ("call", "preferred") else "sms"
