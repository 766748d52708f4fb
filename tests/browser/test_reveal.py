"""A masked number in a real browser: shown for a reason, called with one touch, and gone with the page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from psycopg.rows import dict_row

from tests.browser.conftest import Town, Visit
from tests.integration.dashboards_site import WEST

CHEN, MASKED = "+8613812340001", "+86138****0001"


@pytest.mark.parametrize("width", [390, 1440])
def test_a_caseworker_says_why_and_sees_the_number_until_they_leave(
    small_town: Town, visit: Visit, width: int, tmp_path: Path
) -> None:
    visitor = visit(small_town, role="caseworker", area=WEST, person="cw-west", language="zh", width=width)
    page, alert = visitor.page, f"/alerts/{small_town.site.alert()}"
    visitor.open(alert)
    secret = page.locator("#secret-phone-r-1")
    assert MASKED in secret.inner_text()
    secret.locator("summary").click()
    page.screenshot(path=Path(os.environ.get("SHOUWANG_TEST_SHOTS", tmp_path)) / f"reveal-{width}.png", full_page=True)
    secret.get_by_role("button", name="查看").click()
    assert page.locator("body").inner_text().count(CHEN) == 0, "the browser asks for a reason first"
    secret.get_by_label("打电话联系").check()
    secret.get_by_role("button", name="查看").click()
    shown = secret.locator(f'a[href="tel:{CHEN}"]')
    shown.wait_for()
    assert shown.evaluate("link => link === document.activeElement"), "who uses the keyboard is where the number is"
    with page.expect_response("**/actions"):
        page.evaluate("htmx.trigger(document.body, 'refresh')")
    page.wait_for_timeout(500)  # for the piece to be put in its place
    assert shown.is_visible(), "a live update takes nothing away"
    visitor.open(alert)
    assert CHEN not in page.content()
    assert visitor.complaints == []
    with small_town.site.pool.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
        written = cursor.execute("SELECT actor, detail FROM audit_event WHERE action = 'reveal'").fetchall()
    assert written == [{"actor": "person:cw-west", "detail": {"kind": "phone", "of": "r-1", "reason": "call"}}]
