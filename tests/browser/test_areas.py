"""The map of areas in a real browser: drawn beside its table, a way down by pointer, and nothing lost without it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Town, Visit

CITY = "9901"


def test_each_area_is_drawn_in_the_band_of_its_row_and_leads_there(town: Town, visit: Visit) -> None:
    who = visit(town, area=CITY)
    who.open(f"/areas/{CITY}?measure=coverage")
    shapes = who.page.locator(".map path.shape")
    expect(shapes).to_have_count(2)
    bands = {row.get_attribute("data-band") for row in who.page.locator("tr[data-area]").all()}
    drawn = {re.findall(r"band-(\w+)", shape.get_attribute("class") or "")[0] for shape in shapes.all()}
    assert drawn == bands
    expect(who.page.locator(".areasign b").first).to_be_visible()
    row = who.page.locator("tr[data-area]").first
    row.hover()
    expect(who.page.locator(".map path.shape.pointed")).to_have_count(1)
    shapes.first.click()
    expect(who.page).to_have_url(re.compile(rf"/areas/{CITY}\d+\?days=30&measure=coverage$"))
    expect(who.page.locator(".map path.shape").first).to_be_visible()
    assert who.complaints == []


def test_the_table_is_the_way_by_keyboard_and_the_order_stands_in_the_address(town: Town, visit: Visit) -> None:
    who = visit(town, area=CITY)
    who.open(f"/areas/{CITY}")
    heading = who.page.locator(".league thead a").nth(6)
    heading.focus()
    who.page.keyboard.press("Enter")
    expect(who.page).to_have_url(re.compile("sort=coverage&order=asc"))
    expect(who.page.locator(".league th[aria-sort=ascending]")).to_have_count(1)
    first = who.page.locator(".league tbody th a").first
    first.focus()
    who.page.keyboard.press("Enter")
    expect(who.page.locator("nav.crumbs")).to_be_visible()


def test_what_has_no_outline_is_named_below_the_map_and_its_signs_are_explained(town: Town, visit: Visit) -> None:
    who = visit(town)
    who.open("/areas")
    expect(who.page.locator(".map path.shape")).to_have_count(1)
    expect(who.page.locator("#unmapped b")).to_have_text("云州市")
    expect(who.page.locator(".map .legend li")).to_have_count(6)
    who.open(f"/areas/{CITY}")
    expect(who.page.locator(".map path.shape")).to_have_count(2)
    expect(who.page.locator("#unmapped")).to_be_hidden()
