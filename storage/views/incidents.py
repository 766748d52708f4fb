"""Incidents as they are looked at: what befell the areas of the reader, and those around them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from storage.views import Row, View

# An incident of a whole city befalls each of its communities: whoever answers for one of them sees it.
_LIST = """
SELECT i.id, i.area, area.name AS area_name, area.level AS area_level, i.cause, i.source, i.onset, i.raised_at,
       i.ended_at, i.homes, i.homes_known, i.part_of, i.facts,
       coalesce(
           (SELECT h.zone FROM household h WHERE i.area <> '' AND starts_with(h.area, i.area) ORDER BY h.id LIMIT 1),
           'UTC'
       ) AS zone
FROM incident i LEFT JOIN area ON area.code = i.area
WHERE (starts_with(i.area, %(scope)s) OR i.area <> '' AND starts_with(%(scope)s, i.area))
  AND (starts_with(i.area, %(area)s) OR i.area <> '' AND starts_with(%(area)s, i.area))
  AND (%(id)s::uuid IS NULL OR i.id = %(id)s)
  AND (%(open)s::boolean IS NULL OR (i.ended_at IS NULL) = %(open)s)
  AND (%(after_at)s::timestamptz IS NULL OR (i.raised_at, i.id) < (%(after_at)s, %(after_id)s::uuid))
ORDER BY i.raised_at DESC, i.id DESC
LIMIT %(limit)s
"""

# An incident's own alerts name its cause as their source; two incidents of one cause and place do not last at once.
_ENDANGERED = """
SELECT i.id AS incident, a.id AS alert, a.household, h.address, a.status, a.held_by, holder.name AS held_by_name
FROM incident i
JOIN household h ON starts_with(h.area, i.area)
JOIN alert a ON a.household = h.id AND a.kind = 'outage' AND a.status <> 'closed'
LEFT JOIN seen_staff holder ON holder.id = substring(a.held_by FROM '^person:(.+)$')
WHERE i.ended_at IS NULL AND starts_with(h.area, %(scope)s)
  AND EXISTS (SELECT FROM jsonb_object_keys(a.sources) source WHERE right(source, length(i.cause) + 1) = ' ' || i.cause)
ORDER BY a.status = 'acknowledged', a.opened_at, a.household
LIMIT %(limit)s
"""


# Those still open first; what an incident explains is closed where nobody held it.
_HOMES = """
SELECT i.id AS incident, a.id AS alert, a.household, a.kind, a.severity, a.status
FROM incident i
CROSS JOIN LATERAL (
    SELECT a.* FROM alert a JOIN household h ON h.id = a.household
    WHERE (a.incident = i.id OR a.storm = i.id) AND starts_with(h.area, %(scope)s)
    ORDER BY a.status = 'closed', a.severity DESC, a.opened_at, a.id
    LIMIT %(each)s
) a
WHERE i.ended_at IS NULL AND (starts_with(i.area, %(scope)s) OR i.area <> '' AND starts_with(%(scope)s, i.area))
ORDER BY i.id, a.status = 'closed', a.severity DESC, a.opened_at, a.id
"""


def listed(
    view: View,
    *,
    limit: int,
    area: str = "",
    status: Literal["open", "ended"] | None = None,
    after: tuple[datetime, UUID] | None = None,
) -> list[Row]:
    """Return incidents that befell an area, the newest raised first, from below `after` (raised_at, id) on."""
    return view.newest(
        _LIST,
        limit=limit,
        id=None,
        area=area,
        open=None if status is None else status == "open",
        after=after,
    )


def one(view: View, incident: UUID) -> Row | None:
    """Return one incident, None where there is none or it befell others."""
    found = view.newest(_LIST, limit=1, id=incident, area="", open=None)
    return found[0] if found else None


def homes(view: View, *, each: int) -> list[Row]:
    """Return the alerts that open incidents explain or keep quiet, at most so many `each`, open ones first."""
    return view.rows(_HOMES, each=each)


def endangered(view: View, *, limit: int) -> list[Row]:
    """Return the homes that depend on what incidents have cut off, their alert open; those nobody has taken first."""
    return view.rows(_ENDANGERED, limit=limit)
