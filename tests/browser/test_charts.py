"""Charts in a browser: drawn from what the server tells, told in words, gone through by keyboard, read as a table."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Town, Visit
from tests.integration.dashboards_site import NOON

_PAINTED = """(plot) => {
    const canvas = plot.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] > 200) colours.add((data[at] << 16) + (data[at + 1] << 8) + data[at + 2]);
    }
    return [...colours];
}"""  # fmt: skip
_LIGHT_ACCENT, _DARK_ACCENT, _ONSET = 0x14606F, 0x6FC3D3, 0xB3141D
_MIDNIGHT = NOON - timedelta(hours=12)


@pytest.fixture
def metered(small_town: Town) -> Town:
    """A town in which a meter told of half a day: seven litres at eight o'clock, and nothing from nine to eleven."""
    quarters = [(_MIDNIGHT + timedelta(minutes=15 * n), n) for n in range(48) if not 36 <= n < 44]
    small_town.site.store(
        "meter-1", "volume", [(at, 100.0 + 7.0 * (n >= 32), 7.0 * (n == 32), 0) for at, n in quarters]
    )
    return small_town


@pytest.mark.parametrize("width", [1440, 390])
def test_a_chart_is_drawn_and_told_in_words(metered: Town, visit: Visit, width: int) -> None:
    reader = visit(metered, language="en", width=width)
    reader.open("/households/hh-1?period=day")
    chart = reader.page.locator("figure.chart")
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".readout")).to_have_text("Used in all: 7 L. Not heard: 1 times, 2 h 0 min in all.")
    assert reader.complaints == []  # before its pixels are read, which the browser finds slow and says so
    plot = chart.locator(".plot")
    assert _LIGHT_ACCENT in plot.evaluate(_PAINTED)
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
    reader.scheme("dark")
    reader.page.wait_for_timeout(100)
    painted = plot.evaluate(_PAINTED)
    assert _DARK_ACCENT in painted
    assert _LIGHT_ACCENT not in painted


def test_keys_go_through_it_bucket_by_bucket(metered: Town, visit: Visit) -> None:
    reader = visit(metered, language="en")
    reader.open("/households/hh-1?period=day")
    chart = reader.page.locator("figure.chart")
    readout = chart.locator(".readout")
    expect(readout).to_contain_text("Used in all")
    chart.locator(".plot").focus()
    reader.page.keyboard.press("Home")
    expect(readout).to_contain_text("00:00: 0 L")
    for _ in range(32):
        reader.page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text("08:00: 7 L")
    for _ in range(5):
        reader.page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text("09:15: nothing reported · not heard")
    reader.page.keyboard.press("Tab")
    expect(readout).to_contain_text("Used in all")


def test_the_table_says_the_same(metered: Town, visit: Visit) -> None:
    reader = visit(metered, language="en")
    reader.open("/households/hh-1?period=day")
    chart = reader.page.locator("figure.chart")
    chart.locator("summary").click()
    rows = chart.locator("tbody tr")
    expect(rows).to_have_count(96)
    expect(rows.nth(32).locator("td").first).to_have_text("7 L")
    expect(rows.nth(40).locator("td").nth(0)).to_have_text("–")
    expect(rows.nth(40).locator("td").nth(2)).to_have_text("not heard; 0 L used meanwhile")


def test_an_alert_s_page_draws_its_sensors_with_the_onset(metered: Town, visit: Visit) -> None:
    alert = metered.site.alert()
    reader = visit(metered, language="en")
    reader.open(f"/alerts/{alert}")
    chart = reader.page.locator("section.charts figure.chart")
    expect(chart.locator(".readout")).to_contain_text("Used in all: 7 L.")
    assert reader.complaints == []
    assert _ONSET in chart.locator(".plot").evaluate(_PAINTED)


def test_what_cannot_be_loaded_says_so(metered: Town, visit: Visit) -> None:
    reader = visit(metered, language="en")
    reader.page.route("**/chart?*", lambda asked: asked.fulfill(status=503, body="{}"))
    reader.open("/households/hh-1?period=day")
    expect(reader.page.locator("figure.chart .pending")).to_have_text("The chart could not be loaded: reload the page.")
