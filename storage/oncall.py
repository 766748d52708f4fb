"""Where on-call schedules rest: rotations and holidays as one value, overrides as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, time
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from alerts.oncall.schedule import Holiday, Override, Rotation, Schedule, Window
from registry.errors import ShouwangError
from registry.instants import to_datetime, to_micros

_SCHEDULES = """
SELECT id, area, name, zone, plan FROM oncall_schedule
WHERE (%(id)s::text IS NULL OR id = %(id)s) AND (%(around)s::text IS NULL OR starts_with(%(around)s, area))
ORDER BY id
"""
_OVERRIDES = """
SELECT id, schedule, level, person, starts, ends, note FROM oncall_override
WHERE schedule = ANY (%(schedules)s) ORDER BY no
"""
_OVERRIDES_AT = """
SELECT id, schedule, level, person, starts, ends, note FROM oncall_override
WHERE schedule = ANY (%(schedules)s) AND starts <= %(at)s AND ends > %(at)s ORDER BY no
"""
_SAVE = """
INSERT INTO oncall_schedule (id, area, name, zone, plan) VALUES (%(id)s, %(area)s, %(name)s, %(zone)s, %(plan)s)
ON CONFLICT (id) DO UPDATE SET
    area = excluded.area, name = excluded.name, zone = excluded.zone, plan = excluded.plan
"""
_REMOVE = "DELETE FROM oncall_schedule WHERE id = %(id)s"
_AREAS = "SELECT code FROM area WHERE code = ANY (%(codes)s)"
_STAFF = """
SELECT id, name FROM person WHERE role IN ('caseworker', 'duty_officer')
  AND (%(ids)s::text[] IS NULL OR id = ANY (%(ids)s))
"""
# Entered anew it counts as the last: deleted first, so that it takes a new number.
_ADD_OVERRIDE = """
INSERT INTO oncall_override (id, schedule, level, person, starts, ends, note, entered_by, entered_at)
VALUES (
    %(id)s, %(schedule)s, %(level)s, %(person)s, %(starts)s, %(ends)s, %(note)s, %(entered_by)s, %(entered_at)s
)
"""
_REMOVE_OVERRIDE = "DELETE FROM oncall_override WHERE schedule = %(schedule)s AND id = %(id)s"
_CHANGED = "SELECT pg_notify('alerts', '')"


class UnknownInScheduleError(ShouwangError):
    """A schedule names an area or people that are not registered; the message lists them."""


def load(conn: Connection[Any], schedule: str | None = None) -> tuple[Schedule, ...]:
    """Return all schedules with all their overrides, by id, or just one of them."""
    return _with_overrides(conn, _run(conn, _SCHEDULES, id=schedule, around=None).fetchall(), _OVERRIDES)


def around(conn: Connection[Any], area: str, at: int) -> tuple[Schedule, ...]:
    """Return the schedules of an area and of those around it, the smallest area first, as they are at an instant.

    They have those overrides only that hold at `at`, microseconds UTC.
    """
    rows = _run(conn, _SCHEDULES, id=None, around=area).fetchall()
    found = _with_overrides(conn, rows, _OVERRIDES_AT, at=to_datetime(at))
    return tuple(sorted(found, key=lambda one: -len(one.area)))


def save(conn: Connection[Any], schedules: Iterable[Schedule]) -> None:
    """Keep schedules by their ids, all or none; overrides that were entered before stay.

    Raises:
        UnknownInScheduleError: an area is not registered, or somebody in a rotation is no registered member of staff.
    """
    wanted = tuple(schedules)
    with conn.transaction():
        _refuse_unknown(conn, wanted)
        for one in wanted:
            values = {"id": one.id, "area": one.area, "name": one.name, "zone": one.zone, "plan": Jsonb(to_plan(one))}
            _run(conn, _SAVE, **values)
        _run(conn, _CHANGED)


def remove(conn: Connection[Any], schedule: str) -> bool:
    """Remove a schedule with its overrides; False if there was none."""
    with conn.transaction():
        _run(conn, _CHANGED)
        return _run(conn, _REMOVE, id=schedule).rowcount > 0


def staff(conn: Connection[Any], ids: Sequence[str] | None = None) -> dict[str, str]:
    """Return the names of staff by id: of all, or of those among `ids` who are staff."""
    rows = _run(conn, _STAFF, ids=None if ids is None else list(ids))
    return {row["id"]: row["name"] for row in rows}


def put_overrides(
    conn: Connection[Any],
    schedule: str,
    overrides: Sequence[Override],
    cancelled: Sequence[UUID],
    entered_by: str,
    now: int,
) -> None:
    """Keep overrides of a schedule, instead of those with their ids, and remove those that are cancelled."""
    with conn.transaction():
        for gone in (*cancelled, *(one.id for one in overrides)):
            _run(conn, _REMOVE_OVERRIDE, schedule=schedule, id=gone)
        for one in overrides:
            _run(
                conn,
                _ADD_OVERRIDE,
                id=one.id, schedule=schedule, level=one.level, person=one.person, starts=to_datetime(one.start),
                ends=to_datetime(one.end), note=one.note, entered_by=entered_by, entered_at=to_datetime(now),
            )  # fmt: skip
        _run(conn, _CHANGED)


def remove_override(conn: Connection[Any], schedule: str, override: UUID) -> bool:
    """Remove an override; False if the schedule has none with this id."""
    with conn.transaction():
        _run(conn, _CHANGED)
        return _run(conn, _REMOVE_OVERRIDE, schedule=schedule, id=override).rowcount > 0


def to_plan(schedule: Schedule) -> dict[str, Any]:
    """Return rotations and holidays as JSON."""
    return {
        "rotations": [
            {
                "name": one.name,
                "people": list(one.people),
                "days": one.days,
                "starts": one.starts.isoformat(),
                "hand_over": f"{one.hand_over:%H:%M}",
                "when": [
                    {"days": sorted(window.days), "start": f"{window.start:%H:%M}", "end": f"{window.end:%H:%M}"}
                    for window in one.when
                ],
                "level": one.level,
            }
            for one in schedule.rotations
        ],
        "holidays": [
            {"day": one.day.isoformat(), "name": one.name, "counts_as": one.counts_as} for one in schedule.holidays
        ],
    }


def to_schedule(row: Mapping[str, Any]) -> Schedule:
    """Return the schedule of a row, without overrides."""
    plan = row["plan"]
    return Schedule(
        row["id"],
        row["area"],
        row["name"],
        row["zone"],
        tuple(_rotation(one) for one in plan["rotations"]),
        tuple(Holiday(date.fromisoformat(one["day"]), one["name"], one["counts_as"]) for one in plan["holidays"]),
    )


def _rotation(plan: Mapping[str, Any]) -> Rotation:
    windows = (
        Window(frozenset(one["days"]), time.fromisoformat(one["start"]), time.fromisoformat(one["end"]))
        for one in plan["when"]
    )
    return Rotation(
        name=plan["name"],
        people=tuple(plan["people"]),
        days=plan["days"],
        starts=date.fromisoformat(plan["starts"]),
        hand_over=time.fromisoformat(plan["hand_over"]),
        when=tuple(windows),
        level=plan["level"],
    )


def with_overrides(conn: Connection[Any], rows: Sequence[Mapping[str, Any]]) -> tuple[Schedule, ...]:
    """Return the schedules of rows with all their overrides, in the order of the rows."""
    return _with_overrides(conn, rows, _OVERRIDES)


def _with_overrides(
    conn: Connection[Any], rows: Sequence[Mapping[str, Any]], query: str, **values: object
) -> tuple[Schedule, ...]:
    found: dict[str, list[Override]] = {row["id"]: [] for row in rows}
    if found:
        for row in _run(conn, query, schedules=list(found), **values):
            found[row["schedule"]].append(
                Override(
                    row["id"],
                    row["person"],
                    to_micros(row["starts"]),
                    to_micros(row["ends"]),
                    row["level"],
                    row["note"],
                )
            )
    return tuple(replace(to_schedule(row), overrides=tuple(found[row["id"]])) for row in rows)


def _refuse_unknown(conn: Connection[Any], schedules: Sequence[Schedule]) -> None:
    codes = {one.area for one in schedules}
    known = {row["code"] for row in _run(conn, _AREAS, codes=list(codes))}
    named = {person for one in schedules for rotation in one.rotations for person in rotation.people}
    members = staff(conn, sorted(named))
    problems = [
        f"{one.id}.area is {one.area!r}, which is not registered; write the code of an area"
        for one in schedules
        if one.area not in known
    ]
    problems += [
        f"{one.id}: {rotation.name} names {person!r}, who is not registered as caseworker or duty officer"
        for one in schedules
        for rotation in one.rotations
        for person in dict.fromkeys(rotation.people)
        if person not in members
    ]
    if problems:
        raise UnknownInScheduleError("\n".join(problems))


def _run(conn: Connection[Any], query: str, **values: object) -> Cursor[DictRow]:
    return conn.cursor(row_factory=dict_row).execute(query.encode(), values)
