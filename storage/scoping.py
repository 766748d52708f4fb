"""The second net: what pages read, they read as a role to which PostgreSQL shows one area and nothing else.

The role and its area last for one query, or for the few that a page asks together. They are local to the transaction
of these, so that the database itself takes them back when it ends, however it ends, and a connection never goes back to
its pool with them (docs/decisions/0601-row-security.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from psycopg import Connection
from psycopg.pq import TransactionStatus

from storage.errors import MigrationError

READER: Final = "shouwang_reader"
VENDOR: Final = "shouwang_vendor"
"""Made by migration 0019, which grants them what pages may read, and confines that."""
_LAST: Final = "\U0010ffff"
"""The greatest character there is: no code begins with it."""

_ENTER = """
SELECT set_config('role', %s, true), set_config('shouwang.scope', %s, true),
       set_config('shouwang.scope_end', %s, true), set_config('shouwang.gateways', %s::text[]::text, true)
"""
# Within somebody's longer transaction nothing ends by itself yet, and what is written next is the owner's.
_LEAVE = """
SELECT set_config('role', 'none', true), set_config('shouwang.scope_end', '', true),
       set_config('shouwang.gateways', '', true)
"""
# Of a role one may be a member without being allowed to take it, since PostgreSQL 16.
_STATE = """
SELECT to_regrole(role) IS NOT NULL,
       coalesce(pg_has_role(current_user, to_regrole(role),
           CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END), false),
       coalesce(has_table_privilege(to_regrole(role), 'device', 'SELECT'), false)
           AND (SELECT relrowsecurity FROM pg_class WHERE oid = 'device'::regclass),
       current_user
FROM (SELECT %s::text AS role) asked
"""


@contextmanager
def confined(conn: Connection[Any], scope: str, gateways: Sequence[str] | None = None) -> Iterator[None]:
    """Send the queries of this block as the reader of an area, a code prefix; fetch their rows after it.

    With `gateways` as their vendor, who sees what came through these and nothing else of the area.
    """
    lasting = _lasting(conn)
    with conn.pipeline():  # sent in one go: no further way to the server and back
        _enter(conn, scope, gateways)
        try:
            yield
        finally:
            if lasting:
                conn.execute(_LEAVE)


@contextmanager
def confined_together(conn: Connection[Any], scope: str, gateways: Sequence[str] | None = None) -> Iterator[None]:
    """Be that reader for all queries of this block, which may fetch their rows at once; nothing here is the owner's.

    To take the role takes as long as a small query.
    """
    lasting = _lasting(conn)
    with conn.transaction():
        _enter(conn, scope, gateways)
        yield
        if lasting:  # after an error the savepoint takes them back
            conn.execute(_LEAVE)


def _lasting(conn: Connection[Any]) -> bool:
    return not conn.autocommit or conn.info.transaction_status is not TransactionStatus.IDLE


def _enter(conn: Connection[Any], scope: str, gateways: Sequence[str] | None) -> None:
    role = READER if gateways is None else VENDOR
    conn.execute(_ENTER, (role, scope, scope + _LAST, list(gateways or ())))


def check_readers(conn: Connection[Any]) -> None:
    """Make sure that pages can read as their roles, which a restore on another server, or a new user, may lack.

    Raises:
        MigrationError: they cannot; the message says what to have done.
    """
    for role in (READER, VENDOR):
        [(there, taken, confining, user)] = conn.execute(_STATE, [role])
        if not there or not taken:
            made = "" if there else f"CREATE ROLE {role}; "
            raise MigrationError(f'{user} may not read as {role}: have a superuser run "{made}GRANT {role} TO {user}"')
        if not confining:
            raise MigrationError(
                f"the database does not confine {role}: restore it once more now that the role is there "
                "(docs/production.md, row security)"
            )
