"""One household as it is looked at, and how it is found: by its id, by its area, by who lives there."""

from __future__ import annotations

from datetime import datetime

from storage.views import Row, View

# The page is cut before anything is counted of a home.
_FOUND = """
SELECT h.id, h.area, area.name AS area_name, h.category, h.risk,
       ARRAY(SELECT p.name FROM person p WHERE p.household = h.id ORDER BY p.id) AS residents,
       (SELECT count(*) FROM alert a WHERE a.household = h.id AND a.status <> 'closed') AS open_alerts
FROM (
    SELECT h.id, h.area, h.category, h.risk FROM household h
    WHERE starts_with(h.area, %(scope)s)
      AND (%(words)s = ''
           OR position(lower(%(words)s) IN lower(h.id)) > 0
           OR h.area IN (
               SELECT within.code FROM area within, generate_series(1, length(within.code)) n
               WHERE left(within.code, n) IN (
                   SELECT found.code FROM area found
                   WHERE found.code = %(words)s OR position(lower(%(words)s) IN lower(found.name)) > 0))
           OR h.id IN (SELECT homes_of(%(words)s)))
      AND (%(after)s::text IS NULL OR h.id > %(after)s)
    ORDER BY h.id
    LIMIT %(limit)s
) h
LEFT JOIN area ON area.code = h.area
ORDER BY h.id
"""

_AREAS = """
SELECT code, level, name FROM area
WHERE starts_with(%(area)s, code) AND starts_with(code, %(scope)s)
ORDER BY length(code)
"""

_CASEWORKER = """
SELECT p.id, p.name
FROM household h JOIN person p ON p.id = h.caseworker
WHERE h.id = %(household)s AND starts_with(h.area, %(scope)s)
"""

_CONTACTS = """
SELECT c.position, c.person, c.relation
FROM contact c JOIN household h ON h.id = c.household
WHERE c.household = %(household)s AND starts_with(h.area, %(scope)s)
ORDER BY c.position
"""

_SENSORS = """
SELECT s.id, s.device, s.quantity, last.time, last.value
FROM device d
JOIN household h ON h.id = d.household
JOIN sensor s ON s.device = d.id
LEFT JOIN LATERAL last_readings(d.id, 1) last ON last.quantity = s.quantity
WHERE d.household = %(household)s AND starts_with(h.area, %(scope)s)
ORDER BY d.id, s.id
"""

_DEVICES = """
SELECT d.id, d.gateway, d.model
FROM device d JOIN household h ON h.id = d.household
WHERE d.household = %(household)s AND starts_with(h.area, %(scope)s)
ORDER BY d.id
"""

_TROUBLES = """
SELECT t.device, t.kind, min(t.since) AS since
FROM device d
JOIN household h ON h.id = d.household
JOIN device_trouble t ON t.device = d.id
WHERE d.household = %(household)s AND starts_with(h.area, %(scope)s)
GROUP BY t.device, t.kind
ORDER BY t.device, t.kind
"""

_REFUSED = """
SELECT q.device, count(*) AS times, max(q.at) AS at
FROM device d
JOIN household h ON h.id = d.household
JOIN quarantine q ON q.gateway = d.gateway AND q.device = d.id
WHERE d.household = %(household)s AND starts_with(h.area, %(scope)s) AND q.at >= %(since)s
GROUP BY q.device
"""

_WORK = """
SELECT t.id, t.alert, t.kind, t.status, t.created_at, t.due, t.done_at, t.outcome, t.note, t.why,
       t.assignee, p.name AS assignee_name, t.done_by, doer.name AS done_by_name, a.kind AS alert_kind
FROM alert a
JOIN household h ON h.id = a.household
JOIN task t ON t.alert = a.id
LEFT JOIN seen_staff p ON p.id = t.assignee
LEFT JOIN seen_staff doer ON doer.id = substring(t.done_by FROM '^person:(.+)$')
WHERE a.household = %(household)s AND starts_with(h.area, %(scope)s)
ORDER BY t.created_at DESC, t.id
LIMIT %(limit)s
"""

_RECORD = """
SELECT count(*) AS alerts,
       count(*) FILTER (WHERE a.outcome IN ('helped', 'emergency_services')) AS helped,
       count(*) FILTER (WHERE a.outcome = 'false_alarm') AS false_alarms
FROM alert a JOIN household h ON h.id = a.household
WHERE a.household = %(household)s AND starts_with(h.area, %(scope)s) AND a.raised_at >= %(since)s
"""

_ABSENCES = """
SELECT b.id, b.starts, b.ends, b.reason
FROM absence b JOIN household h ON h.id = b.household
WHERE b.household = %(household)s AND starts_with(h.area, %(scope)s)
ORDER BY b.starts DESC
LIMIT %(limit)s
"""


def found(view: View, words: str, *, limit: int, after: str | None = None) -> list[Row]:
    """Return households by id, from behind `after` on: all, or those that `words` are part of.

    What is compared is the id, the name or code of an area around it, and the names of who lives there.
    """
    return view.rows(_FOUND, words=words, limit=limit, after=after)


def areas_around(view: View, area: str) -> list[Row]:
    """Return an area and those it lies in, the largest first, as far as the reader answers for them."""
    return view.rows(_AREAS, area=area)


def caseworker(view: View, household: str) -> Row | None:
    """Return who looks after a household (`id`, `name`), None where nobody is named."""
    return view.row(_CASEWORKER, household=household)


def contacts(view: View, household: str) -> list[Row]:
    """Return whom to ask about a household (`position`, `person`, `relation`), in order."""
    return view.rows(_CONTACTS, household=household)


def devices(view: View, household: str) -> list[Row]:
    """Return the devices of a household (`id`, `gateway`, `model`)."""
    return view.rows(_DEVICES, household=household)


def sensors(view: View, household: str) -> list[Row]:
    """Return the sensors of a household, each with its last reading (`time`, `value`; null where there is none)."""
    return view.rows(_SENSORS, household=household)


def troubles(view: View, household: str) -> list[Row]:
    """Return what is wrong with its devices at this moment: `device`, `kind`, and `since` when."""
    return view.rows(_TROUBLES, household=household)


def refused(view: View, household: str, *, since: datetime) -> list[Row]:
    """Return of which devices messages were refused since a moment, how many `times`, and when last (`at`)."""
    return view.rows(_REFUSED, household=household, since=since)


def work(view: View, household: str, *, limit: int) -> list[Row]:
    """Return visits and other tasks at a household, the newest first."""
    return view.rows(_WORK, household=household, limit=limit)


def record(view: View, household: str, *, since: datetime) -> Row:
    """Return how many `alerts` a household had since a moment, how many of them `helped` somebody or were false."""
    [counted] = view.rows(_RECORD, household=household, since=since)
    return counted


def absences(view: View, household: str, *, limit: int) -> list[Row]:
    """Return absences of a household, the latest to begin first."""
    return view.rows(_ABSENCES, household=household, limit=limit)
