"""Announced work over the API: who may announce it, what it keeps quiet, and what is raised when it is ended early."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from detectors.finding import Kind
from tests.integration.dashboards_site import EAST, NOON, WEST, Site, open_site


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _work(**more: Any) -> dict[str, Any]:
    begins, ends = NOON - timedelta(hours=1), NOON + timedelta(hours=2)
    return {"starts": begins.isoformat(), "ends": ends.isoformat(), "reason": "mains are flushed", **more}


def test_what_is_raised_during_announced_work_waits_for_its_end(site: Site) -> None:
    made = site.client.post("/api/v1/maintenance", json=_work(area=WEST), headers=site.token("officer"))
    assert made.status_code == 201, made.text
    quiet, elsewhere = site.alert("hh-1", Kind.INACTIVITY), site.alert("hh-3", Kind.INACTIVITY)
    shown = site.get(f"/api/v1/alerts/{quiet}")
    assert (shown["status"], shown["suppressed_why"]) == ("suppressed", "maintenance")
    assert site.get(f"/api/v1/alerts/{elsewhere}")["status"] == "unacknowledged"
    [listed] = site.get("/api/v1/maintenance")["items"]
    assert (listed["area"], listed["waiting"], listed["reason"]) == (WEST, 1, "mains are flushed")
    # Ended before its time: what is still so is raised at once.
    number = made.json()["id"]
    ended = site.client.delete(f"/api/v1/maintenance/{number}", headers=site.token("officer"))
    assert ended.status_code == 204, ended.text
    site.pass_time()
    assert site.get(f"/api/v1/alerts/{quiet}")["status"] == "unacknowledged"
    assert site.get("/api/v1/maintenance")["items"] == []


@pytest.mark.parametrize(
    ("narrow", "status"),
    [
        ({"area": WEST, "kinds": ["leak"]}, "unacknowledged"),
        ({"area": WEST, "gateway": "gw-east"}, "unacknowledged"),
        ({"area": WEST, "gateway": "gw-west"}, "suppressed"),
        ({"household": "hh-2"}, "unacknowledged"),
        ({"household": "hh-1", "kinds": ["inactivity"]}, "suppressed"),
    ],
)
def test_it_keeps_quiet_only_what_it_names(site: Site, narrow: dict[str, Any], status: str) -> None:
    made = site.client.post("/api/v1/maintenance", json=_work(**narrow), headers=site.token("officer"))
    assert made.status_code == 201, made.text
    assert site.get(f"/api/v1/alerts/{site.alert('hh-1')}")["status"] == status


def test_only_an_officer_of_the_area_may_announce_or_end_it(site: Site) -> None:
    asked = _work(area=WEST)
    post = site.client.post
    assert post("/api/v1/maintenance", json=asked, headers=site.token("caseworker", WEST)).status_code == 403
    assert post("/api/v1/maintenance", json=asked, headers=site.token("officer", EAST)).status_code == 404
    home = _work(household="hh-1")
    assert post("/api/v1/maintenance", json=home, headers=site.token("officer", EAST)).status_code == 404
    made = post("/api/v1/maintenance", json=asked, headers=site.token("officer", WEST))
    assert made.status_code == 201
    path = f"/api/v1/maintenance/{made.json()['id']}"
    assert site.get("/api/v1/maintenance", area=EAST)["items"] == []
    assert site.client.delete(path, headers=site.token("officer", EAST)).status_code == 404
    assert site.client.delete(path, headers=site.token("officer", WEST)).status_code == 204


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"area": WEST, "household": "hh-1"},
        {"area": WEST, "kinds": ["smoke"]},
        {"area": WEST, "kinds": []},
        {"area": WEST, "reason": ""},
        {"area": WEST, "ends": (NOON - timedelta(hours=2)).isoformat()},
    ],
)
def test_what_makes_no_sense_is_refused(site: Site, wrong: dict[str, Any]) -> None:
    answer = site.client.post("/api/v1/maintenance", json=_work(**wrong), headers=site.token("officer"))
    assert answer.status_code == 422
