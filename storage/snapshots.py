"""The detectors' memory in the database: all of it as of one batch, in pieces, at once or a piece at a time."""

from __future__ import annotations

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
WHERE rules = %s AND shards = %s AND shard = %s AND NOT draft GROUP BY detector
"""
_PIECES = """
SELECT state FROM detector_state WHERE rules = %s AND shards = %s AND shard = %s AND detector = %s AND NOT draft
ORDER BY piece
"""
_ADD = """
INSERT INTO detector_state (rules, shards, shard, detector, piece, batch, saved_at, state, draft)
VALUES (%s, %s, %s, %s, %s, %s, %s, %b, true)
"""
_FORGET_DRAFT = "DELETE FROM detector_state WHERE rules = %s AND shards = %s AND shard = %s AND draft"
_FORGET_SAVED = "DELETE FROM detector_state WHERE rules = %s AND shards = %s AND shard = %s AND NOT draft"
_PUBLISH = "UPDATE detector_state SET draft = false WHERE rules = %s AND shards = %s AND shard = %s AND draft"
_PIECE = 4 << 20
"""Bytes of a state in one row. PostgreSQL takes 1 GB at the most, and a client holds several copies of a row."""


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


class Draft:
    """A snapshot that is being written a piece at a time; it counts when its last piece is there, not before.

    `states` (name, state) are emptied as they are written. Each piece is the caller's own transaction.
    """

    def __init__(
        self,
        conn: psycopg.Connection,
        rules: str,
        batch: int,
        saved_at: datetime,
        states: list[tuple[str, bytes]],
        shard: Shard = WHOLE,
    ) -> None:
        self._whose = (rules, shard.of, shard.number)
        self._about = (batch, saved_at)
        self.size = sum(len(state) for _, state in states)
        """Bytes of the whole."""
        self._pieces = _pieces(states.pop() for _ in range(len(states)))
        conn.execute(_FORGET_DRAFT, self._whose)

    def write_next(self, conn: psycopg.Connection) -> bool:
        """Write the next piece, or make all of them the snapshot that counts; return whether that is done."""
        piece = next(self._pieces, None)
        if piece is not None:
            name, number, part = piece
            conn.execute(_ADD, (*self._whose, name, number, *self._about, part))
            return False
        conn.execute(_FORGET_SAVED, self._whose)
        conn.execute(_PUBLISH, self._whose)
        return True


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
    conn.execute(_FORGET_SAVED, whose)
    size = 0
    with conn.cursor() as cursor, cursor.copy(_SAVE) as copy:
        copy.set_types(_SAVED_TYPES)
        for name, piece, part in _pieces(states):
            copy.write_row((*whose, name, piece, batch, saved_at, part))
            size += len(part)
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


def _pieces(states: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, int, memoryview]]:
    for name, state in states:
        whole = memoryview(state)
        for piece, at in enumerate(range(0, max(len(whole), 1), _PIECE)):
            yield name, piece, whole[at : at + _PIECE]
