"""Which messages may leave, and by which way: the port `alerts.messages.outbox.Outbox` on PostgreSQL."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from alerts.channels.choice import HANDSET, Way
from alerts.model import Notification
from alerts.people import Medium
from registry.instants import to_datetime, to_micros

_OPTED_OUT = "SELECT person, channel, medium FROM opted_out WHERE person = ANY (%(people)s)"
_FORBID = """
INSERT INTO opted_out (person, channel, medium, at) VALUES (%(person)s, %(channel)s, %(medium)s, %(at)s)
ON CONFLICT DO NOTHING
"""
_ALLOW = "DELETE FROM opted_out WHERE person = %(person)s AND channel = %(channel)s AND medium = %(medium)s"

_NOTE_WRONG = """
INSERT INTO wrong_address (person, channel, digest, at) VALUES (%(person)s, %(channel)s, %(digest)s, %(at)s)
ON CONFLICT (person, channel) DO UPDATE SET digest = excluded.digest, at = excluded.at
WHERE wrong_address.digest <> excluded.digest
"""

_ADMIT = "UPDATE notification SET admitted_at = %(at)s WHERE id = %(id)s AND admitted_at IS NULL"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(20170301, hashtext(%(person)s))"
_ADMITTED = """
SELECT admitted_at FROM notification
WHERE person = %(person)s AND medium = ANY (%(media)s) AND admitted_at > %(since)s
  AND status NOT IN ('failed', 'cancelled')
ORDER BY admitted_at
"""
_TOLD_OF = """
SELECT 1 FROM notification
WHERE alert = %(alert)s AND person = %(person)s AND admitted_at IS NOT NULL AND status NOT IN ('failed', 'cancelled')
LIMIT 1
"""
_HOLD_BACK = "UPDATE notification SET attempts = attempts - 1 WHERE id = %(id)s AND status = 'queued'"
_SAID_AGAIN = """
SELECT 1 FROM notification
WHERE alert = %(alert)s AND person = %(person)s AND medium = %(medium)s AND text = %(text)s
  AND status NOT IN ('failed', 'cancelled') AND created_at > %(created_at)s
LIMIT 1
"""
# A simulated telephone rings for as long as the town's clock wants; `rung_out` ends that.
_UNREPORTED = """
SELECT id FROM notification WHERE status = 'sent' AND sent_at <= %(before)s AND channel <> %(but)s ORDER BY sent_at, id
"""


class OutboxTables:
    """The outbox on one connection, within whatever transaction its caller has opened."""

    def __init__(self, conn: Connection[Any]) -> None:
        self._conn = conn

    def opted_out(self, people: Sequence[str]) -> Mapping[str, frozenset[Way]]:
        """Return the ways that each of these people has forbidden; who has forbidden none is missing."""
        found: defaultdict[str, set[Way]] = defaultdict(set)
        for person, channel, medium in self._conn.execute(_OPTED_OUT, {"people": list(people)}):
            found[person].add((channel, Medium(medium)))
        return {person: frozenset(ways) for person, ways in found.items()}

    def forbid(self, person: str, way: Way, now: int) -> bool:
        """Write down that somebody has forbidden a way; False if that was known."""
        about = {"person": person, "channel": way[0], "medium": way[1].value, "at": to_datetime(now)}
        return self._conn.execute(_FORBID, about).rowcount > 0

    def allow(self, person: str, way: Way) -> bool:
        """Write down that somebody allows a way again; False if they had not forbidden it."""
        about = {"person": person, "channel": way[0], "medium": way[1].value}
        return self._conn.execute(_ALLOW, about).rowcount > 0

    def note_wrong(self, person: str, channel: str, address: str, now: int) -> bool:
        """Write down that a channel found an address wrong; False if it was known of this one."""
        digest = hashlib.sha256(address.encode()).digest()
        about = {"person": person, "channel": channel, "digest": digest, "at": to_datetime(now)}
        return self._conn.execute(_NOTE_WRONG, about).rowcount > 0

    def admit(self, notification: UUID, now: int) -> None:
        """Write down that a claimed message was let pass."""
        self._conn.execute(_ADMIT, {"id": notification, "at": to_datetime(now)})

    def admitted(self, person: str, media: Iterable[Medium], since: int) -> Sequence[int]:
        """Return when messages to a person were let pass after an instant; others who ask wait for this transaction."""
        self._conn.execute(_ONE_AT_A_TIME, {"person": person})
        about = {"person": person, "media": [medium.value for medium in media], "since": to_datetime(since)}
        return [to_micros(at) for (at,) in self._conn.execute(_ADMITTED, about)]

    def told_of(self, alert: UUID, person: str) -> bool:
        """Say whether a message of an alert to a person was let pass and has not failed."""
        return self._conn.execute(_TOLD_OF, {"alert": alert, "person": person}).fetchone() is not None

    def hold_back(self, notification: UUID) -> None:
        """Take back the attempt that claiming a message counted."""
        self._conn.execute(_HOLD_BACK, {"id": notification})

    def said_again(self, notification: Notification) -> bool:
        """Say whether a newer message of the alert says, or has said, the same words to the same person."""
        about = {
            "alert": notification.alert,
            "person": notification.person,
            "medium": notification.medium.value,
            "text": notification.text,
            "created_at": to_datetime(notification.created_at),
        }
        return self._conn.execute(_SAID_AGAIN, about).fetchone() is not None

    def unreported(self, before: int) -> Sequence[UUID]:
        """Return the messages handed to a provider by an instant, of which nothing is known since."""
        about = {"before": to_datetime(before), "but": HANDSET}
        return [found for (found,) in self._conn.execute(_UNREPORTED, about)]
