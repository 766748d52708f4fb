"""`/account`: one's own language, password, second factor and sessions. `/sessions`: everybody's, for operators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.access import AnyRole, Operator
from dashboards.context import Given
from dashboards.pages.doorway import AtTheDoor, Door, waiting
from dashboards.pages.frame import Form, Frame, frame
from dashboards.problems import Refusal
from dashboards.signin import codes, local, passwords
from dashboards.signin.browsers import browser
from dashboards.signin.onward import onward
from dashboards.words.languages import CHINESE, ENGLISH, Language
from storage import accounts, sessions, tokens
from storage.accounts import Account
from storage.sessions import Listed, Session, Stage

_HERE: Final = "/account"


@dataclass(frozen=True, slots=True)
class Line:
    """One session in the words of the page."""

    id: UUID
    name: str
    role: str
    area: str
    browser: str
    address: str
    begun: str
    used: str


def own_frame(request: Request, who: AnyRole, language: Language, given: Given) -> Frame:
    """Return the surroundings of a page that everybody has, vendors too."""
    return frame(request, who, language, given)


Own = Annotated[Frame, Depends(own_frame)]


def router() -> APIRouter:
    """Return the addresses of one's own account, and of everybody's sessions."""
    routes = APIRouter()
    for part in (_account(), _second_factor(), _sessions()):
        routes.include_router(part)
    return routes


def _account() -> APIRouter:
    routes = APIRouter()

    @routes.get(_HERE)
    def page(around: Own, at: AtTheDoor) -> Response:
        return _page(around, at)

    @routes.post(f"{_HERE}/language")
    def language(_who: AnyRole, at: AtTheDoor, fields: Form) -> Response:
        session, chosen = _session(at), fields.get("language") or None
        if chosen not in (CHINESE, ENGLISH, None):
            raise Refusal(422, "Choose one of the languages of the list, then send the form again")
        if session.account is None:
            tokens.speak(at.conn, session.id, chosen)
        else:
            accounts.speak(at.conn, session.account, chosen)
        return RedirectResponse(onward(fields.get("next", _HERE)), 303)

    @routes.post(f"{_HERE}/password")
    def password(around: Own, at: AtTheDoor, fields: Form) -> Response:
        account, session = _local(at), _session(at)
        fault = _not_them(at, account, fields.get("current", ""))
        if fault:
            return _page(around, at, fault=fault)
        chosen = fields.get("password", "")
        unfit = passwords.refusal(account.name, account.password, chosen, fields.get("again", ""))
        if unfit is not None:
            return _page(around, at, fault=at.translate(unfit))
        with at.conn.transaction():
            accounts.set_password(at.conn, account.id, passwords.hashed(chosen), must_change=False)
            sessions.end_account(at.conn, account.id, but=session.id)
            cookie = sessions.renamed(at.conn, session.id, Stage.OPEN)
        _ = at.translate
        return at.hand_out(_page(around, at, said=_("The password is changed; other browsers are signed out.")), cookie)

    return routes


def _second_factor() -> APIRouter:
    routes = APIRouter()

    @routes.get(f"{_HERE}/second-factor")
    def offered(around: Own, at: AtTheDoor) -> Response:
        account = _own(at)
        return RedirectResponse(_HERE, 303) if account is None else _offer(around, at, account)

    @routes.post(f"{_HERE}/second-factor")
    def set_up(around: Own, at: AtTheDoor, fields: Form) -> Response:
        account, session = _local(at), _session(at)
        fault = _not_them(at, account, fields.get("password", ""))
        if fault:
            return _offer(around, at, account, fault)
        with at.conn.transaction():
            secret = sessions.offer(at.conn, session.id, codes.new_secret())
            made = codes.set_up(at.conn, account, secret, fields.get("code", ""))
            if made is None:
                _ = at.translate
                return _offer(around, at, account, _("This code does not fit. Wait for the next one and type it."))
            sessions.end_account(at.conn, account.id, but=session.id)
            cookie = sessions.renamed(at.conn, session.id, Stage.OPEN)
        return at.hand_out(around.page("second_factor.html", codes=made, offer=None, fault=""), cookie)

    @routes.post(f"{_HERE}/second-factor-off")
    def off(around: Own, at: AtTheDoor, fields: Form) -> Response:
        account, session = _local(at), _session(at)
        if at.given.second_factor:
            raise Refusal(403, "This service asks everybody for a second factor: set it up anew instead")
        fault = _not_them(at, account, fields.get("password", ""))
        if fault:
            return _page(around, at, fault=fault)
        with at.conn.transaction():
            accounts.drop_second_factor(at.conn, account.id)
            cookie = sessions.renamed(at.conn, session.id, Stage.OPEN)
        _ = at.translate
        return at.hand_out(_page(around, at, said=_("The second factor is off.")), cookie)

    return routes


def _sessions() -> APIRouter:
    routes = APIRouter()

    @routes.post(f"{_HERE}/sessions/others/revoke")
    def revoke_others(_who: AnyRole, at: AtTheDoor) -> Response:
        sessions.revoke_others(at.conn, _session(at).id)
        return RedirectResponse(_HERE, 303)

    @routes.post(f"{_HERE}/sessions/{{session}}/revoke")
    def revoke_mine(_who: AnyRole, at: AtTheDoor, session: UUID) -> Response:
        if not sessions.revoke_mine(at.conn, _session(at).id, session):
            raise Refusal(404, "This session is over already")
        return RedirectResponse(_HERE, 303)

    @routes.get("/sessions")
    def everybody(who: Operator, around: Own, at: AtTheDoor) -> Response:
        return around.page("sessions.html", sessions=_lines(around, sessions.within(at.conn, who.area)))

    @routes.post("/sessions/{session}/revoke")
    def revoke(who: Operator, at: AtTheDoor, session: UUID) -> Response:
        if not sessions.revoke_within(at.conn, who.area, session):
            raise Refusal(404, "This session is over already")
        return RedirectResponse("/sessions", 303)

    return routes


def _page(around: Frame, at: Door, *, said: str = "", fault: str = "") -> Response:
    session = at.session
    account = accounts.one(at.conn, session.account) if session and session.account else None
    return around.page(
        "account.html",
        said=said,
        fault=fault,
        account=account,
        codes_left=accounts.recovery_codes_left(at.conn, account.id) if account else 0,
        needed=at.given.second_factor,
        english="English",
        sessions=_lines(around, sessions.mine(at.conn, session.id) if session else []),
    )


def _offer(around: Frame, at: Door, account: Account, fault: str = "") -> Response:
    secret = sessions.offer(at.conn, _session(at).id, codes.new_secret())
    return around.page("second_factor.html", codes=None, offer=codes.offer(secret, account.name), fault=fault)


def _session(at: Door) -> Session:
    """Return the session a page was asked for with.

    Raises:
        Refusal: (409) it was asked for with a token, which has nothing to be set.
    """
    if at.session is None or at.session.stage is not Stage.OPEN:
        raise Refusal(409, "This belongs to a session: sign in with a browser")
    return at.session


def _local(at: Door) -> Account:
    """Return the account of who asks, which has its password here.

    Raises:
        Refusal: (409) it is kept by their organisation, or they came with a sign-in link.
    """
    _session(at)
    account = _own(at)
    if account is None:
        raise Refusal(409, "This account has no password here: its organisation keeps it, or it is a sign-in link")
    return account


def _own(at: Door) -> Account | None:
    """Return the account of who asks if it has its password here."""
    account = accounts.one(at.conn, at.session.account) if at.session and at.session.account else None
    return None if account is None or account.issuer else account


def _not_them(at: Door, account: Account, password: str) -> str:
    """Return why whoever sits at an open session does not seem to be its owner; '' where they know the password."""
    _ = at.translate
    knows = local.knows_password(at.conn, account, password, at.address)
    if isinstance(knows, local.Wait):
        return waiting(_, knows)
    return "" if knows else _("This is not your password. Nothing was changed.")


def _lines(around: Frame, listed: Iterable[Listed]) -> list[Line]:
    zone = ZoneInfo(around.zone)

    def told(moment: datetime) -> str:
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"  # of the real world, whatever day a town has

    return [
        Line(one.id, one.name, one.role, one.area, browser(one.agent), one.address, told(one.begun), told(one.used))
        for one in listed
    ]
