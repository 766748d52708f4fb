"""Where shifts stand on the strip of a week: pieces, days and the present in hundredths of its width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

from alerts.oncall.civil import instant
from alerts.oncall.rota import shifts
from alerts.oncall.schedule import Cause, Schedule, Shift

DAYS = 7
TINTS = 6
"""How many colours tell people apart; names stand in the pieces, so a colour that repeats misleads nobody."""


@dataclass(frozen=True, slots=True)
class Week:
    """Seven local days from a date on, as instants."""

    first: date
    start: int
    end: int
    days: tuple[date, ...]
    edges: tuple[float, ...]
    """Where each day begins, in hundredths: a day on which clocks are changed is wider or narrower."""

    def place(self, at: int) -> float:
        """Return where an instant stands, 0 to 100."""
        return round(100 * (min(max(at, self.start), self.end) - self.start) / (self.end - self.start), 3)


@dataclass(frozen=True, slots=True)
class Piece:
    """A shift as it is drawn: from `left`, `width` wide, both in hundredths. Tint -1 is nobody's."""

    shift: Shift
    left: float
    width: float
    tint: int
    instead: bool


def week(first: date, zone: str) -> Week:
    """Return the week that begins on a date."""
    there = ZoneInfo(zone)
    days = tuple(first + timedelta(days=offset) for offset in range(DAYS + 1))
    starts = [instant(day, time(0), there) for day in days]
    length = starts[-1] - starts[0]
    edges = tuple(round(100 * (at - starts[0]) / length, 3) for at in starts[:-1])
    return Week(first, starts[0], starts[-1], days[:-1], edges)


def pieces(schedule: Schedule, level: int, of: Week) -> list[Piece]:
    """Return the shifts of a level as they stand on a week's strip."""
    people = dict.fromkeys(person for rotation in schedule.rotations for person in rotation.people)
    for one in schedule.overrides:
        people.setdefault(one.person)
    order = list(people)
    found = []
    for shift in shifts(schedule, of.start, of.end, level):
        left, right = of.place(shift.start), of.place(shift.end)
        tint = -1 if shift.person is None else order.index(shift.person) % TINTS
        found.append(Piece(shift, left, round(right - left, 3), tint, shift.cause is Cause.OVERRIDE))
    return found
