"""The simulated telephones: which there are, and what lies on each."""

from __future__ import annotations

from uuid import UUID

from storage import sealing
from storage.views import Row, View

_MESSAGES = """
SELECT m.id, m.phone, encode(m.phone_index, 'hex') AS handset,
       m.person, p.name AS person_name, coalesce(n.role, p.role) AS role, m.medium, m.text, m.at,
       m.rings_until, m.status, m.answer, m.answered_at, n.alert, coalesce(n.language, p.language) AS language,
       a.kind AS alert_kind, a.household, h.address AS home, h.zone
FROM handset_message m
LEFT JOIN notification n ON n.id = m.id
LEFT JOIN alert a ON a.id = n.alert
LEFT JOIN household h ON h.id = a.household
LEFT JOIN seen_person p ON p.id = m.person
WHERE starts_with(coalesce(h.area, p.area, ''), %(scope)s)
"""
"""What tells of the service itself is no household's: it is in the scope of whoever got it."""

_PHONES = """
SELECT (array_agg(m.id ORDER BY m.at DESC, m.id))[1] AS id,
       (array_agg(m.phone ORDER BY m.at DESC, m.id))[1] AS phone,
       encode(m.phone_index, 'hex') AS handset, (array_agg(p.name ORDER BY m.at DESC))[1] AS person_name,
       (array_agg(m.person ORDER BY m.at DESC))[1] AS person,
       (array_agg(coalesce(n.role, p.role) ORDER BY m.at DESC))[1] AS role,
       count(*) AS messages, count(*) FILTER (WHERE m.status = 'ringing') AS ringing, max(m.at) AS last_at
FROM handset_message m
LEFT JOIN notification n ON n.id = m.id
LEFT JOIN alert a ON a.id = n.alert
LEFT JOIN household h ON h.id = a.household
LEFT JOIN seen_person p ON p.id = m.person
WHERE starts_with(coalesce(h.area, p.area, ''), %(scope)s)
  AND (%(after)s::text IS NULL OR m.phone_index > decode(%(after)s, 'hex'))
  AND (%(phone)s::bytea[] IS NULL OR m.phone_index = ANY (%(phone)s))
GROUP BY m.phone_index
ORDER BY m.phone_index
LIMIT %(limit)s
"""

_ONE_PHONE = _MESSAGES + " AND m.phone_index = ANY (%(phone)s) ORDER BY m.at DESC, m.id LIMIT %(limit)s"

_ONE_MESSAGE = _MESSAGES + " AND m.id = %(id)s"

_RECENT = _MESSAGES + " ORDER BY m.status = 'ringing' DESC, m.at DESC, m.id LIMIT %(limit)s"

_RINGING = _MESSAGES + " AND m.status = 'ringing' ORDER BY m.at, m.id LIMIT %(limit)s"


def phones(view: View, *, limit: int, after: str | None = None) -> list[Row]:
    """Return the telephones that ever got a message, from behind the `handset` `after` on, which no number tells."""
    return view.rows(_PHONES, limit=limit, after=after, phone=None)


def phone(view: View, phone: str) -> Row | None:
    """Return one telephone, None where it never got a message or it is out of scope."""
    return view.row(_PHONES, limit=1, after=None, phone=sealing.held().indexes(phone))


def messages(view: View, phone: str, *, limit: int) -> list[Row]:
    """Return the newest SMS and calls of one telephone."""
    return view.rows(_ONE_PHONE, phone=sealing.held().indexes(phone), limit=limit)


def message(view: View, message: UUID) -> Row | None:
    """Return one SMS or call, None where there is none or it is out of scope."""
    return view.row(_ONE_MESSAGE, id=message)


def recent(view: View, *, limit: int) -> list[Row]:
    """Return the newest SMS and calls of all telephones, ringing ones first."""
    return view.rows(_RECENT, limit=limit)


def ringing(view: View, *, limit: int) -> list[Row]:
    """Return the calls that ring now, the longest first."""
    return view.rows(_RINGING, limit=limit)
