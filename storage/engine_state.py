"""What an engine must find again after a restart beside its detectors' memory: its clock, its quarantine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from registry.shards import WHOLE, Shard

_ONE_ENGINE = "SELECT pg_try_advisory_lock(20161102)"
_SET_CLOCK = """
INSERT INTO engine_clock (shards, shard, kind, now) VALUES (%s, %s, %s, %s)
ON CONFLICT (shards, shard) DO UPDATE SET kind = excluded.kind, now = excluded.now
WHERE engine_clock.now < excluded.now OR engine_clock.kind <> excluded.kind
"""
_GET_CLOCK = "SELECT kind, now FROM engine_clock WHERE shards = %s AND shard = %s"
_QUARANTINE = """
INSERT INTO quarantine (digest, at, gateway, topic, payload, reason, place, detail, device)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (digest) DO NOTHING
"""
_FORGET = """
DELETE FROM quarantine WHERE at < %(before)s OR id <= (SELECT max(id) FROM quarantine) - %(most)s
"""
_FORGET_BATCHES = "DELETE FROM batch WHERE received_at < %s AND id < (SELECT min(batch) FROM detector_state)"
KEPT_PAYLOAD = 4096
"""How many bytes of a refused payload are kept for its vendor to look at, once for each message."""
KEPT_ROWS = 1_000_000
"""How many refusals are kept at the most, however fast they come."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that could not be accepted, and why; `device` is '' where nobody knows whom it is about."""

    gateway: str
    topic: str
    payload: bytes
    reason: str
    place: str
    detail: str
    device: str = ""


def take_over(conn: psycopg.Connection) -> bool:
    """Return whether the database is this connection's engine's alone now, until the connection ends."""
    row = conn.execute(_ONE_ENGINE).fetchone()
    return row is not None and bool(row[0])


def set_clock(conn: psycopg.Connection, kind: str, now: datetime, shard: Shard = WHOLE) -> None:
    """Remember the engine's clock; it never goes back."""
    conn.execute(_SET_CLOCK, (shard.of, shard.number, kind, now))


def get_clock(conn: psycopg.Connection, shard: Shard = WHOLE) -> tuple[str, datetime] | None:
    """Return the kind of clock that last drove this database and where it stood."""
    row = conn.execute(_GET_CLOCK, (shard.of, shard.number)).fetchone()
    return (row[0], row[1]) if row else None


def quarantine(conn: psycopg.Connection, refused: Sequence[Refused], now: datetime) -> None:
    """Keep what was refused; the same thing again changes nothing."""
    if not refused:
        return
    rows = []
    shown: bytes | None = None
    for item in refused:
        kept = b"" if item.payload is shown else item.payload[:KEPT_PAYLOAD]
        shown = item.payload
        texts = (_short(item.gateway, 200), _short(item.topic, 1000))
        told = (item.reason, _short(item.place, 500), _short(item.detail, 2000), _short(item.device, 200))
        rows.append((_digest(item), now, *texts, kept, *told))
    with conn.cursor() as cursor:
        cursor.executemany(_QUARANTINE, rows)


def forget_quarantine(conn: psycopg.Connection, before: datetime) -> int:
    """Remove what was quarantined before a moment, or is beyond `KEPT_ROWS`; return how many rows that were."""
    return conn.execute(_FORGET, {"before": before, "most": KEPT_ROWS}).rowcount


def forget_batches(conn: psycopg.Connection, before: datetime) -> int:
    """Remove the notes of batches that no restart can need any more; return how many that were."""
    return conn.execute(_FORGET_BATCHES, (before,)).rowcount


def _short(text: str, most: int) -> str:
    """Return text as PostgreSQL can hold and index it, however a stranger wrote it."""
    return text[:most].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _digest(item: Refused) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in (item.topic, item.reason, item.place):
        digest.update(part.encode(errors="replace") + b"\x00")
    digest.update(item.payload)
    return digest.digest()
