"""What an on-call schedule is: rotations of people, the hours they cover, holidays, and exceptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from registry.instants import MINUTE

_NAMESPACE = UUID("3c1b7a0e-64f5-5b0d-9a55-7f2d8e1c4a90")

HOLIDAY = 7
"""The kind of day that a holiday is; 0 to 6 are Monday to Sunday."""
SUNDAY = 6
DAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "holiday")
"""Of the kinds of days 0 to 7, as schedule files write them."""
MOST_LEVELS = 9


class Cause(StrEnum):
    """Why somebody is on call."""

    ROTATION = "rotation"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of certain days: from `start` up to but not including `end`, which is on the next day if not after `start`.

    A window belongs to the day it starts on: Friday 22:00-06:00 ends on Saturday. 00:00-00:00 is a whole day.
    """

    days: frozenset[int]
    start: time = time(0)
    end: time = time(0)


@dataclass(frozen=True, slots=True)
class Rotation:
    """People who take turns in an order that repeats.

    A turn lasts `days` days and is handed over at `hand_over`, local time, the first on the day `starts`; or, where
    `days` is 0, each window of `when` is a turn. `when` are the hours that are covered at all, () is always.
    `level` 1 is asked first, 2 is the second line. Of two rotations of a level, the first that covers a moment counts.
    """

    name: str
    people: tuple[str, ...]
    days: int
    starts: date
    hand_over: time = time(8)
    when: tuple[Window, ...] = ()
    level: int = 1


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody who is on call instead from `start` to `end`, microseconds UTC, whole minutes."""

    id: UUID
    person: str
    start: int
    end: int
    level: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day that is not what its weekday says; `counts_as` is the kind of day it is instead.

    A day off is `HOLIDAY`; a Saturday that is worked to make up for one counts as a weekday, 0 to 4.
    """

    day: date
    name: str = ""
    counts_as: int = HOLIDAY


@dataclass(frozen=True, slots=True)
class Schedule:
    """Who is on call for an area. Of two overrides of a level and moment, the last counts; `zone` is IANA."""

    id: str
    area: str
    name: str
    zone: str
    rotations: tuple[Rotation, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    overrides: tuple[Override, ...] = ()
    _kinds: dict[date, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = any(HOLIDAY in window.days for rotation in self.rotations for window in rotation.when)
        kinds = {one.day: SUNDAY if one.counts_as == HOLIDAY and not named else one.counts_as for one in self.holidays}
        object.__setattr__(self, "_kinds", kinds)

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that a rotation or an override fills, the first line first; there is always one."""
        found = {one.level for one in self.rotations} | {one.level for one in self.overrides}
        return tuple(sorted(found)) or (1,)

    def kind_of(self, day: date) -> int:
        """Return what kind of day a date is: a holiday counts as Sunday where no rotation names holidays."""
        return self._kinds.get(day, day.weekday())


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch in which one person is on call, [`start`, `end`) in microseconds UTC; `person` None is nobody.

    `source` names the rotation, or is the override's id. Two turns of one person after another are two shifts.
    """

    schedule: str
    level: int
    start: int
    end: int
    person: str | None
    cause: Cause | None = None
    source: str = ""
    turn: int = 0

    @property
    def uid(self) -> UUID:
        """What identifies it in calendars: stays the same whoever takes it."""
        return uuid5(_NAMESPACE, f"shift\0{self.schedule}\0{self.level}\0{self.start}")


def override_id(schedule: str, event: str) -> UUID:
    """Return the id of the override that an event of a calendar becomes; the same event is the same override."""
    return uuid5(_NAMESPACE, f"override\0{schedule}\0{event}")


def whole_minutes(at: int) -> int:
    """Return an instant cut to its minute: people hand over by the minute."""
    return at - at % MINUTE
