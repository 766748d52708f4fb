"""Announced work: when alerts of an area, a household, a gateway or some kinds are kept quiet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from storage.alerts.book import STEPS

_ADD = """
INSERT INTO maintenance (area, household, gateway, kinds, starts, ends, reason, made_by, made_at)
VALUES (%(area)s, %(household)s, %(gateway)s, %(kinds)s, %(starts)s, %(ends)s, %(reason)s, %(made_by)s, %(made_at)s)
RETURNING id
"""
_REMOVE = "DELETE FROM maintenance WHERE id = %(id)s AND starts_with(area, %(scope)s)"
# Whoever waits for announced work looks now whether there still is any; each looks by itself, so this may be too many.
_LOOK = """
WITH held AS MATERIALIZED (
    SELECT id FROM alert WHERE status = 'suppressed' AND suppressed_why = 'maintenance' ORDER BY id FOR UPDATE
)
UPDATE step SET due = %(now)s
FROM held WHERE step.alert = held.id AND step.status = 'pending' AND step.action ->> 'do' = 'maintenance_ended'
"""


def add(
    conn: Connection[Any],
    *,
    area: str,
    household: str | None,
    gateway: str | None,
    kinds: Sequence[str] | None,
    starts: datetime,
    ends: datetime,
    reason: str,
    made_by: str,
    made_at: datetime,
) -> int:
    """Announce work and return its number; `kinds` None is every kind but smoke."""
    row = conn.execute(
        _ADD,
        {
            "area": area, "household": household, "gateway": gateway, "kinds": list(kinds) if kinds else None,
            "starts": starts, "ends": ends, "reason": reason, "made_by": made_by, "made_at": made_at,
        },
    ).fetchone()  # fmt: skip
    if row is None:  # an INSERT … RETURNING without a row is no PostgreSQL
        raise AssertionError(area)
    return int(row[0])


def remove(conn: Connection[Any], number: int, scope: str, now: datetime) -> bool:
    """End announced work before its time, within the caller's transaction; False if there is none in this scope.

    What is still reported is raised at once.
    """
    if not conn.execute(_REMOVE, {"id": number, "scope": scope}).rowcount:
        return False
    conn.execute(_LOOK, {"now": now})
    conn.execute("SELECT pg_notify(%s, '')", (STEPS,))
    return True
