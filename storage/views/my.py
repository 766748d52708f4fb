"""One caseworker's own tasks: whom to visit or call, where they are, and who else knows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from storage.views import Row, View

# What was handed over to them is theirs to answer; what somebody else has accepted by now is theirs no more.
_TASKS = """
SELECT t.id, t.alert, t.kind, t.household, area.name AS area_name, h.zone, h.address, h.coordinates,
       t.status, t.created_at, t.due, t.accepted_at, t.set_out_at, t.arrived_at, t.follow_up, t.refused, t.note,
       a.kind AS alert_kind, a.severity, a.facts,
       t.offered_to IS NOT DISTINCT FROM %(person)s AS offered,
       CASE WHEN t.offered_to <> %(person)s THEN other.name END AS offered_to,
       t.accepted_by IS NOT DISTINCT FROM 'person:' || %(person)s AS accepted
FROM task t
JOIN alert a ON a.id = t.alert
JOIN household h ON h.id = t.household
LEFT JOIN area ON area.code = t.area
LEFT JOIN seen_staff other ON other.id = t.offered_to
WHERE starts_with(h.area, %(scope)s)
  AND t.status IN ('open', 'accepted')
  AND (t.offered_to = %(person)s
       OR (t.assignee = %(person)s AND (t.accepted_by IS NULL OR t.accepted_by = 'person:' || %(person)s)))
ORDER BY t.due, t.id
LIMIT %(limit)s
"""

_DONE = """
SELECT t.id, t.kind, t.household, h.zone, t.follow_up, t.outcome, t.done_at
FROM task t
JOIN household h ON h.id = t.household
WHERE starts_with(h.area, %(scope)s)
  AND t.status = 'done' AND t.done_by = 'person:' || %(person)s AND t.done_at > %(since)s
ORDER BY t.done_at DESC, t.id
LIMIT %(limit)s
"""

_PEOPLE = """
SELECT h.id AS household, p.id AS person, p.name, p.phone, 0 AS position, NULL AS relation
FROM household h JOIN person p ON p.household = h.id
WHERE starts_with(h.area, %(scope)s) AND h.id = ANY(%(households)s) AND p.phone IS NOT NULL
UNION ALL
SELECT h.id, p.id, p.name, p.phone, c.position, c.relation
FROM household h JOIN contact c ON c.household = h.id JOIN person p ON p.id = c.person
WHERE starts_with(h.area, %(scope)s) AND h.id = ANY(%(households)s) AND p.phone IS NOT NULL
ORDER BY household, position, name
"""


def tasks(view: View, person: str, *, limit: int) -> list[Row]:
    """Return what waits for a person, or was handed over to them, what is due soonest first."""
    return view.rows(_TASKS, person=person, limit=limit)


def done(view: View, person: str, since: datetime, *, limit: int) -> list[Row]:
    """Return what a person has done since a moment, the newest first."""
    return view.rows(_DONE, person=person, since=since, limit=limit)


def people(view: View, households: Sequence[str]) -> dict[str, list[Row]]:
    """Return whom one can call about each household: who lives there (no `relation`), then its contacts in order."""
    found: dict[str, list[Row]] = {household: [] for household in households}
    for row in view.rows(_PEOPLE, households=list(households)):
        found[row["household"]].append(row)
    return found
