"""Who may call the API: tokens of 256 random bits, of which only a hash is kept.

Expiry is judged by the database's own clock, not the engine's: access to a household's data ends when it ends
in the real world, whatever time a virtual town has.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.errors import CheckViolation, ForeignKeyViolation

from storage.errors import StorageError

ROLES: Final = ("viewer", "caseworker", "officer", "operator")
"""From the least to the most that one may do; each may do what those before it may."""
CALENDAR: Final = "calendar"
"""The role of a token that opens one calendar and nothing else: it stands in an address, where secrets leak."""

_CREATE = """
INSERT INTO token (hash, name, role, area, person, expires_at)
VALUES (%(hash)s, %(name)s, %(role)s, %(area)s, %(person)s, %(expires)s)
"""

_AREA = "SELECT 1 FROM area WHERE code = %(area)s"

_FIND = """
SELECT name, role, area, person
FROM token
WHERE hash = %(hash)s AND (role = 'calendar') = %(calendar)s AND (expires_at IS NULL OR expires_at > now())
"""
_LIST = """
SELECT name, role, area, person, created_at, expires_at, coalesce(expires_at <= now(), false)
FROM token ORDER BY name, created_at
"""

_REVOKE = "DELETE FROM token WHERE name = %(name)s"
_NAMES = "SELECT DISTINCT name FROM token ORDER BY name"


class TokenError(StorageError):
    """A token cannot be made or revoked as asked."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token stands for. `area` is a code prefix, '' everywhere; `person` the registry id of its bearer."""

    name: str
    role: str
    area: str
    person: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """What is known of a token without the token itself; `over` says that it has expired."""

    name: str
    role: str
    area: str
    person: str | None
    made: datetime
    expires: datetime | None
    over: bool


def create(
    conn: Connection,
    role: str,
    area: str,
    name: str,
    person: str | None = None,
    expires: datetime | None = None,
) -> str:
    """Make a token and return it; it is not stored and cannot be shown again.

    Raises:
        TokenError: an unknown role, area or person.
    """
    if area and conn.execute(_AREA, {"area": area}).fetchone() is None:
        raise TokenError(f"area {area!r} is not in the registry: name one of its codes, or '' for everywhere")
    token = secrets.token_urlsafe(32)
    row = {
        "hash": _hash(token),
        "name": name,
        "role": role,
        "area": area,
        "person": person,
        "expires": expires,
    }
    try:
        with conn.transaction():
            conn.execute(_CREATE, row)
    except CheckViolation as error:
        raise TokenError(f"role {role!r} is unknown: use one of {', '.join(ROLES)}, {CALENDAR}") from error
    except ForeignKeyViolation as error:
        raise TokenError(f"person {person!r} is not in the registry: import them first") from error
    return token


def find(conn: Connection, token: str) -> Token | None:
    """Return what a token stands for, None where it is unknown, revoked, expired or a calendar's."""
    return _find(conn, token, calendar=False)


def find_calendar(conn: Connection, token: str) -> Token | None:
    """Return whose calendar a token opens, None where it is unknown, revoked, expired or no calendar's."""
    return _find(conn, token, calendar=True)


def listed(conn: Connection) -> list[Listed]:
    """Return every token by name, those that have expired among them."""
    return [Listed(*row) for row in conn.execute(_LIST)]


def revoke(conn: Connection, name: str) -> int:
    """Remove every token of a name and return how many there were.

    Raises:
        TokenError: there is none.
    """
    revoked = conn.execute(_REVOKE, {"name": name}).rowcount
    if not revoked:
        names = ", ".join(repr(known) for (known,) in conn.execute(_NAMES)) or "none at all"
        raise TokenError(f"no token is called {name!r}; there are: {names}")
    return revoked


def _find(conn: Connection, token: str, *, calendar: bool) -> Token | None:
    row = conn.execute(_FIND, {"hash": _hash(token), "calendar": calendar}).fetchone()
    return Token(*row) if row else None


def _hash(token: str) -> bytes:
    # 256 random bits need no salt and no slow hash: there is nothing to guess.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
