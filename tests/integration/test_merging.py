"""Merging and splitting alerts over the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from detectors.finding import Kind
from tests.integration.dashboards_site import EAST, Site, open_site


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def test_two_alerts_of_one_cause_are_merged_and_taken_apart_again(site: Site) -> None:
    tap, leak = site.alert("hh-1", Kind.TAP), site.alert("hh-1", Kind.LEAK)
    officer = site.token("officer")
    merged = site.client.post(f"/api/v1/alerts/{tap}/merge", json={"into": str(leak)}, headers=officer)
    assert merged.status_code == 200, merged.text
    assert (merged.json()["status"], merged.json()["part_of"]) == ("closed", str(leak))
    assert "merged" in {event["kind"] for event in site.get(f"/api/v1/alerts/{leak}")["timeline"]}
    apart = site.client.post(f"/api/v1/alerts/{tap}/split", headers=officer)
    assert apart.status_code == 200, apart.text
    assert (apart.json()["status"], apart.json()["part_of"]) == ("unacknowledged", None)
    assert site.client.post(f"/api/v1/alerts/{tap}/split", headers=officer).status_code == 409


def test_only_an_officer_who_sees_both_may_merge_them(site: Site) -> None:
    tap, far = site.alert("hh-1", Kind.TAP), site.alert("hh-3", Kind.TAP)
    path, asked = f"/api/v1/alerts/{tap}/merge", {"into": str(far)}
    assert site.client.post(path, json=asked, headers=site.token("caseworker")).status_code == 403
    assert site.client.post(path, json=asked, headers=site.token("officer", EAST)).status_code == 404
    refused = site.client.post(path, json=asked, headers=site.token("officer"))
    assert 400 <= refused.status_code < 500
    assert site.get(f"/api/v1/alerts/{tap}")["status"] == "unacknowledged"
