"""Who is asking, and what they may: bearer token or session cookie, role, and area scope."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from psycopg import Connection
from starlette.requests import HTTPConnection

from dashboards.context import Given
from dashboards.problems import Refusal
from storage import tokens
from storage.views import View

COOKIE: Final = "shouwang_session"

_bearer = HTTPBearer(auto_error=False, description="A token made with `shouwang token create`")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="Set by visiting the sign-in link")

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose token is known. `area` is the code prefix they answer for, '' everywhere."""

    name: str
    role: str
    area: str
    person: str | None = None

    @property
    def actor(self) -> str:
        """How they stand in timelines."""
        return f"person:{self.person}" if self.person else f"token:{self.name}"

    def may(self, role: str) -> bool:
        """Whether they may do what `role` may; each role may what those below it may."""
        return tokens.ROLES.index(self.role) >= tokens.ROLES.index(role)

    def sees(self, area: str) -> bool:
        """Whether an area lies in theirs."""
        return area.startswith(self.area)


class SignInRequired(Refusal):
    """Nobody known is asking."""

    def __init__(self) -> None:
        super().__init__(
            401,
            "Send `Authorization: Bearer TOKEN` with a token made by `shouwang token create`, or open the sign-in "
            "link that is printed at start",
            {"WWW-Authenticate": 'Bearer realm="shouwang"'},
        )


def connection(given: Given) -> Iterator[Connection]:
    """Lend a connection of the pool to an endpoint."""
    with given.pool.connection() as conn:
        yield conn


Conn = Annotated[Connection, Depends(connection, scope="function")]
"""A connection that is given back before the response goes out."""


def known(
    request: HTTPConnection,
    conn: Conn,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Caller | None:
    """Return who is asking, None where the token is missing, unknown or expired.

    Raises:
        Refusal: (403) a change asked for with the cookie by a page that is not ours.
    """
    secret = bearer.credentials if bearer else cookie
    found = tokens.find(conn, secret) if secret else None
    if found is None:
        return None
    if bearer is None:
        refuse_strangers(request)
    return Caller(found.name, found.role, found.area, found.person)


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


def at_least(role: str) -> Callable[[Caller], Caller]:
    """Return a dependency that lets only `role` and those above it pass."""

    def allowed(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if not who.may(role):
            raise Refusal(
                403, f"This needs the role {role}, your token has {who.role}: ask an operator for another token"
            )
        return who

    return allowed


def view(who: Annotated[Caller, Depends(caller)], conn: Conn) -> View:
    """Return what the caller may see: every query of the dashboards goes through this."""
    return View(conn, who.area)


Viewer = Annotated[Caller, Depends(at_least("viewer"))]
Caseworker = Annotated[Caller, Depends(at_least("caseworker"))]
Officer = Annotated[Caller, Depends(at_least("officer"))]
Operator = Annotated[Caller, Depends(at_least("operator"))]
Scoped = Annotated[View, Depends(view)]
