"""`/sign-in`: by name, password and second factor, by an organisation's own accounts, by the link printed at start."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from dashboards.access import COOKIE, Known, refuse_strangers
from dashboards.pages.doorway import AtTheDoor, Door
from dashboards.pages.frame import Form
from dashboards.problems import Refusal
from dashboards.signin import codes, local, oidc, passwords
from dashboards.signin.onward import DOOR, HOME, door, onward
from dashboards.words.refusals import retold
from storage import accounts, sessions, tokens, trail
from storage.accounts import AccountError
from storage.sessions import Stage

_AWAY: Final = "shouwang_oidc"
"""The cookie of somebody who is at their provider. It must come along when the provider sends them back, so it is
`Lax` where the session's is `Strict`; it opens nothing and lives for ten minutes."""
_PROVIDER: Final = f"{DOOR}/oidc"


def router() -> APIRouter:
    """Return the addresses for signing in and out; the sign-in link is the front page with `?token=`."""
    routes = APIRouter()
    for part in (_at_the_door(), _by_password(), _by_provider()):
        routes.include_router(part)
    return routes


def by_link(at: Door, token: str, after: str = HOME) -> Response:
    """Open a session with the token of a sign-in link and go on to `after`, so that it leaves the address bar.

    Raises:
        Refusal: (401) the token is unknown or expired.
    """
    found = tokens.find(at.conn, token)
    if found is None:
        said = "This sign-in link is no longer valid: open the one that was printed last"
        if "text/html" in at.request.headers.get("accept", ""):
            return at.form(after, retold(at.language, said), 401, anew=True)
        raise Refusal(401, said)
    with at.conn.transaction():
        at.end()
        cookie = sessions.of_token(at.conn, token, at.address, at.agent)
        trail.record(
            at.conn,
            actor=f"person:{found.person}" if found.person else f"token:{found.name}",
            role=found.role,
            action="sign-in",
            detail={"token": found.name},
            address=at.address,
            area=found.area or None,
        )
    return at.hand_out(RedirectResponse(onward(after), 303), cookie)


def _at_the_door() -> APIRouter:
    """Return the page, and the way out."""
    routes = APIRouter()

    @routes.get(DOOR)
    def page(at: AtTheDoor, who: Known, next: str = HOME) -> Response:  # noqa: A002 - its name in the address
        if who is not None:
            return RedirectResponse(onward(next), 303)
        if at.session is None and at.request.headers.get("sec-fetch-site") == "cross-site":
            # Whoever follows a link from elsewhere comes without the cookie; from a page of ours they bring it along.
            return at.led_on(door(next))
        return at.form(next)

    @routes.post("/sign-out")
    def sign_out(at: AtTheDoor) -> Response:
        refuse_strangers(at.request)
        at.end()
        gone = RedirectResponse(DOOR, 303)
        gone.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return gone

    return routes


def _by_password() -> APIRouter:
    """Return where names, passwords and codes are sent; only our own pages send any."""
    routes = APIRouter(dependencies=[Depends(refuse_strangers)])
    routes.post(DOOR)(_name_and_password)
    routes.post(f"{DOOR}/code")(_code)
    routes.post(f"{DOOR}/password")(_password)
    routes.post(f"{DOOR}/second-factor")(_second_factor)
    return routes


def _name_and_password(at: AtTheDoor, fields: Form) -> Response:
    after = fields.get("next", HOME)
    found = local.by_password(at.conn, fields.get("name", ""), fields.get("password", ""), at.address)
    if isinstance(found, local.Wait):
        return at.waits(after, found, anew=True)
    if found is None:
        _ = at.translate
        return at.form(after, _("Name and password do not fit. Check both and try again."), 401, anew=True)
    stage = local.next_stage(found, None, second_factor=at.given.second_factor)
    return at.begin(found, stage, at.to(stage, after))


def _code(at: AtTheDoor, fields: Form) -> Response:
    after = fields.get("next", HOME)
    account = at.waiting_for(Stage.CODE)
    if account is None or at.session is None:
        return RedirectResponse(door(after), 303)
    fits = local.by_code(at.conn, account, fields.get("code", ""), at.address)
    if isinstance(fits, local.Wait):
        return at.waits(after, fits)
    if not fits:
        _ = at.translate
        return at.form(after, _("This code does not fit, or was used already. Wait for the next one."), 401)
    return at.advance(account, at.session, after)


def _password(at: AtTheDoor, fields: Form) -> Response:
    after = fields.get("next", HOME)
    account = at.waiting_for(Stage.PASSWORD)
    if account is None or at.session is None:
        return RedirectResponse(door(after), 303)
    chosen = fields.get("password", "")
    unfit = passwords.refusal(account.name, account.password, chosen, fields.get("again", ""))
    if unfit is not None:
        return at.form(after, at.translate(unfit), 422)
    hashed = passwords.hashed(chosen)
    with at.conn.transaction():
        accounts.set_password(at.conn, account.id, hashed, must_change=False)
        local.changed(at.conn, account, "password", at.address)
    return at.advance(account, at.session, after)


def _second_factor(at: AtTheDoor, fields: Form) -> Response:
    after = fields.get("next", HOME)
    account = at.waiting_for(Stage.ENROL)
    if account is None or at.session is None:
        return RedirectResponse(door(after), 303)
    with at.conn.transaction():
        secret = sessions.offer(at.conn, at.session.id, codes.new_secret())
        made = codes.set_up(at.conn, account, secret, fields.get("code", ""))
        if made is None:
            _ = at.translate
            return at.form(after, _("This code does not fit. Wait for the next one and type it."), 422)
        cookie = sessions.renamed(at.conn, at.session.id, Stage.OPEN)
        local.changed(at.conn, account, "second-factor", at.address)
        local.let_in(at.conn, account, at.address)
    return at.hand_out(at.recovery_codes(after, made), cookie)


def _by_provider() -> APIRouter:
    """Return the way to the organisation's own sign-in, and the address it sends people back to."""
    routes = APIRouter()

    @routes.get(_PROVIDER)
    def away(at: AtTheDoor, next: str = HOME) -> Response:  # noqa: A002 - its name in the address
        provider = at.given.oidc
        if provider is None:
            raise Refusal(404, "Nobody else vouches for accounts here: sign in with a name and a password")
        try:
            address, kept = provider.begin(onward(next))
        except oidc.OidcError as error:
            return at.form(next, at.translate(str(error)), 502, anew=True)
        sent = RedirectResponse(address, 303)
        sent.set_cookie(
            _AWAY,
            kept,
            max_age=oidc.LONGEST,
            path=_PROVIDER,
            secure=at.request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return sent

    @routes.get(oidc.CALLBACK)
    def back(at: AtTheDoor) -> Response:
        if at.given.oidc is None:
            raise Refusal(404, "Nobody else vouches for accounts here: sign in with a name and a password")
        answer = _vouched(at, at.given.oidc)
        answer.delete_cookie(_AWAY, path=_PROVIDER, httponly=True, samesite="lax")
        return answer

    return routes


def _vouched(at: Door, provider: oidc.Provider) -> Response:
    """Return the answer to somebody whom their provider sent back: let in, or told why not."""
    _ = at.translate
    try:
        told, after = provider.finish(
            at.request.query_params, at.request.cookies.get(_AWAY, ""), sessions.clock(at.conn)
        )
        with at.conn.transaction():
            account = accounts.vouched(at.conn, told)
    except (oidc.OidcError, AccountError) as error:
        refused = {"what": "provider", "why": error.why if isinstance(error, oidc.OidcError) else str(error)}
        trail.record(at.conn, actor="", role="", action="sign-in-failed", detail=refused, address=at.address)
        said = str(error) if isinstance(error, oidc.OidcError) else oidc.REFUSED
        return at.form(HOME, _(said), 403, anew=True)
    if account.disabled:
        return at.form(after, _(oidc.REFUSED), 403, anew=True)
    return at.begin(account, Stage.OPEN, at.led_on(after))
