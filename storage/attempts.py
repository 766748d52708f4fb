"""How often somebody tried to sign in as a name or from an address in vain, and how long they wait for it.

An attempt counts as failed from its beginning and is forgiven when it succeeds, so that many at once are no more
guesses than one after the other. Names that nobody has count like any other: a wait tells nothing of who exists.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from psycopg import Connection


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many failures in a row the first wait comes; it doubles with each from `first` to `longest` seconds."""

    free: int
    first: int = 30
    longest: int = 900


PATIENCE: Final = {"account": Patience(free=5), "address": Patience(free=50)}
"""An address may be that of a whole office, so it may fail more often than a name."""

_BEGIN = """
INSERT INTO sign_in_attempt AS a (what, hash, failures, last_at, blocked_until)
VALUES (%(what)s, %(hash)s, 1, now(), '-infinity')
ON CONFLICT (what, hash) DO UPDATE SET
    failures = CASE WHEN a.last_at < now() - interval '1 day' THEN 1 ELSE a.failures + 1 END,
    last_at = now(),
    blocked_until = CASE
        WHEN a.last_at < now() - interval '1 day' OR a.failures + 1 < %(free)s THEN '-infinity'
        ELSE now() + least(%(first)s * 2 ^ least(a.failures + 1 - %(free)s, 30), %(longest)s) * interval '1 second'
    END
WHERE a.blocked_until <= now()
RETURNING true
"""
_WAIT = """
SELECT greatest(1, ceil(extract(epoch FROM blocked_until - now())))::integer
FROM sign_in_attempt WHERE what = %(what)s AND hash = %(hash)s AND blocked_until > now()
"""
_FORGIVE = "DELETE FROM sign_in_attempt WHERE what = 'account' AND hash = %(hash)s"
_UNCOUNT = """
UPDATE sign_in_attempt SET failures = greatest(failures - 1, 0), blocked_until = '-infinity'
WHERE what = 'address' AND hash = %(hash)s
"""
_FORGET = "DELETE FROM sign_in_attempt WHERE last_at < now() - interval '1 day' AND blocked_until <= now()"


def begin(conn: Connection, name: str, address: str) -> int:
    """Count an attempt; return 0 where it may go on, else how many seconds to wait. Commits by itself."""
    conn.execute(_FORGET)
    for what, digest in _keys(name, address):
        patience = PATIENCE[what]
        about = {
            "what": what,
            "hash": digest,
            "free": patience.free,
            "first": patience.first,
            "longest": patience.longest,
        }
        if conn.execute(_BEGIN, about).fetchone() is None:
            row = conn.execute(_WAIT, about).fetchone()
            return row[0] if row else 1
    return 0


def forgive(conn: Connection, name: str, address: str) -> None:
    """Take back an attempt that succeeded; the name starts anew, the address keeps its other failures."""
    for what, digest in _keys(name, address):
        conn.execute(_FORGIVE if what == "account" else _UNCOUNT, {"hash": digest})


def forget(conn: Connection, name: str) -> None:
    """Let a name be tried at once again."""
    conn.execute(_FORGIVE, {"hash": _digest(name.casefold())})


def _keys(name: str, address: str) -> Iterator[tuple[str, bytes]]:
    yield "address", _digest(_neighbourhood(address))
    yield "account", _digest(name.casefold())


def _neighbourhood(address: str) -> str:
    """Return an address, of IPv6 the /64 that one subscriber has all to themselves."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
