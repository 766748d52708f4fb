"""Whom to reach about a household, in which order, and whether it is known to be away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from registry.model import Absence, Person

_PERSON = """
person.id, person.name, person.role, person.household, person.area, person.phone, person.language, person.channel
"""

_RESIDENTS = f"""
SELECT {_PERSON} FROM person
WHERE role = 'resident' AND household = %(household)s
ORDER BY id COLLATE "C"
"""

_CONTACTS = f"""
SELECT {_PERSON} FROM contact
JOIN person ON person.id = contact.person
WHERE contact.household = %(household)s
ORDER BY contact.position
"""

_OWN_CASEWORKER = f"""
SELECT {_PERSON} FROM household
JOIN person ON person.id = household.caseworker
WHERE household.id = %(household)s
"""

# Containment is by code prefix, so the smallest area around a code is the longest prefix of it.
_ANSWERABLE = f"""
SELECT {_PERSON} FROM person
WHERE role = %(role)s AND starts_with(%(area)s, area)
ORDER BY length(area) DESC, id COLLATE "C"
LIMIT 1
"""

_ANSWERABLE_FOR_HOUSEHOLD = f"""
SELECT {_PERSON} FROM household
JOIN person ON person.role = %(role)s AND starts_with(household.area, person.area)
WHERE household.id = %(household)s
ORDER BY length(person.area) DESC, person.id COLLATE "C"
LIMIT 1
"""

_ABSENCES = """
SELECT household, starts, ends, reason FROM absence
WHERE household = %(household)s AND starts <= %(at)s AND ends > %(at)s
ORDER BY starts
"""


def residents(conn: Connection[Any], household: str) -> list[Person]:
    """Return who lives in a household, by id."""
    return _people(conn, _RESIDENTS, household=household)


def contacts(conn: Connection[Any], household: str) -> list[Person]:
    """Return whom to ask about a household, the first to be asked first."""
    return _people(conn, _CONTACTS, household=household)


def caseworker(conn: Connection[Any], household: str) -> Person | None:
    """Return the household's own caseworker, else one of the smallest area around it (the first by id)."""
    found = _people(conn, _OWN_CASEWORKER, household=household) or _people(
        conn, _ANSWERABLE_FOR_HOUSEHOLD, role="caseworker", household=household
    )
    return found[0] if found else None


def duty_officer(conn: Connection[Any], area: str) -> Person | None:
    """Return the duty officer of an area, else of the smallest area around it that has one (the first by id)."""
    found = _people(conn, _ANSWERABLE, role="duty_officer", area=area)
    return found[0] if found else None


def absences(conn: Connection[Any], household: str, at: datetime) -> list[Absence]:
    """Return the absences of a household that `at` (aware) falls into, by start; times in UTC."""
    with conn.cursor(row_factory=class_row(Absence)) as cursor:
        found = cursor.execute(_ABSENCES, {"household": household, "at": at}).fetchall()
    return [replace(row, starts=row.starts.astimezone(UTC), ends=row.ends.astimezone(UTC)) for row in found]


def _people(conn: Connection[Any], query: str, **arguments: str) -> list[Person]:
    with conn.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(query, arguments).fetchall()
