"""Real servers for the tests that need them: a PostgreSQL for the session, a fresh database per test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from hypothesis import settings
from psycopg.conninfo import make_conninfo

from storage.embedded import temporary_postgres
from storage.migrate import migrate

_numbers = count(1)
# `--hypothesis-profile=thorough`: as many runs as the state machines of alerts are judged by.
settings.register_profile("thorough", max_examples=10_000)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Conninfo of a server where tests may create databases: SHOUWANG_TEST_DATABASE_URL, or an embedded one."""
    given = os.environ.get("SHOUWANG_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with temporary_postgres() as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as admin:
            # Nothing here outlives the machine; what must survive a crash of the server starts one of its own.
            for waits_for_the_disk in ("fsync", "full_page_writes"):
                admin.execute(f"ALTER SYSTEM SET {waits_for_the_disk} = off")
            admin.execute("SELECT pg_reload_conf()")
        yield conninfo


@pytest.fixture(scope="session")
def _template(postgres: str) -> Iterator[str]:
    name = f"shouwang_template_{os.getpid()}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
        admin.execute(f'CREATE DATABASE "{name}"')
        with psycopg.connect(make_conninfo(postgres, dbname=name), autocommit=True) as conn:
            migrate(conn)
        yield name
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def database(postgres: str, _template: str) -> Iterator[str]:
    """Conninfo of a freshly migrated, empty database of the test's own."""
    name = f"shouwang_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_template}"')
        yield make_conninfo(postgres, dbname=name)
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
