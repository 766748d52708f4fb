"""Whom an alert concerns, as the registry's tables know it."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from alerts.model import Medium, People, Place, Recipient, Role
from registry.instants import to_datetime, to_micros
from storage.errors import StorageError

_PLACE = "SELECT id AS household, area, zone, address FROM household WHERE id = %(household)s"

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
(SELECT 'duty_officer', 0, person.*
 FROM home JOIN person ON person.role = 'duty_officer' AND starts_with(home.area, person.area)
 ORDER BY length(person.area) DESC
 FETCH FIRST 1 ROWS WITH TIES)
ORDER BY as_role, position, id
"""
"""Whose household has no caseworker has one of the smallest area around it that has any: the first by id, so that it is
always the same. Duty officers are all those of the smallest area around the household that has any."""

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
    return Place(**row)


def people(conn: Connection[Any], household: str) -> People:
    """Return everybody an alert of a household may concern."""
    rows = conn.cursor(row_factory=dict_row).execute(_PEOPLE, {"household": household}).fetchall()
    by_role: dict[Role, list[Recipient]] = {role: [] for role in Role}
    for row in rows:
        role = Role(row["as_role"])
        by_role[role].append(
            Recipient(row["id"], row["name"], role, row["phone"], row["language"], Medium(row["channel"]))
        )
    return People(
        residents=tuple(by_role[Role.RESIDENT]),
        contacts=tuple(by_role[Role.CONTACT]),
        caseworker=next(iter(by_role[Role.CASEWORKER]), None),
        duty_officers=tuple(by_role[Role.DUTY_OFFICER]),
    )


def newest_reading(conn: Connection[Any], household: str) -> int | None:
    """Return the time (microseconds UTC) of the newest reading of any of a household's sensors."""
    row = conn.cursor(row_factory=dict_row).execute(_NEWEST_READING, {"household": household}).fetchone()
    return None if row is None or row["time"] is None else to_micros(row["time"])


def absence_end(conn: Connection[Any], household: str, at: int) -> int | None:
    """Return when the absence that covers an instant ends (microseconds UTC), None where there is none."""
    about = {"household": household, "at": to_datetime(at)}
    row = conn.cursor(row_factory=dict_row).execute(_ABSENCE_END, about).fetchone()
    return None if row is None or row["ends"] is None else to_micros(row["ends"])
