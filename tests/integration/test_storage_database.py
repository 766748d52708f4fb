"""Connections that wait in a pool."""

from __future__ import annotations

import psycopg

from storage.database import open_pool
from tests.e2e.service import until


def test_a_connection_that_the_server_has_ended_is_not_handed_out(database: str) -> None:
    with open_pool(database, size=1) as pool, psycopg.connect(database, autocommit=True) as other:
        with pool.connection() as conn:
            pid = conn.info.backend_pid
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
        until(lambda: other.execute(gone, (pid,)).fetchone() == (True,), "the connection is gone", 30)
        with pool.connection() as conn:
            assert conn.info.backend_pid != pid
            assert conn.execute("SELECT 1").fetchone() == (1,)
