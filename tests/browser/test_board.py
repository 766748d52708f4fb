"""The board under a hand: its keys, the way back from a mistake, the number in its title, sound, wall and theme."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from detectors.finding import Kind, Severity
from tests.browser.visitor import Visitor

_CARD: Final = "#alerts .list [data-key]"
_TOP: Final = "document.activeElement.closest('.card').getBoundingClientRect().top"


@pytest.fixture
def who(small_town: Any, visit: Callable[..., Visitor]) -> Visitor:
    """An officer at the board with three alerts on it, the gravest in the home hh-3."""
    small_town.site.alert("hh-1")
    small_town.site.alert("hh-2", Kind.LEAK, Severity.MEDIUM)
    small_town.site.alert("hh-3", Kind.SMOKE, Severity.URGENT)
    officer = visit(small_town, "officer", language="en")
    officer.open("/")
    return officer


def _reaches(page: Page, household: str) -> None:
    """Wait until the card of a household has the focus."""
    where = "document.activeElement.closest('.card')?.querySelector('header .muted').textContent"
    page.wait_for_function(f"household => {where}?.startsWith(household)", arg=household)


def test_its_keys_go_through_the_alerts_take_one_and_give_it_back(who: Visitor) -> None:
    page = who.page
    expect(page.locator(_CARD)).to_have_count(3)
    for key, household in (("j", "hh-3"), ("j", "hh-1"), ("j", "hh-2"), ("j", "hh-2"), ("k", "hh-1"), ("k", "hh-3")):
        page.keyboard.press(key)
        _reaches(page, household)
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_contain_text("Take this alert?")
    assert Axe().run(page).violations_count == 0
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.locator(".held").count() == 0, "a key alone changes nothing"
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(_CARD).first.locator(".held")).to_be_visible()
    expect(page).to_have_title(re.compile("^Board"))
    expect(page.locator("#toast")).to_contain_text("It is yours now")
    _reaches(page, "hh-3")  # the focus stays although the card was drawn anew
    page.keyboard.press("u")
    expect(page.locator(".held")).to_have_count(0)
    expect(page).to_have_title(re.compile(r"^\(1\) Board"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/alerts/"))
    assert who.complaints == []


def test_search_and_help_are_a_key_away(who: Visitor) -> None:
    page = who.page
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next and previous alert")
    assert Axe().run(page).violations_count == 0
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator('input[name="q"]')).to_be_focused()
    page.keyboard.type("jka")
    expect(page.locator('input[name="q"]')).to_have_value("jka")
    page.locator('input[name="q"]').fill("hh-2")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"q=hh-2"))
    expect(page.locator(_CARD)).to_have_count(1)
    assert who.complaints == []


def test_it_sounds_only_for_who_wants_it_and_remembers(who: Visitor) -> None:
    page = who.page
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "false")
    page.locator("#sound").click()
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    who.open("/")
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("s")
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "false")


def test_the_wall_is_left_by_escape_and_the_theme_stays(who: Visitor) -> None:
    page = who.page
    page.locator("#theme").select_option("dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("w")
    page.wait_for_url(re.compile("wall=1"))
    expect(page.locator(_CARD)).to_have_count(3)
    assert page.locator("button:visible, nav:visible, input:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/$"))
    assert who.complaints == []


def test_what_happens_comes_by_itself_and_what_is_read_stays_in_its_place(who: Visitor, small_town: Any) -> None:
    page = who.page
    page.set_viewport_size({"width": 1440, "height": 420})  # so that there is something to scroll
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for household in ("hh-3", "hh-1", "hh-2"):
        page.keyboard.press("j")
        _reaches(page, household)
    before = page.evaluate(_TOP)
    small_town.site.alert("hh-1", Kind.SMOKE, Severity.URGENT)
    expect(page.locator(_CARD)).to_have_count(4)
    expect(page).to_have_title(re.compile(r"^\(2\) Board"))
    _reaches(page, "hh-2")
    assert abs(page.evaluate(_TOP) - before) <= 1, "it came above, and nothing moved"
    assert [one for one in asked if "/parts/" in one] == [], "the stream brought it"
    assert who.complaints == []


def test_it_waits_while_a_hand_is_about_to_press(who: Visitor, small_town: Any) -> None:
    page = who.page
    page.locator(_CARD).last.get_by_role("button").hover()
    small_town.site.alert("hh-1", Kind.SMOKE, Severity.URGENT)
    expect(page.locator("#alerts")).to_have_attribute("data-stale", "")
    expect(page.locator(_CARD)).to_have_count(3)
    page.mouse.move(2, 2)
    expect(page.locator(_CARD)).to_have_count(4)


def test_a_note_that_is_being_written_outlives_what_happens(who: Visitor, small_town: Any) -> None:
    page = who.page
    page.locator(_CARD).last.locator(".sentence a").click()
    page.wait_for_url(re.compile("/alerts/"))
    page.locator("#close > summary").click()
    note = page.locator('#close textarea[name="note"]')
    note.fill("slipped in the bath")
    note.blur()
    small_town.site.alert("hh-1", Kind.SMOKE, Severity.URGENT)
    expect(page.locator("#actions")).to_have_attribute("data-stale", "")
    expect(note).to_have_value("slipped in the bath")
    assert who.complaints == []


def test_what_is_drawn_anew_is_seen(who: Visitor) -> None:
    """A rule for what is inside a part while it is fetched made Chromium 156 lose all of it, every second time."""
    page = who.page
    page.locator(_CARD).last.locator(".sentence a").click()
    page.wait_for_url(re.compile("/alerts/"))
    unseen = page.evaluate("""async () => {
      const part = document.querySelector("#actions");
      const drawn = () => new Promise((done) => part.addEventListener("htmx:afterSettle", done, { once: true }));
      const seen = () => [...part.children].every((child) => child.getBoundingClientRect().height > 0);
      let unseen = 0;
      for (let times = 0; times < 100; times += 1) {
        const settled = drawn();
        for (const each of document.querySelectorAll("[data-live]")) htmx.trigger(each, "sse:change");
        await settled;
        unseen += seen() ? 0 : 1;
      }
      return unseen;
    }""")
    assert unseen == 0
    assert who.complaints == []
