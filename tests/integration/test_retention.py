"""Old readings go, the sums over quarter hours, hours and days stay right: on whatever database the tests run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from registry.shards import Shard
from shouwang.engine import REMEMBERED
from storage.database import connect
from storage.migrate import migrate, migrations
from storage.retention import NEEDED_DAYS, Keep, forget_readings, tell_timescaledb
from storage.views import View
from storage.views.readings import buckets, parts
from tests.integration.engine_house import START, HandClock, at_work, rows, settle, water

MIDNIGHT = datetime(2026, 10, 1, 16, tzinfo=UTC)
"""In Shanghai."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

_HOME = """
INSERT INTO area VALUES ('44', 'city', 'City');
INSERT INTO household (id, area, zone, language, category, risk)
VALUES ('h', '44', 'Asia/Shanghai', 'en', 'disabled', 'high');
INSERT INTO device (id, household, gateway) VALUES ('meter', 'h', 'gw');
INSERT INTO sensor (device, quantity) VALUES ('meter', 'volume'), ('meter', 'battery');
"""
_QUARTERS = """
INSERT INTO reading (sensor, time, value, use, flags, batch)
SELECT sensor, %s + n * interval '15 minutes', 100 + n, nullif(n, 0) * 0 + 1, 0, 1
FROM generate_series(1, 2) AS sensor, generate_series(0, %s - 1) AS n
"""


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as conn:
        conn.execute(_HOME)
        yield conn


def _stored(conn: psycopg.Connection) -> list[tuple[int, datetime]]:
    return conn.execute("SELECT sensor, time FROM reading ORDER BY sensor, time").fetchall()


def _plain(conn: psycopg.Connection) -> bool:
    return conn.execute("SELECT timescaledb_keeps()").fetchone() == (False,)


@pytest.mark.parametrize(
    ("start", "every", "read"),
    [
        (MIDNIGHT, DAY, "days_of"),
        (MIDNIGHT, 7 * DAY, "days_of"),
        (MIDNIGHT + HOUR, DAY, "hours_of"),  # midnight in Tokyo
        (MIDNIGHT, 6 * HOUR, "hours_of"),
        (MIDNIGHT + 2.5 * HOUR, HOUR, "quarters_of"),  # India
        (MIDNIGHT, 30 * MINUTE, "quarters_of"),
        (MIDNIGHT, 10 * MINUTE, "readings_of"),
        (MIDNIGHT + timedelta(seconds=1), DAY, "readings_of"),
    ],
)
def test_buckets_are_put_together_from_the_coarsest_aggregate_that_fits(
    conn: psycopg.Connection, start: datetime, every: timedelta, read: str
) -> None:
    conn.execute(_QUARTERS, (MIDNIGHT, 3 * 96))
    assert parts(start, every) == read
    found = buckets(View(conn, "44"), 1, start=start, stop=start + 30 * HOUR, every=every, limit=200)
    # What the readings themselves say, added up here.
    for bucket in found:
        inside = [100 + n for n in range(3 * 96) if bucket["time"] <= MIDNIGHT + n * HOUR / 4 < bucket["time"] + every]
        assert bucket["count"] == len(inside)
        if inside:
            assert (bucket["min"], bucket["max"]) == (min(inside), max(inside))
            assert bucket["mean"] == pytest.approx(sum(inside) / len(inside))
            assert (bucket["use"] or 0) == pytest.approx(len(inside) - (100 in inside))
    assert found[0]["time"] == start
    assert len(found) == -(-30 * HOUR // every)


def test_of_another_area_there_are_no_buckets_but_empty_ones(conn: psycopg.Connection) -> None:
    conn.execute(_QUARTERS, (MIDNIGHT, 96))
    for every in (DAY, HOUR, HOUR / 4, HOUR / 60):
        found = buckets(View(conn, "45"), 1, start=MIDNIGHT, stop=MIDNIGHT + DAY, every=every, limit=3)
        assert [bucket["count"] for bucket in found] == [0] * len(found)


def test_a_late_reading_is_in_every_sum(conn: psycopg.Connection) -> None:
    conn.execute(_QUARTERS, (MIDNIGHT, 96))
    conn.execute("INSERT INTO reading VALUES (1, %s, 500, 7, 2, 2)", (MIDNIGHT + 20 * MINUTE,))
    for every in (DAY, HOUR, HOUR / 4):
        found = buckets(View(conn, ""), 1, start=MIDNIGHT, stop=MIDNIGHT + DAY, every=every, limit=2)
        assert max(bucket["max"] for bucket in found) == 500


def test_what_is_older_than_is_kept_goes_each_sensor_in_its_minute_of_the_day(conn: psycopg.Connection) -> None:
    if not _plain(conn):
        pytest.skip("TimescaleDB drops readings itself: tests/integration/test_timescale.py")
    now = MIDNIGHT + 100 * DAY
    conn.execute(_QUARTERS, (MIDNIGHT, 1))
    conn.execute(_QUARTERS, (now - 40 * DAY, 1))
    conn.execute("INSERT INTO batch (id, received_at) VALUES (2, %s)", (now,))
    kept = timedelta(days=50)
    # The first sensor's minute is the one that begins at midnight UTC, the second's the next, and so on.
    eve = now.replace(hour=23, minute=59, second=10)
    assert forget_readings(conn, eve, eve + timedelta(seconds=49), kept) == 0
    assert forget_readings(conn, eve, eve + timedelta(seconds=50), kept, Shard(1, 2)) == 0
    assert forget_readings(conn, eve + MINUTE, eve + 2 * MINUTE, kept) == 1
    assert _stored(conn) == [(1, MIDNIGHT), (1, now - 40 * DAY), (2, now - 40 * DAY)]
    assert forget_readings(conn, eve, eve + 3 * DAY, kept) == 1
    assert _stored(conn) == [(1, now - 40 * DAY), (2, now - 40 * DAY)]
    assert forget_readings(conn, eve, eve + 3 * DAY, kept) == 0


def test_what_a_restart_may_read_again_stays_however_old_it_is(conn: psycopg.Connection) -> None:
    conn.execute(_QUARTERS, (datetime(2014, 1, 1, tzinfo=UTC), 1))
    conn.execute("INSERT INTO batch (id, received_at) VALUES (1, %s)", (MIDNIGHT,))
    assert forget_readings(conn, MIDNIGHT, MIDNIGHT + DAY, timedelta(days=NEEDED_DAYS)) == 0
    assert len(_stored(conn)) == 2
    assert timedelta(days=NEEDED_DAYS) == REMEMBERED


def test_an_engine_forgets_what_no_restart_needs(database: str) -> None:
    settle(database)
    clock = HandClock(START)
    with at_work(database, clock, kept=50 * DAY) as engine:
        for later in (0 * DAY, 100 * DAY):
            clock.moment = START + later
            engine.process([water("hh-1", clock.moment, 500.0)])
        engine.tick()
        assert len(rows(database, "SELECT FROM reading")) == 2
        engine.save()
        for _ in range(2):
            clock.moment += DAY
            engine.tick()
    with connect(database) as conn:
        if _plain(conn):
            assert [time for _, time in _stored(conn)] == [START + 100 * DAY]


def test_policies_are_timescaledbs_and_may_be_set_again(conn: psycopg.Connection) -> None:
    for keep in (Keep(), Keep(), Keep(readings=100, aggregates=200, compress_after=3, chunk=1)):
        assert tell_timescaledb(conn, keep) is not _plain(conn)


def test_a_database_with_readings_is_brought_up_to_date(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS before_series WITH (FORCE)")
        admin.execute("CREATE DATABASE before_series")
    with connect(make_conninfo(postgres, dbname="before_series")) as conn:
        with monkeypatch.context() as before:
            before.setattr("storage.migrate.migrations", lambda: [one for one in migrations() if one.version < 12])
            migrate(conn)
        conn.execute(_HOME)
        conn.execute("INSERT INTO batch (id, received_at) VALUES (1, %s)", (MIDNIGHT,))
        conn.execute(_QUARTERS, (MIDNIGHT, 20 * 96))
        old = conn.execute("SELECT sensor, bucket, readings, use, low, high FROM reading_hour ORDER BY 1, 2").fetchall()
        migrate(conn)
        assert len(_stored(conn)) == 2 * 20 * 96
        new = conn.execute("SELECT sensor, bucket, readings, use, low, high FROM reading_hour ORDER BY 1, 2").fetchall()
        assert new == old
        assert conn.execute("SELECT count(*), sum(readings) FROM reading_day").fetchone() == (40, 2 * 20 * 96)
        assert conn.execute("SELECT oldest FROM batch").fetchall() == [(None,)]
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("DROP DATABASE before_series WITH (FORCE)")
