"""Tasks over the API and on their page: who may do what with them, and what is refused with which advice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.dashboards_site import EAST, WEST, Site, open_site


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        opened.alert()
        opened.pass_time(20)
        yield opened


def _task(site: Site) -> dict[str, Any]:
    task: dict[str, Any] = site.get("/api/v1/tasks")["items"][0]
    return task


def _post(
    site: Site, what: str, body: dict[str, Any], *, role: str = "operator", area: str = "", person: str | None = None
) -> Any:
    return site.client.post(
        f"/api/v1/tasks/{_task(site)['id']}/{what}", json=body, headers=site.token(role, area, person)
    )


def test_a_caseworker_refuses_and_with_nobody_left_the_duty_officer_is_called(site: Site) -> None:
    refusing = {"reason": "At another visit"}
    answer = _post(site, "refuse", refusing, role="caseworker", area=WEST, person="cw-west")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["assignee"], answer.json()["status"]) == (None, "open")
    assert answer.json()["refused"] == ["cw-west"]
    again = _post(site, "refuse", refusing, role="caseworker", area=WEST, person="cw-west")
    assert again.json() == answer.json(), "the same request twice changes nothing"
    site.pass_time(1)
    story = site.get(f"/api/v1/alerts/{_task(site)['alert']}")
    assert [one["detail"]["reason"] for one in story["timeline"] if one["kind"] == "task_refused"] == [
        "At another visit"
    ]
    assert any(one["person"] == "do-1" and "refused" in one["text"] for one in story["notifications"])


def test_nobody_refuses_for_somebody_else_but_a_duty_officer(site: Site) -> None:
    body = {"reason": "ill", "person": "cw-west"}
    assert _post(site, "refuse", body, role="caseworker", area=WEST, person="do-1").status_code == 403
    assert _post(site, "refuse", body, role="viewer").status_code == 403
    assert _post(site, "refuse", {"reason": ""}).status_code == 422
    assert _post(site, "refuse", body, role="officer", area=EAST).status_code == 404, "out of their area"
    assert _post(site, "refuse", {"reason": "ill", "person": "nobody"}, role="officer").status_code == 404
    assert _post(site, "refuse", body, role="officer").status_code == 200


def test_what_is_handed_over_stays_with_the_giver_until_it_is_accepted(site: Site) -> None:
    mine = {"role": "caseworker", "area": WEST, "person": "cw-west"}
    assert _post(site, "accept", {}, **mine).status_code == 200
    wrong = _post(site, "handover", {"person": "cw-east"}, **mine)
    assert wrong.status_code == 422
    assert "of the area" in wrong.json()["detail"]
    offered = _post(site, "handover", {"person": "do-1", "note": "I must leave"}, **mine)
    assert (offered.json()["offered_to"], offered.json()["accepted_by"]) == ("do-1", "person:cw-west")
    assert site.get("/api/v1/tasks", params={"assignee": "do-1"})["items"][0]["id"] == _task(site)["id"]
    taken = _post(site, "accept", {}, role="officer", person="do-1")
    assert taken.json()["accepted_by"] == "person:do-1"
    late = _post(site, "handover", {"person": "do-1"}, **mine)
    assert late.status_code == 409, "it is theirs no more"


def test_a_transfer_needs_a_duty_officer_and_is_held_by_the_partner(site: Site) -> None:
    body = {"organisation": "Red Cross", "reference": "RC-118", "address": "+86 20 8333 0000", "note": "next door"}
    assert _post(site, "transfer", body, role="caseworker", area=WEST).status_code == 403
    given = _post(site, "transfer", body, role="officer", area=WEST)
    assert given.status_code == 200, given.text
    shown = given.json()
    assert (shown["partner"], shown["reference"], shown["partner_address"], shown["assignee"]) == (
        "Red Cross",
        "RC-118",
        "+86 20 8333 0000",
        None,
    )
    assert _post(site, "transfer", body, role="officer", area=WEST).json() == shown
    assert site.get(f"/api/v1/alerts/{shown['alert']}")["held_by"] == "partner:Red Cross"
    assert _post(site, "transfer", {"organisation": " "}, role="officer").status_code == 422


def test_an_outcome_says_why_it_was_false_and_when_to_call_again(site: Site) -> None:
    both = {"outcome": "helped", "why": "device_fault"}
    assert _post(site, "outcome", both).status_code == 422
    assert _post(site, "outcome", {"outcome": "false_alarm", "why": "bad luck"}).status_code == 422
    past = {"outcome": "false_alarm", "why": "device_fault", "follow_up_on": "2026-11-04"}
    assert "lies ahead" in _post(site, "outcome", past).json()["detail"]
    for nonsense in ("0001-01-01", "9999-12-31", "tomorrow"):
        assert _post(site, "outcome", {**past, "follow_up_on": nonsense}).status_code == 422
    done = _post(site, "outcome", {**past, "follow_up_on": "2026-11-06"})
    assert (done.json()["why"], done.json()["status"]) == ("device_fault", "done")
    story = site.get(f"/api/v1/alerts/{done.json()['alert']}")
    assert story["status"] == "closed"
    assert [one["action"]["do"] for one in story["steps"] if one["status"] == "pending"] == ["recheck", "follow_up"]
    with site.pool.connection() as conn:
        assert conn.execute("SELECT count(*) FROM verdict").fetchone() == (0,), "a fault says nothing of habits"


def test_the_page_has_a_form_for_each_and_takes_what_they_send(site: Site) -> None:
    headers = {**site.token("officer"), "Accept": "text/html"}
    page = site.client.get("/tasks", headers=headers).text
    task = _task(site)["id"]
    for what in ("accept", "outcome", "refuse", "handover", "transfer"):
        assert f'action="/tasks/{task}/{what}"' in page
    for code in ("away_unregistered", "device_fault", "wrong_household"):
        assert f'value="{code}"' in page
    assert '<option value="do-1">' in page
    own = site.client.get("/tasks", headers={**site.token("caseworker", WEST, "cw-west"), "Accept": "text/html"}).text
    assert f"/tasks/{task}/refuse" in own
    assert f"/tasks/{task}/transfer" not in own, "that is a duty officer's"

    def sent(what: str, **fields: str) -> int:
        return int(site.client.post(f"/tasks/{task}/{what}", data=fields, headers=headers).status_code)

    assert sent("refuse", reason="because") == 422
    assert sent("outcome", outcome="false_alarm") == 422
    assert sent("outcome", outcome="found_well", follow_up_on="soon") == 422
    assert sent("handover", person="do-1", note="") in (200, 303, 204)
    assert sent("transfer", organisation="Red Cross", reference="", address="", note="") in (200, 303, 204)
    assert "With Red Cross" in site.client.get("/tasks", headers=headers).text
    assert sent("outcome", outcome="false_alarm", why="other", note="", follow_up_on="2026-11-20") in (200, 303, 204)
    assert _task(site)["why"] == "other"


def test_the_page_of_tasks_is_all_chinese_for_a_chinese_reader(site: Site) -> None:
    headers = {**site.token("officer"), "Accept": "text/html", "Accept-Language": "zh-CN"}
    page = site.client.get("/tasks", headers=headers).text
    main = page[page.index("<main") : page.index("</main>")]
    for english in ("To do", "Write down", "Hand over", "Refuse", "Transfer", "Found well", "Why was", "Note", "Save"):
        assert f">{english}" not in main
    assert "填写结果" in main
    assert "让别人去" in main
