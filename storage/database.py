"""Connections to PostgreSQL, all set up the same way."""

from __future__ import annotations

import psycopg
from psycopg_pool import ConnectionPool

from storage.errors import StorageError

_SESSION = "-c timezone=UTC -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s"


def connect(conninfo: str, *, autocommit: bool = True, name: str = "shouwang") -> psycopg.Connection:
    """Open one connection.

    Raises:
        StorageError: the server cannot be reached; the message says what to check.
    """
    try:
        return psycopg.connect(conninfo, autocommit=autocommit, options=_SESSION, application_name=name)
    except psycopg.OperationalError as error:
        raise StorageError(
            f"cannot reach PostgreSQL: {str(error).strip()} — check SHOUWANG_DATABASE_URL and that the server runs"
        ) from error


def open_pool(conninfo: str, *, size: int = 8, name: str = "shouwang") -> ConnectionPool:
    """Open a pool of autocommitting connections; transactions are opened where they are needed."""
    pool = ConnectionPool(
        conninfo,
        min_size=1,
        max_size=size,
        kwargs={"autocommit": True, "options": _SESSION, "application_name": name},
        check=ConnectionPool.check_connection,
        open=True,
    )
    pool.wait(timeout=30)
    return pool
