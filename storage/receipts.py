"""Requests that are done once, however often they are sent: each has a key made by its sender, kept with its answer.

`claim`, the effect and `keep` belong into one transaction. Who claims a key that somebody else is at work on waits for
the end of that; so of two requests that arrive at once one is done, and both get its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from storage.errors import StorageError

KEPT: Final = timedelta(days=30)
"""How long an answer is remembered: a telephone that was off for so long has nothing to say that still counts."""

_CLAIM = """
INSERT INTO receipt (caller, key, request, at) VALUES (%(caller)s, %(key)s, %(request)s, %(at)s)
ON CONFLICT (caller, key) DO NOTHING
"""
_KNOWN = "SELECT request, status, answer FROM receipt WHERE caller = %(caller)s AND key = %(key)s"
_KEEP = "UPDATE receipt SET status = %(status)s, answer = %(answer)s WHERE caller = %(caller)s AND key = %(key)s"
# A few at a time, whoever comes: nobody waits for it, and more go than come.
_FORGET = """
DELETE FROM receipt WHERE (caller, key) IN (
    SELECT caller, key FROM receipt WHERE at < %(before)s ORDER BY at LIMIT 20 FOR UPDATE SKIP LOCKED
)
"""


class KeyReusedError(StorageError):
    """This Idempotency-Key stands for another request: make a new one for each."""

    def __init__(self) -> None:
        super().__init__(KeyReusedError.__doc__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a request was answered: its HTTP status, and a JSON object."""

    status: int
    answer: Mapping[str, Any]


def claim(conn: Connection[Any], caller: str, key: UUID, request: bytes, at: datetime) -> Receipt | None:
    """Take a key for a request, whose digest is given; return what was answered if it was done already, else None.

    Raises:
        KeyReusedError: the caller has used the key for another request.
    """
    about = {"caller": caller, "key": key, "request": request, "at": at, "before": at - KEPT}
    conn.execute(_FORGET, about)
    if conn.execute(_CLAIM, about).rowcount:
        return None
    with conn.cursor(row_factory=tuple_row) as cursor:
        [(before, status, answer)] = cursor.execute(_KNOWN, about)
    if before != request:
        raise KeyReusedError
    return Receipt(status, answer)


def keep(conn: Connection[Any], caller: str, key: UUID, receipt: Receipt) -> None:
    """Write down what a request whose key was claimed is answered."""
    about = {"caller": caller, "key": key, "status": receipt.status, "answer": Jsonb(dict(receipt.answer))}
    conn.execute(_KEEP, about)
