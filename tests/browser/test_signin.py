"""The door in a real browser: by keyboard alone from the first password to a page, and out again when it is revoked."""

from __future__ import annotations

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from dashboards.signin import passwords
from storage import accounts, sessions
from storage.sessions import clock
from tests.browser.conftest import Town
from tests.browser.served import serve
from tests.browser.visitor import Visitor, visitor

FIRST, CHOSEN = "first-password-of-all", "correct horse battery"


def _usable(who: Visitor, what: str) -> None:
    assert [one["id"] for one in Axe().run(who.page).response["violations"]] == [], what
    assert not who.page.evaluate("document.documentElement.scrollWidth > innerWidth"), what


@pytest.mark.parametrize(("language", "width"), [("zh", 390), ("en", 1440)])
def test_by_keyboard_from_the_first_password_to_the_page_and_out_when_it_is_revoked(
    small_town: Town, browser: Browser, language: str, width: int
) -> None:
    site = small_town.site
    with site.pool.connection() as conn:
        account = accounts.create(conn, "li.wei", passwords.hashed(FIRST), "officer", "440101")
    with (
        serve(site, second_factor=True) as home,
        visitor(browser, home, None, language=language, width=width) as who,
    ):
        page, keys = who.page, who.page.keyboard
        page.goto(f"{home}/tasks")
        _usable(who, "the door")
        keys.type("li.wei")  # the cursor stands in the name
        keys.press("Tab")
        keys.type(FIRST)
        keys.press("Enter")
        page.wait_for_selector("[name=again]")
        _usable(who, "a new password")
        page.focus("[name=password]")
        keys.type(CHOSEN)
        keys.press("Tab")
        keys.type(CHOSEN)
        keys.press("Enter")
        page.wait_for_selector(".secret")
        _usable(who, "the second factor")
        with site.pool.connection() as conn:
            code = pyotp.TOTP(page.inner_text(".secret").replace(" ", "")).at(clock(conn))
        page.focus("[name=code]")
        keys.type(code)
        keys.press("Enter")
        page.wait_for_selector(".recovery")
        _usable(who, "recovery codes")
        assert page.locator(".recovery li").count() == 10
        page.focus(".doorcard a.button")
        keys.press("Enter")
        page.wait_for_url(f"{home}/tasks")
        page.goto(f"{home}/account")
        _usable(who, "my account")
        assert who.complaints == []
        with site.pool.connection() as conn:
            assert sessions.end_account(conn, account) == 1
        page.wait_for_url(f"{home}/sign-in?next=/account")
