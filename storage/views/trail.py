"""The audit trail as those read it who answer for an area, the newest first."""

from __future__ import annotations

from datetime import datetime

from storage.views import Row, View

# What is about no area is for those who answer for everything.
_ROWS = """
SELECT e.seq, e.at, e.actor, e.role, e.action, e.household, e.alert, e.detail, e.address, p.name AS actor_name
FROM audit_event e LEFT JOIN seen_person p ON p.id = substring(e.actor FROM '^person:(.+)$')
WHERE (%(scope)s = '' OR starts_with(e.area, %(scope)s))
  AND (%(household)s::text IS NULL OR e.household = %(household)s)
  AND (%(actor)s::text IS NULL OR e.actor = %(actor)s OR p.name = %(actor)s
       OR split_part(e.actor, ':', 2) = %(actor)s)
  AND (%(action)s::text IS NULL OR e.action = %(action)s)
  AND (%(since)s::timestamptz IS NULL OR e.at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR e.at < %(until)s)
  AND (%(after)s::bigint IS NULL OR e.seq < %(after)s)
ORDER BY e.seq DESC
LIMIT %(limit)s
"""
_ACTIONS = """
SELECT DISTINCT e.action FROM audit_event e WHERE (%(scope)s = '' OR starts_with(e.area, %(scope)s)) ORDER BY 1
"""


def rows(
    view: View,
    *,
    limit: int,
    household: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: int | None = None,
) -> list[Row]:
    """Return what was seen and done, the newest first, from below `after` on.

    `actor` is a person's id or name, or an account's or token's name.
    """
    return view.rows(
        _ROWS, limit=limit, household=household, actor=actor, action=action, since=since, until=until, after=after
    )


def actions(view: View) -> list[str]:
    """Return every action there is, to choose from."""
    return [row["action"] for row in view.rows(_ACTIONS)]
