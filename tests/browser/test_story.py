"""From an alert to what was found, in a browser: by mouse, by keyboard alone, and without a word of reloading."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, expect

from dashboards.words import phrases
from dashboards.words.languages import CHINESE, translator
from tests.browser.visitor import Visitor

say: Final = translator(CHINESE)
_MOST_TABS: Final = 150


class Hand:
    """A mouse."""

    def press(self, _who: Visitor, thing: Locator) -> None:
        expect(thing).to_be_visible()
        thing.click()

    def write(self, who: Visitor, thing: Locator, text: str) -> None:
        self.press(who, thing)
        who.page.keyboard.type(text)


class Keys(Hand):
    """A keyboard and nothing else: Tab until the thing has the focus, then Enter, or Space to choose."""

    def press(self, who: Visitor, thing: Locator) -> None:
        self._reach(who, thing)
        chooses = thing.evaluate("element => element.matches('[type=radio], [type=checkbox]')")
        who.page.keyboard.press("Space" if chooses else "Enter")

    def write(self, who: Visitor, thing: Locator, text: str) -> None:
        self._reach(who, thing)
        who.page.keyboard.type(text)

    def _reach(self, who: Visitor, thing: Locator) -> None:
        expect(thing).to_be_visible()
        group = thing.get_attribute("name") if thing.get_attribute("type") == "radio" else None
        for _ in range(_MOST_TABS):
            if thing.evaluate("element => element === document.activeElement"):
                ring = thing.evaluate("element => getComputedStyle(element).outlineStyle")
                assert ring != "none", "nobody sees where the focus is"
                return
            inside = group is not None and who.page.evaluate("document.activeElement.name") == group
            who.page.keyboard.press("ArrowDown" if inside else "Tab")
        raise AssertionError(f"no Tab leads to {thing}")


def _button(who: Visitor, text: str) -> Locator:
    return who.page.get_by_role("button", name=say(text), exact=True).first


@pytest.mark.parametrize("hand", [Hand(), Keys()], ids=["mouse", "keyboard"])
def test_from_the_board_to_what_was_found(hand: Hand, small_town: Any, visit: Callable[..., Visitor]) -> None:
    who = visit(small_town, "officer")
    who.open("/")
    expect(who.page.get_by_text(say("Nothing is unusual right now."))).to_be_visible()
    alert = small_town.site.alert()
    sentence = who.page.locator(f'a[href="/alerts/{alert}"]').first
    expect(sentence).to_be_visible()  # without a reload
    hand.press(who, sentence)
    who.page.wait_for_url(re.compile(f"/alerts/{alert}"))
    hand.press(who, _button(who, "I take it"))
    expect(who.page.locator("main")).to_contain_text(say(phrases.STATUSES["acknowledged"]))
    hand.press(who, who.page.locator("#close > summary"))
    hand.press(who, who.page.locator('#close input[name="outcome"][value="helped"]'))
    hand.write(who, who.page.locator('#close textarea[name="note"]'), "摔倒了")
    hand.press(who, _button(who, "Close the alert"))
    expect(who.page.locator("main")).to_contain_text("摔倒了")
    with small_town.site.pool.connection() as conn:
        row = conn.execute("SELECT status, outcome, note FROM alert WHERE id = %s", (alert,)).fetchone()
    assert row == ("closed", "helped", "摔倒了")
    who.open("/")
    expect(who.page.get_by_text(say("Nothing is unusual right now."))).to_be_visible()
    assert who.complaints == []


def test_a_second_viewer_sees_it_taken_without_doing_anything(small_town: Any, visit: Callable[..., Visitor]) -> None:
    alert = small_town.site.alert()
    one, other = visit(small_town, "officer"), visit(small_town, "officer")
    one.open("/")
    other.open("/")
    _button(one, "I take it").click()
    expect(other.page.locator(f'[data-key="{alert}"]')).to_contain_text(say("Taken by {who}").partition("{")[0])


def test_who_may_only_look_is_shown_no_button(small_town: Any, visit: Callable[..., Visitor]) -> None:
    small_town.site.alert()
    who = visit(small_town, "viewer")
    who.open("/")
    expect(who.page.locator("[data-key]").first).to_be_visible()
    assert _button(who, "I take it").count() == 0
