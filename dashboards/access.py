"""Who is asking, and what they may: bearer token or session, role, and area scope."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Security
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from psycopg import Connection
from starlette.requests import HTTPConnection

from dashboards.context import Given
from dashboards.problems import Refusal
from dashboards.words.languages import remember
from storage import sessions, tokens
from storage.sessions import Session, Stage
from storage.tokens import VENDOR
from storage.views import View

COOKIE: Final = "shouwang_session"

_bearer = HTTPBearer(auto_error=False, description="A token made with `shouwang token create`")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="Set by signing in")

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is known. `area` is the code prefix they answer for, '' everywhere.

    `language` is the one they chose, None where they chose none; `gateways` are those a vendor sees. `session` is the
    one they came with, None with a token; `account` None with a token or a sign-in link; `credential` is the hash of
    what let them in, by which a stream asks whether it still does.
    """

    name: str
    role: str
    area: str
    person: str | None = None
    language: str | None = None
    gateways: tuple[str, ...] = ()
    account: str | None = None
    session: UUID | None = None
    credential: bytes = field(default=b"", repr=False)

    @property
    def actor(self) -> str:
        """How they stand in timelines and on the audit trail."""
        if self.person:
            return f"person:{self.person}"
        return f"account:{self.account}" if self.account else f"token:{self.name}"

    def may(self, role: str) -> bool:
        """Whether they may do what `role` may; each role may what those below it may, and a vendor nothing of it."""
        return self.role in tokens.ROLES and tokens.ROLES.index(self.role) >= tokens.ROLES.index(role)

    def sees(self, area: str) -> bool:
        """Whether an area lies in theirs."""
        return area.startswith(self.area)


class SignInRequired(Refusal):
    """Nobody known is asking."""

    def __init__(self) -> None:
        super().__init__(
            401,
            "Send `Authorization: Bearer TOKEN` with a token made by `shouwang token create`, or sign in at /sign-in",
            {"WWW-Authenticate": 'Bearer realm="shouwang"'},
        )


async def connection(request: HTTPConnection, given: Given) -> AsyncIterator[Connection]:
    """Lend a connection of the pool to an endpoint.

    Whoever waits for one waits here and not in a thread: those who have one need threads to go on and give it back. A
    hundred boards that connect at once, after a restart, would else hold all threads until the pool gave them up.
    """
    lent: asyncio.Semaphore = request.app.state.lent
    async with lent, contextmanager_in_threadpool(given.pool.connection()) as conn:
        yield conn


Conn = Annotated[Connection, Depends(connection, scope="function")]
"""A connection that is given back before the response goes out."""


def opened(conn: Conn, cookie: Annotated[str | None, Security(_cookie)]) -> Session | None:
    """Return the session of the cookie, also one that is still being signed in, None where there is none."""
    return sessions.find(conn, cookie) if cookie else None


Opened = Annotated[Session | None, Depends(opened)]


def known(
    request: HTTPConnection,
    conn: Conn,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    session: Opened,
) -> Caller | None:
    """Return who is asking, None where token or session are missing, unknown or over.

    Raises:
        Refusal: (403) a change asked for with the cookie by a page that is not ours.
    """
    if bearer is not None:
        who = _bears(conn, bearer.credentials)
    elif session is not None and session.stage is Stage.OPEN:
        refuse_strangers(request)
        who = _signed_in(session, request.cookies[COOKIE])
    else:
        who = None
    remember(request, None if who is None else who.language)
    return who


Known = Annotated[Caller | None, Depends(known)]


def caller(who: Known) -> Caller:
    """Return who is asking.

    Raises:
        SignInRequired: nobody known.
    """
    if who is None:
        raise SignInRequired
    return who


def refuse_strangers(request: HTTPConnection) -> None:
    """Refuse a change that a browser was made to ask for by another site; a cookie alone proves no intention.

    Raises:
        Refusal: (403) neither `Sec-Fetch-Site` nor `Origin` says that the page is our own.
    """
    if request.scope.get("method", "GET") in _SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        ours = site == "same-origin"
    else:
        ours = urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")
    if not ours:
        raise Refusal(403, "Changes with a session cookie must come from our own pages: use a bearer token instead")


def at_least(role: str, *, or_vendor: bool = False) -> Callable[[Caller], Caller]:
    """Return a dependency that lets only `role` and those above it pass, and vendors where that is said."""

    def allowed(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if not who.may(role) and not (or_vendor and who.role == VENDOR):
            raise Refusal(403, f"This needs the role {role}, you have {who.role}: ask an operator")
        return who

    return allowed


Viewer = Annotated[Caller, Depends(at_least("viewer"))]
Caseworker = Annotated[Caller, Depends(at_least("caseworker"))]
Officer = Annotated[Caller, Depends(at_least("officer"))]
Operator = Annotated[Caller, Depends(at_least("operator"))]
VendorOrViewer = Annotated[Caller, Depends(at_least("viewer", or_vendor=True))]
VendorOrOperator = Annotated[Caller, Depends(at_least("operator", or_vendor=True))]
AnyRole = Annotated[Caller, Depends(caller)]
"""Whoever is known: for what concerns themselves, such as their language and their sessions."""


def view(who: Viewer, conn: Conn) -> View:
    """Return what the caller may see: every query of the dashboards goes through this."""
    return View(conn, who.area)


def vendor_view(who: VendorOrViewer, conn: Conn) -> View:
    """Return what the caller may see; of a vendor each query must confine itself to `%(gateways)s` as well."""
    return View(conn, who.area, who.gateways if who.role == VENDOR else None)


Scoped = Annotated[View, Depends(view)]
VendorScoped = Annotated[View, Depends(vendor_view)]


def _bears(conn: Connection, secret: str) -> Caller | None:
    found = tokens.find(conn, secret)
    if found is None:
        return None
    return Caller(
        found.name,
        found.role,
        found.area,
        found.person,
        found.language,
        found.gateways,
        credential=tokens.digest(secret),
    )


def _signed_in(session: Session, cookie: str) -> Caller:
    return Caller(
        session.shown,
        session.role,
        session.area,
        session.person,
        session.language,
        session.gateways,
        session.name if session.account else None,
        session.id,
        tokens.digest(cookie),
    )
