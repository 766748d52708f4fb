"""`/a/TOKEN`: the page a signed link in an SMS opens, where the message can be answered without a login.

It shows the message's own words and nothing else of the household. Opening it changes nothing, since telephones fetch
links to preview them; only pressing a button does.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from psycopg import Connection
from starlette.responses import HTMLResponse, Response

from alerts import desk
from alerts.life.answers import understand
from alerts.messages.links import AnswerLinks, ExpiredLinkError, ForgedLinkError
from alerts.messages.replies import phrase, reply_to
from alerts.messages.wording import is_chinese
from alerts.model import Alert, Notification, Status
from alerts.people import Role
from dashboards.access import Conn
from dashboards.context import Context, Given
from dashboards.pages.frame import Form, bare
from dashboards.problems import Refusal
from dashboards.words.languages import CHINESE, ENGLISH, preferred
from registry.instants import to_micros

_HEADERS: Final = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex", "Cache-Control": "no-store"}
"""The address itself is the permission: it must not reach another site, an index or a cache."""
_KEYS: Final = {Role.RESIDENT: ("1", "2")}
_STAFF_KEYS: Final = ("4",)
_STAFF: Final = frozenset({Role.CASEWORKER, Role.DUTY_OFFICER})
"""Who has tasks, and may see all of them once they are signed in."""


def router() -> APIRouter:
    """Return the page behind a signed link, and the answer it sends."""
    routes = APIRouter()

    @routes.get("/a/{token}")
    def page(token: str, request: Request, conn: Conn, given: Given) -> Response:
        with conn.transaction():
            opened = _opened(token, request, conn, given)
            if isinstance(opened, Response):
                return opened
            notification, alert = opened
        return _page(notification, closed=alert.status is Status.CLOSED)

    @routes.post("/a/{token}")
    def answer(token: str, request: Request, fields: Form, conn: Conn, given: Given) -> Response:
        key = fields.get("answer", "")
        with conn.transaction():
            opened = _opened(token, request, conn, given)
            if isinstance(opened, Response):
                return opened
            notification, alert = opened
            if key not in keys_for(notification.role):
                raise Refusal(422, "Press one of the buttons")
            book, now = given.book(conn), to_micros(given.now())
            desk.answer_to(book, notification.id, key, now)
            after = book.find(alert.id) or alert
        meaning = understand(key, notification.role)
        said = reply_to(meaning, notification.role, f"person:{notification.person}", after)
        return _page(notification, reply=phrase(said, notification.language))

    return routes


def keys_for(role: Role) -> tuple[str, ...]:
    """Return what somebody may answer here: a resident fine or help, others that they take charge."""
    return _KEYS.get(role, _STAFF_KEYS)


def _opened(token: str, request: Request, conn: Connection, given: Context) -> tuple[Notification, Alert] | Response:
    """Return what a token answers, or the page that says why it does not."""
    links = given.links
    if links is None:
        raise Refusal(404, "This service sends no links: check SHOUWANG_LINK_SECRET")
    try:
        found = _read(links, token, given)
    except ExpiredLinkError:
        return _refused(request, 410)
    except ForgedLinkError:
        return _refused(request, 403)
    book = given.book(conn)
    notification = book.notification(found)
    alert = None if notification is None else book.find(notification.alert)
    if notification is None or alert is None:
        return _refused(request, 403)
    return notification, alert


def _read(links: AnswerLinks, token: str, given: Context) -> UUID:
    return links.read(token, to_micros(given.now()))


def _refused(request: Request, status: int) -> Response:
    language = preferred(request.headers.get("accept-language"))
    page = bare("answer.html", language, refused=status, message=None, staff=False)
    return HTMLResponse(page, status, headers=_HEADERS)


def _page(notification: Notification, *, closed: bool = False, reply: str = "") -> Response:
    language = CHINESE if is_chinese(notification.language) else ENGLISH
    keys = () if reply or (closed and notification.role is not Role.RESIDENT) else keys_for(notification.role)
    page = bare(
        "answer.html",
        language,
        refused=0,
        message=notification,
        closed=closed,
        keys=keys,
        reply=reply,
        staff=notification.role in _STAFF,
    )
    return HTMLResponse(page, headers=_HEADERS)
