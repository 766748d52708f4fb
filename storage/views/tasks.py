"""Tasks as a caseworker sees them: whom to visit, why, by when, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from storage.views import Row, View

_COLUMNS = """
SELECT t.id, t.alert, t.step, t.kind, t.household, t.area, area.name AS area_name, h.zone, h.address,
       t.assignee, p.name AS assignee_name, t.status, t.created_at, t.due, t.accepted_at, t.accepted_by,
       taker.name AS accepted_by_name, t.done_at, t.outcome, t.note,
       a.kind AS alert_kind, a.severity, a.status AS alert_status, a.facts
FROM task t
JOIN alert a ON a.id = t.alert
JOIN household h ON h.id = t.household
LEFT JOIN area ON area.code = t.area
LEFT JOIN person p ON p.id = t.assignee
LEFT JOIN person taker ON taker.id = substring(t.accepted_by FROM '^person:(.+)$')
WHERE starts_with(h.area, %(scope)s)
"""

_LIST = (
    _COLUMNS
    + """
  AND starts_with(h.area, %(area)s)
  AND (%(statuses)s::text[] IS NULL OR t.status = ANY(%(statuses)s))
  AND (%(assignee)s::text IS NULL OR t.assignee = %(assignee)s)
  AND (%(after_at)s::timestamptz IS NULL OR (t.created_at, t.id) < (%(after_at)s, %(after_id)s::uuid))
ORDER BY t.created_at DESC, t.id DESC
LIMIT %(limit)s
"""
)

_ONE = _COLUMNS + " AND t.id = %(id)s"

_OF_ALERT = _COLUMNS + " AND t.alert = %(alert)s ORDER BY t.created_at, t.id"

_TO_DO = _COLUMNS + " AND t.status IN ('open', 'accepted') ORDER BY t.due, t.id LIMIT %(limit)s"

_DONE = (
    _COLUMNS
    + """
  AND t.status IN ('done', 'cancelled')
ORDER BY coalesce(t.done_at, t.created_at) DESC, t.id
LIMIT %(limit)s
"""
)


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


def done(view: View, *, limit: int) -> list[Row]:
    """Return what was done or called off last."""
    return view.rows(_DONE, limit=limit)
