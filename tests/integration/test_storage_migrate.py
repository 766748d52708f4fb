from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from storage.database import connect
from storage.errors import MigrationError, StorageError
from storage.migrate import migrate, migrations, pending
from storage.views.seals import whole


@pytest.fixture
def bare(postgres: str) -> str:
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS bare WITH (FORCE)")
        admin.execute("CREATE DATABASE bare")
    return make_conninfo(postgres, dbname="bare")


def test_a_fresh_database_gets_every_migration_once(bare: str) -> None:
    with connect(bare) as conn:
        assert pending(conn) == [migration.name for migration in migrations()]
        assert migrate(conn) == [migration.name for migration in migrations()]
        assert pending(conn) == []
        assert migrate(conn) == []


def test_two_processes_may_migrate_at_once(bare: str) -> None:
    def one(_: int) -> list[str]:
        with connect(bare) as conn:
            return migrate(conn)

    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(one, range(4)))
    assert sorted(len(names) for names in applied) == [0, 0, 0, len(list(migrations()))]


def test_a_changed_migration_is_refused(database: str) -> None:
    with connect(database) as conn:
        conn.execute("UPDATE schema_migration SET checksum = 'x' WHERE version = 1")
        with pytest.raises(MigrationError, match=r"0001_house\.sql differs"):
            migrate(conn)


def test_a_newer_database_is_refused(database: str) -> None:
    with connect(database) as conn:
        conn.execute("INSERT INTO schema_migration VALUES (9999, 'future.sql', 'x')")
        with pytest.raises(MigrationError, match="install the newer Shouwang"):
            migrate(conn)


def test_an_absent_server_says_what_to_check() -> None:
    with pytest.raises(StorageError, match="SHOUWANG_DATABASE_URL"):
        connect("host=127.0.0.1 port=1 dbname=nowhere connect_timeout=2")


_LIVED = """
INSERT INTO area VALUES ('44', 'city', 'City');
INSERT INTO household (id, area, zone, language, category, risk) VALUES ('h', '44', 'UTC', 'en', 'disabled', 'high');
INSERT INTO person (id, name, role, household, phone, language) VALUES ('r', 'Mrs Li', 'resident', 'h', '+1', 'en');
INSERT INTO device (id, household, gateway) VALUES ('meter', 'h', 'gw');
INSERT INTO token (hash, name, role, area) VALUES ('x', 'desk', 'officer', '44');
INSERT INTO alert (id, household, kind, rule, severity, status, onset, raised_at, opened_at, score, facts, sources,
                   policy, event_count, step_count)
VALUES ('00000000-0000-0000-0000-000000000001', 'h', 'smoke', 'smoke-alarm', 4, 'unacknowledged', now(), now(), now(),
        1, '{}', '{}', '{}', 1, 2);
INSERT INTO alert_event SELECT id, 1, now(), 'system', 'raised' FROM alert;
INSERT INTO step (alert, no, due, action, status)
SELECT id, no, now(), '{"do": "call", "who": "resident", "message": "smoke", "within": 0}', one.status
FROM alert, (VALUES (1, 'done'), (2, 'pending')) AS one (no, status);
INSERT INTO notification (id, alert, step, person, role, phone, channel, medium, language, text, status,
                          next_attempt_at, created_at)
SELECT gen_random_uuid(), id, no, 'r', 'resident', '+1', 'handset', 'call', 'en', 'Leave', one.status, now(), now()
FROM alert, (VALUES (1, 'sent'), (2, 'queued')) AS one (no, status);
INSERT INTO handset_message (id, phone, person, medium, text, at, status)
SELECT id, phone, person, medium, text, now(), 'missed' FROM notification WHERE status = 'sent';
INSERT INTO task (id, alert, step, kind, household, area, assignee, status, created_at, due)
SELECT gen_random_uuid(), id, 2, 'visit', 'h', '44', 'r', 'open', now(), now() FROM alert;
"""
"""A database in which somebody has worked, as `0001` and `0002` have it."""
_TABLES = (
    *("area", "household", "person", "device", "token", "alert", "alert_event"),
    *("step", "notification", "handset_message", "task"),
)


def test_what_an_old_database_holds_is_there_after_every_later_migration(
    bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = list(migrations())
    with connect(bare) as conn:
        with monkeypatch.context() as before:
            before.setattr("storage.migrate.migrations", lambda: shipped[:2])
            migrate(conn)
        conn.execute(_LIVED)
        old = _rows(conn)
        assert migrate(conn) == [one.name for one in shipped[2:]]
        new = _rows(conn)
        for table in _TABLES:
            assert old[table], table
            opened = [whole(row) for row in new[table]]  # numbers and what messages say are sealed by now
            kept = [{key: row[key] for key in before} for row, before in zip(opened, old[table], strict=True)]
            assert kept == old[table], table
        # What is still to be done is found in the order of today: 4 x 64, smoke 16, high risk 8, disabled 3.
        assert [row["rank"] for row in new["step"]] == [0, 283]
        assert sorted(row["rank"] for row in new["notification"]) == [0, 283]
        # Where devices belong, and through which gateways an area is heard, is known of those that were there.
        assert conn.execute("SELECT gateway, area FROM gateway_area").fetchall() == [("gw", "44")]
        placed = conn.execute("SELECT device, kind, household, area, gateway FROM device_trouble").fetchall()
        assert placed == [("meter", "unheard", "h", "44", "gw")]
        conn.execute("INSERT INTO token (hash, name, role, area) VALUES ('y', 'zhao', 'calendar', '')")
        conn.execute("DELETE FROM notification WHERE status = 'sent'")  # a telephone keeps what it was told without it


def _rows(conn: psycopg.Connection) -> dict[str, list[dict[str, Any]]]:
    """Return every row of the tables, by table, in the order in which they were written."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return {
            table: cursor.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3".encode()).fetchall() for table in _TABLES
        }
