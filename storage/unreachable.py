"""Households none of whose own people can be told anything: neither resident, contacts nor caseworker."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

_UNREACHABLE = """
SELECT home.id, count(*) OVER () FROM household home
WHERE NOT EXISTS (
    SELECT FROM person
    WHERE person.household = home.id AND person.role = 'resident' AND coalesce(person.phone, person.address) IS NOT NULL
) AND NOT EXISTS (
    SELECT FROM contact JOIN person ON person.id = contact.person
    WHERE contact.household = home.id AND coalesce(person.phone, person.address) IS NOT NULL
) AND NOT EXISTS (
    SELECT FROM person
    WHERE person.id = home.caseworker AND coalesce(person.phone, person.address) IS NOT NULL
) AND (home.caseworker IS NOT NULL OR NOT coalesce((
    SELECT coalesce(person.phone, person.address) IS NOT NULL FROM person
    WHERE person.role = 'caseworker' AND starts_with(home.area, person.area)
    ORDER BY length(person.area) DESC, person.id COLLATE "C"
    LIMIT 1
), false))
ORDER BY home.id
LIMIT %(most)s
"""
"""Whose household has no caseworker has the nearest, as in `storage.alerts.people`."""


def unreachable_households(conn: Connection[Any], most: int) -> tuple[int, list[str]]:
    """Return how many households nobody of whom can be reached there are, and the first of them, `most` at most."""
    rows = conn.execute(_UNREACHABLE, {"most": most}).fetchall()
    return (rows[0][1] if rows else 0), [row[0] for row in rows]
