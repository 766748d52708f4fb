"""Who may call the API: tokens of 256 random bits, of which only a hash is kept.

Expiry is judged by the database's own clock, not the engine's: access to a household's data ends when it ends
in the real world, whatever time a virtual town has.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.errors import CheckViolation, ForeignKeyViolation

from storage.errors import StorageError

ROLES: Final = ("viewer", "caseworker", "officer", "operator")
"""From the least to the most that one may do; each may do what those before it may."""
VENDOR: Final = "vendor"
"""Stands outside that order: a gateway's vendor sees the devices and the quarantine of their gateways, nothing else."""
CALENDAR: Final = "calendar"
"""The role of a token that opens one calendar and nothing else: it stands in an address, where secrets leak."""

_CREATE = """
INSERT INTO token (hash, name, role, area, person, expires_at, gateways)
VALUES (%(hash)s, %(name)s, %(role)s, %(area)s, %(person)s, %(expires)s, %(gateways)s)
"""

_AREA = "SELECT 1 FROM area WHERE code = %(area)s"

_FIND = """
SELECT name, role, area, person, language, gateways
FROM token
WHERE hash = %(hash)s AND (role = 'calendar') = %(calendar)s AND (expires_at IS NULL OR expires_at > now())
"""
_LIST = """
SELECT name, role, area, person, created_at, expires_at, coalesce(expires_at <= now(), false), gateways
FROM token ORDER BY name, created_at
"""
_SPEAK = "UPDATE token SET language = %(language)s WHERE hash = (SELECT token FROM session WHERE id = %(session)s)"

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
    language: str | None = None
    gateways: tuple[str, ...] = ()


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
    gateways: list[str]


def create(
    conn: Connection,
    role: str,
    area: str,
    name: str,
    person: str | None = None,
    expires: datetime | None = None,
    gateways: Sequence[str] = (),
) -> str:
    """Make a token and return it; it is not stored and cannot be shown again.

    Raises:
        TokenError: an unknown role, area or person, a vendor without gateways or gateways of somebody else.
    """
    refuse_misfit(role, gateways)
    if area and conn.execute(_AREA, {"area": area}).fetchone() is None:
        raise TokenError(f"area {area!r} is not in the registry: name one of its codes, or '' for everywhere")
    token = secrets.token_urlsafe(32)
    row = {
        "hash": digest(token),
        "name": name,
        "role": role,
        "area": area,
        "person": person,
        "expires": expires,
        "gateways": list(gateways),
    }
    try:
        with conn.transaction():
            conn.execute(_CREATE, row)
    except CheckViolation as error:
        raise TokenError(f"role {role!r} is unknown: use one of {', '.join(ROLES)}, {VENDOR}, {CALENDAR}") from error
    except ForeignKeyViolation as error:
        raise TokenError(f"person {person!r} is not in the registry: import them first") from error
    return token


def find(conn: Connection, token: str) -> Token | None:
    """Return what a token stands for, None where it is unknown, revoked, expired or a calendar's."""
    return _find(conn, token, calendar=False)


def find_calendar(conn: Connection, token: str) -> Token | None:
    """Return whose calendar a token opens, None where it is unknown, revoked, expired or no calendar's."""
    return _find(conn, token, calendar=True)


def refuse_misfit(role: str, gateways: Sequence[str]) -> None:
    """Refuse a vendor of no gateway, who would see nothing, and gateways for a role that they do not bound.

    Raises:
        TokenError: it is one of these.
    """
    if role == VENDOR and not any(gateways):
        raise TokenError("a vendor sees the devices of named gateways: say which with --gateway")
    if role != VENDOR and gateways:
        raise TokenError(f"gateways bound what a {VENDOR} sees, not a {role}: leave --gateway out")


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


def speak(conn: Connection, session: UUID, language: str | None) -> None:
    """Set the language of whoever holds the token that a session was opened with; None as their browser asks."""
    conn.execute(_SPEAK, {"session": session, "language": language})


def digest(token: str) -> bytes:
    """Return what is kept of a token, or of a session's cookie."""
    # 256 random bits need no salt and no slow hash: there is nothing to guess.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _find(conn: Connection, token: str, *, calendar: bool) -> Token | None:
    row = conn.execute(_FIND, {"hash": digest(token), "calendar": calendar}).fetchone()
    if row is None:
        return None
    name, role, area, person, language, gateways = row
    return Token(name, role, area, person, language, tuple(gateways))
