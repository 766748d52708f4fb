"""Messages that could not be accepted, with the reason their vendor can act on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from storage.views import Row, View

# A message from a gateway without any device belongs to no area: only who answers for everywhere sees it. A gateway may
# speak for homes of several areas, and a message of its tell of all of them: what it says is shown to whom all of them
# are shown, and that something was refused also to whom the device concerned is.
_GATEWAYS: Final = """
WITH speaking AS MATERIALIZED (
    SELECT one.gateway,
           EXISTS (SELECT FROM gateway_area g WHERE g.gateway = one.gateway AND starts_with(g.area, %(scope)s)) AS ours,
           %(scope)s = '' OR NOT elsewhere(one.gateway) AS alone
    FROM seen_refused_gateway one
    WHERE (%(gateway)s::text IS NULL OR one.gateway = %(gateway)s)
      AND (%(gateways)s::text[] IS NULL OR one.gateway = ANY (%(gateways)s))
)
"""
# Of one device, and not of all in scope.
_OUR_DEVICE: Final = """
coalesce(starts_with((
    SELECT h.area FROM device d JOIN household h ON h.id = d.household WHERE d.id = q.device
), %(scope)s), false)
"""
_SEEN: Final = f"(%(scope)s = '' OR speaking.ours AND speaking.alone OR {_OUR_DEVICE})"
# A message is kept once, with the first thing that was refused of it.
_PAYLOAD: Final = f"""
CASE WHEN %(scope)s = '' OR speaking.ours AND speaking.alone OR NOT starts_with(q.topic, 'telemetry/') AND {_OUR_DEVICE}
    THEN CASE WHEN q.payload <> '' THEN q.payload ELSE (
        SELECT first.payload FROM quarantine first
        WHERE first.gateway = q.gateway AND first.at = q.at AND first.topic = q.topic AND first.id < q.id
          AND first.payload <> ''
        ORDER BY first.id DESC LIMIT 1) END
    END
"""

# Of each gateway by itself: an index leads to the newest of its own, past whatever others sent.
_LIST: Final = f"""{_GATEWAYS}
SELECT q.id, q.at, q.gateway, q.device, q.topic, {_PAYLOAD} AS payload, q.reason, q.place, q.detail
FROM speaking CROSS JOIN LATERAL (
    SELECT q.* FROM quarantine q
    WHERE q.gateway = speaking.gateway AND {_SEEN}
      AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
      AND (%(after_at)s::timestamptz IS NULL OR (q.at, q.id) < (%(after_at)s, %(after_id)s))
    ORDER BY q.at DESC, q.id DESC
    LIMIT %(limit)s
) q
ORDER BY q.at DESC, q.id DESC
LIMIT %(limit)s
"""

_COUNTS: Final = f"""{_GATEWAYS}
SELECT speaking.gateway, q.device, q.reason, q.day, q.week, q.month, q.last
FROM speaking CROSS JOIN LATERAL (
    SELECT q.device, q.reason,
           count(*) FILTER (WHERE q.at > %(day)s) AS day,
           count(*) FILTER (WHERE q.at > %(week)s) AS week,
           count(*) AS month,
           max(q.at) AS last
    FROM quarantine q
    WHERE q.gateway = speaking.gateway AND q.at > %(month)s AND {_SEEN}
      AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
      AND (%(device)s::text IS NULL OR q.device ^@ %(device)s)
    GROUP BY q.device, q.reason
) q
ORDER BY q.day DESC, q.week DESC, q.month DESC, speaking.gateway, q.device, q.reason
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
    """Return what was refused, the newest first, from below `after` (at, id) on.

    `payload` is the first 4 KiB of the whole message, null where it may tell of homes that are out of scope.
    """
    return view.newest(_LIST, limit=limit, gateway=gateway, reason=reason, after=after)


def counted(
    view: View,
    now: datetime,
    *,
    limit: int,
    gateway: str | None = None,
    reason: str | None = None,
    device: str | None = None,
) -> list[Row]:
    """Return how much was refused by gateway, device ('' where it is not known) and reason, the most of today first.

    `day`, `week` and `month` count the last 24 hours, 7 and 30 days; the same thing sent again counts once.
    """
    since = {"day": now - timedelta(days=1), "week": now - timedelta(days=7), "month": now - timedelta(days=30)}
    return view.rows(_COUNTS, **since, limit=limit, gateway=gateway, reason=reason, device=device)
