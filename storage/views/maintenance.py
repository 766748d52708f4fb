"""Announced work as it is looked at: what concerns the areas of the reader."""

from __future__ import annotations

from datetime import datetime

from storage.views import Row, View

_COLUMNS = """
SELECT m.id, m.area, m.household, m.gateway, m.kinds, m.starts, m.ends, m.reason, m.made_by, m.made_at,
    p.name AS made_by_name,
    (SELECT count(*) FROM alert a JOIN household h ON h.id = a.household
     WHERE a.status = 'suppressed' AND a.suppressed_why = 'maintenance' AND starts_with(h.area, m.area)
       AND starts_with(h.area, %(scope)s)
       AND (m.household IS NULL OR m.household = h.id)) AS waiting
FROM maintenance m
LEFT JOIN seen_staff p ON p.id = substring(m.made_by FROM '^person:(.+)$')
WHERE (starts_with(m.area, %(scope)s) OR m.household IS NULL AND starts_with(%(scope)s, m.area))
"""
_LIST = (
    _COLUMNS
    + """
  AND (%(since)s::timestamptz IS NULL OR m.ends > %(since)s)
  AND (%(after_at)s::timestamptz IS NULL OR (m.starts, m.id) < (%(after_at)s, %(after_id)s::bigint))
ORDER BY m.starts DESC, m.id DESC
LIMIT %(limit)s
"""
)
_ONE = _COLUMNS + " AND m.id = %(id)s"
_HOME = "SELECT area FROM household WHERE id = %(id)s AND starts_with(area, %(scope)s)"


def listed(
    view: View, *, limit: int, since: datetime | None = None, after: tuple[datetime, int] | None = None
) -> list[Row]:
    """Return announced work that ends after `since`, the latest to begin first."""
    at, number = after if after is not None else (None, None)
    return view.rows(_LIST, limit=limit, since=since, after_at=at, after_id=number)


def one(view: View, number: int) -> Row | None:
    """Return one piece of announced work, None where there is none or it is out of scope."""
    return view.row(_ONE, id=number)


def area_of(view: View, household: str) -> str | None:
    """Return the area of a household in scope."""
    row = view.row(_HOME, id=household)
    return None if row is None else str(row["area"])
