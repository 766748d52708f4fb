"""What befell areas, as the engine writes it down: once, however often it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from detectors.finding import Phase
from detectors.incident import Incident
from registry.instants import to_datetime
from registry.shards import WHOLE, Shard
from storage import incident_shares
from storage.alerts.outbox import ALERTS

_SAVE = """
INSERT INTO incident (id, area, cause, source, onset, raised_at, ended_at, homes, homes_known, part_of, facts)
VALUES (
    %(id)s, %(area)s, %(cause)s, %(source)s, %(onset)s, %(time)s, %(ended_at)s, %(homes)s, %(of)s, %(part_of)s,
    %(facts)s
)
ON CONFLICT (id) DO UPDATE SET
    area = excluded.area, homes = excluded.homes, homes_known = excluded.homes_known, facts = excluded.facts,
    ended_at = coalesce(incident.ended_at, excluded.ended_at), part_of = coalesce(incident.part_of, excluded.part_of)
"""
_NOTIFY = "SELECT pg_notify(%s, %s)"


def save(conn: Connection, incidents: Sequence[Incident], shard: Shard = WHOLE) -> None:
    """Write incidents down as they stand and tell whoever listens, within the caller's transaction.

    One that is known is brought up to date; one that has ended stays so. What engines of several shards tell of the
    same becomes one.
    """
    for one in incidents:
        if shard.of > 1:
            incident_shares.save(conn, _about(one))
        else:
            conn.execute(_SAVE, _about(one))
    if incidents:
        conn.execute(_NOTIFY, (ALERTS, str(incidents[-1].id)))


def _about(one: Incident) -> dict[str, Any]:
    into = one.facts.get("into")
    return {
        "id": one.id,
        "area": one.area,
        "cause": one.cause.value,
        "source": one.source,
        "onset": to_datetime(one.onset),
        "time": to_datetime(one.time),
        "ended_at": to_datetime(one.time) if one.phase is Phase.CLEARED else None,
        "homes": one.homes,
        "of": one.of,
        "devices": one.facts.get("devices", 0),
        "part_of": None if into is None else UUID(str(into)),
        "facts": Jsonb(dict(one.facts)),
    }
