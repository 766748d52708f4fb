"""Which hand-overs were told, and what those who leave still hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import DictRow, dict_row

from alerts.oncall.handover import HandOver
from alerts.people import Recipient
from registry.instants import to_datetime
from storage.alerts import people

# Whoever comes second waits for the first to commit, and then finds it told.
_CLAIM = """
INSERT INTO oncall_handover (schedule, level, at, leaving, coming, told_at)
VALUES (%(schedule)s, %(level)s, %(at)s, %(leaving)s, %(coming)s, %(now)s)
ON CONFLICT DO NOTHING
"""
_TOLD_OF = """
UPDATE oncall_handover SET alert = %(alert)s WHERE schedule = %(schedule)s AND level = %(level)s AND at = %(at)s
"""
_HELD_BY = """
SELECT id FROM alert WHERE held_by = %(holder)s AND status IN ('acknowledged', 'shelved')
ORDER BY severity DESC, onset, id
"""


class PostgresHandOvers:
    """The port `alerts.oncall.handover.HandOvers` on one connection, within its caller's transaction."""

    def __init__(self, conn: Connection[Any]) -> None:
        self._conn = conn

    def claim(self, one: HandOver, now: int) -> bool:
        """Write down that a hand-over is being told; False if it was told before."""
        about = {**_key(one), "leaving": one.leaving, "coming": one.coming, "now": to_datetime(now)}
        return self._run(_CLAIM, about).rowcount > 0

    def held_by(self, person: str) -> Sequence[UUID]:
        """Return the alerts that a person holds, the gravest first."""
        return [row["id"] for row in self._run(_HELD_BY, {"holder": f"person:{person}"})]

    def staff(self, person: str) -> Recipient | None:
        """Return a member of staff, None where there is none any more."""
        return next(iter(people.staff(self._conn, [person])), None)

    def told_of(self, one: HandOver, alert: UUID) -> None:
        """Write down on which alert's timeline a hand-over stands."""
        self._run(_TOLD_OF, {**_key(one), "alert": alert})

    def _run(self, query: str, values: Mapping[str, Any]) -> Cursor[DictRow]:
        return self._conn.cursor(row_factory=dict_row).execute(query.encode(), values)


def _key(one: HandOver) -> dict[str, Any]:
    return {"schedule": one.schedule.id, "level": one.level, "at": to_datetime(one.at)}
