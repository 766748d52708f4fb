"""Alerts as they are looked at: lists, one with all that ever happened to it, and the duty officer's board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from detectors.finding import Severity
from storage.views import Row, View

_COLUMNS = """
SELECT a.id, a.household, h.area, area.name AS area_name, h.zone, h.address, h.category, h.risk,
       a.kind, a.rule, a.severity, a.status, a.onset, a.raised_at, a.opened_at, a.score, a.facts, a.sources,
       a.held_by, holder.name AS held_by_name, a.suppressed_why, a.acknowledged_at, a.returned_at,
       a.shelved_until, a.closed_at, a.outcome, a.why, a.note, a.part_of, a.storm,
       coalesce(a.incident, a.storm) AS incident,
       upcoming.no AS next_step, upcoming.due AS next_step_at, upcoming.action AS next_action
"""
_AROUND = """
JOIN household h ON h.id = a.household
JOIN area ON area.code = h.area
LEFT JOIN seen_staff holder ON holder.id = substring(a.held_by FROM '^person:(.+)$')
LEFT JOIN LATERAL (
    SELECT s.no, s.due, s.action FROM step s
    WHERE s.alert = a.id AND s.status = 'pending' AND a.status <> 'closed'
      AND s.action ->> 'do' NOT IN ('remind', 'overdue', 'tell')  -- these watch over people, the ladder does not go on
    ORDER BY s.due, s.no LIMIT 1
) upcoming ON true
"""

# The page is cut before anything is joined to it: ten thousand alerts of one moment must not be, to show fifty.
# `^@` is `starts_with` of which PostgreSQL can tell how few homes a small area has: it begins there, then.
_LIST = f"""
{_COLUMNS} FROM (
    SELECT a.* FROM alert a JOIN household h ON h.id = a.household
    WHERE starts_with(h.area, %(scope)s) AND h.area ^@ %(area)s
      AND (%(household)s::text IS NULL OR a.household = %(household)s)
      AND (%(statuses)s::text[] IS NULL OR a.status = ANY(%(statuses)s))
      AND (%(kinds)s::text[] IS NULL OR a.kind = ANY(%(kinds)s))
      AND (%(storm)s::uuid IS NULL OR a.incident IN (
          SELECT id FROM incident WHERE id = %(storm)s OR part_of = %(storm)s
      ) OR a.storm IN (
          WITH RECURSIVE parts AS (
              SELECT id FROM storm WHERE id = %(storm)s
              UNION ALL SELECT storm.id FROM storm JOIN parts ON storm.part_of = parts.id
          )
          SELECT id FROM parts
      ))
      AND (%(after_at)s::timestamptz IS NULL OR (a.raised_at, a.id) < (%(after_at)s, %(after_id)s::uuid))
    ORDER BY a.raised_at DESC, a.id DESC
    LIMIT %(limit)s
) a {_AROUND}
ORDER BY a.raised_at DESC, a.id DESC
"""

_ONE = f"{_COLUMNS} FROM alert a {_AROUND} WHERE a.id = %(id)s AND starts_with(h.area, %(scope)s)"

# What the reader of the board chose to see; nobody holds what is everybody's.
_CHOSEN = """
starts_with(h.area, %(scope)s) AND h.area ^@ %(area)s
AND (%(kinds)s::text[] IS NULL OR a.kind = ANY(%(kinds)s))
AND a.severity >= %(least)s
AND (%(holder)s::text IS NULL OR a.held_by = %(holder)s)
AND (NOT %(unheld)s OR a.status IN ('unacknowledged', 'returned'))
"""

# The two orders of the board, each an index of its own.
_BOARD = f"""
{_COLUMNS} FROM (
    SELECT a.* FROM alert a JOIN household h ON h.id = a.household
    WHERE a.status IN ({{statuses}}) AND {_CHOSEN}
    ORDER BY a.severity DESC, a.opened_at, a.id
    LIMIT %(limit)s
) a {_AROUND}
ORDER BY a.severity DESC, a.opened_at, a.id
"""
_LOUD = _BOARD.format(statuses="'unacknowledged', 'acknowledged', 'returned'")
_QUIET = _BOARD.format(statuses="'shelved', 'suppressed'")

_COUNTS = f"""
SELECT a.status, count(*) AS alerts
FROM alert a JOIN household h ON h.id = a.household
WHERE a.status <> 'closed' AND {_CHOSEN}
GROUP BY a.status
"""

_ALARMING = """
SELECT a.id FROM alert a JOIN household h ON h.id = a.household
WHERE a.status = 'unacknowledged' AND a.severity = %(urgent)s AND starts_with(h.area, %(scope)s)
ORDER BY a.opened_at, a.id
LIMIT %(limit)s
"""

_AREAS = """
SELECT DISTINCT area.code, area.name, area.level
FROM (
    SELECT DISTINCT h.area FROM alert a JOIN household h ON h.id = a.household
    WHERE a.status <> 'closed' AND starts_with(h.area, %(scope)s)
) troubled
CROSS JOIN generate_series(1, length(troubled.area)) AS prefix (length)  -- the areas around it, by their codes
JOIN area ON area.code = left(troubled.area, prefix.length)
WHERE starts_with(area.code, %(scope)s)
ORDER BY area.code
LIMIT %(limit)s
"""

_TRIED = """
SELECT n.person, n.medium, n.status, coalesce(n.sent_at, n.created_at) AS at, coalesce(m.answer, n.answer) AS answer
FROM notification n
JOIN alert a ON a.id = n.alert
JOIN household h ON h.id = a.household
LEFT JOIN handset_message m ON m.id = n.id
WHERE n.alert = %(id)s AND starts_with(h.area, %(scope)s) AND n.person IS NOT NULL
ORDER BY n.created_at DESC, n.id
LIMIT %(limit)s
"""

_TIMELINE = """
SELECT e.seq, e.at, e.actor, p.name AS actor_name, e.kind, e.detail, about.name AS about_name
FROM alert_event e
JOIN alert a ON a.id = e.alert
JOIN household h ON h.id = a.household
LEFT JOIN seen_person p ON p.id = substring(e.actor FROM '^person:(.+)$')
LEFT JOIN seen_person about ON about.id = coalesce(
    e.detail ->> 'person', e.detail ->> 'assignee', substring(e.detail ->> 'by' FROM '^person:(.+)$'))
WHERE e.alert = %(id)s AND starts_with(h.area, %(scope)s)
ORDER BY e.seq LIMIT %(limit)s OFFSET %(skip)s
"""

_STEPS = """
SELECT s.no, s.due, s.action, s.status, s.ran_at, s.result
FROM step s
JOIN alert a ON a.id = s.alert
JOIN household h ON h.id = a.household
WHERE s.alert = %(id)s AND starts_with(h.area, %(scope)s)
ORDER BY s.due, s.no LIMIT %(limit)s OFFSET %(skip)s
"""

_NOTIFICATIONS = """
SELECT n.id, n.step, n.person, p.name AS person_name, n.role, n.phone, n.channel, n.medium, n.language, n.text,
       n.status, n.attempts, n.created_at, n.sent_at, n.error,
       coalesce(m.answer, n.answer) AS answer, m.answered_at, h.id AS household, h.address AS home
FROM notification n
JOIN alert a ON a.id = n.alert
JOIN household h ON h.id = a.household
LEFT JOIN seen_person p ON p.id = n.person
LEFT JOIN handset_message m ON m.id = n.id
WHERE n.alert = %(id)s AND starts_with(h.area, %(scope)s)
ORDER BY n.created_at, n.id LIMIT %(limit)s OFFSET %(skip)s
"""

_LENGTHS = """
SELECT (SELECT count(*) FROM alert_event WHERE alert = a.id) AS timeline,
       (SELECT count(*) FROM step WHERE alert = a.id) AS steps,
       (SELECT count(*) FROM notification WHERE alert = a.id) AS messages
FROM alert a JOIN household h ON h.id = a.household
WHERE a.id = %(id)s AND starts_with(h.area, %(scope)s)
"""


def listed(
    view: View,
    *,
    limit: int,
    area: str = "",
    statuses: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    household: str | None = None,
    storm: UUID | None = None,
    after: tuple[datetime, UUID] | None = None,
) -> list[Row]:
    """Return alerts, the newest raised first, from below `after` (raised_at, id) on; `storm` is an incident's id."""
    return view.newest(
        _LIST,
        limit=limit,
        area=area,
        statuses=list(statuses) if statuses else None,
        kinds=list(kinds) if kinds else None,
        household=household,
        storm=storm,
        after=after,
    )


def one(view: View, alert: UUID) -> Row | None:
    """Return one alert, None where there is none or it is out of scope."""
    return view.row(_ONE, id=alert)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which open alerts a reader of the board wants to see: all, if nothing is said.

    `area` is a code prefix, `least` the lowest severity (1 to 4), `holder` an actor who holds them.
    """

    area: str = ""
    kinds: tuple[str, ...] = ()
    least: int = 0
    holder: str | None = None
    unheld: bool = False

    def values(self) -> dict[str, object]:
        """Return the values of the query's placeholders."""
        return {
            "area": self.area,
            "kinds": list(self.kinds) or None,
            "least": self.least,
            "holder": self.holder,
            "unheld": self.unheld,
        }


def board(view: View, chosen: Chosen, *, limit: int) -> list[Row]:
    """Return what is open and not quiet, in the order in which a duty officer should look at it."""
    return view.rows(_LOUD, limit=limit, **chosen.values())


def quiet(view: View, chosen: Chosen, *, limit: int) -> list[Row]:
    """Return what is shelved or suppressed, in the same order."""
    return view.rows(_QUIET, limit=limit, **chosen.values())


def open_counts(view: View, chosen: Chosen) -> dict[str, int]:
    """Return how many of the chosen alerts are in each status that is not closed."""
    return {row["status"]: row["alerts"] for row in view.rows(_COUNTS, **chosen.values())}


def alarming(view: View, *, limit: int) -> list[UUID]:
    """Return the urgent alerts that nobody holds, the oldest first."""
    return [row["id"] for row in view.rows(_ALARMING, urgent=int(Severity.URGENT), limit=limit)]


def areas(view: View, *, limit: int) -> list[Row]:
    """Return the areas in which something is open, by code."""
    return view.rows(_AREAS, limit=limit)


def tried(view: View, alert: UUID, *, limit: int) -> dict[str, list[Row]]:
    """Return what was sent to each person about an alert, the newest first, by the person's id."""
    found: dict[str, list[Row]] = {}
    for row in view.rows(_TRIED, id=alert, limit=limit):
        found.setdefault(row["person"], []).append(row)
    return found


def lengths(view: View, alert: UUID) -> dict[str, int]:
    """Return how long an alert's `timeline`, `steps` and `messages` are; nothing where it is out of scope."""
    return view.row(_LENGTHS, id=alert) or {}


def timeline(view: View, alert: UUID, *, skip: int = 0, limit: int | None = None) -> list[Row]:
    """Return everything that ever happened to an alert, in order; `limit` of it, from behind the first `skip` on."""
    return view.rows(_TIMELINE, id=alert, skip=skip, limit=limit)


def steps(view: View, alert: UUID, *, skip: int = 0, limit: int | None = None) -> list[Row]:
    """Return the rungs of an alert's ladder by due time: run, cancelled and to come."""
    return view.rows(_STEPS, id=alert, skip=skip, limit=limit)


def notifications(view: View, alert: UUID, *, skip: int = 0, limit: int | None = None) -> list[Row]:
    """Return every message an alert caused, with what was answered to it."""
    return view.rows(_NOTIFICATIONS, id=alert, skip=skip, limit=limit)
