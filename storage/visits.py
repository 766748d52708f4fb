"""Where somebody went and did something about it: what changes the life of a virtual town."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import psycopg

_HELPED = """
SELECT id, household FROM alert
WHERE closed_at > %s AND outcome IN ('helped', 'emergency_services', 'found_well')
"""


def helped(conn: psycopg.Connection, since: datetime) -> dict[UUID, str]:
    """Return the alerts that a person closed after a moment, having been there, and their households."""
    return dict(conn.execute(_HELPED, (since,)).fetchall())
