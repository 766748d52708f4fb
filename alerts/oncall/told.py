"""A schedule in words, for a terminal: who is on call, who follows, and how turns are taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from alerts.oncall.civil import local
from alerts.oncall.rota import shifts
from alerts.oncall.schedule import DAY_NAMES, HOLIDAY, Cause, Rotation, Schedule, Window


def told(schedule: Schedule, names: Mapping[str, str], start: int, end: int) -> Iterator[str]:
    """Yield lines that tell of a schedule and of its shifts in [`start`, `end`), microseconds UTC."""
    zone = ZoneInfo(schedule.zone)
    yield f"{schedule.id}: {schedule.name} (area {schedule.area}, {schedule.zone})"
    for rotation in schedule.rotations:
        yield f"  level {rotation.level}, {rotation.name}: {', '.join(rotation.people)}; {turns(rotation)}"
    for level in schedule.levels:
        for shift in shifts(schedule, start, end, level):
            who = "NOBODY" if shift.person is None else f"{shift.person} {names.get(shift.person, '')}".rstrip()
            instead = "  (instead)" if shift.cause is Cause.OVERRIDE else ""
            begins, ends = local(shift.start, zone), local(shift.end, zone)
            yield f"  level {level}  {begins:%a %Y-%m-%d %H:%M} - {ends:%a %Y-%m-%d %H:%M}  {who}{instead}"


def turns(rotation: Rotation) -> str:
    """Return how a rotation's turns are taken, such as `a turn is 7 days from 2026-11-02, handed over at 08:00`."""
    covered = f", on {', '.join(hours(window) for window in rotation.when)}" if rotation.when else ""
    if rotation.days == 0:
        return f"each of these is a turn from {rotation.starts}{covered}"
    length = "a day" if rotation.days == 1 else f"{rotation.days} days"
    return f"a turn is {length} from {rotation.starts}, handed over at {rotation.hand_over:%H:%M}{covered}"


def hours(window: Window) -> str:
    """Return a window as schedule files write it."""
    if window.days >= set(range(HOLIDAY + 1)):
        days = "daily"
    elif len(window.days & set(range(5))) == 5:
        days = ",".join(["Mon-Fri", *(DAY_NAMES[kind] for kind in sorted(window.days) if kind >= 5)])
    else:
        days = ",".join(DAY_NAMES[kind] for kind in sorted(window.days))
    return days if window.start == window.end else f"{days} {window.start:%H:%M}-{window.end:%H:%M}"
