"""Signing in by the link that is printed at start, and out again."""

from __future__ import annotations

from fastapi import APIRouter
from psycopg import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.access import COOKIE, Viewer
from dashboards.problems import Refusal
from storage import tokens


def router() -> APIRouter:
    """Return the address for signing out; the sign-in link is the front page with `?token=`."""
    routes = APIRouter()

    @routes.post("/sign-out")
    def sign_out(_who: Viewer) -> Response:
        gone = RedirectResponse("/", 303)
        gone.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return gone

    return routes


def sign_in(request: Request, conn: Connection, token: str) -> Response:
    """Put a token into the session cookie and go to the front page, so that it leaves the address bar.

    Raises:
        Refusal: (401) the token is unknown or expired.
    """
    if tokens.find(conn, token) is None:
        raise Refusal(401, "This sign-in link is no longer valid: open the one that was printed last")
    welcome = RedirectResponse("/", 303)
    welcome.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/")
    return welcome
