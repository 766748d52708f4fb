"""How far the story of somebody who stops using water has come in this town: what the first page tells a newcomer."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from storage.views import Row, View

# Whoever is followed already, to the end; else, of those who fell silent and whose story goes on, whoever's has come
# furthest; of equals the newest.
_STORY = """
SELECT a.id, a.household, a.kind, a.facts, h.zone, a.onset, a.opened_at, a.status, a.closed_at,
       rung.person_name, rung.at AS rung_at, rung.status AS rung_status,
       visit.created_at AS visit_at, visit.due AS visit_due, visit.status AS visit_status, visit.who AS visit_who,
       visit.done_at AS found_at, visit.outcome AS found
FROM (
    SELECT a.* FROM alert a JOIN household h ON h.id = a.household
    WHERE a.kind = 'inactivity' AND starts_with(h.area, %(scope)s)
      AND (a.status IN ('unacknowledged', 'acknowledged') OR a.id = %(followed)s)
    ORDER BY coalesce(a.id = %(followed)s, false) DESC, a.raised_at DESC, a.id DESC
    LIMIT %(latest)s
) a
JOIN household h ON h.id = a.household
LEFT JOIN LATERAL (
    SELECT p.name AS person_name, coalesce(n.sent_at, n.created_at) AS at, coalesce(m.status, n.status) AS status
    FROM notification n
    LEFT JOIN handset_message m ON m.id = n.id
    LEFT JOIN person p ON p.id = n.person
    WHERE n.alert = a.id AND n.medium = 'call' AND n.role = 'resident'
    ORDER BY coalesce(m.status, n.status) = 'missed' DESC, n.created_at DESC
    LIMIT 1
) rung ON true
LEFT JOIN LATERAL (
    SELECT t.created_at, t.due, t.status, t.done_at, t.outcome, coalesce(p.name, t.assignee) AS who
    FROM task t LEFT JOIN person p ON p.id = t.assignee
    WHERE t.alert = a.id AND t.kind = 'visit'
    ORDER BY t.outcome IS NULL, t.created_at DESC
    LIMIT 1
) visit ON true
ORDER BY coalesce(a.id = %(followed)s, false) DESC,
         (visit.outcome IS NOT NULL)::integer + (visit.created_at IS NOT NULL)::integer
         + coalesce(rung.status = 'missed', false)::integer DESC, a.raised_at DESC, a.id
LIMIT 1
"""

# A meter that is silent says nothing; who is known to be away is not missed.
_QUIETEST = """
SELECT meter.household, meter.zone, used.time AS used_at
FROM (
    SELECT s.id, h.id AS household, h.zone
    FROM sensor s JOIN device d ON d.id = s.device JOIN household h ON h.id = d.household
    WHERE s.quantity = 'volume' AND starts_with(h.area, %(scope)s)
      AND NOT EXISTS (SELECT FROM absence b WHERE b.household = h.id AND b.starts <= %(now)s AND b.ends > %(now)s)
    ORDER BY s.id
    LIMIT %(meters)s
) meter
CROSS JOIN LATERAL (
    SELECT r.time FROM seen_reading r WHERE r.sensor = meter.id AND r.time <= %(now)s ORDER BY r.time DESC LIMIT 1
) heard
CROSS JOIN LATERAL (
    SELECT r.time FROM seen_reading r
    WHERE r.sensor = meter.id AND r.use > 0 AND r.time BETWEEN %(since)s AND %(now)s
    ORDER BY r.time DESC LIMIT 1
) used
WHERE heard.time > %(now)s - interval '3 hours'
ORDER BY used.time, meter.household
LIMIT 1
"""
_LATEST = 100
_METERS = 300


def story(view: View, followed: UUID | None = None) -> Row | None:
    """Return the alert about somebody's silence that is `followed`, else the open one whose story has come furthest.

    None where there is none.
    """
    return view.row(_STORY, latest=_LATEST, followed=followed)


def quietest(view: View, now: datetime) -> Row | None:
    """Return who has used no water for the longest though their meter reports, within two days; None for nobody."""
    return view.row(_QUIETEST, now=now, since=now - timedelta(days=2), meters=_METERS)
