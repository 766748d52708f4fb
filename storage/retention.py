"""How long readings are kept and in which form: TimescaleDB is told, on plain PostgreSQL the service forgets by itself.

Readings and quarter hours go together; hours and days stay longer, where TimescaleDB stores them. On plain PostgreSQL
all of them are counted from the readings, and end with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from registry.shards import WHOLE, Shard

NEEDED_DAYS = 31
"""What an engine that restarts may have to read again."""

READINGS_DAYS = 1095
"""How long readings are kept where no setting says otherwise."""

_DAY = 1440
_SETTLED_DAYS = 2
"""What is newer is counted when it is asked for: readings that are up to so late are in every sum at once."""
_COMPRESS_AGGREGATES_DAYS = 30
"""A late reading has its day's aggregates made anew, of all sensors: they are compressed when that has become rare."""

_TIMESCALE = "SELECT timescaledb_keeps()"
_CHUNK = "SELECT set_chunk_time_interval('reading', make_interval(days => %(days)s))"
_COMPRESS = """
SELECT remove_compression_policy(%(series)s::regclass, if_exists => true),
       add_compression_policy(%(series)s::regclass, make_interval(days => %(after)s))
"""
_RETAIN = """
SELECT remove_retention_policy(%(series)s::regclass, if_exists => true),
       add_retention_policy(%(series)s::regclass, make_interval(days => %(days)s))
"""
# It never reaches back to where readings may have been dropped: what is gone would be taken out of the aggregates.
# A day at a time, so that years of readings that were there before do not make one transaction.
_REFRESH = """
SELECT remove_continuous_aggregate_policy(%(series)s::regclass, if_exists => true),
       add_continuous_aggregate_policy(%(series)s::regclass,
           start_offset => make_interval(days => %(kept)s - 1), end_offset => make_interval(days => %(settled)s),
           schedule_interval => make_interval(mins => %(every)s), buckets_per_batch => %(a_day)s)
"""
_AGGREGATES = (("reading_quarter", 15, 96), ("reading_hour", 30, 24), ("reading_day", 60, 1))
"""Each with how many minutes lie between two refreshes, and how many of its buckets are a day."""

# By the key of `reading`, for a few sensors at a time: no index by time is needed, and nobody waits for it.
# What came with a batch that a restart may read again stays, however old its readings are.
_FORGET = """
DELETE FROM reading
USING unnest(%(turns)s::integer[]) AS turn,
      generate_series(turn, (SELECT max(id) FROM sensor), %(day)s) AS one
WHERE NOT timescaledb_keeps()
  AND reading.sensor = one AND reading.time < %(before)s AND reading.batch < (SELECT min(id) FROM batch)
"""


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days readings and aggregates are kept, and after how many readings are compressed.

    What is dropped and compressed is a chunk: the readings of `chunk` days, once the last of them are so old.
    """

    readings: int = READINGS_DAYS
    aggregates: int = 3650
    compress_after: int = 7
    chunk: int = 10


def tell_timescaledb(conn: psycopg.Connection, keep: Keep) -> bool:
    """Set TimescaleDB's policies, whatever they were; return whether there is a TimescaleDB that has them."""
    row = conn.execute(_TIMESCALE).fetchone()
    if row is None or not row[0]:
        return False
    with conn.transaction():
        conn.execute(_CHUNK, {"days": keep.chunk})
        conn.execute(_COMPRESS, {"series": "reading", "after": keep.compress_after})
        conn.execute(_RETAIN, {"series": "reading", "days": keep.readings})
        for series, minutes, a_day in _AGGREGATES:
            about = {"series": series, "kept": keep.readings, "settled": _SETTLED_DAYS, "every": minutes}
            conn.execute(_REFRESH, {**about, "a_day": a_day})
            after = max(keep.compress_after, _COMPRESS_AGGREGATES_DAYS)
            conn.execute(_COMPRESS, {"series": series, "after": after})
            days = keep.readings if series == "reading_quarter" else keep.aggregates
            conn.execute(_RETAIN, {"series": series, "days": days})
    return True


def forget_readings(
    conn: psycopg.Connection, since: datetime, now: datetime, kept: timedelta, shard: Shard = WHOLE
) -> int:
    """Remove old readings of the sensors whose turn came between two moments, and return how many that were.

    Each sensor's turn is one minute of the day; where several engines share the households, they share the minutes.
    Where TimescaleDB keeps the readings, nothing is left to do.
    """
    first, last = int(since.timestamp() // 60) + 1, int(now.timestamp() // 60)
    minutes = range(max(first, last - _DAY + 1), last + 1)
    turns = [minute % _DAY + 1 for minute in minutes if minute % shard.of == shard.number]
    if not turns:
        return 0
    return conn.execute(_FORGET, {"turns": turns, "day": _DAY, "before": now - kept}).rowcount
