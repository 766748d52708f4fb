"""A request at the door: who it may become, which form it gets next, and the cookie that it leaves with.

Each step has a cookie of its own, so that nothing known before it opens what comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends
from psycopg import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboards.access import COOKIE, Conn, Opened
from dashboards.context import Context, Given
from dashboards.pages.frame import bare, span
from dashboards.signin import codes, local
from dashboards.signin.onward import door, onward
from dashboards.words.languages import Language, Translate, translator
from storage import sessions
from storage.accounts import Account
from storage.sessions import LONGEST, Session, Stage


@dataclass(frozen=True, slots=True)
class Door:
    """Who knocks: on which connection, in which language, with which session so far."""

    request: Request
    conn: Connection
    given: Context
    language: str
    session: Session | None

    @property
    def translate(self) -> Translate:
        """What puts a text into their language."""
        return translator(self.language)

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.request.client.host if self.request.client else ""

    @property
    def agent(self) -> str:
        """What the browser calls itself."""
        return self.request.headers.get("user-agent", "")

    def form(self, after: str, fault: str = "", status: int = 200, *, anew: bool = False) -> Response:
        """Return the form of what is asked for next, or of name and password `anew`; it leads on to `after`."""
        session = None if anew else self.session
        stage = session.stage.value if session else "name"
        offer = None
        if session and session.stage is Stage.ENROL:
            offer = codes.offer(sessions.offer(self.conn, session.id, codes.new_secret()), session.name)
        return self._page(after, status, stage=stage, fault=fault, name=session.shown if session else "", offer=offer)

    def recovery_codes(self, after: str, made: list[str]) -> Response:
        """Return the page that shows recovery codes, once."""
        return self._page(after, 200, stage="codes", codes=made)

    def waits(self, after: str, wait: local.Wait, *, anew: bool = False) -> Response:
        """Return the form again, saying how long to wait."""
        answer = self.form(after, waiting(self.translate, wait), 429, anew=anew)
        answer.headers["Retry-After"] = str(wait.seconds)
        return answer

    def waiting_for(self, stage: Stage) -> Account | None:
        """Return whose session waits for this, None where there is none: it is over, or has come further."""
        if self.session is None or self.session.stage is not stage:
            return None
        return local.account_of(self.conn, self.session)

    def begin(self, account: Account, stage: Stage, answer: Response) -> Response:
        """Open a session, or begin to, in place of the one there was."""
        with self.conn.transaction():
            self.end()
            cookie = sessions.of_account(self.conn, account.id, stage, self.address, self.agent)
            if stage is Stage.OPEN:
                local.let_in(self.conn, account, self.address)
        return self.hand_out(answer, cookie)

    def advance(self, account: Account, session: Session, after: str) -> Response:
        """Go on to what is asked for after the stage of a session, under another cookie."""
        stage = local.next_stage(account, session.stage, second_factor=self.given.second_factor)
        with self.conn.transaction():
            cookie = sessions.renamed(self.conn, session.id, stage)
            if stage is Stage.OPEN:
                local.let_in(self.conn, account, self.address)
        return self.hand_out(self.to(stage, after), cookie)

    def to(self, stage: Stage, after: str) -> Response:
        """Return the way to what is asked for next, or on to `after`."""
        return RedirectResponse(onward(after) if stage is Stage.OPEN else door(after), 303)

    def end(self) -> None:
        """End the session that the browser came with."""
        if COOKIE in self.request.cookies:
            sessions.end(self.conn, self.request.cookies[COOKIE])

    def led_on(self, address: str) -> Response:
        """Return a page that goes on to an address of ours: from there the browser brings its strict cookie along."""
        return HTMLResponse(bare("signin_onward.html", self.language, onward=address))

    def hand_out(self, answer: Response, cookie: str) -> Response:
        """Give the browser the cookie of its session: no script reads it, no other site sends it along."""
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=LONGEST,
            path="/",
            secure=self.request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    def _page(self, after: str, status: int, **values: object) -> Response:
        around: dict[str, object] = {"fault": "", "name": "", "offer": None, "codes": None}
        provider = self.given.oidc
        page = bare(
            "signin.html",
            self.language,
            onward=onward(after),
            provider=provider.name if provider else "",
            provider_door=door(after).replace("/sign-in", "/sign-in/oidc", 1),
            embedded=self.given.embedded,
            **(around | values),
        )
        return HTMLResponse(page, status)


def waiting(_: Translate, wait: local.Wait) -> str:
    """Return how long somebody waits who has tried too often."""
    return _("Too many attempts. Try again in {wait}.").format(wait=span(_, timedelta(seconds=wait.seconds)))


def at_the_door(request: Request, conn: Conn, given: Given, language: Language, session: Opened) -> Door:
    """Return the door as a request finds it."""
    return Door(request, conn, given, language, session)


AtTheDoor = Annotated[Door, Depends(at_the_door)]
