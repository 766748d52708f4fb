"""What the service knows of a caseworker's phone: the key of its unsent notes, and which tasks it has been shown."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_bytes
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import scalar_row

_SEAL = "SELECT key FROM phone_seal WHERE person = %s"
_FIRST_SEAL = "INSERT INTO phone_seal (person, key) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_SHOW = """
INSERT INTO phone_shown (task, person) SELECT unnest(%s::uuid[]), %s
ON CONFLICT DO NOTHING
RETURNING task
"""


def seal(conn: Connection[Any], person: str) -> bytes:
    """Return the AES key (256 bits) that a person's phone seals with, always the same; made when first asked for."""
    with conn.transaction(), conn.cursor(row_factory=scalar_row) as cursor:
        if not cursor.execute(_SEAL, [person]).fetchone():
            cursor.execute(_FIRST_SEAL, [person, token_bytes(32)])
        key: bytes = cursor.execute(_SEAL, [person]).fetchall()[0]
    return key


def show(conn: Connection[Any], person: str, tasks: Sequence[UUID]) -> set[UUID]:
    """Note that a person's phone is shown tasks; return those it had not been shown before."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return set(cursor.execute(_SHOW, [list(tasks), person]).fetchall())
