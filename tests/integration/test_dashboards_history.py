"""Alerts with a long history: folded on their page, whole page by page and in the API; and refusals with names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from dashboards.pages import history
from dashboards.words.languages import translator
from detectors.finding import Kind, Severity
from tests.integration.dashboards_site import WEST, Site, open_site

_HTML = {"Accept": "text/html"}


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _page(site: Site, path: str, language: str = "en") -> str:
    answer = site.client.get(path, headers={**site.token("operator"), **_HTML, "Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def _unanswered(site: Site, minutes: float = 100) -> UUID:
    alert = site.alert("hh-1", Kind.SMOKE, Severity.URGENT)
    site.pass_time(minutes)
    return alert


def _lines(page: str) -> list[str]:
    return re.findall(r"</time>\s*<span>(.*?)</span>", page)


def test_a_smoke_alert_that_nobody_takes_calls_less_and_less_often_but_never_stops(site: Site) -> None:
    alert = _unanswered(site)
    calls = [
        one["created_at"][11:16]
        for one in site.get(f"/api/v1/alerts/{alert}")["notifications"]
        if one["role"] == "duty_officer" and one["medium"] == "call"
    ]
    assert calls == ["04:01", "04:05", "04:10", "04:15", "04:20", "04:25", "04:30", "04:35", "05:05", "05:35"]


def test_a_long_story_is_folded_on_its_page_and_whole_elsewhere(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    alert = _unanswered(site)
    told = site.get(f"/api/v1/alerts/{alert}")
    for name in history.KEPT:
        monkeypatch.setitem(history.KEPT, name, (3, 4))
    story, actions = _page(site, f"/parts/alerts/{alert}/story"), _page(site, f"/parts/alerts/{alert}/actions")
    assert len(_lines(story)) == 7
    assert f'<a href="/alerts/{alert}/timeline">… {len(told["timeline"]) - 7} more</a>' in story
    assert f'<a href="/alerts/{alert}/messages">… {len(told["notifications"]) - 7} more</a>' in actions
    assert f'<a href="/alerts/{alert}/steps">… {len(told["steps"]) - 7} more</a>' in actions
    seen: list[str] = []
    path: str | None = f"/alerts/{alert}/timeline?limit=10"
    while path is not None:
        page = _page(site, path)
        seen += _lines(page)
        found = re.search(r'<a href="([^"]+)">Later ones</a>', page)
        path = found[1].replace("&amp;", "&") if found else None
    assert len(seen) == len(told["timeline"])
    assert [*seen[:3], *seen[-4:]] == _lines(story)
    assert _page(site, f"/alerts/{alert}/messages").count('class="said"') == len(told["notifications"])
    assert _page(site, f"/alerts/{alert}/steps").count("Call to the duty officer") > 7


def test_a_short_story_is_not_folded(site: Site) -> None:
    alert = site.alert()
    site.pass_time(3)
    page = _page(site, f"/alerts/{alert}")
    assert 'class="fold"' not in page
    assert len(_lines(page)) == len(site.get(f"/api/v1/alerts/{alert}")["timeline"])


def test_the_history_of_another_area_does_not_exist(site: Site) -> None:
    alert = site.alert("hh-3")
    for which in ("timeline", "messages", "steps"):
        answer = site.client.get(f"/alerts/{alert}/{which}", headers={**site.token("officer", WEST), **_HTML})
        assert answer.status_code == 404, which
    assert site.client.get(f"/alerts/{alert}/story", headers={**site.token("operator"), **_HTML}).status_code == 404


def test_an_alert_heard_of_late_says_when_it_was_raised(site: Site) -> None:
    alert = site.alert()
    assert "heard of here" not in _page(site, "/")
    with site.pool.connection() as conn:
        conn.execute("UPDATE alert SET raised_at = raised_at - interval '10 hours' WHERE id = %s", (alert,))
    assert "Raised 02:00, heard of here 12:00." in _page(site, "/")
    assert "heard of here 12:00" in _page(site, f"/alerts/{alert}")
    site.now += timedelta(days=1)
    assert "11月5日 02:00 报警，本系统于 11月5日 12:00 收到。" in _page(site, "/", "zh-CN")


def test_refusals_tell_of_people_by_name_in_the_api_and_on_pages(site: Site) -> None:
    alert = site.alert()
    worker = site.token("caseworker", WEST, "cw-west")
    assert site.client.post(f"/api/v1/alerts/{alert}/acknowledge", headers=worker).status_code == 200
    other = site.token("officer", WEST)
    refused = site.client.post(f"/api/v1/alerts/{alert}/acknowledge", headers={**other, "Accept-Language": "zh"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == ("Li Wei holds this alert already; speak with them, or close it with an outcome")
    form = {**other, "Accept-Language": "zh", "HX-Request": "true"}
    refused = site.client.post(f"/alerts/{alert}/acknowledge", headers=form)
    assert refused.json()["detail"] == "这条报警已由Li Wei处理，请与其联系，或填写结果办结"


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_broken_link_leads_nowhere_in_the_reader_s_language(site: Site, language: str) -> None:
    for path in ("/alerts/nonsense", "/incidents/1", f"/alerts/{uuid4()}/poem"):
        answer = site.client.get(path, headers={**site.token("operator"), **_HTML, "Accept-Language": language})
        assert answer.status_code == 404, path
        assert "UUID" not in answer.text
        assert translator(language)("Not Found") in answer.text
    api = site.client.get("/api/v1/alerts/nonsense", headers=site.token("operator"))
    assert (api.status_code, api.json()["errors"][0]["field"]) == (422, "path.alert_id")


def test_who_closes_a_false_alarm_on_its_page_says_why(site: Site) -> None:
    alert = site.alert()
    officer = {**site.token("officer", WEST), "HX-Request": "true"}
    form = _page(site, f"/parts/alerts/{alert}/actions")
    assert 'name="why" value="device_fault"' in form
    path = f"/alerts/{alert}/close"
    refused = site.client.post(path, headers=officer, data={"outcome": "false_alarm"})
    assert (refused.status_code, refused.json()["detail"]) == (
        422,
        "Choose why it was a false alarm, then send the form again",
    )
    said = {"outcome": "false_alarm", "why": "device_fault", "note": "battery"}
    assert site.client.post(path, headers=officer, data=said).status_code == 204
    assert site.get(f"/api/v1/alerts/{alert}")["why"] == "device_fault"
    assert "False alarm. The device was faulty. battery" in _page(site, f"/alerts/{alert}")


def test_what_was_chosen_before_another_outcome_does_not_count(site: Site) -> None:
    alert = site.alert()
    officer = {**site.token("officer", WEST), "HX-Request": "true"}
    said = {"outcome": "found_well", "why": "device_fault"}
    assert site.client.post(f"/alerts/{alert}/close", headers=officer, data=said).status_code == 204
    assert site.get(f"/api/v1/alerts/{alert}")["why"] is None
