"""Connections to PostgreSQL, all set up the same way."""

from __future__ import annotations

import select

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from storage.errors import StorageError

# A client that vanished without a word must not hold its locks for hours: the server looks, and so do we.
_SESSION = (
    "-c timezone=UTC -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s "
    "-c client_connection_check_interval=10s "
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
_KEEPALIVE: dict[str, int] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_BLAMED = ("22", "23", "54")
"""SQLSTATE classes that speak of the data they were given: wrong values, broken constraints, limits exceeded."""


def connect(conninfo: str, *, autocommit: bool = True, name: str = "shouwang") -> psycopg.Connection:
    """Open one connection.

    Raises:
        StorageError: the server cannot be reached; the message says what to check.
    """
    try:
        return psycopg.connect(_alert(conninfo), autocommit=autocommit, options=_SESSION, application_name=name)
    except psycopg.OperationalError as error:
        raise StorageError(
            f"cannot reach PostgreSQL: {str(error).strip()} — check SHOUWANG_DATABASE_URL and that the server runs"
        ) from error


def open_pool(conninfo: str, *, size: int = 8, name: str = "shouwang") -> ConnectionPool:
    """Open a pool of autocommitting connections; transactions are opened where they are needed."""
    pool = ConnectionPool(
        _alert(conninfo),
        min_size=1,
        max_size=size,
        kwargs={"autocommit": True, "options": _SESSION, "application_name": name},
        check=_look_at,
        open=True,
    )
    pool.wait(timeout=30)
    return pool


def _look_at(conn: psycopg.Connection) -> None:
    """Ask the server whether a connection still lives, if anything came on it: an idle one that is well is silent."""
    waiting = select.poll()
    waiting.register(conn.fileno(), select.POLLIN)
    if waiting.poll(0):
        ConnectionPool.check_connection(conn)


def _alert(conninfo: str) -> str:
    """Return conninfo that notices when the other side has vanished."""
    return make_conninfo(conninfo, **_KEEPALIVE)


def blames_data(error: psycopg.Error) -> bool:
    """Say whether the database refused what it was given; otherwise trying again may help, and nothing else will."""
    return error.sqlstate is not None and error.sqlstate[:2] in _BLAMED
