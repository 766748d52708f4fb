"""What Twilio's webhooks said, and which message somebody's SMS answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from storage import sealing

_NOTE = """
INSERT INTO twilio_event (sid, what, at) VALUES (%(sid)s, %(what)s, %(at)s) ON CONFLICT (sid, what) DO NOTHING
"""
_ANSWER = "SELECT answer FROM twilio_event WHERE sid = %(sid)s AND what = %(what)s"
_COMPLETE = """
UPDATE twilio_event SET
    notification = %(notification)s, phone = %(phone)s, phone_index = %(phone_index)s, said = %(said)s,
    answer = %(answer)s
WHERE sid = %(sid)s AND what = %(what)s
"""
_TAKEN_BY = "SELECT what, said FROM twilio_event WHERE sid = %(sid)s AND what IN ('machine', 'voice') AND said <> ''"
_LAST_KEY = """
SELECT what, said FROM twilio_event WHERE sid = %(sid)s AND what LIKE 'key %%' AND said <> ''
ORDER BY at DESC, what DESC LIMIT 1
"""
_STRANGER_TOLD = """
SELECT 1 FROM twilio_event
WHERE phone_index = ANY (%(phone)s) AND notification IS NULL AND answer <> '' AND at > %(since)s
LIMIT 1
"""
# Not what was called off before it left; one that is still queued may have left all the same, after a timeout.
_ANSWERABLE = """
SELECT notification.id
FROM notification JOIN alert ON alert.id = notification.alert
WHERE notification.phone_index = ANY (%(phone)s) AND notification.channel = %(channel)s
  AND notification.attempts > 0 AND (notification.status <> 'cancelled' OR notification.sent_at IS NOT NULL)
ORDER BY alert.status <> 'closed' DESC, notification.created_at DESC, notification.id
LIMIT %(limit)s
"""
_AT_HOME = """
SELECT DISTINCT person.id, coalesce(person.household, contact.household) AS household, person.language
FROM person LEFT JOIN contact ON contact.person = person.id AND person.role = 'contact'
WHERE person.phone_index = ANY (%(phone)s) AND person.role IN ('resident', 'contact')
  AND coalesce(person.household, contact.household) IS NOT NULL
ORDER BY person.id, household
"""
_PEOPLE = "SELECT id FROM person WHERE phone_index = ANY (%(phone)s) ORDER BY id"


class AtHome(NamedTuple):
    """A resident of a household, or a contact of it, and their language."""

    person: str
    household: str
    language: str


class Said(NamedTuple):
    """What a webhook said and was answered, to be kept under its provider's id."""

    answer: str = ""
    notification: UUID | None = None
    phone: str = ""
    said: str = ""


def first_answer(conn: Connection[Any], sid: str, what: str, at: datetime) -> str | None:
    """Claim a webhook for the caller's transaction: None the first time, else what it was answered then.

    A second one at the same moment waits for the first to commit.
    """
    about = {"sid": sid, "what": what, "at": at}
    if conn.execute(_NOTE, about).rowcount:
        return None
    row = conn.execute(_ANSWER, about).fetchone()
    return "" if row is None else str(row[0])


def complete(conn: Connection[Any], sid: str, what: str, said: Said) -> None:
    """Keep what a claimed webhook said and was answered."""
    row = f"{sid}/{what}"
    sealed = {
        "phone": sealing.sealed("twilio_event.phone", row, said.phone),
        "phone_index": sealing.indexed(said.phone),
        "said": sealing.sealed("twilio_event.said", row, said.said),
    }
    conn.execute(_COMPLETE, {"sid": sid, "what": what, **said._asdict(), **sealed})


def taken_by(conn: Connection[Any], call: str) -> list[str]:
    """Return who took a call, as far as Twilio has told and in its words, such as `human` or `machine_start`."""
    rows = conn.execute(_TAKEN_BY, {"sid": call}).fetchall()
    return sorted((_said(call, what, said) for what, said in rows), reverse=True)


def last_key(conn: Connection[Any], call: str) -> str:
    """Return the key that was pressed last in a call, '' where none was."""
    row = conn.execute(_LAST_KEY, {"sid": call}).fetchone()
    return "" if row is None else _said(call, *row)


def _said(sid: str, what: str, sealed: str) -> str:
    return sealing.opened("twilio_event.said", f"{sid}/{what}", sealed)


def stranger_told(conn: Connection[Any], phone: str, since: datetime) -> bool:
    """Say whether an unknown number was written back to since an instant: two machines must not talk for ever."""
    return conn.execute(_STRANGER_TOLD, {"phone": sealing.held().indexes(phone), "since": since}).fetchone() is not None


def answerable(conn: Connection[Any], phone: str, channel: str, limit: int = 50) -> list[UUID]:
    """Return the messages that went to a number, those of open alerts first, each the newest first."""
    about = {"phone": sealing.held().indexes(phone), "channel": channel, "limit": limit}
    return [row[0] for row in conn.execute(_ANSWERABLE, about)]


def at_home(conn: Connection[Any], phone: str) -> list[AtHome]:
    """Return the residents and contacts who have this number, with each household they belong to or answer for."""
    return [AtHome(*row) for row in conn.execute(_AT_HOME, {"phone": sealing.held().indexes(phone)})]


def people(conn: Connection[Any], phone: str) -> list[str]:
    """Return the ids of everybody who has this number."""
    return [row[0] for row in conn.execute(_PEOPLE, {"phone": sealing.held().indexes(phone)})]
