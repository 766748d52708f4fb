"""Messages that could not be accepted, with the reason their vendor can act on."""

from __future__ import annotations

from datetime import datetime

from storage.views import Row, View

# A message from a gateway without any device belongs to no area: only who answers for everywhere sees it.
_LIST = """
SELECT q.id, q.at, q.gateway, q.topic, q.payload, q.reason, q.place, q.detail
FROM quarantine q
WHERE (%(scope)s = '' OR EXISTS (
        SELECT FROM device d JOIN household h ON h.id = d.household
        WHERE d.gateway = q.gateway AND starts_with(h.area, %(scope)s)))
  AND (%(gateway)s::text IS NULL OR q.gateway = %(gateway)s)
  AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
  AND (%(after_at)s::timestamptz IS NULL OR (q.at, q.id) < (%(after_at)s, %(after_id)s))
ORDER BY q.at DESC, q.id DESC
LIMIT %(limit)s
"""


def listed(
    view: View,
    *,
    limit: int,
    gateway: str | None = None,
    reason: str | None = None,
    after: tuple[datetime, int] | None = None,
) -> list[Row]:
    """Return what was refused, the newest first, from below `after` (at, id) on."""
    return view.newest(_LIST, limit=limit, gateway=gateway, reason=reason, after=after)
