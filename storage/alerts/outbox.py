"""Messages: which may leave, by which way, and what lies on telephones; `Outbox` and more on PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import DictRow, dict_row

from alerts.channels.choice import HANDSET, Way
from alerts.model import HandsetMessage, Notification
from alerts.people import Medium
from registry.instants import to_datetime, to_micros
from storage import sealing
from storage.alerts import rows

ALERTS = "alerts"
"""Notified with an alert's id on every change of it."""

_OPTED_OUT = "SELECT person, channel, medium FROM opted_out WHERE person = ANY (%(people)s)"
_FORBID = """
INSERT INTO opted_out (person, channel, medium, at) VALUES (%(person)s, %(channel)s, %(medium)s, %(at)s)
ON CONFLICT DO NOTHING
"""
_ALLOW = "DELETE FROM opted_out WHERE person = %(person)s AND channel = %(channel)s AND medium = %(medium)s"

_NOTE_WRONG = """
INSERT INTO wrong_address (person, channel, digest, at) VALUES (%(person)s, %(channel)s, %(digest)s, %(at)s)
ON CONFLICT (person, channel) DO UPDATE SET digest = excluded.digest, at = excluded.at
WHERE wrong_address.digest <> ALL (%(known_as)s)
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
_SAID_LATER = """
SELECT id, text FROM notification
WHERE alert = %(alert)s AND person = %(person)s AND medium = %(medium)s
  AND status NOT IN ('failed', 'cancelled') AND created_at > %(created_at)s
"""
# A simulated telephone rings for as long as the town's clock wants; `rung_out` ends that.
_UNREPORTED = """
SELECT id FROM notification WHERE status = 'sent' AND sent_at <= %(before)s AND channel <> %(but)s ORDER BY sent_at, id
"""

_CLAIM = """
UPDATE notification SET attempts = attempts + 1, next_attempt_at = %(lease_until)s
WHERE id = (
    SELECT notification.id FROM notification JOIN alert ON alert.id = notification.alert
    WHERE notification.status = 'queued' AND notification.next_attempt_at <= %(now)s
    ORDER BY notification.rank DESC, notification.next_attempt_at, notification.created_at, notification.id
    LIMIT 1
    FOR UPDATE OF alert, notification SKIP LOCKED
)
RETURNING *
"""
_PUT_OFF = """
UPDATE notification SET attempts = attempts + 1, next_attempt_at = %(until)s WHERE id = %(id)s AND status = 'queued'
"""
_NOTIFICATION = "SELECT * FROM notification WHERE id = %(id)s"
_SENT_BY = "SELECT * FROM notification WHERE alert = %(alert)s AND step = %(step)s ORDER BY id"
_LOCK_ALERT_OF_NOTIFICATION = """
SELECT * FROM alert WHERE id = (SELECT alert FROM notification WHERE id = %(id)s) FOR UPDATE"""

_LAY_MESSAGE = """
INSERT INTO handset_message (id, phone, phone_index, person, medium, text, at, rings_until, status, answer, answered_at)
VALUES (
    %(id)s, %(phone)s, %(phone_index)s, %(person)s, %(medium)s, %(text)s, %(at)s, %(rings_until)s, %(status)s,
    %(answer)s, %(answered_at)s
)
ON CONFLICT (id) DO NOTHING
"""
_MESSAGE = "SELECT * FROM handset_message WHERE id = %(id)s"
_HANG_UP = "UPDATE handset_message SET status = 'missed' WHERE id = %(id)s AND status = 'ringing'"
_RUNG_OUT = """
SELECT id FROM handset_message WHERE status = 'ringing' AND rings_until <= %(now)s ORDER BY rings_until, id
"""

_NOTIFY = """
SELECT pg_notify(channel, payload) FROM unnest(%(channels)s::text[], %(payloads)s::text[]) AS told (channel, payload)
"""


class OutboxTables:
    """The outbox on one connection, within whatever transaction its caller has opened."""

    def __init__(self, conn: Connection[Any]) -> None:
        self._conn = conn
        self._locked: dict[UUID, Mapping[str, Any]] = {}  # rows of alerts, read as they were locked, not changed since

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
        seals = sealing.held()
        about = {
            "person": person,
            "channel": channel,
            "digest": seals.index(address),
            "known_as": seals.indexes(address),
            "at": to_datetime(now),
        }
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
            "created_at": to_datetime(notification.created_at),
        }
        later = self._conn.execute(_SAID_LATER, about).fetchall()
        return any(notification.text == sealing.opened("notification.text", key, text) for key, text in later)

    def unreported(self, before: int) -> Sequence[UUID]:
        """Return the messages handed to a provider by an instant, of which nothing is known since."""
        about = {"before": to_datetime(before), "but": HANDSET}
        return [found for (found,) in self._conn.execute(_UNREPORTED, about)]

    def claim(self, now: int, lease_until: int) -> Notification | None:
        """Take the queued notification of the most severe alert that has waited longest, until the lease ends."""
        about = {"now": to_datetime(now), "lease_until": to_datetime(lease_until)}
        row = self._run(_CLAIM, about).fetchone()
        return None if row is None else rows.to_notification(row)

    def put_off(self, notification: UUID, until: int) -> None:
        """Keep a queued notification from `claim` for a while."""
        self._lock_alert_of(notification)
        self._run(_PUT_OFF, {"id": notification, "until": to_datetime(until)})

    def sent_by(self, alert: UUID, step: int) -> Sequence[Notification]:
        """Return the messages of one step of a locked alert."""
        found = self._run(_SENT_BY, {"alert": alert, "step": step})
        return [rows.to_notification(row) for row in found]

    def notification(self, notification: UUID) -> Notification | None:
        """Return a notification, its alert locked."""
        self._lock_alert_of(notification)
        row = self._run(_NOTIFICATION, {"id": notification}).fetchone()
        return None if row is None else rows.to_notification(row)

    def lay(self, message: HandsetMessage) -> None:
        """Lay a message on a simulated telephone, once."""
        self._run(_LAY_MESSAGE, rows.from_message(message))
        self._notify({ALERTS: ""})

    def message(self, message: UUID, *, wait: bool = True) -> HandsetMessage | None:
        """Return what lies on a simulated telephone, its alert locked; None if it is not to `wait` for that."""
        if not self._lock_alert_of(message, wait=wait):
            return None
        row = self._run(_MESSAGE, {"id": message}).fetchone()
        return None if row is None else rows.to_message(row)

    def hang_up(self, message: UUID) -> bool:
        """End a call on a simulated telephone that rings for no alert but for the service itself."""
        over = self._run(_HANG_UP, {"id": message}).rowcount > 0
        if over:
            self._notify({ALERTS: ""})
        return over

    def rung_out(self, now: int) -> Sequence[UUID]:
        """Return the ids of calls that still ring and should not any more."""
        return [row["id"] for row in self._run(_RUNG_OUT, {"now": to_datetime(now)})]

    def _lock_alert_of(self, notification: UUID, *, wait: bool = True) -> bool:
        """Lock the alert of a message; False if others hold it and it is not to `wait` for them."""
        query = _LOCK_ALERT_OF_NOTIFICATION if wait else _LOCK_ALERT_OF_NOTIFICATION + " SKIP LOCKED"
        row = self._run(query, {"id": notification}).fetchone()
        if row is not None:
            self._locked[row["id"]] = row
            return True
        return wait or self._run(_NOTIFICATION, {"id": notification}).fetchone() is None

    def _run(self, query: str, parameters: Mapping[str, Any]) -> Cursor[DictRow]:
        return self._conn.cursor(row_factory=dict_row).execute(query, parameters)

    def _notify(self, told: Mapping[str, str]) -> None:
        """Tell whoever listens to a channel; `told` are payloads by channel."""
        self._run(_NOTIFY, {"channels": list(told), "payloads": list(told.values())})
