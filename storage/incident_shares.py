"""One blackout that several engines see, each in its part of the households, is one incident of all its shares.

Shares are of one incident while that lasts, if their cause is the same and one's area lies within the other's, or if
they are behind the same gateway. Its homes are those of all shares, it began with the first and ends with the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection

# Two engines that tell of the same at the same moment take turns.
_TURN = "SELECT pg_advisory_xact_lock(20161103)"
_KNOWN = "SELECT incident FROM incident_share WHERE id = %s"
_SAME = """
i.cause = %(cause)s AND i.source = %(source)s AND i.ended_at IS NULL AND i.part_of IS NULL
AND (i.source <> '' OR i.area = %(area)s
    OR i.area <> '' AND starts_with(%(area)s, i.area) OR %(area)s <> '' AND starts_with(i.area, %(area)s))
AND EXISTS (SELECT FROM incident_share s WHERE s.incident = i.id)
"""
_FIND = f"SELECT i.id FROM incident i WHERE {_SAME} ORDER BY i.raised_at, i.id LIMIT 1"
_BEGIN = """
INSERT INTO incident (id, area, cause, source, onset, raised_at, ended_at, homes, homes_known, part_of, facts)
VALUES (
    %(id)s, %(area)s, %(cause)s, %(source)s, %(onset)s, %(time)s,
    CASE WHEN %(whole)s::uuid IS NOT NULL THEN %(time)s::timestamptz END, %(homes)s, %(of)s, %(whole)s, %(facts)s
)
"""
_SHARE = """
INSERT INTO incident_share (id, incident, area, onset, ended_at, homes, homes_known, devices)
VALUES (%(id)s, coalesce(%(whole)s, %(id)s), %(area)s, %(onset)s, %(ended_at)s, %(homes)s, %(of)s, %(devices)s)
ON CONFLICT (id) DO UPDATE SET
    area = excluded.area, homes = excluded.homes, homes_known = excluded.homes_known, devices = excluded.devices,
    ended_at = coalesce(incident_share.ended_at, excluded.ended_at)
RETURNING incident
"""
# An area that has grown may hold what was told of another part of it: the first that was told goes on.
_MEET = f"SELECT i.id FROM incident i WHERE {_SAME} ORDER BY i.raised_at, i.id"
_MOVE = "UPDATE incident_share SET incident = %(into)s WHERE incident = ANY (%(from)s)"
_END_PARTS = "UPDATE incident SET ended_at = %(time)s, part_of = %(into)s WHERE id = ANY (%(from)s)"
_SUM = """
UPDATE incident SET
    area = seen.area, onset = seen.onset, homes = seen.homes, homes_known = seen.homes_known, ended_at = seen.ended_at,
    part_of = coalesce(part_of, CASE WHEN seen.ended_at IS NOT NULL THEN nullif(%(part_of)s, id) END),
    facts = %(facts)s || jsonb_build_object(
        'homes', seen.homes, 'of', seen.homes_known, 'devices', seen.devices,
        'since_at', (extract(epoch FROM seen.onset) * 1000000)::bigint,
        'lasted', extract(epoch FROM coalesce(seen.ended_at, %(time)s) - seen.onset)
    )
FROM (
    SELECT min(onset) AS onset, sum(homes) AS homes, sum(homes_known) AS homes_known, sum(devices) AS devices,
        (array_agg(area ORDER BY length(area), area))[1] AS area,
        CASE WHEN bool_and(ended_at IS NOT NULL) THEN max(ended_at) END AS ended_at
    FROM incident_share WHERE incident = %(whole)s
) seen
WHERE id = %(whole)s
"""


def save(conn: Connection[Any], share: Mapping[str, Any]) -> UUID:
    """Write down what an engine tells of its share, within the caller's transaction; return the incident it is of.

    `share` holds the columns of `incident_share`, and `part_of`: another share that it is now part of.
    """
    conn.execute(_TURN)
    known = _first(conn, _KNOWN, [share["id"]]) is not None
    about = {**share, "whole": None if known else _first(conn, _FIND, share)}
    if not known:
        conn.execute(_BEGIN, about)
    about["whole"] = _first(conn, _SHARE, about)
    about["part_of"] = _first(conn, _KNOWN, [share["part_of"]])
    conn.execute(_SUM, about)
    if share["ended_at"] is None:
        _join(conn, about)
    whole: UUID = about["whole"]
    return whole


def _join(conn: Connection[Any], about: dict[str, Any]) -> None:
    """Make one incident of those that the share's area connects."""
    found = [met for (met,) in conn.execute(_MEET, about)]
    if about["whole"] in found and len(found) > 1:  # else it is over: told again by an engine that was started again
        about["whole"] = found[0]
        moved = {"into": found[0], "from": found[1:], "time": about["time"]}
        conn.execute(_MOVE, moved)
        conn.execute(_END_PARTS, moved)
        conn.execute(_SUM, about)


def _first(conn: Connection[Any], query: str, parameters: Any) -> UUID | None:
    row = conn.execute(query, parameters).fetchone()
    return None if row is None else row[0]
