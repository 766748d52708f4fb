"""Writes readings by binary COPY and reads them back for a restart; the same reading twice is one row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from registry.instants import to_datetime
from registry.readings import Flag, Flags, ReadingBatch, Sensors, Times, Values
from registry.shards import WHOLE, Shard

_POSTGRES_EPOCH = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970; binary timestamps count from there
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"

# One row of the binary COPY format: the number of fields, then each field's length and its big-endian value.
_HEAD = [
    ("fields", ">i2"),
    ("sensor_length", ">i4"), ("sensor", ">i4"),
    ("time_length", ">i4"), ("time", ">i8"),
    ("value_length", ">i4"), ("value", ">f8"),
]  # fmt: skip
_TAIL = [("flags_length", ">i4"), ("flags", ">i2"), ("batch_length", ">i4"), ("batch", ">i8")]
_ROW = np.dtype([*_HEAD, ("use_length", ">i4"), ("use", ">f8"), *_TAIL])
_ROW_WITHOUT_USE = np.dtype([*_HEAD, ("use_length", ">i4"), *_TAIL])

_COPY = "COPY reading (sensor, time, value, use, flags, batch) FROM STDIN (FORMAT BINARY)"
_NEXT_BATCH = "SELECT nextval('batch_number')"
_NEW_BATCH = "INSERT INTO batch (id, received_at, shard, shards, oldest) VALUES (%s, %s, %s, %s, %s)"
_INSERT = """
INSERT INTO reading (sensor, time, value, use, flags, batch)
SELECT sensor, to_timestamp(0) + micros * interval '1 microsecond', value, use, flags, %s
FROM unnest(%s::int[], %s::bigint[], %s::float8[], %s::float8[], %s::smallint[])
     WITH ORDINALITY AS sent (sensor, micros, value, use, flags, position)
ORDER BY position
ON CONFLICT (sensor, time) DO NOTHING
"""
_SINCE = """
SELECT reading.sensor, (extract(epoch FROM reading.time) * 1000000)::bigint, reading.value,
       (extract(epoch FROM batch.received_at) * 1000000)::bigint
FROM reading JOIN batch ON batch.id = reading.batch
WHERE reading.batch > %s AND reading.batch <= %s AND reading.time >= %s AND reading.flags & %s = 0
    AND (batch.shard = %s OR batch.shards <> %s)
ORDER BY reading.batch, reading.time
"""
# With it TimescaleDB leaves out what it has compressed long ago; a batch from before 0012 may hold anything.
_OLDEST = "SELECT min(coalesce(oldest, to_timestamp(0))) FROM batch WHERE id > %s AND id <= %s"
_LAST = 2**62
_LAST_BATCH = "SELECT coalesce(max(id), 0) FROM batch WHERE shard = %s OR shards <> %s"
_BATCH_BEFORE = "SELECT coalesce(max(id), 0) FROM batch WHERE received_at < %s"


def write(
    conn: psycopg.Connection,
    batch: int,
    received_at: datetime,
    readings: ReadingBatch,
    use: Values,
    flags: Flags,
    shard: Shard = WHOLE,
) -> int:
    """Store a batch of a shard within the caller's transaction and return how many rows were new.

    Rows not flagged `LATE` are newer than all their sensor has stored, so they go in by one COPY. Late rows, or all
    rows if the database knows better, go in one by one where there is none yet: the first stored wins.
    """
    late = (flags & int(Flag.LATE)) != 0
    new = np.flatnonzero(~late)
    oldest = to_datetime(int(readings.time[new].min())) if len(new) else received_at
    conn.execute(_NEW_BATCH, (batch, received_at, shard.number, shard.of, oldest))
    stored = 0
    if len(new):
        try:
            with conn.transaction():
                _copy(conn, batch, new, readings, use, flags)
            stored = len(new)
        except psycopg.errors.UniqueViolation:
            stored = _insert(conn, batch, new, readings, use, flags)
    if late.any():
        stored += _insert(conn, batch, np.flatnonzero(late), readings, use, flags)
    return stored


def next_batch(conn: psycopg.Connection) -> int:
    """Return the number of a batch to be written: greater than that of every batch begun before."""
    row = conn.execute(_NEXT_BATCH).fetchone()
    assert row is not None, "nextval returns a row"  # noqa: S101 (PostgreSQL's own promise)
    return int(row[0])


def last_batch(conn: psycopg.Connection, shard: Shard = WHOLE) -> int:
    """Return the number of the last batch that may hold readings of a shard, 0 if there is none."""
    row = conn.execute(_LAST_BATCH, (shard.number, shard.of)).fetchone()
    return int(row[0]) if row else 0


def batch_before(conn: psycopg.Connection, moment: datetime) -> int:
    """Return the number of the last batch received before a moment of the engine's clock, 0 if none was."""
    row = conn.execute(_BATCH_BEFORE, (moment,)).fetchone()
    return int(row[0]) if row else 0


def since(
    conn: psycopg.Connection, batch: int, upto: int | None = None, *, shard: Shard = WHOLE, chunk: int = 50_000
) -> Iterator[ReadingBatch]:
    """Yield the scored readings stored after a batch, `upto` another, in the order in which the detectors saw them.

    Where households were divided otherwise at the time, readings of other shards are among them.
    """
    last = _LAST if upto is None else upto
    with conn.transaction(), conn.cursor(name="replay", binary=True) as cursor:
        cursor.itersize = chunk
        reach = conn.execute(_OLDEST, (batch, last)).fetchone()
        cursor.execute(_SINCE, (batch, last, reach and reach[0], int(Flag.LATE), shard.number, shard.of))
        while rows := cursor.fetchmany(chunk):
            sensor, time, value, received = zip(*rows, strict=True)
            yield ReadingBatch(
                np.array(sensor, np.int32), np.array(time, np.int64), np.array(value), np.array(received, np.int64)
            )


def _copy(
    conn: psycopg.Connection, batch: int, rows: NDArray[np.intp], readings: ReadingBatch, use: Values, flags: Flags
) -> None:
    # By sensor: neighbours in the key go to one page of its index, and rows of a sensor lie together.
    rows = rows[np.argsort(readings.sensor[rows], kind="stable")]
    unknown = np.isnan(use[rows])
    parts = [_HEADER]
    for chosen, layout in ((rows[~unknown], _ROW), (rows[unknown], _ROW_WITHOUT_USE)):
        if len(chosen):
            parts.append(_packed(layout, batch, chosen, readings, use, flags))
    parts.append(_TRAILER)
    with conn.cursor() as cursor, cursor.copy(sql.SQL(_COPY)) as copy:
        copy.write(b"".join(parts))


def _packed(
    layout: np.dtype[np.void], batch: int, rows: NDArray[np.intp], readings: ReadingBatch, use: Values, flags: Flags
) -> bytes:
    packed = np.empty(len(rows), layout)
    packed["fields"] = 6
    for name, length, column in (
        ("sensor", 4, readings.sensor[rows]),
        ("time", 8, readings.time[rows] - _POSTGRES_EPOCH),
        ("value", 8, readings.value[rows]),
        ("flags", 2, flags[rows]),
        ("batch", 8, batch),
    ):
        packed[f"{name}_length"] = length
        packed[name] = column
    if layout is _ROW:
        packed["use_length"] = 8
        packed["use"] = use[rows]
    else:
        packed["use_length"] = -1  # NULL
    return packed.tobytes()


def _insert(
    conn: psycopg.Connection, batch: int, rows: NDArray[np.intp], readings: ReadingBatch, use: Values, flags: Flags
) -> int:
    known: list[float | None] = [None if np.isnan(amount) else float(amount) for amount in use[rows]]
    result = conn.execute(
        _INSERT,
        (
            batch,
            _listed(readings.sensor, rows),
            _listed(readings.time, rows),
            _listed(readings.value, rows),
            known,
            _listed(flags, rows),
        ),
    )
    return result.rowcount


def _listed(column: Sensors | Times | Values | Flags, rows: NDArray[np.intp]) -> list[int | float]:
    listed: list[int | float] = column[rows].tolist()
    return listed
