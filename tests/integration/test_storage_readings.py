"""Readings by binary COPY: what is stored is what was sent, to the microsecond and the last bit, and once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.instants import to_micros
from registry.readings import Flag, ReadingBatch
from storage import readings
from storage.database import connect

NOW = datetime(2026, 11, 5, 4, 0, 0, 123_457, tzinfo=UTC)
NOON = to_micros(NOW)
_MOST = 2**31 - 1


class Row(NamedTuple):
    sensor: int
    time: int
    value: float
    use: float = math.nan
    flags: int = 0


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as conn:
        yield conn


def _write(conn: psycopg.Connection, batch: int, rows: Sequence[Row], at: datetime = NOW) -> int:
    sent = ReadingBatch(
        np.array([row.sensor for row in rows], np.int32),
        np.array([row.time for row in rows], np.int64),
        np.array([row.value for row in rows], np.float64),
        np.full(len(rows), to_micros(at)),
    )
    use = np.array([row.use for row in rows], np.float64)
    with conn.transaction():
        return readings.write(conn, batch, at, sent, use, np.array([row.flags for row in rows], np.int16))


_STORED = """
SELECT sensor, (extract(epoch FROM time) * 1000000)::bigint, value, use, flags, batch FROM reading
ORDER BY sensor, time
"""


def _stored(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    return conn.cursor(binary=True).execute(_STORED).fetchall()


def _as_stored(row: Row, batch: int) -> tuple[Any, ...]:
    return (row.sensor, row.time, row.value, None if math.isnan(row.use) else row.use, row.flags, batch)


def _since(conn: psycopg.Connection, batch: int, chunk: int = 50_000) -> list[tuple[int, int, float, int]]:
    return [
        row
        for part in readings.since(conn, batch, chunk=chunk)
        for row in zip(
            part.sensor.tolist(), part.time.tolist(), part.value.tolist(), part.received.tolist(), strict=True
        )
    ]


_floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
_rows = st.builds(
    Row,
    sensor=st.integers(1, _MOST),
    # From the year 2000, before which nothing is accepted, to beyond what anybody's clock says.
    time=st.integers(to_micros(datetime(2000, 1, 1, tzinfo=UTC)), to_micros(datetime(2200, 1, 1, tzinfo=UTC))),
    value=_floats,
    use=st.one_of(_floats, st.just(math.nan)),
    flags=st.sampled_from([0, int(Flag.FIRST), int(Flag.RESET), int(Flag.LATE), int(Flag.STEP_BACK | Flag.ROLLOVER)]),
)


def test_whatever_is_written_is_read_back_to_the_last_bit(conn: psycopg.Connection) -> None:
    @settings(max_examples=25, deadline=None)
    @given(st.lists(_rows, max_size=20, unique_by=lambda row: (row.sensor, row.time)))
    def check(rows: list[Row]) -> None:
        with conn.transaction(force_rollback=True):
            assert _write(conn, 1, rows) == len(rows)
            assert _stored(conn) == sorted(_as_stored(row, 1) for row in rows)
            assert all(math.copysign(1, row[2]) == math.copysign(1, sent) for row, sent in _paired(conn, rows))
            scored = [row for row in rows if not row.flags & Flag.LATE]
            assert sorted(_since(conn, 0)) == sorted((row.sensor, row.time, row.value, NOON) for row in scored)

    check()


def _paired(conn: psycopg.Connection, rows: Sequence[Row]) -> list[tuple[tuple[Any, ...], float]]:
    """Return each stored row with the value that was sent."""
    return list(zip(_stored(conn), [row.value for row in sorted(rows, key=lambda row: row[:2])], strict=True))


def test_extreme_values_and_microseconds(conn: psycopg.Connection) -> None:
    rows = [
        Row(1, NOON, 1e12, 0.0),
        Row(1, NOON + 1, 5e-324, 1e-300),
        Row(1, NOON + 2, -0.0),
        Row(2, NOON, 1.7976931348623157e308, -1e6, int(Flag.RESET)),
        Row(_MOST, to_micros(datetime(2000, 1, 1, tzinfo=UTC)), 0.1 + 0.2, 1 / 3, 2**15 - 1 - int(Flag.LATE)),
        Row(_MOST, to_micros(datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)), 1.0),
    ]
    assert _write(conn, 2**40, rows) == len(rows)
    assert _stored(conn) == sorted(_as_stored(row, 2**40) for row in rows)
    assert conn.execute("SELECT received_at FROM batch").fetchall() == [(NOW,)]


def test_a_use_that_is_not_known_is_null_and_one_of_zero_is_zero(conn: psycopg.Connection) -> None:
    _write(conn, 1, [Row(1, NOON, 5.0), Row(1, NOON + 1, 5.0, 0.0), Row(2, NOON, 7.0), Row(2, NOON + 1, 8.0, 1.0)])
    assert conn.execute("SELECT sensor, use FROM reading WHERE use IS NOT NULL ORDER BY sensor").fetchall() == [
        (1, 0.0),
        (2, 1.0),
    ]
    assert conn.execute("SELECT count(*) FROM reading WHERE use IS NULL").fetchone() == (2,)
    assert conn.execute("SELECT count(*) FROM reading WHERE use = 'NaN'").fetchone() == (0,)


def test_late_rows_go_in_where_there_is_none_and_the_first_stored_wins(conn: psycopg.Connection) -> None:
    late = int(Flag.LATE)
    assert _write(conn, 1, [Row(1, NOON, 5.0, 1.0), Row(1, NOON + 10, 6.0, 1.0)]) == 2
    again = [
        Row(1, NOON, 99.0, flags=late),
        Row(1, NOON + 5, 5.5, flags=late),
        Row(1, NOON + 5, 77.0, flags=late),
        Row(1, NOON + 20, 7.0, 1.0),
    ]
    assert _write(conn, 2, again) == 2
    assert [row[1:3] for row in _stored(conn)] == [
        (NOON, 5.0),
        (NOON + 5, 5.5),
        (NOON + 10, 6.0),
        (NOON + 20, 7.0),
    ]
    assert _write(conn, 3, again[:3]) == 0


def test_where_the_database_knows_better_only_what_is_new_goes_in(conn: psycopg.Connection) -> None:
    # An engine that remembers a month only takes an old repetition for news.
    _write(conn, 1, [Row(1, NOON, 5.0, 1.0)])
    rows = [Row(1, NOON - 1, 4.0), Row(1, NOON, 99.0, 9.0), Row(1, NOON + 1, 6.0, 1.0), Row(2, NOON, 1.0, flags=2)]
    assert _write(conn, 2, rows) == 3
    assert _stored(conn) == [
        (1, NOON - 1, 4.0, None, 0, 2),
        (1, NOON, 5.0, 1.0, 0, 1),
        (1, NOON + 1, 6.0, 1.0, 0, 2),
        (2, NOON, 1.0, None, 2, 2),
    ]
    # The transaction around it goes on.
    assert readings.last_batch(conn) == 2


def test_since_returns_what_was_scored_batch_by_batch_in_time_order(conn: psycopg.Connection) -> None:
    late = int(Flag.LATE)
    later = NOW + timedelta(hours=1)
    _write(conn, 1, [Row(1, NOON, 1.0)])
    _write(conn, 2, [Row(2, NOON + 9, 2.0), Row(1, NOON + 5, 3.0), Row(1, NOON - 7, 0.0, flags=late)], later)
    _write(conn, 3, [Row(2, NOON + 10, 4.0), Row(3, NOON - 100, 5.0)], later)
    expected = [
        (1, NOON, 1.0, NOON),
        (1, NOON + 5, 3.0, to_micros(later)),
        (2, NOON + 9, 2.0, to_micros(later)),
        (3, NOON - 100, 5.0, to_micros(later)),
        (2, NOON + 10, 4.0, to_micros(later)),
    ]
    assert _since(conn, 0) == expected
    assert _since(conn, 1) == expected[1:]
    assert _since(conn, 3) == []
    for chunk in (1, 2, 4):
        assert _since(conn, 0, chunk) == expected
        assert all(len(part) <= chunk for part in readings.since(conn, 0, chunk=chunk))


def test_batches_by_number_and_by_time(conn: psycopg.Connection) -> None:
    assert readings.last_batch(conn) == 0
    assert readings.batch_before(conn, NOW) == 0
    for number, hours in ((1, 0), (2, 1), (5, 2)):
        _write(conn, number, [Row(number, NOON, 1.0)], NOW + timedelta(hours=hours))
    assert readings.last_batch(conn) == 5
    assert readings.batch_before(conn, NOW) == 0
    assert readings.batch_before(conn, NOW + timedelta(minutes=61)) == 2
    assert readings.batch_before(conn, NOW + timedelta(days=1)) == 5


def test_a_number_is_given_to_one_batch_only(conn: psycopg.Connection) -> None:
    _write(conn, 1, [Row(1, NOON, 1.0)])
    with pytest.raises(psycopg.errors.UniqueViolation):
        _write(conn, 1, [Row(1, NOON + 1, 1.0)])
    assert len(_stored(conn)) == 1


def test_many_at_once(conn: psycopg.Connection) -> None:
    rows = [Row(1 + n % 97, NOON + n, float(n), float(n) if n % 3 else math.nan) for n in range(20_000)]
    assert _write(conn, 1, rows) == len(rows)
    assert _stored(conn) == sorted(_as_stored(row, 1) for row in rows)
