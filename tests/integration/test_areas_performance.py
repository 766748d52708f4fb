"""How an area performs, over the API and on its page: targets, bands, and the areas below it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from detectors.finding import Kind, Severity
from registry.instants import HOUR
from tests.integration.dashboards_site import EAST, WEST, Site, open_site


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _acknowledge(site: Site, alert: object) -> None:
    answer = site.client.post(f"/api/v1/alerts/{alert}/acknowledge", headers=site.token("officer"))
    assert answer.status_code == 200, answer.text


def _told(site: Site, area: str = "4401", query: str = "", reader: str = "") -> Any:
    return site.get(f"/api/v1/areas/{area}/performance{query}", "operator", reader)


def _targets(told: Any) -> dict[str, tuple[int, int, bool | None]]:
    return {one["name"]: (one["count"], one["in_time"], one["met"]) for one in told["targets"]}


def _page(site: Site, path: str, language: str = "en", area: str = "") -> str:
    headers = {**site.token("viewer", area), "Accept": "text/html", "Accept-Language": language}
    answer = site.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def test_an_urgent_alert_that_nobody_answers_is_a_miss_once_its_time_is_up(site: Site) -> None:
    site.alert("hh-1", Kind.SMOKE, Severity.URGENT, lasted=0)
    assert _targets(_told(site))["urgent_60s"] == (0, 0, None), "it is not a minute old"
    assert _told(site)["band"] is None
    site.pass_time(1)
    assert _targets(_told(site)) == {
        "urgent_60s": (1, 0, True),  # a single miss is allowed
        "urgent_180s": (0, 0, None),
        "visit_45min": (0, 0, None),
    }
    site.pass_time(2)
    assert _targets(_told(site))["urgent_180s"] == (1, 0, True)
    other = site.alert("hh-2", Kind.SMOKE, Severity.URGENT, lasted=0)
    site.pass_time(4)
    _acknowledge(site, other)
    told = _told(site)
    assert _targets(told)["urgent_180s"] == (2, 0, False)
    assert told["band"] == "just_short"


def test_answered_in_time_is_answered_whoever_answers(site: Site) -> None:
    _acknowledge(site, site.alert("hh-1", Kind.SMOKE, Severity.URGENT, lasted=0))
    site.pass_time(1)
    told = _told(site)
    assert _targets(told)["urgent_60s"] == (1, 1, True)
    assert told["band"] == "ahead"
    assert told["severities"]["urgent"]["acknowledgement"]["median_seconds"] == 0
    # What is no urgent alert is nobody's miss.
    site.alert("hh-3", lasted=30 * HOUR)
    site.pass_time(10)
    assert _targets(_told(site, EAST))["urgent_60s"] == (0, 0, None)


def test_a_visit_counts_from_when_it_is_asked_for(site: Site) -> None:
    site.alert("hh-1")
    site.pass_time(20)
    [task] = site.get("/api/v1/tasks?status=open")["items"]
    site.pass_time(30)
    path = f"/api/v1/tasks/{task['id']}"
    for step, body in (("accept", {}), ("outcome", {"outcome": "found_well", "note": ""})):
        answer = site.client.post(f"{path}/{step}", json=body, headers=site.token("caseworker", WEST))
        assert answer.status_code == 200, answer.text
    told = _told(site)
    # Asked for after 8 minutes, at the door 42 minutes later.
    assert told["visit"]["median_seconds"] == 42 * 60
    assert _targets(told)["visit_45min"] == (1, 1, True)
    assert told["closing"]["median_seconds"] == 50 * 60


def test_a_visit_nobody_makes_is_a_miss_after_45_minutes(site: Site) -> None:
    site.alert("hh-1")
    site.pass_time(8 + 44)
    assert _targets(_told(site))["visit_45min"] == (0, 0, None)
    site.pass_time(1)
    assert _targets(_told(site))["visit_45min"] == (1, 0, True)


def test_the_areas_right_below_are_told_too_and_no_others(site: Site) -> None:
    _acknowledge(site, site.alert("hh-1", Kind.SMOKE, Severity.URGENT, lasted=0))
    site.pass_time(1)
    told = _told(site)
    assert [(one["area"]["code"], one["alerts"], one["households"], one["band"]) for one in told["children"]] == [
        (WEST, 1, 2, "ahead"),
        (EAST, 0, 1, None),
    ]
    west = _told(site, WEST, reader=WEST)
    assert [one["area"]["code"] for one in west["children"]] == [f"{WEST}01"]
    # Who may see one district learns nothing of the city.
    answer = site.client.get("/api/v1/areas/4401/performance", headers=site.token("viewer", WEST))
    assert answer.status_code == 404


def test_kind_and_severity_narrow_everything_down(site: Site) -> None:
    site.alert("hh-1", Kind.SMOKE, Severity.URGENT, lasted=0)
    site.alert("hh-2", Kind.LEAK, Severity.MEDIUM)
    site.pass_time(5)
    assert _told(site)["alerts"] == 2
    only = _told(site, query="?kind=smoke")
    assert (only["alerts"], only["by_kind"], list(only["severities"])) == (1, {"smoke": 1}, ["urgent"])
    assert _told(site, query="?severity=medium")["by_kind"] == {"leak": 1}
    assert _targets(_told(site, query="?severity=medium"))["urgent_60s"][0] == 0
    for wrong in ("kind=flood", "severity=grave"):
        refused = site.client.get(f"/api/v1/areas/4401/performance?{wrong}", headers=site.token("viewer"))
        assert refused.status_code == 422


def test_the_page_shows_bands_by_word_and_shape_worst_first(site: Site) -> None:
    for household in ("hh-1", "hh-2"):
        site.alert(household, Kind.SMOKE, Severity.URGENT, lasted=0)
    site.pass_time(5)
    _acknowledge(site, site.alert("hh-3", Kind.SMOKE, Severity.URGENT, lasted=0))
    site.pass_time(1)
    page = _page(site, "/areas/4401")
    below = page[page.index("Areas below") :]
    assert below.index(f"/areas/{WEST}?") < below.index(f"/areas/{EAST}?")
    assert "band-just_short" in page
    assert "Just short" in page
    assert "Well ahead" in below
    assert "Urgent: answered within 60 s" in page
    assert "1 of 3, wanted 97.5 %" in page
    chinese = _page(site, "/areas/4401?days=7", "zh-CN")
    assert "略有不足" in chinese
    assert "紧急报警 60 秒内接警" in chinese
    assert "Just short" not in chinese


def test_the_way_to_an_area_begins_where_the_reader_may_see(site: Site) -> None:
    site_token = {**site.token("viewer", WEST), "Accept": "text/html"}
    first = site.client.get("/areas", headers=site_token, follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, f"/areas/{WEST}?days=30")
    page = _page(site, f"/areas/{WEST}01", area=WEST)
    assert f'href="/areas/{WEST}?days=30"' in page
    assert 'href="/areas/4401?' not in page
    assert site.client.get("/areas/4401", headers=site_token).status_code == 404
    assert "There was no alert in this time." in page


def test_the_board_says_that_the_service_itself_is_not_well(site: Site) -> None:
    with site.pool.connection() as conn:
        conn.execute(
            "INSERT INTO service_alert (kind, since, count, detail) VALUES ('stuck_message', %s, 3, 'hh-1 (x): stuck')",
            (site.now,),
        )
    board = _page(site, "/")
    assert "3 messages neither delivered nor given up" in board
    assert "hh-1 (x)" not in board, "only operators of everything learn which households"
    operator = site.client.get("/", headers={**site.token("operator"), "Accept": "text/html"}).text
    assert "hh-1 (x): stuck" in operator
    part = site.client.get("/", headers={**site.token("operator", WEST), "Accept": "text/html"}).text
    assert "hh-1 (x)" not in part
    assert "messages neither delivered" in part
    assert "守望系统自身异常" in _page(site, "/", "zh-CN")
