"""When an engine could hear nobody: written down where it was noticed, for a restart to live through at its place.

They are numbered with the lessons (`storage.lessons`), so that one number says what a snapshot of the memory knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg

from registry.instants import to_micros
from registry.shards import WHOLE, Shard

_SAVE = """
INSERT INTO deaf_time (shard, shards, batch, since, until)
VALUES (%(shard)s, %(shards)s, %(batch)s, %(since)s, %(until)s)
RETURNING no
"""
_SINCE = """
SELECT no, batch, since, until FROM deaf_time
WHERE no > %(no)s AND shards = %(shards)s AND shard = %(shard)s ORDER BY no
"""
_FORGET = "DELETE FROM deaf_time WHERE until < %(before)s"


@dataclass(frozen=True, slots=True)
class DeafTime:
    """Nobody was heard from `since` to `until`, microseconds of the engine's clock; `batch` are the readings before."""

    no: int
    batch: int
    since: int
    until: int


def save(conn: psycopg.Connection, batch: int, since: datetime, until: datetime, shard: Shard = WHOLE) -> DeafTime:
    """Write a time down, after a batch, within the caller's transaction."""
    about = {"shard": shard.number, "shards": shard.of, "batch": batch, "since": since, "until": until}
    [(no,)] = conn.execute(_SAVE, about)
    return DeafTime(no, batch, to_micros(since), to_micros(until))


def since(conn: psycopg.Connection, no: int, shard: Shard = WHOLE) -> Iterator[DeafTime]:
    """Yield the times after a number, in order."""
    rows = conn.execute(_SINCE, {"no": no, "shard": shard.number, "shards": shard.of}).fetchall()
    for number, batch, begin, end in rows:
        yield DeafTime(number, batch, to_micros(begin), to_micros(end))


def forget(conn: psycopg.Connection, before: datetime) -> None:
    """Forget what ended before a moment that no restart needs any more."""
    conn.execute(_FORGET, {"before": before})
