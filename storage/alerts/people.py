"""Whom an alert concerns, as the registry's tables know it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from alerts.oncall.rota import on_call
from alerts.people import Medium, People, Place, Recipient, Role
from alerts.tasks.assignment import Candidate
from registry.instants import to_datetime, to_micros
from storage import oncall, sealing
from storage.errors import StorageError

PLACE_COLUMNS = "id AS household, area, zone, address, category = 'disabled' AND risk = 'high' AS dependent"
_PLACE = f"SELECT {PLACE_COLUMNS} FROM household WHERE id = %(household)s"

_PEOPLE = """
WITH home AS (SELECT * FROM household WHERE id = %(household)s)
SELECT 'resident' AS as_role, 0 AS position, person.*
FROM home JOIN person ON person.household = home.id AND person.role = 'resident'
UNION ALL
SELECT 'contact', contact.position, person.*
FROM home JOIN contact ON contact.household = home.id JOIN person ON person.id = contact.person
UNION ALL
SELECT 'caseworker', 0, person.*
FROM home JOIN person ON person.id = home.caseworker
UNION ALL
(SELECT 'caseworker', 0, person.*
 FROM home JOIN person ON person.role = 'caseworker' AND starts_with(home.area, person.area)
 WHERE home.caseworker IS NULL
 ORDER BY length(person.area) DESC, person.id COLLATE "C"
 LIMIT 1)
UNION ALL
SELECT 'caseworker', 1, person.*
FROM home JOIN person ON person.role = 'caseworker' AND starts_with(home.area, person.area)
UNION ALL
SELECT 'duty_officer', dense_rank() OVER (ORDER BY length(person.area) DESC) - 1, person.*
FROM home JOIN person ON person.role = 'duty_officer' AND starts_with(home.area, person.area)
ORDER BY as_role, position, id
"""
"""Whose household has no caseworker has one of the smallest area around it that has any: the first by id, so that it is
always the same; the others of the areas around are at position 1. Duty officers are all those of the areas around: at
position 0 those of the smallest that has any, at 1 those of the next larger one, and so on."""

_CREW = """
WITH home AS (SELECT area, caseworker FROM household WHERE id = %(household)s),
crew AS (
    SELECT person.*, person.id = home.caseworker IS TRUE AS own
    FROM home JOIN person
      ON person.id = home.caseworker OR person.role = 'caseworker' AND starts_with(home.area, person.area)
)
SELECT crew.*, in_hand.urgent, in_hand.tasks
FROM crew CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE task.kind IN ('visit', 'call_task')) AS urgent, count(*) AS tasks
    FROM task WHERE task.assignee = crew.id AND task.status IN ('open', 'accepted')
) in_hand
ORDER BY crew.id COLLATE "C"
"""

_STAFF = "SELECT * FROM person WHERE id = ANY (%(ids)s) AND role IN ('caseworker', 'duty_officer')"

_NEWEST_READING = """
SELECT max(newest.time) AS time
FROM device
JOIN sensor ON sensor.device = device.id
CROSS JOIN LATERAL (
    SELECT time FROM reading WHERE reading.sensor = sensor.id ORDER BY time DESC LIMIT 1
) newest
WHERE device.household = %(household)s
"""

_ABSENCE_END = """
SELECT max(ends) AS ends FROM absence
WHERE household = %(household)s AND starts <= %(at)s AND ends > %(at)s
"""


def place(conn: Connection[Any], household: str) -> Place:
    """Return where a household is.

    Raises:
        StorageError: it is not registered.
    """
    row = conn.cursor(row_factory=dict_row).execute(_PLACE, {"household": household}).fetchone()
    if row is None:
        raise StorageError(f"household {household!r} is not in the registry; register it first")
    return to_place(row)


def to_place(row: Mapping[str, Any]) -> Place:
    """Return the place in a row that has, with others, the columns of `PLACE_COLUMNS`."""
    address = sealing.opened("household.address", row["household"], str(row["address"]))
    return Place(row["household"], row["area"], row["zone"], address, row["dependent"])


def people(conn: Connection[Any], household: str, at: int, area: str | None = None) -> People:
    """Return everybody an alert of a household may concern at an instant (microseconds UTC); `area` is where it is."""
    rows = conn.cursor(row_factory=dict_row).execute(_PEOPLE, {"household": household}).fetchall()
    by_place: dict[tuple[Role, int], list[Recipient]] = defaultdict(list)
    for row in rows:
        role = Role(row["as_role"])
        position = 0 if role is Role.CONTACT else row["position"]
        by_place[role, position].append(to_recipient(row, role))
    own = next(iter(by_place[Role.CASEWORKER, 0]), None)
    lines = _lines(conn, place(conn, household).area if area is None else area, at)
    levels = sorted(position for role, position in by_place if role is Role.DUTY_OFFICER)
    return People(
        residents=tuple(by_place[Role.RESIDENT, 0]),
        contacts=tuple(by_place[Role.CONTACT, 0]),
        caseworker=own,
        duty_officers=tuple(by_place[Role.DUTY_OFFICER, 0]),
        above=tuple(tuple(by_place[Role.DUTY_OFFICER, level]) for level in levels if level),
        colleagues=tuple(one for one in by_place[Role.CASEWORKER, 1] if own is None or one.person != own.person),
        on_call=next(iter(lines), ()),
        behind=tuple(lines[1:]),
    )


def _lines(conn: Connection[Any], home: str, at: int) -> list[tuple[Recipient, ...]]:
    """Return the lines on call for the smallest area around a home's whose schedules name somebody, the first first.

    Who is no longer registered cannot be told, so the next line is asked instead, or the next larger area. Who stands
    in two lines is in the first of them.
    """
    schedules = oncall.around(conn, home, at)
    for area in dict.fromkeys(one.area for one in schedules):
        plans = [one for one in schedules if one.area == area]
        found: list[tuple[Recipient, ...]] = []
        for level in sorted({level for one in plans for level in one.levels}):
            named = [person for one in plans if (person := on_call(one, at, level)) is not None]
            before = {one.person for line in found for one in line}
            if line := tuple(one for one in staff(conn, named) if one.person not in before):
                found.append(line)
        if found:
            return found
    return []


def staff(conn: Connection[Any], ids: Sequence[str]) -> tuple[Recipient, ...]:
    """Return those of `ids` who are members of staff, in this order, each once."""
    rows = conn.cursor(row_factory=dict_row).execute(_STAFF, {"ids": list(ids)}).fetchall() if ids else []
    by_id = {row["id"]: to_recipient(row, Role(row["role"])) for row in rows}
    return tuple(by_id[person] for person in dict.fromkeys(ids) if person in by_id)


def names(conn: Connection[Any], ids: Sequence[str]) -> dict[str, str]:
    """Return the names of people, by id; of whoever is not registered (any more) there is none."""
    rows = conn.execute("SELECT id, name FROM person WHERE id = ANY(%s)", (list(ids),)).fetchall()
    return {str(person): str(name) for person, name in rows}


def to_recipient(row: Mapping[str, Any], role: Role) -> Recipient:
    """Return the person in a row of `person`, as whoever is told in that role."""
    phone, address = (sealing.opened(f"person.{column}", row["id"], row[column]) for column in ("phone", "address"))
    return Recipient(row["id"], row["name"], role, phone, row["language"], Medium(row["channel"]), address)


def crew(conn: Connection[Any], household: str) -> list[Candidate]:
    """Return the caseworkers of the areas around a household, its own among them, and what each has in hand."""
    rows = conn.cursor(row_factory=dict_row).execute(_CREW, {"household": household}).fetchall()
    return [
        Candidate(to_recipient(row, Role.CASEWORKER), row["area"] or "", row["own"], row["urgent"], row["tasks"])
        for row in rows
    ]


def newest_reading(conn: Connection[Any], household: str) -> int | None:
    """Return the time (microseconds UTC) of the newest reading of any of a household's sensors."""
    row = conn.cursor(row_factory=dict_row).execute(_NEWEST_READING, {"household": household}).fetchone()
    return None if row is None or row["time"] is None else to_micros(row["time"])


def absence_end(conn: Connection[Any], household: str, at: int) -> int | None:
    """Return when the absence that covers an instant ends (microseconds UTC), None where there is none."""
    about = {"household": household, "at": to_datetime(at)}
    row = conn.cursor(row_factory=dict_row).execute(_ABSENCE_END, about).fetchone()
    return None if row is None or row["ends"] is None else to_micros(row["ends"])
