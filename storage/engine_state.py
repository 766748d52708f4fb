"""What an engine must find again after a restart: its detectors' memory, its clock, its quarantine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from registry.shards import WHOLE, Shard

_SAVE = """
COPY detector_state (rules, shards, shard, detector, piece, batch, saved_at, state) FROM STDIN (FORMAT BINARY)
"""
_SAVED_TYPES = ("text", "int2", "int2", "text", "int4", "int8", "timestamptz", "bytea")
_SAVED = """
SELECT detector, min(batch), max(saved_at), sum(octet_length(state))::bigint FROM detector_state
WHERE rules = %s AND shards = %s AND shard = %s GROUP BY detector
"""
_PIECES = """
SELECT state FROM detector_state WHERE rules = %s AND shards = %s AND shard = %s AND detector = %s ORDER BY piece
"""
_SET_CLOCK = """
INSERT INTO engine_clock (shards, shard, kind, now) VALUES (%s, %s, %s, %s)
ON CONFLICT (shards, shard) DO UPDATE SET kind = excluded.kind, now = excluded.now
WHERE engine_clock.now < excluded.now OR engine_clock.kind <> excluded.kind
"""
_GET_CLOCK = "SELECT kind, now FROM engine_clock WHERE shards = %s AND shard = %s"
_QUARANTINE = """
INSERT INTO quarantine (digest, at, gateway, topic, payload, reason, place, detail)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (digest) DO NOTHING
"""
_FORGET = """
DELETE FROM quarantine WHERE at < %(before)s OR id <= (SELECT max(id) FROM quarantine) - %(most)s
"""
_FORGET_BATCHES = "DELETE FROM batch WHERE received_at < %s AND id < (SELECT min(batch) FROM detector_state)"
_FORGET_STATES = "DELETE FROM detector_state WHERE rules = %s AND shards = %s AND shard = %s"
_PIECE = 4 << 20
"""Bytes of a state in one row. PostgreSQL takes 1 GB at the most, and a client holds several copies of a row."""
KEPT_PAYLOAD = 4096
"""How many bytes of a refused payload are kept for its vendor to look at, once for each message."""
KEPT_ROWS = 1_000_000
"""How many refusals are kept at the most, however fast they come."""


class SavedStates(Mapping[str, bytes]):
    """The state of each detector by its name, read from the database each time it is asked for: none is kept."""

    def __init__(self, conn: psycopg.Connection, whose: tuple[str, int, int], names: Sequence[str]) -> None:
        self._conn = conn
        self._whose = whose
        self._names = names

    def __getitem__(self, detector: str) -> bytes:
        with self._conn.cursor() as cursor:
            pieces = [piece for (piece,) in cursor.stream(_PIECES, (*self._whose, detector), binary=True)]
        if not pieces:
            raise KeyError(detector)
        return b"".join(pieces)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The detectors' memory as of a batch and a moment of the engine's clock; `size` in bytes."""

    batch: int
    saved_at: datetime
    size: int
    states: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that could not be accepted, and why."""

    gateway: str
    topic: str
    payload: bytes
    reason: str
    place: str
    detail: str


def save_snapshot(
    conn: psycopg.Connection,
    rules: str,
    batch: int,
    saved_at: datetime,
    states: Iterable[tuple[str, bytes]],
    shard: Shard = WHOLE,
) -> int:
    """Keep the memory of a rule set as of a batch, within the caller's transaction; return how many bytes that are.

    All of its detectors are saved together, and no others are kept. `states` (name, state) are taken one by one.
    """
    whose = (rules, shard.of, shard.number)
    conn.execute(_FORGET_STATES, whose)
    size = 0
    with conn.cursor() as cursor, cursor.copy(_SAVE) as copy:
        copy.set_types(_SAVED_TYPES)
        for name, state in states:
            whole = memoryview(state)
            for piece, at in enumerate(range(0, max(len(whole), 1), _PIECE)):
                copy.write_row((*whose, name, piece, batch, saved_at, whole[at : at + _PIECE]))
            size += len(whole)
    return size


def load_snapshot(conn: psycopg.Connection, rules: str, shard: Shard = WHOLE) -> Snapshot | None:
    """Return the memory of a rule set, or None where it has none yet. Its states are read as they are asked for."""
    whose = (rules, shard.of, shard.number)
    rows = conn.execute(_SAVED, whose).fetchall()
    if not rows:
        return None
    return Snapshot(
        batch=min(row[1] for row in rows),
        saved_at=max(row[2] for row in rows),
        size=sum(row[3] for row in rows),
        states=SavedStates(conn, whose, [row[0] for row in rows]),
    )


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
        rows.append((_digest(item), now, *texts, kept, item.reason, _short(item.place, 500), _short(item.detail, 2000)))
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
