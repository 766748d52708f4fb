"""Somebody at a browser: signed in, with a language and a screen, who notes what the browser complains of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

Scheme = Literal["light", "dark"]
LANGUAGES: Final = {"zh": "zh-CN", "en": "en-GB"}
HEIGHTS: Final = {1440: 900, 390: 844}
"""The screens that are looked at: a desk or wall, and a cheap telephone."""

_WAIT: Final = 60_000
_SETTLED: Final = "() => document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => done(true))))"


class NoBrowserError(Exception):
    """Chromium is not installed: install the package chromium."""


@dataclass  # without slots: Playwright leaves a mark on whom its events are told
class Visitor:
    """A page of a browser, signed in at `home`; `complaints` is what the browser's console said in anger."""

    page: Page
    home: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page and wait until it is drawn.

        Raises:
            AssertionError: it does not answer with a page.
        """
        answer = self.page.goto(f"{self.home}{path}", wait_until="load")
        assert answer is not None, path
        assert answer.status == 200, f"{path} answers {answer.status}"
        self.page.evaluate(_SETTLED)

    def scheme(self, scheme: Scheme) -> None:
        """Turn the lights on or off."""
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.page.evaluate(_SETTLED)

    def note(self, said: ConsoleMessage) -> None:
        """Keep what the console says in anger: errors, and what its policy refused."""
        if said.type in ("error", "warning"):
            self.complaints.append(f"{said.type}: {said.text} ({said.location.get('url', '')})")

    def lost(self, request: Request) -> None:
        """Keep what could not be fetched; what the page itself no longer wanted is no loss."""
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url} {request.failure}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine, with nobody at its window.

    Raises:
        NoBrowserError: there is none.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise NoBrowserError(NoBrowserError.__doc__)
    with sync_playwright() as driver:
        # Its sandbox wants rights that a container does not give; what is opened here is our own.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(
    browser: Browser, home: str, token: str | None, *, language: str = "zh", width: int = 1440, scheme: Scheme = "light"
) -> Iterator[Visitor]:
    """Open a browser's window of its own and sign in by the link of a token, if there is one."""
    window = browser.new_context(
        locale=LANGUAGES[language], viewport={"width": width, "height": HEIGHTS[width]}, color_scheme=scheme,
        reduced_motion="reduce", timezone_id="Asia/Shanghai",
    )  # fmt: skip
    window.set_default_timeout(_WAIT)
    try:
        page = window.new_page()
        who = Visitor(page, home)
        page.on("console", who.note)
        page.on("pageerror", lambda error: who.complaints.append(f"script: {error}"))
        page.on("requestfailed", who.lost)
        if token is not None:
            page.goto(f"{home}/?token={token}", wait_until="load")
        yield who
    finally:
        window.close()
