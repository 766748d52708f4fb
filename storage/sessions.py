"""Who is signed in: sessions kept here and named by a cookie of 256 random bits, of which only a hash is stored.

A session ends when it was not used for 12 hours, after 7 days in any case, and at once when it is revoked, when its
account is disabled or its token revoked. The database's own clock judges it, as it does tokens: access to a
household's data ends when it ends in the real world.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from storage import sealing
from storage.tokens import digest

LONGEST: Final = 7 * 24 * 3600
"""Seconds after which a session ends whatever is done with it."""


class Stage(StrEnum):
    """What a session still lacks, in the order in which it is asked for; only an open one opens anything."""

    CODE = "code"
    PASSWORD = "password"  # noqa: S105 - that a new one is to be chosen
    ENROL = "enrol"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Session:
    """What a session stands for. `area` is a code prefix, '' everywhere; `account` None where a link opened it."""

    id: UUID
    stage: Stage
    account: UUID | None
    name: str
    shown: str
    role: str
    area: str
    person: str | None
    language: str | None
    gateways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What its owner sees of a session."""

    id: UUID
    name: str
    role: str
    area: str
    begun: datetime
    used: datetime
    address: str
    agent: str


_HOLDS = """
s.ends_at > now() AND s.used_at > now() - interval '12 hours'
    AND (s.account IS NULL OR EXISTS (SELECT FROM account a WHERE a.id = s.account AND a.disabled_at IS NULL))
    AND (s.token IS NULL OR EXISTS (
        SELECT FROM token t WHERE t.hash = s.token AND (t.expires_at IS NULL OR t.expires_at > now())))
"""
_BEGIN = """
INSERT INTO session (hash, account, token, stage, ends_at, address, agent)
VALUES (%(hash)s, %(account)s, %(token)s, %(stage)s, now() + {length}, %(address)s, %(agent)s)
"""
_LENGTH = "CASE WHEN %(stage)s = 'open' THEN interval '7 days' ELSE interval '15 minutes' END"
_FIND = f"""
SELECT s.id, s.stage, s.account, coalesce(a.name, t.name), coalesce(a.shown, t.name), coalesce(a.role, t.role),
    coalesce(a.area, t.area), coalesce(a.person, t.person), coalesce(a.language, t.language),
    coalesce(a.gateways, t.gateways), s.used_at < now() - interval '1 minute'
FROM session s LEFT JOIN account a ON a.id = s.account LEFT JOIN token t ON t.hash = s.token
WHERE s.hash = %(hash)s AND {_HOLDS}
"""
_TOUCH = "UPDATE session SET used_at = now() WHERE hash = %(hash)s"
_RENAME = f"""
UPDATE session SET hash = %(hash)s, stage = %(stage)s, offer = NULL, used_at = now(),
    begun_at = CASE WHEN stage = 'open' THEN begun_at ELSE now() END,
    ends_at = CASE WHEN stage = 'open' THEN ends_at ELSE now() + {_LENGTH} END
WHERE id = %(id)s
"""
_CLOCK = "SELECT clock_timestamp()"
_OFFER = "UPDATE session SET offer = coalesce(offer, %(secret)s) WHERE id = %(id)s RETURNING offer"
_END = "DELETE FROM session WHERE hash = %(hash)s"
_SWEEP = "DELETE FROM session WHERE ends_at <= now() OR used_at <= now() - interval '12 hours'"
_LIST = f"""
SELECT s.id, coalesce(a.name, t.name) AS name, coalesce(a.role, t.role) AS role, coalesce(a.area, t.area) AS area,
    s.begun_at AS begun, s.used_at AS used, s.address, s.agent
FROM session s LEFT JOIN account a ON a.id = s.account LEFT JOIN token t ON t.hash = s.token
WHERE s.stage = 'open' AND {_HOLDS}
"""
_MINE = """
AND EXISTS (SELECT FROM session mine WHERE mine.id = %(id)s AND (mine.account = s.account OR mine.token = s.token))
"""
_WITHIN = """
AND starts_with(coalesce(a.area, t.area), %(scope)s)
AND (%(name)s::text IS NULL OR coalesce(a.name, t.name) = %(name)s OR s.id::text = %(name)s)
"""
_NEWEST_FIRST = "ORDER BY s.used_at DESC, s.id LIMIT 200"
_REVOKE = "DELETE FROM session s WHERE s.id = %(other)s"
_REVOKE_OTHERS = "DELETE FROM session s WHERE s.id <> %(id)s"
_REVOKE_WITHIN = """
DELETE FROM session s WHERE s.id = %(other)s AND starts_with(
    coalesce((SELECT area FROM account WHERE id = s.account), (SELECT area FROM token WHERE hash = s.token)), %(scope)s)
"""
_END_ACCOUNT = "DELETE FROM session WHERE account = %(account)s AND id IS DISTINCT FROM %(but)s"
_STANDING = f"""
SELECT s.hash FROM session s WHERE s.hash = ANY (%(hashes)s) AND s.stage = 'open' AND {_HOLDS}
UNION ALL
SELECT t.hash FROM token t
WHERE t.hash = ANY (%(hashes)s) AND t.role <> 'calendar' AND (t.expires_at IS NULL OR t.expires_at > now())
"""


def clock(conn: Connection) -> datetime:
    """Return the time by the clock that judges sessions, tokens and codes."""
    [(now,)] = conn.execute(_CLOCK)
    moment: datetime = now
    return moment.astimezone(UTC)


def of_account(conn: Connection, account: UUID, stage: Stage, address: str, agent: str) -> str:
    """Begin a session of an account and return its cookie, which cannot be told again."""
    return _begin(conn, account, None, stage, address, agent)


def of_token(conn: Connection, token: str, address: str, agent: str) -> str:
    """Begin a session of whoever opened a sign-in link and return its cookie; it ends with the token."""
    return _begin(conn, None, digest(token), Stage.OPEN, address, agent)


def find(conn: Connection, cookie: str) -> Session | None:
    """Return what a cookie stands for, None where it is unknown or over; to be asked for is to be used."""
    row = conn.execute(_FIND, {"hash": digest(cookie)}).fetchone()
    if row is None:
        return None
    session, stage, account, name, shown, role, area, person, language, gateways, unused = row
    if unused:  # not every time: a page asks for many things at once
        conn.execute(_TOUCH, {"hash": digest(cookie)})
    return Session(session, Stage(stage), account, name, shown, role, area, person, language, tuple(gateways))


def renamed(conn: Connection, session: UUID, stage: Stage) -> str:
    """Move a session on to a stage under a new cookie, which is returned; the old one opens nothing any more."""
    cookie = secrets.token_urlsafe(32)
    conn.execute(_RENAME.encode(), {"hash": digest(cookie), "id": session, "stage": stage.value})
    return cookie


def offer(conn: Connection, session: UUID, secret: str) -> str:
    """Keep the secret of a second factor that is being set up; return the one that was kept first."""
    about = {"id": session, "secret": sealing.sealed("session.offer", session, secret)}
    row = conn.execute(_OFFER, about).fetchone()
    return sealing.opened("session.offer", session, row[0]) if row else secret


def end(conn: Connection, cookie: str) -> None:
    """End the session of a cookie."""
    conn.execute(_END, {"hash": digest(cookie)})


def mine(conn: Connection, session: UUID) -> list[Listed]:
    """Return the open sessions of whoever a session belongs to, the last used first."""
    return _listed(conn, _LIST + _MINE, id=session)


def within(conn: Connection, scope: str, name: str | None = None) -> list[Listed]:
    """Return the open sessions of everybody whose area lies within `scope`, or those of a name, or the one of an id.

    They begin with the one that was used last.
    """
    return _listed(conn, _LIST + _WITHIN, scope=scope, name=name)


def revoke_mine(conn: Connection, session: UUID, other: UUID) -> bool:
    """End a session, given another of the same owner; False where it is no such one."""
    return conn.execute((_REVOKE + _MINE).encode(), {"id": session, "other": other}).rowcount > 0


def revoke_others(conn: Connection, session: UUID) -> int:
    """End every other session of whoever this one belongs to; return how many."""
    return conn.execute((_REVOKE_OTHERS + _MINE).encode(), {"id": session}).rowcount


def revoke_within(conn: Connection, scope: str, other: UUID) -> bool:
    """End anybody's session whose area lies within `scope`; False where there is none."""
    return conn.execute(_REVOKE_WITHIN, {"scope": scope, "other": other}).rowcount > 0


def end_account(conn: Connection, account: UUID, *, but: UUID | None = None) -> int:
    """End the sessions of an account, all `but` one; return how many."""
    return conn.execute(_END_ACCOUNT, {"account": account, "but": but}).rowcount


def standing(conn: Connection, hashes: Collection[bytes]) -> frozenset[bytes]:
    """Return which of these, hashes of cookies and of tokens, still let somebody in."""
    return frozenset(found for (found,) in conn.execute(_STANDING.encode(), {"hashes": list(hashes)}))


def _begin(conn: Connection, account: UUID | None, token: bytes | None, stage: Stage, address: str, agent: str) -> str:
    cookie = secrets.token_urlsafe(32)
    conn.execute(_SWEEP)
    about = {
        "hash": digest(cookie),
        "account": account,
        "token": token,
        "stage": stage.value,
        "address": address,
        "agent": agent[:300],
    }
    conn.execute(_BEGIN.format(length=_LENGTH).encode(), about)
    return cookie


def _listed(conn: Connection, query: str, **values: object) -> list[Listed]:
    cursor = conn.cursor(row_factory=class_row(Listed))
    return cursor.execute(f"{query} {_NEWEST_FIRST}".encode(), values).fetchall()
