"""Which visits alerts ask for: what the daily limit of `alerts.tasks.cap` is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from alerts.model import Asked
from detectors.finding import Kind, Severity
from registry.instants import to_datetime, to_micros

_HOUSEHOLDS = "SELECT count(*) AS households FROM household"
_VISITS = """
SELECT DISTINCT ON (alert.id) alert.id, alert.kind, alert.severity, alert.score, task.created_at,
       task.status = 'open' AS waiting
FROM task JOIN alert ON alert.id = task.alert
WHERE task.kind = 'visit' AND NOT task.follow_up AND task.status <> 'cancelled' AND task.created_at > %(since)s
ORDER BY alert.id, task.created_at
"""
_WAITING_FOR_ROOM = "SELECT count(*) AS waiting FROM alert WHERE status = 'suppressed' AND suppressed_why = 'cap'"


def households(conn: Connection[Any]) -> int:
    """Return how many households are watched."""
    row = conn.execute(_HOUSEHOLDS).fetchone()
    return int(row[0]) if row else 0


def asked(conn: Connection[Any], since: int) -> Sequence[Asked]:
    """Return the first visit each alert asked for since an instant, microseconds UTC; called off ones do not count."""
    rows = conn.cursor(row_factory=dict_row).execute(_VISITS, {"since": to_datetime(since)}).fetchall()
    return [
        Asked(
            alert=row["id"],
            kind=Kind(row["kind"]),
            severity=Severity(row["severity"]),
            score=row["score"],
            at=to_micros(row["created_at"]),
            waiting=row["waiting"],
        )
        for row in rows
    ]


def waiting_for_room(conn: Connection[Any]) -> int:
    """Return how many open alerts wait because of the limit."""
    row = conn.execute(_WAITING_FOR_ROOM).fetchone()
    return int(row[0]) if row else 0
