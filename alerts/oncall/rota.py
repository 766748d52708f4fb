"""Who is on call: at an instant, and shift by shift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.oncall.civil import instant, local
from alerts.oncall.schedule import HOLIDAY, Cause, Rotation, Schedule, Shift, Window

_DAY = timedelta(days=1)
_AROUND = (1, 0, -1, -2)
"""Days, counted from an instant's local date, on which a window or a turn that covers it may have begun: a window over
midnight began the day before, and where a zone skipped or doubled a day one more."""


class _Turn(NamedTuple):
    """Whose turn it is: the `turn`-th of a rotation (or an override's), from and to when at most."""

    person: str
    cause: Cause
    source: str
    turn: int
    start: int
    end: int


class _Occurrence(NamedTuple):
    day: date
    window: Window
    start: int
    end: int


def on_call(schedule: Schedule, at: int, level: int = 1) -> str | None:
    """Return the id of who is on call on a level at an instant (microseconds UTC), None for nobody."""
    turn = _turn(schedule, level, at, ZoneInfo(schedule.zone))
    return None if turn is None else turn.person


def shifts(schedule: Schedule, start: int, end: int, level: int = 1) -> tuple[Shift, ...]:
    """Return the shifts of a level that touch [`start`, `end`), microseconds UTC, in order.

    They follow each other without gap or overlap, and `on_call` says the same at every instant: where nobody is on
    call there is a shift of nobody. Whoever's shift has begun before or goes on after has it told whole, so that the
    same shift is the same however it was asked for; shifts of nobody are cut to [`start`, `end`).
    """
    if start >= end:
        return ()
    zone = ZoneInfo(schedule.zone)
    first, last = _turn(schedule, level, start, zone), _turn(schedule, level, end - 1, zone)
    begin = min(start, first.start) if first else start
    until = max(end, last.end) if last else end
    found: list[Shift] = []
    before: _Turn | None = None
    for since, till in pairwise(_edges(schedule, level, begin, until, zone)):
        turn = _turn(schedule, level, since, zone)
        if found and turn == before:
            found[-1] = replace(found[-1], end=till)
            continue
        before = turn
        if turn is None:
            found.append(Shift(schedule.id, level, since, till, None))
        else:
            found.append(Shift(schedule.id, level, since, till, turn.person, turn.cause, turn.source, turn.turn))
    return tuple(
        one if one.person is not None else replace(one, start=max(one.start, start), end=min(one.end, end))
        for one in found
        if one.end > start and one.start < end
    )


def now_and_next(schedule: Schedule, at: int, level: int, within: int) -> tuple[Shift | None, Shift | None]:
    """Return the running shift of a level and the next one of somebody that begins within `within` microseconds."""
    ahead = shifts(schedule, at, at + within, level)
    running = next((one for one in ahead if one.person is not None and one.start <= at), None)
    return running, next((one for one in ahead if one.person is not None and one.start > at), None)


def _turn(schedule: Schedule, level: int, at: int, zone: ZoneInfo) -> _Turn | None:
    for override in reversed(schedule.overrides):
        if override.level == level and override.start <= at < override.end:
            return _Turn(override.person, Cause.OVERRIDE, str(override.id), 0, override.start, override.end)
    for rotation in schedule.rotations:
        if rotation.level == level and (turn := _in_rotation(schedule, rotation, at, zone)) is not None:
            return turn
    return None


def _in_rotation(schedule: Schedule, rotation: Rotation, at: int, zone: ZoneInfo) -> _Turn | None:
    today = local(at, zone).date()
    window = _covering(schedule, rotation, at, today, zone) if rotation.when else None
    if rotation.when and window is None:
        return None
    if rotation.days == 0:
        if window is None or window.day < rotation.starts:
            return None
        no = _slot(rotation, window.day, window.window) - _slot(rotation, rotation.starts, None)
        start, end = window.start, window.end
    else:
        day = _handed_over(rotation, at, today, zone)
        no = (day - rotation.starts).days // rotation.days
        if no < 0:
            return None
        start = instant(rotation.starts + no * rotation.days * _DAY, rotation.hand_over, zone)
        end = instant(rotation.starts + (no + 1) * rotation.days * _DAY, rotation.hand_over, zone)
    person = rotation.people[no % len(rotation.people)]
    return _Turn(person, Cause.ROTATION, rotation.name, no, start, end)


def _handed_over(rotation: Rotation, at: int, today: date, zone: ZoneInfo) -> date:
    """Return the last day whose hour of hand-over is not after an instant."""
    days = (today + offset * _DAY for offset in _AROUND)
    return next(day for day in days if instant(day, rotation.hand_over, zone) <= at)


def _covering(schedule: Schedule, rotation: Rotation, at: int, today: date, zone: ZoneInfo) -> _Occurrence | None:
    """Return the window of a rotation that covers an instant, the one begun last of several."""
    for offset in _AROUND:
        covering = [
            one for one in _occurrences(schedule, rotation, today + offset * _DAY, zone) if one.start <= at < one.end
        ]
        if covering:
            return max(covering, key=lambda one: one.start)
    return None


def _occurrences(schedule: Schedule, rotation: Rotation, day: date, zone: ZoneInfo) -> Iterator[_Occurrence]:
    kind = schedule.kind_of(day)
    for window in rotation.when:
        if kind in window.days:
            ends = day if window.end > window.start else day + _DAY
            yield _Occurrence(day, window, instant(day, window.start, zone), instant(ends, window.end, zone))


def _slot(rotation: Rotation, day: date, window: Window | None) -> int:
    """Return the number of a window among all windows of all weeks, without regard to holidays.

    A new holiday must not shift everybody's turns, so a window that a holiday removes is a turn that is skipped, and
    one that it adds belongs to whoever has the next. Of a rotation of nothing but holidays each day is a turn.
    """
    table = sorted({(kind, one.start, one.end) for one in rotation.when for kind in one.days if kind < HOLIDAY})
    if not table:
        return day.toordinal()
    place = (day.weekday(), window.start, window.end) if window else (day.weekday(),)
    week = (day.toordinal() - 1) // 7  # ordinal 1 was a Monday
    return week * len(table) + sum(entry < place for entry in table)


def _edges(schedule: Schedule, level: int, begin: int, until: int, zone: ZoneInfo) -> list[int]:
    """Return every instant in [`begin`, `until`] at which another may come on call, with both ends, in order."""
    edges = {begin, until}
    for override in schedule.overrides:
        if override.level == level:
            edges |= {override.start, override.end}
    day, last = local(begin, zone).date() - 2 * _DAY, local(until, zone).date() + _DAY
    while day <= last:
        for rotation in schedule.rotations:
            if rotation.level != level:
                continue
            if rotation.days and (day - rotation.starts).days % rotation.days == 0:
                edges.add(instant(day, rotation.hand_over, zone))
            if rotation.when:
                for one in _occurrences(schedule, rotation, day, zone):
                    edges |= {one.start, one.end}
        day += _DAY
    return sorted(edge for edge in edges if begin <= edge <= until)
