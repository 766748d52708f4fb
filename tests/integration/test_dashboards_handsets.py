"""Telephones: what lies on them, and what answering does, over the API and on the pages."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from alerts.channels.handset import HandsetChannel
from alerts.model import Notification, NotificationStatus
from alerts.people import Medium, Role
from detectors.finding import Kind, Severity
from registry.instants import to_micros
from storage.alerts.book import books_on
from tests.integration.dashboards_site import WEST, Site, open_site


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _newest(site: Site, phone: str, medium: str) -> dict[str, str]:
    handset = site.get(f"/api/v1/handsets/{phone}")
    found: dict[str, str] = next(one for one in handset["recent"] if one["medium"] == medium)
    return found


def test_a_resident_who_is_fine_closes_an_inactivity_alert(site: Site) -> None:
    alert = site.alert()
    site.pass_time(0)
    [handset] = site.get("/api/v1/handsets")["items"]
    assert (handset["phone"], handset["person_name"], handset["role"]) == ("+86138****0001", "Mrs Chen", "resident")
    assert handset["ringing"] == 1
    call = _newest(site, "+8613812340001", "call")
    assert call["status"] == "ringing"
    answered = site.client.post(
        f"/api/v1/handsets/messages/{call['id']}/answer", headers=site.token("operator"), json={"answer": "1"}
    )
    assert answered.status_code == 200
    assert (answered.json()["status"], answered.json()["answer"]) == ("answered", "1")
    story = site.get(f"/api/v1/alerts/{alert}")
    assert (story["status"], story["outcome"]) == ("closed", "resident_fine")


def test_help_brings_a_visit_at_once(site: Site) -> None:
    alert = site.alert()
    site.pass_time(0)
    sms = _newest(site, "+8613812340001", "sms")
    site.client.post(
        f"/api/v1/handsets/messages/{sms['id']}/answer", headers=site.token("operator"), json={"answer": "2"}
    )
    site.pass_time(1)
    assert [task["kind"] for task in site.get("/api/v1/tasks?status=open")["items"]] == ["visit"]
    assert site.get(f"/api/v1/alerts/{alert}")["severity"] == "urgent"


def test_a_telephone_also_tells_of_the_service_itself_and_takes_no_answer_to_that(site: Site) -> None:
    now, number = to_micros(site.now), "+8613812340031"
    flaw = Notification(
        uuid4(), uuid4(), 0, "do-1", Role.DUTY_OFFICER, number, "handset", Medium.SMS, "en",
        "Shouwang itself is not well",        NotificationStatus.QUEUED, now, now,
    )  # fmt: skip
    HandsetChannel(books_on(site.pool)).send(flaw, now)
    [handset] = site.get("/api/v1/handsets")["items"]
    assert (handset["person"], handset["role"], handset["messages"]) == ("do-1", "duty_officer", 1)
    [message] = site.get(f"/api/v1/handsets/{number}")["recent"]
    assert (message["alert"], message["household"], message["language"]) == (None, None, "en")
    assert site.get("/api/v1/handsets", area=WEST)["items"] == [], "nobody sees beyond their area"
    page = site.client.get("/handsets", headers=site.token("operator")).text
    assert "Shouwang itself is not well" in page
    assert f"/handsets/messages/{flaw.id}/answer" not in page, "there is nothing to answer"
    assert "Shouwang itself is not well" in site.client.get("/", headers=site.token("operator")).text
    answered = site.client.post(
        f"/api/v1/handsets/messages/{flaw.id}/answer", headers=site.token("operator"), json={"answer": "4"}
    )
    assert (answered.status_code, "look at the board" in answered.json()["detail"]) == (409, True)


def test_a_call_that_rang_out_cannot_be_answered(site: Site) -> None:
    site.alert("hh-2", Kind.SMOKE, Severity.URGENT)
    site.pass_time(0)
    call = _newest(site, "+8613812340002", "call")
    site.pass_time(3)
    late = site.client.post(
        f"/api/v1/handsets/messages/{call['id']}/answer", headers=site.token("operator"), json={"answer": "1"}
    )
    assert late.status_code == 409
    assert _newest(site, "+8613812340002", "call")["status"] == "missed"


def test_what_is_not_there_cannot_be_answered(site: Site) -> None:
    operator = site.token("operator")
    path = f"/api/v1/handsets/messages/{uuid4()}/answer"
    assert site.client.post(path, headers=operator, json={"answer": "1"}).status_code == 404
    assert site.client.post(path, headers=operator, json={"answer": ""}).status_code == 422
    assert site.client.get("/api/v1/handsets/+1555", headers=operator).status_code == 404


def test_the_page_shows_ringing_ones_first_with_the_keys_that_can_be_pressed(site: Site) -> None:
    site.alert("hh-2")
    site.pass_time(2)
    site.alert("hh-1", Kind.SMOKE, Severity.URGENT)
    site.pass_time(0)
    page = site.client.get("/handsets", headers=site.token("operator")).text
    assert page.index("Mrs Chen") < page.index("Mr Liu")
    assert page.count('value="2"') >= 1
    call = _newest(site, "+8613812340001", "call")
    pressed = site.client.post(
        f"/handsets/messages/{call['id']}/answer",
        headers={**site.token("operator"), "HX-Request": "true"},
        data={"answer": "1"},
    )
    assert pressed.status_code == 204
    assert pressed.headers["hx-trigger"] == "refresh"
    assert _newest(site, "+8613812340001", "call")["answer"] == "1"
    empty = site.client.post(
        f"/handsets/messages/{call['id']}/answer", headers=site.token("operator"), data={"answer": " "}
    )
    assert empty.status_code == 422
