"""Signing in with a name and a password: what is asked for, in which order, and when somebody has to wait.

Nobody learns from an answer, or from how long it took, whether an account exists, is disabled or has another password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg import Connection

from dashboards.signin import codes, passwords
from storage import accounts, attempts, trail
from storage.accounts import Account
from storage.sessions import Session, Stage


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many have failed: nothing was looked at, and nothing is for so many seconds."""

    seconds: int


def by_password(conn: Connection, name: str, password: str, address: str) -> Account | Wait | None:
    """Return whose name and password these are, None where they are nobody's; a failure is on the audit trail."""
    name = accounts.called(name)
    seconds = attempts.begin(conn, name, address)
    if seconds:
        return Wait(seconds)
    found = accounts.find(conn, name)
    usable = found is not None and not found.disabled and not found.issuer
    if passwords.fits(password, found.password if found else None) and usable:
        return found
    _failed(conn, found, "password", address)
    return None


def by_code(conn: Connection, account: Account, code: str, address: str) -> bool | Wait:
    """Say whether a code is the account's second factor; a failure is on the audit trail."""
    seconds = attempts.begin(conn, account.name, address)
    if seconds:
        return Wait(seconds)
    if codes.spend(conn, account, code):
        return True
    _failed(conn, account, "second factor", address)
    return False


def knows_password(conn: Connection, account: Account, password: str, address: str) -> bool | Wait:
    """Say whether somebody who is signed in knows the password; who does not waits as at the door."""
    seconds = attempts.begin(conn, account.name, address)
    if seconds:
        return Wait(seconds)
    if not passwords.fits(password, account.password):
        return False
    attempts.forgive(conn, account.name, address)
    return True


def next_stage(account: Account, done: Stage | None, *, second_factor: bool) -> Stage:
    """Return what is asked for after `done` (None: the password): a code, a new password, a second factor, nothing."""
    lacking = {
        Stage.CODE: account.totp is not None,
        Stage.PASSWORD: account.must_change,
        Stage.ENROL: second_factor and account.totp is None,
        Stage.OPEN: True,
    }
    order = list(Stage)
    left = order[order.index(done) + 1 :] if done is not None else order
    return next(stage for stage in left if lacking[stage])


def let_in(conn: Connection, account: Account, address: str) -> None:
    """Write down, within the transaction that opens the session, that somebody signed in."""
    attempts.forgive(conn, account.name, address)
    accounts.signed_in(conn, account.id)
    _record(conn, account, "sign-in", address, {"account": account.name, "by": account.issuer or "password"})


def changed(conn: Connection, account: Account, what: Literal["password", "second-factor"], address: str) -> None:
    """Write down, within the transaction that does it, that somebody at the door changed what they sign in with."""
    _record(conn, account, what, address, {"account": account.name})


def account_of(conn: Connection, session: Session) -> Account:
    """Return the account of a session that has one.

    Raises:
        AccountError: it is gone, or the session is of a sign-in link.
    """
    if session.account is None:
        raise accounts.AccountError("a sign-in link has no account: ask an operator to make one")
    return accounts.one(conn, session.account)


def _record(conn: Connection, account: Account, action: str, address: str, detail: dict[str, str]) -> None:
    trail.record(
        conn,
        actor=f"person:{account.person}" if account.person else f"account:{account.name}",
        role=account.role,
        action=action,
        detail=detail,
        address=address,
        area=account.area or None,
    )


def _failed(conn: Connection, account: Account | None, what: str, address: str) -> None:
    # A name that nobody has is not written down: it may be somebody's password, typed where the name goes.
    trail.record(
        conn,
        actor=f"account:{account.name}" if account else "",
        role=account.role if account else "",
        action="sign-in-failed",
        detail={"what": what},
        address=address,
        area=account.area or None if account else None,
    )
