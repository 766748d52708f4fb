"""Tasks as a caseworker sees them: whom to visit, why, by when, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from storage.views import Row, View

# Which tasks, and then what is told of each of them: to join all that there are takes seconds in a city.
_CHOSEN = """
SELECT t.* FROM task t JOIN household h ON h.id = t.household WHERE starts_with(h.area, %(scope)s)
"""
_TOLD = """
SELECT t.id, t.alert, t.step, t.kind, t.household, t.area, area.name AS area_name, h.zone, h.address,
       t.assignee, p.name AS assignee_name, t.status, t.created_at, t.due, t.accepted_at, t.accepted_by,
       taker.name AS accepted_by_name, t.done_at, t.outcome, t.note, t.why, t.follow_up, t.refused, t.offered_to,
       other.name AS offered_to_name, t.reference, t.partner_address,
       CASE WHEN starts_with(t.accepted_by, 'partner:') THEN substring(t.accepted_by FROM 9) END AS partner,
       a.kind AS alert_kind, a.severity, a.status AS alert_status, a.facts
FROM chosen t
JOIN alert a ON a.id = t.alert
JOIN household h ON h.id = t.household
LEFT JOIN area ON area.code = t.area
LEFT JOIN seen_staff p ON p.id = t.assignee
LEFT JOIN seen_staff other ON other.id = t.offered_to
LEFT JOIN seen_staff taker ON taker.id = substring(t.accepted_by FROM '^person:(.+)$')
"""


def _query(which: str, order: str = "", limit: str = "") -> str:
    """Return the query that tells of the tasks of `%(scope)s` that `which`, a condition, is true of."""
    return f"WITH chosen AS MATERIALIZED ({_CHOSEN} AND {which} {order} {limit}) {_TOLD} {order}"


_LIMIT = "LIMIT %(limit)s"
_LIST = _query(
    """
    starts_with(h.area, %(area)s)
    AND (%(statuses)s::text[] IS NULL OR t.status = ANY(%(statuses)s))
    AND (%(assignee)s::text IS NULL OR t.assignee = %(assignee)s OR t.offered_to = %(assignee)s)
    AND (%(after_at)s::timestamptz IS NULL OR (t.created_at, t.id) < (%(after_at)s, %(after_id)s::uuid))
    """,
    "ORDER BY t.created_at DESC, t.id DESC",
    _LIMIT,
)
_ONE = _query("t.id = %(id)s")
_OF_ALERT = _query("t.alert = %(alert)s", "ORDER BY t.created_at, t.id")
_TO_DO = _query("t.status IN ('open', 'accepted')", "ORDER BY t.due, t.id", _LIMIT)
_COUNT_TO_DO = f"SELECT count(*) AS n FROM ({_CHOSEN} AND t.status IN ('open', 'accepted')) t"
_DONE = _query("t.status IN ('done', 'cancelled')", "ORDER BY coalesce(t.done_at, t.created_at) DESC, t.id", _LIMIT)


_COLLEAGUES = """
SELECT h.id AS household, p.id, p.name, p.role
FROM household h
CROSS JOIN generate_series(1, length(h.area)) AS prefix (length)  -- the areas around it, by their codes
JOIN person p ON p.area = left(h.area, prefix.length) AND p.role IN ('caseworker', 'duty_officer')
WHERE starts_with(h.area, %(scope)s) AND h.id = ANY(%(households)s)
ORDER BY h.id, length(p.area) DESC, p.role, p.name, p.id
"""


def colleagues(view: View, households: Sequence[str]) -> dict[str, list[Row]]:
    """Return the staff of the areas around each household, the nearest first: who a task can be handed over to."""
    found: dict[str, list[Row]] = {household: [] for household in households}
    for row in view.rows(_COLLEAGUES, households=list(households)):
        found[row["household"]].append(row)
    return found


def listed(
    view: View,
    *,
    limit: int,
    area: str = "",
    statuses: Sequence[str] | None = None,
    assignee: str | None = None,
    after: tuple[datetime, UUID] | None = None,
) -> list[Row]:
    """Return tasks, the newest first, from below `after` (created_at, id) on."""
    return view.newest(
        _LIST,
        limit=limit,
        area=area,
        statuses=list(statuses) if statuses else None,
        assignee=assignee,
        after=after,
    )


def one(view: View, task: UUID) -> Row | None:
    """Return one task, None where there is none or it is out of scope."""
    return view.row(_ONE, id=task)


def of_alert(view: View, alert: UUID) -> list[Row]:
    """Return the tasks an alert caused, the oldest first."""
    return view.rows(_OF_ALERT, alert=alert)


def to_do(view: View, *, limit: int) -> list[Row]:
    """Return what still waits for somebody, the most pressing first."""
    return view.rows(_TO_DO, limit=limit)


def count_to_do(view: View) -> int:
    """Return how many tasks still wait for somebody."""
    [row] = view.rows(_COUNT_TO_DO)
    return int(row["n"])


def done(view: View, *, limit: int) -> list[Row]:
    """Return what was done or called off last."""
    return view.rows(_DONE, limit=limit)
