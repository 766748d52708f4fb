"""The pages: what stands on them, what their forms do, and that nothing on them needs another host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from alerts.ladders.policy_file import built_in
from dashboards.app import Check
from detectors.finding import Kind, Severity
from tests.integration.dashboards_site import EAST, TOWN, WEST, Site, open_site

_NAMES = {
    *(one for home in TOWN.households for one in (home.id, *home.address.split())),
    *(word for person in TOWN.people for word in (person.id, *person.name.split())),
    *(word for area in TOWN.areas for word in area.name.split()),
    *(rule.policy.name for rule in built_in().rules),
    *("shanghai-12h", "meter-1/volume", "Shanghai", "Asia/Shanghai", "operator@", "CSV", "Esc", "Tab"),
}
"""Words in Latin letters that are names: of homes, people, areas, rules, ladders, sensors, tokens, keys, a format."""


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _page(site: Site, path: str, role: str = "operator") -> str:
    answer = site.client.get(path, headers={**site.token(role), "Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return str(answer.text)


def test_the_board_tells_the_whole_story(site: Site) -> None:
    site.alert()
    site.pass_time(20)
    page = _page(site, "/")
    assert "Meters and smoke detectors speak for people" in page
    assert 'data-speed="60.0"' in page
    assert "60× real time" in page
    assert "No water for 12 h" in page
    assert "Nobody has taken it" in page
    assert re.search(r"Next:</span> Call to the duty officer\s*<time[^>]* data-due=", page)
    assert ">in 10 min</time>" in page
    assert "I take it" in page
    assert "Mrs Chen" in page
    assert "Visit" in page
    assert "Li Wei" in page


def test_the_most_serious_stands_first_and_each_severity_has_its_word(site: Site) -> None:
    site.alert("hh-1", Kind.INACTIVITY, Severity.LOW)
    site.alert("hh-2", Kind.LEAK, Severity.MEDIUM)
    site.alert("hh-3", Kind.SMOKE, Severity.URGENT)
    part = _page(site, "/parts/alerts")
    order = [part.index(f'class="mark mark-{word}"') for word in ("urgent", "medium", "low")]
    assert order == sorted(order)
    for word in ("Urgent", "Medium", "Low"):
        assert word in part


def test_forms_do_what_they_say_and_the_page_follows(site: Site) -> None:
    alert = site.alert()
    officer = {**site.token("officer", WEST), "HX-Request": "true"}
    taken = site.client.post(f"/alerts/{alert}/acknowledge", headers=officer)
    assert (taken.status_code, list(json.loads(taken.headers["hx-trigger"]))) == (204, ["refresh", "done"])
    assert "Taken by officer@440101" in _page(site, "/parts/alerts")
    shelved = site.client.post(
        f"/alerts/{alert}/shelve", headers=officer, data={"hours": "8", "reason": "plumber comes"}
    )
    assert shelved.status_code == 204
    story = _page(site, f"/parts/alerts/{alert}/story")
    assert "Put it aside until 20:00. plumber comes" in story
    assert "1 kept quiet or put aside" in _page(site, "/parts/alerts")
    assert site.client.post(f"/alerts/{alert}/unshelve", headers=officer).status_code == 204
    for wrong in ({"hours": "9", "reason": "x"}, {}):
        assert site.client.post(f"/alerts/{alert}/shelve", headers=officer, data=wrong).status_code == 422
    no_outcome = site.client.post(f"/alerts/{alert}/close", headers=officer, data={"note": "?"})
    assert no_outcome.status_code == 422
    assert "Choose what was found" in no_outcome.json()["detail"]
    closed = site.client.post(
        f"/alerts/{alert}/close",
        headers=site.token("officer", WEST),
        data={"outcome": "found_well", "note": "in the <garden>"},
        follow_redirects=False,
    )
    assert (closed.status_code, closed.headers["location"]) == (303, f"/alerts/{alert}")
    page = _page(site, f"/alerts/{alert}")
    assert "Found well. in the &lt;garden&gt;" in page
    assert "Close the alert" not in page


def test_a_caseworker_goes_and_writes_down_what_was_found(site: Site) -> None:
    alert = site.alert()
    site.pass_time(20)
    worker = site.token("caseworker", WEST, "cw-west")
    [task] = site.get("/api/v1/tasks")["items"]
    page = site.client.get("/tasks", headers=worker).text
    assert "For Li Wei" in page
    assert "1 West Street" in page
    assert "I&#39;ll go" in page
    went = site.client.post(f"/tasks/{task['id']}/accept", headers={**worker, "HX-Request": "true"})
    assert went.status_code == 204
    assert "Accepted by Li Wei" in _page(site, "/parts/tasks")
    done = site.client.post(
        f"/tasks/{task['id']}/outcome",
        headers={**worker, "HX-Request": "true"},
        data={"outcome": "helped", "note": "摔倒了"},
    )
    assert done.status_code == 204
    page = _page(site, "/tasks")
    assert "Needed help and got it" in page
    assert "摔倒了" in page
    story = _page(site, f"/alerts/{alert}")
    assert "Visit accepted by Li Wei" in story
    assert "Visit: Needed help and got it. 摔倒了" in story


def test_every_event_of_a_long_story_is_put_into_words(site: Site) -> None:
    alert = site.alert()
    site.pass_time(3)
    operator = {**site.token("operator"), "HX-Request": "true"}
    recent = site.get("/api/v1/handsets/+8613812340001")["recent"]
    message = next(one["id"] for one in recent if one["medium"] == "sms")
    for answer in ("what", "2"):
        site.client.post(f"/handsets/messages/{message}/answer", headers=operator, data={"answer": answer})
    site.pass_time(60)
    story = _page(site, f"/parts/alerts/{alert}/story")
    lines = re.findall(r"</time>\s*<span>(.*?)</span>", story)
    assert len(lines) == len(site.get(f"/api/v1/alerts/{alert}")["timeline"])
    assert not [line for line in lines if "…" in line or "_" in line], lines
    assert "Answered 2: I need help" in lines
    assert any(line.startswith("Raised by the rule shanghai-12h: so since 00:00") for line in lines)
    ladder = _page(site, f"/parts/alerts/{alert}/actions")
    assert "Visit by the caseworker" in ladder


def test_who_may_not_act_is_not_offered_to(site: Site) -> None:
    alert = site.alert()
    site.pass_time(20)
    board, tasks, page = (
        _page(site, "/", "viewer"),
        _page(site, "/tasks", "viewer"),
        _page(site, f"/alerts/{alert}", "viewer"),
    )
    for text in (board, tasks, page):
        assert 'method="post" action="/alerts' not in text
        assert 'method="post" action="/tasks' not in text
        assert 'href="/handsets"' not in text
    assert "Close it with what was found" not in _page(site, f"/alerts/{alert}", "caseworker")
    assert "Close it with what was found" in _page(site, f"/alerts/{alert}", "officer")


def _english(page: str) -> list[str]:
    """Return the Latin words a reader sees or hears on a page, but for what is called that in any language."""
    shown = re.sub(r"<(script|style|code|kbd)\b.*?</\1>|<!--.*?-->", " ", page, flags=re.DOTALL)
    heard = re.findall(r'(?:title|aria-label|placeholder|data-(?:in|late|waiting|days|hours|minutes))="([^"]*)"', shown)
    said = " ".join([re.sub(r"<[^>]*>", " ", shown), *heard])
    said = re.sub(r"`[^`]*`|\?token=…|\{\w+\}", " ", said)
    return [word for word in re.findall(r"(?a:[A-Za-z][\w@/-]+)", said) if word not in _NAMES]


def test_no_english_word_stands_on_a_chinese_page(site: Site) -> None:
    with site.pool.connection() as conn:  # what is said on a telephone stands there in its owner's language
        conn.execute("UPDATE person SET language = 'zh_CN'")
    first, smoke = site.alert("hh-3"), site.alert("hh-3", Kind.SMOKE, Severity.URGENT)
    site.pass_time(100)
    operator = {**site.token("operator"), "HX-Request": "true"}
    site.client.post(f"/alerts/{smoke}/acknowledge", headers=operator)
    chinese = {**site.token("operator"), "Accept-Language": "zh-CN", "Accept": "text/html"}
    late = site.client.post(f"/alerts/{smoke}/close", headers={**operator, "Accept-Language": "zh-CN"})
    assert late.json()["detail"] == "请先选择结果，再提交"
    shelved = site.alert("hh-2", Kind.LEAK, Severity.MEDIUM)
    site.client.post(f"/alerts/{shelved}/shelve", headers=operator, data={"hours": "24", "reason": "管道维修"})
    site.now += timedelta(days=1)
    pages = [
        "/",
        "/welcome",
        "/design",
        "/parts/keys",
        "/policies?kind=smoke&household=hh-3",
        "/tasks",
        "/handsets",
        "/policies",
        "/oncall",
        "/areas",
        f"/areas/{EAST}",
        "/areas/4401",
    ]
    for path in (*pages, *(f"/alerts/{one}" for one in (first, smoke, shelved))):
        answer = site.client.get(path, headers=chinese)
        assert answer.status_code == 200, path
        assert sorted({*_english(answer.text)}) == [], path
    for path, status in (("/nothing", 404), ("/alerts/nothing", 404), ("/areas/77", 404), ("/oncall?week=x", 422)):
        answer = site.client.get(path, headers=chinese)
        assert answer.status_code == status, path
        assert sorted({*_english(answer.text)}) == [], path
    stranger = site.client.get("/", headers={"Accept-Language": "zh-CN", "Accept": "text/html"})
    assert (stranger.status_code, stranger.url.path) == (200, "/sign-in")
    assert _english(stranger.text) == []


def test_times_stand_in_the_households_zone(site: Site) -> None:
    alert = site.alert()
    site.now += timedelta(days=1)
    assert "5 Nov 12:00" in _page(site, f"/parts/alerts/{alert}/story")
    assert "1 d 0 h" in _page(site, "/parts/alerts")


def test_everything_comes_from_here_and_nothing_runs_inline(site: Site) -> None:
    alert = site.alert()
    site.pass_time(20)
    for path in ("/", "/tasks", "/handsets", f"/alerts/{alert}"):
        answer = site.client.get(path, headers=site.token("operator"))
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=\"/static/)|javascript:", answer.text)
        for address in re.findall(r'(?:src|href|action|hx-get|hx-post)="([^"]*)"', answer.text):
            assert re.match(r"[/#](?!/)", address), address
        for script in re.findall(r'(?:src|href)="(/static/[^"]*)"', answer.text):
            assert site.client.get(script).status_code == 200, script


def test_an_error_on_a_page_is_a_page(site: Site) -> None:
    missing = site.client.get("/alerts/nothing", headers={**site.token("viewer"), "Accept": "text/html"})
    assert missing.status_code == 404
    assert "<h1>" in missing.text
    api = site.client.get("/api/v1/alerts/nothing", headers={**site.token("viewer"), "Accept": "text/html"})
    assert api.headers["content-type"] == "application/problem+json"


def test_a_form_of_unreasonable_size_is_refused(site: Site) -> None:
    alert = site.alert()
    for body, status in ((b"note=" + b"x" * 100_000, 413), (b"note=\xff", 422)):
        answer = site.client.post(
            f"/alerts/{alert}/close",
            headers={**site.token("officer"), "Content-Type": "application/x-www-form-urlencoded"},
            content=body,
        )
        assert answer.status_code == status


def test_health_readiness_and_metrics_need_no_token(site: Site) -> None:
    assert site.client.get("/healthz").json() == {"status": "alive"}
    database = {"ok": True, "why": "", "degraded": False}
    assert site.client.get("/readyz").json() == {"ready": True, "parts": {"database": database}}
    site.ready["broker"] = Check(ok=False, why="start the broker")
    unready = site.client.get("/readyz")
    assert unready.status_code == 503
    assert unready.json()["parts"]["broker"] == {"ok": False, "why": "start the broker", "degraded": False}
    site.ready = {"audit": Check(ok=True, why="1 messages are stuck", degraded=True)}
    assert site.client.get("/readyz").status_code == 200, "degraded is not unready"
    site.get("/api/v1/alerts")
    metrics = site.client.get("/metrics").text
    assert 'shouwang_http_requests_total{method="GET",route="/api/v1/alerts",status="200"} 1.0' in metrics
    assert 'route="/readyz",status="503"' in metrics
    assert "shouwang_http_request_seconds_bucket" in metrics


def test_the_database_gone_is_a_503_with_a_problem(site: Site) -> None:
    viewer = site.token("viewer")
    site.pool.close()
    answer = site.client.get("/api/v1/alerts", headers=viewer)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]
