"""What lies unanswered on the simulated telephones of residents: what the people of a virtual town look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

_UNANSWERED = """
SELECT handset_message.id, alert.household, notification.role, handset_message.medium, handset_message.at
FROM handset_message
JOIN notification ON notification.id = handset_message.id
JOIN alert ON alert.id = notification.alert
WHERE handset_message.at > %s AND handset_message.answer IS NULL
  AND handset_message.status IN ('delivered', 'ringing') AND notification.role = 'resident'
ORDER BY handset_message.at
"""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A message to a resident that nobody has answered yet; `at` is when it came, by the engine's clock."""

    id: UUID
    household: str
    role: str
    medium: str
    at: datetime


def unanswered(conn: psycopg.Connection, since: datetime) -> list[Unanswered]:
    """Return what came to residents after a moment and waits for an answer, oldest first."""
    return [Unanswered(*row) for row in conn.execute(_UNANSWERED, (since,)).fetchall()]
