"""Who has an account: people with a password here, and those an OpenID provider vouches for."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from psycopg import Connection
from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation
from psycopg.rows import class_row

from storage import sealing, sessions
from storage.errors import StorageError
from storage.tokens import ROLES, VENDOR, refuse_misfit

LONGEST_NAME: Final = 100

_COLUMNS = """
id, name, shown, issuer, password, must_change, totp, role, area, gateways, person, language,
created_at AS made, signed_in_at AS signed_in, disabled_at IS NOT NULL AS disabled
"""
_CREATE = """
INSERT INTO account (name, shown, issuer, subject, password, must_change, role, area, gateways, person, language)
VALUES (%(name)s, %(shown)s, %(issuer)s, %(subject)s, %(password)s, %(must_change)s, %(role)s, %(area)s,
    %(gateways)s, %(person)s, %(language)s)
RETURNING id
"""
_AREA = "SELECT 1 FROM area WHERE code = %(area)s"
_BY_NAME = f"SELECT {_COLUMNS} FROM account WHERE lower(name) = lower(%(name)s)"
_ONE = f"SELECT {_COLUMNS} FROM account WHERE id = %(id)s"
_BY_SUBJECT = f"SELECT {_COLUMNS} FROM account WHERE issuer = %(issuer)s AND subject = %(subject)s FOR UPDATE"
_LIST = f"SELECT {_COLUMNS} FROM account ORDER BY lower(name)"
_NAMES = "SELECT name FROM account ORDER BY lower(name) LIMIT 20"
_TAKEN = "SELECT 1 FROM account WHERE lower(name) = lower(%(name)s)"
_GRANT = """
UPDATE account SET shown = %(shown)s, role = %(role)s, area = %(area)s, person = %(person)s WHERE id = %(id)s
"""
_SIGNED_IN = "UPDATE account SET signed_in_at = now() WHERE id = %(id)s"
_CHANGE = "UPDATE account SET password = %(hashed)s, must_change = %(must_change)s WHERE id = %(id)s"
_SPEAK = "UPDATE account SET language = %(language)s WHERE id = %(id)s"
_DISABLE = "UPDATE account SET disabled_at = now() WHERE id = %(id)s"
_ENABLE = "UPDATE account SET disabled_at = NULL WHERE id = %(id)s"
_SET_TOTP = "UPDATE account SET totp = %(totp)s, totp_step = %(step)s WHERE id = %(id)s"
_FORGET_CODES = "DELETE FROM recovery_code WHERE account = %(id)s"
_KEEP_CODES = "INSERT INTO recovery_code (account, hash) SELECT %(id)s, unnest(%(hashes)s::bytea[])"
_SPEND_STEP = """
UPDATE account SET totp_step = %(step)s WHERE id = %(id)s AND (totp_step IS NULL OR totp_step < %(step)s)
"""
_SPEND_CODE = "DELETE FROM recovery_code WHERE account = %(id)s AND hash = %(hash)s"
_CODES_LEFT = "SELECT count(*) FROM recovery_code WHERE account = %(id)s"


class AccountError(StorageError):
    """An account cannot be made, changed or found as asked."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in. `issuer` is '' of those with a password here; `area` a code prefix, '' everywhere."""

    id: UUID
    name: str
    shown: str
    issuer: str
    password: str | None = field(repr=False)
    must_change: bool
    totp: str | None = field(repr=False)  # sealed
    role: str
    area: str
    gateways: list[str]
    person: str | None
    language: str | None
    made: datetime
    signed_in: datetime | None
    disabled: bool


@dataclass(frozen=True, slots=True)
class Vouched:
    """What an OpenID provider says of somebody who signs in: who they are, and what they may."""

    issuer: str
    subject: str
    name: str
    shown: str
    role: str
    area: str
    person: str | None = None


def called(name: str) -> str:
    """Return a name as it is compared: half-width, composed, without blanks around it."""
    return unicodedata.normalize("NFKC", name).strip()


def create(
    conn: Connection,
    name: str,
    hashed: str,
    role: str,
    area: str,
    *,
    shown: str = "",
    gateways: Sequence[str] = (),
    person: str | None = None,
    language: str | None = None,
) -> UUID:
    """Make an account with the hash of a password that its owner must change, and return its id.

    Raises:
        AccountError: the name is taken or none, or role, area, person or language are unknown.
        TokenError: a vendor without gateways, or gateways of somebody else.
    """
    name = called(name)
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise AccountError(f"an account needs a name of 1 to {LONGEST_NAME} printable characters")
    refuse_misfit(role, gateways)
    _refuse_unknown_area(conn, area)
    row: dict[str, object] = {
        "name": name,
        "shown": shown or name,
        "issuer": "",
        "subject": "",
        "password": hashed,
        "must_change": True,
        "role": role,
        "area": area,
        "gateways": list(gateways),
        "person": person,
        "language": language,
    }
    return _insert(conn, row)


def vouched(conn: Connection, told: Vouched) -> Account:
    """Make or bring up to date the account of somebody whom a provider vouches for; within a transaction.

    What they may has changed: their other sessions end, which were opened with the old rights.

    Raises:
        AccountError: the area or person is unknown.
    """
    _refuse_unknown_area(conn, told.area)
    found = _one(conn, _BY_SUBJECT, issuer=told.issuer, subject=told.subject)
    if found is None:
        row: dict[str, object] = {
            "name": next(name for name in _free_names(told) if not conn.execute(_TAKEN, {"name": name}).fetchone()),
            "shown": told.shown,
            "issuer": told.issuer,
            "subject": told.subject,
            "password": None,
            "must_change": False,
            "role": told.role,
            "area": told.area,
            "gateways": [],
            "person": told.person,
            "language": None,
        }
        return one(conn, _insert(conn, row))
    if (found.role, found.area, found.person) != (told.role, told.area, told.person):
        sessions.end_account(conn, found.id)
    about = {"id": found.id, "shown": told.shown, "role": told.role, "area": told.area, "person": told.person}
    try:
        conn.execute(_GRANT, about)
    except ForeignKeyViolation as error:
        raise AccountError(f"person {told.person!r} is not in the registry: import them first") from error
    return one(conn, found.id)


def find(conn: Connection, name: str) -> Account | None:
    """Return the account of a name, however its letters are written, None where there is none."""
    return _one(conn, _BY_NAME, name=called(name))


def named(conn: Connection, name: str) -> Account:
    """Return the account of a name.

    Raises:
        AccountError: there is none.
    """
    found = find(conn, name)
    if found is None:
        names = ", ".join(repr(known) for (known,) in conn.execute(_NAMES)) or "none at all"
        raise AccountError(f"no account is called {name!r}; there are: {names}")
    return found


def one(conn: Connection, account: UUID) -> Account:
    """Return an account by its id.

    Raises:
        AccountError: it is gone.
    """
    found = _one(conn, _ONE, id=account)
    if found is None:
        raise AccountError("this account is gone: ask an operator for another")
    return found


def listed(conn: Connection) -> list[Account]:
    """Return every account by name."""
    return conn.cursor(row_factory=class_row(Account)).execute(_LIST.encode()).fetchall()


def signed_in(conn: Connection, account: UUID) -> None:
    """Write down that somebody signed in just now."""
    conn.execute(_SIGNED_IN, {"id": account})


def set_password(conn: Connection, account: UUID, hashed: str, *, must_change: bool) -> None:
    """Replace the password by another, of which the hash is given."""
    conn.execute(_CHANGE, {"id": account, "hashed": hashed, "must_change": must_change})


def speak(conn: Connection, account: UUID, language: str | None) -> None:
    """Set the language somebody reads; None as their browser asks."""
    conn.execute(_SPEAK, {"id": account, "language": language})


def disable(conn: Connection, account: UUID) -> int:
    """Let nobody in with an account any more; return how many sessions ended with it."""
    conn.execute(_DISABLE, {"id": account})
    return sessions.end_account(conn, account)


def enable(conn: Connection, account: UUID) -> None:
    """Let its owner in again."""
    conn.execute(_ENABLE, {"id": account})


def set_second_factor(conn: Connection, account: UUID, secret: str, step: int, codes: Iterable[str]) -> None:
    """Ask for a second factor from now on; `step` is that of the code it was tried with, `codes` open once each."""
    conn.execute(_SET_TOTP, {"id": account, "totp": sealing.sealed("account.totp", account, secret), "step": step})
    conn.execute(_FORGET_CODES, {"id": account})
    conn.execute(_KEEP_CODES, {"id": account, "hashes": [_code_hash(account, code) for code in codes]})


def second_factor(account: Account) -> str | None:
    """Return the secret of an account's second factor, None where it has none."""
    return sealing.opened("account.totp", account.id, account.totp)


def drop_second_factor(conn: Connection, account: UUID) -> None:
    """Ask for no second factor any more."""
    conn.execute(_SET_TOTP, {"id": account, "totp": None, "step": None})
    conn.execute(_FORGET_CODES, {"id": account})


def spend_step(conn: Connection, account: UUID, step: int) -> bool:
    """Use up the code of a time step; False where it, or a later one, was used before."""
    return conn.execute(_SPEND_STEP, {"id": account, "step": step}).rowcount > 0


def spend_recovery_code(conn: Connection, account: UUID, code: str) -> bool:
    """Use up a recovery code; False where there is none such, or no more."""
    return conn.execute(_SPEND_CODE, {"id": account, "hash": _code_hash(account, code)}).rowcount > 0


def recovery_codes_left(conn: Connection, account: UUID) -> int:
    """Return how many recovery codes are unused."""
    [(left,)] = conn.execute(_CODES_LEFT, {"id": account})
    return int(left)


def _insert(conn: Connection, row: dict[str, object]) -> UUID:
    try:
        with conn.transaction():
            [(made,)] = conn.execute(_CREATE, row)
    except CheckViolation as error:
        roles = ", ".join((*ROLES, VENDOR))
        raise AccountError(
            f"role {row['role']!r} or language {row['language']!r} is unknown: use one of {roles}; zh_CN or en"
        ) from error
    except ForeignKeyViolation as error:
        raise AccountError(f"person {row['person']!r} is not in the registry: import them first") from error
    except UniqueViolation as error:
        raise AccountError(f"there is an account called {row['name']!r} already: choose another name") from error
    return UUID(str(made))


def _refuse_unknown_area(conn: Connection, area: str) -> None:
    if area and conn.execute(_AREA, {"area": area}).fetchone() is None:
        raise AccountError(f"area {area!r} is not in the registry: name one of its codes, or '' for everywhere")


def _free_names(told: Vouched) -> Iterator[str]:
    """Yield what somebody may be called here: no two accounts share a name, or the trail would not say who it was."""
    host = urlsplit(told.issuer).hostname or told.issuer
    name = called(told.name)[:LONGEST_NAME] or told.subject
    yield from (name, f"{name}@{host}", f"{told.subject}@{host}", f"{told.subject}@{told.issuer}")


def _one(conn: Connection, query: str, **values: object) -> Account | None:
    return conn.cursor(row_factory=class_row(Account)).execute(query.encode(), values).fetchone()


def _code_hash(account: UUID, code: str) -> bytes:
    # 80 random bits, tried no faster than passwords are: there is nothing to guess, so no slow hash.
    return hashlib.sha256(account.bytes + code.encode("utf-8", "surrogatepass")).digest()
