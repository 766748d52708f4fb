"""The audit trail: what people saw and did, row upon row; each hash covers its row and the hash before it.

A changed row no longer has its hash, a removed one leaves a gap, and the end is kept apart. Whoever can change all of
this at once is found by a hash that was written down elsewhere: `head` tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

_RECORD = """
INSERT INTO audit_event (at, actor, role, action, area, household, alert, detail, address)
SELECT clock_timestamp(), %(actor)s, %(role)s, %(action)s, coalesce(home.area, %(area)s), about.household, about.alert,
    %(detail)s, %(address)s
FROM (SELECT coalesce(%(household)s, (SELECT household FROM alert WHERE id = %(alert)s)) AS household,
             %(alert)s::uuid AS alert) about
LEFT JOIN household home ON home.id = about.household
"""
_HOMES = {
    "household": "SELECT id FROM household WHERE id = %s",
    "task": "SELECT household FROM task WHERE id::text = %s",
    "device": "SELECT household FROM device WHERE id = %s",
    "person": "SELECT household FROM person WHERE id = %s",
    "message": "SELECT alert.household FROM notification n JOIN alert ON alert.id = n.alert WHERE n.id::text = %s",
}
_HEAD = "SELECT seq, hash FROM audit_head"
# The first row that does not follow from the one before it. What is asked for last is what the end says itself.
_BROKEN = """
SELECT min(seq) FROM (
    SELECT e.seq, e.hash IS DISTINCT FROM audit_hash(lag(e.hash, 1, decode(repeat('00', 32), 'hex')) OVER chain, e)
        OR e.seq <> lag(e.seq, 1, 0::bigint) OVER chain + 1 AS broken
    FROM audit_event e WINDOW chain AS (ORDER BY e.seq)
) seen WHERE broken
"""
_HOLDS = "SELECT true FROM audit_event WHERE seq::text = %s AND starts_with(encode(hash, 'hex'), %s)"
_SHOWN = 16
_LAST = "SELECT seq, hash FROM audit_event ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: how many rows there are, and the hash of the last, in hexadecimal."""

    rows: int
    hash: str


def record(
    conn: Connection[Any],
    *,
    actor: str,
    role: str,
    action: str,
    household: str | None = None,
    alert: UUID | None = None,
    detail: Mapping[str, str] | None = None,
    address: str = "",
    area: str | None = None,
) -> None:
    """Add a row within the caller's transaction; others who add wait for its end, so do this last.

    Of an alert the household is known, and of a household the area; what is about none is shown to those who answer
    for `area`, and to those who answer for everything. `address` is where the request came from.
    """
    about = {
        "actor": actor,
        "role": role,
        "action": action,
        "household": household,
        "alert": alert,
        "detail": Jsonb(dict(detail or {})),
        "address": address,
        "area": area,
    }
    conn.execute(_RECORD, about)


def home_of(conn: Connection[Any], kind: str, key: str) -> str | None:
    """Return the household that something belongs to (`household`, `task`, `device`, `person`, `message`), if any."""
    row = conn.execute(_HOMES[kind], [key]).fetchone()
    return None if row is None else row[0]


def head(conn: Connection[Any]) -> Head:
    """Return the end of the chain, to be written down where nobody of the service can change it."""
    [(rows, last)] = conn.execute(_HEAD)
    return Head(rows, last.hex())


def broken(conn: Connection[Any]) -> int | None:
    """Return the first row that was changed, or behind which one is missing; None if the whole chain holds."""
    [(first,)] = conn.execute(_BROKEN)
    if first is not None:
        return int(first)
    end = conn.execute(_LAST).fetchone() or (0, bytes(32))
    rows, last = conn.execute(_HEAD).fetchone() or (0, b"")
    return None if (rows, last) == end else int(end[0]) + 1


def holds(conn: Connection[Any], witness: str) -> bool:
    """Say whether a line that was written down as `rows:hash` is still on the trail.

    The first 16 digits of a hash, which pages show, are enough: nobody makes another past that has the same.
    """
    rows, _, last = witness.partition(":")
    return len(last) >= _SHOWN and conn.execute(_HOLDS, [rows, last]).fetchone() is not None
