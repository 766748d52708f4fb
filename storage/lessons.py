"""How alerts ended, for the detectors to learn from: written with the alert, taken once by the engine, in order.

`no` numbers what was taken and `batch` says after which readings, so that a restart lives through both in turn: a
snapshot of the detectors remembers the last number it knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import psycopg

from detectors.finding import Kind
from detectors.verdict import Verdict
from registry.instants import to_micros
from registry.shards import WHOLE, Shard

SAVE = """
INSERT INTO verdict (alert, household, kind, at, real, visited)
SELECT %(alert)s, %(household)s, %(kind)s, %(at)s, %(real)s, EXISTS (
    SELECT 1 FROM task
    WHERE task.alert = %(alert)s AND task.kind = 'visit' AND (task.accepted_at IS NOT NULL OR task.done_at IS NOT NULL)
)
ON CONFLICT (alert) DO NOTHING
"""
_TAKE = """
WITH fresh AS (
    SELECT alert, nextval('lesson_number') AS no
    FROM (
        SELECT alert FROM verdict WHERE no IS NULL AND shard_of(household, %(shards)s) = %(shard)s ORDER BY at, alert
    ) AS waiting
)
UPDATE verdict SET no = fresh.no, batch = %(batch)s, learned_at = %(now)s
FROM fresh WHERE verdict.alert = fresh.alert
RETURNING verdict.no, batch, learned_at, household, kind, at, real, visited
"""
_WAITING = """
SELECT EXISTS (SELECT FROM verdict WHERE no IS NULL AND shard_of(household, %(shards)s) = %(shard)s)
"""
_SINCE = """
SELECT no, batch, learned_at, household, kind, at, real, visited FROM verdict
WHERE no > %s AND shard_of(household, %s) = %s ORDER BY no
"""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Verdicts that were taken together, in order: `no` is the number of the last, `batch` the readings before them."""

    no: int
    batch: int
    learned_at: int
    verdicts: tuple[Verdict, ...]


def take(conn: psycopg.Connection, batch: int, now: datetime, shard: Shard = WHOLE) -> Lesson | None:
    """Take what no engine has taken yet, after a batch; None if there is nothing. A shard has one engine at work."""
    whose = {"shard": shard.number, "shards": shard.of}
    rows = sorted(conn.execute(_TAKE, {"batch": batch, "now": now, **whose}).fetchall())
    return _lesson(rows) if rows else None


def waiting(conn: psycopg.Connection, shard: Shard = WHOLE) -> bool:
    """Whether there is something to `take`."""
    return bool(conn.execute(_WAITING, {"shard": shard.number, "shards": shard.of}).fetchone() == (True,))


def since(conn: psycopg.Connection, no: int, shard: Shard = WHOLE) -> Iterator[Lesson]:
    """Yield what was taken after a number, as it was taken together."""
    rows = conn.execute(_SINCE, (no, shard.of, shard.number)).fetchall()
    for _, together in groupby(rows, key=lambda row: row[1:3]):
        yield _lesson(list(together))


def _lesson(rows: list[tuple[Any, ...]]) -> Lesson:
    no, batch, learned_at, *_ = rows[-1]
    verdicts = tuple(
        Verdict(household, Kind(kind), to_micros(at), real, visited) for *_, household, kind, at, real, visited in rows
    )
    return Lesson(no, batch, to_micros(learned_at), verdicts)
