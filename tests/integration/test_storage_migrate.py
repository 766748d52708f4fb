from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from storage.database import connect
from storage.errors import MigrationError, StorageError
from storage.migrate import migrate, migrations, pending


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
