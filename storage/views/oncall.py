"""On-call schedules as screens and the API read them: those of the reader's area, with their areas' names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from alerts.oncall.schedule import Schedule
from storage import oncall
from storage.views import Row, View

_SCHEDULES = """
SELECT s.id, s.area, a.name AS area_name, s.name, s.zone, s.plan
FROM oncall_schedule s JOIN area a ON a.code = s.area
WHERE starts_with(s.area, %(scope)s) AND starts_with(s.area, %(area)s)
  AND (%(id)s::text IS NULL OR s.id = %(id)s)
  AND (%(after)s::text IS NULL OR s.id > %(after)s)
ORDER BY s.id
LIMIT %(limit)s
"""

_WIDEST = """
SELECT s.id, s.area, a.name AS area_name, s.name, s.zone, s.plan
FROM oncall_schedule s JOIN area a ON a.code = s.area
WHERE starts_with(s.area, %(scope)s)
ORDER BY length(s.area), s.area, s.id
LIMIT %(limit)s
"""

_STAFF = """
SELECT id, name, area FROM person
WHERE role IN ('caseworker', 'duty_officer') AND (starts_with(area, %(scope)s) OR id = ANY (%(also)s))
ORDER BY role DESC, area, id
LIMIT %(limit)s
"""


class Named(NamedTuple):
    """A schedule and the name of its area."""

    schedule: Schedule
    area_name: str


def schedules(view: View, *, limit: int, area: str = "", after: str | None = None) -> list[Named]:
    """Return schedules with their overrides by id, from behind `after` on."""
    return _named(view, view.rows(_SCHEDULES, limit=limit, area=area, id=None, after=after))


def widest(view: View, *, limit: int) -> list[Named]:
    """Return the schedules of the largest areas in scope."""
    return _named(view, view.rows(_WIDEST, limit=limit))


def schedule(view: View, schedule: str) -> Named | None:
    """Return one schedule, None where there is none or it is out of scope."""
    found = _named(view, view.rows(_SCHEDULES, limit=1, area="", id=schedule, after=None))
    return found[0] if found else None


def staff(view: View, *, limit: int, also: Iterable[str] = ()) -> list[Row]:
    """Return who may be put on call: staff in scope, and those whom `also` names."""
    return view.rows(_STAFF, limit=limit, also=list(also))


def names(view: View, found: Iterable[Named]) -> dict[str, str]:
    """Return the names of all whom schedules name, by id: who sees a schedule sees who is on it."""
    ids = {person for one in found for person in named_by(one.schedule)}
    return oncall.staff(view.conn, sorted(ids))


def named_by(schedule: Schedule) -> list[str]:
    """Return the ids of all whom a schedule names."""
    ids = [person for rotation in schedule.rotations for person in rotation.people]
    return list(dict.fromkeys([*ids, *(one.person for one in schedule.overrides)]))


def _named(view: View, rows: list[Row]) -> list[Named]:
    found = oncall.with_overrides(view.conn, rows)
    return [Named(one, row["area_name"]) for one, row in zip(found, rows, strict=True)]
