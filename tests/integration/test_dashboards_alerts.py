"""The API of alerts and tasks over a real database: the whole story of one alert, as a client sees it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from detectors.finding import Kind, Severity
from registry.instants import HOUR
from storage.views import View
from storage.views.alerts import Chosen, board, quiet
from tests.integration.dashboards_site import EAST, WEST, Site, open_site


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def test_an_alert_shows_what_the_contract_promises(site: Site) -> None:
    alert = site.alert()
    page = site.get("/api/v1/alerts")
    assert page["next"] is None
    [shown] = page["items"]
    assert shown["id"] == str(alert)
    assert shown["household"] == "hh-1"
    assert shown["area"] == f"{WEST}01"
    assert shown["kind"] == "inactivity"
    assert shown["rule"] == "shanghai-12h"
    assert shown["severity"] == "high"
    assert shown["status"] == "unacknowledged"
    assert shown["onset"] == "2026-11-04T16:00:00Z"
    assert shown["raised_at"] == "2026-11-05T04:00:00Z"
    assert "12 h" in shown["sentence"]
    assert shown["held_by"] is None
    assert shown["next_step_at"] == "2026-11-05T04:00:00Z"
    assert shown["next_step"] == "SMS to the resident"
    assert shown["sources"] == ["meter-1/volume"]


def test_the_sentence_speaks_the_language_of_its_reader(site: Site) -> None:
    alert = site.alert()
    path = f"/api/v1/alerts/{alert}"
    chinese = site.client.get(path, headers={**site.token("viewer"), "Accept-Language": "zh-CN,en;q=0.5"})
    english = site.client.get(path, headers={**site.token("viewer"), "Accept-Language": "de"})
    assert "升" in chinese.json()["sentence"]
    assert "water" in english.json()["sentence"]


def test_filters_by_status_area_and_kind(site: Site) -> None:
    site.alert("hh-1")
    site.alert("hh-2", Kind.SMOKE, Severity.URGENT)
    closed = site.alert("hh-3")
    site.client.post(f"/api/v1/alerts/{closed}/close", headers=site.token("officer"), json={"outcome": "false_alarm"})

    def households(query: str) -> list[str]:
        return sorted(alert["household"] for alert in site.get(f"/api/v1/alerts?{query}")["items"])

    assert households("status=closed") == ["hh-3"]
    assert households("status=open") == ["hh-1", "hh-2"]
    assert households("status=closed&status=unacknowledged") == ["hh-1", "hh-2", "hh-3"]
    assert households("kind=smoke") == ["hh-2"]
    assert households(f"area={WEST}") == ["hh-1", "hh-2"]
    assert households(f"area={EAST}") == ["hh-3"]
    assert households("household=hh-1") == ["hh-1"]


def test_the_alerts_that_a_storm_keeps_quiet_are_a_list_of_their_own_and_a_page(site: Site) -> None:
    quiet = [site.alert(f"hh-{n}") for n in (1, 2)]
    site.alert("hh-3")
    smaller, larger = uuid4(), uuid4()
    with site.pool.connection() as conn:
        for one, area, part_of in ((larger, WEST, None), (smaller, f"{WEST}01", larger)):
            conn.execute(
                "INSERT INTO storm (id, family, area, began_at, heard_at, ended_at, part_of) "
                "VALUES (%s, 'inactivity', %s, now(), now(), NULL, %s)",
                (one, area, part_of),
            )
            conn.execute(
                "INSERT INTO incident (id, area, cause, source, onset, raised_at, homes, homes_known, part_of, facts) "
                "VALUES (%s, %s, 'unknown', '', now(), now(), 2, 2, %s, %s)",
                (one, area, part_of, Jsonb({"template": "incident_unknown", "family": "inactivity", "since_at": 0,
                                            "homes": 2, "of": 2})),
            )  # fmt: skip
        for alert, storm in zip(quiet, (smaller, larger), strict=True):
            conn.execute("UPDATE alert SET storm = %s WHERE id = %s", (storm, alert))

    def listed(storm: UUID) -> set[str]:
        return {one["id"] for one in site.get(f"/api/v1/alerts?storm={storm}")["items"]}

    assert listed(smaller) == {str(quiet[0])}
    assert listed(larger) == {str(one) for one in quiet}  # what became part of it counts with it
    front = site.client.get("/", headers=site.token("viewer")).text
    assert f"/incidents/{larger}" in front
    first = site.client.get(f"/incidents/{larger}?limit=1", headers=site.token("viewer")).text
    [(at, shown)] = re.findall(r'href="(/alerts/([0-9a-f-]{36}))"', first)
    assert UUID(shown) in quiet
    [onward] = re.findall(r'href="([^"]*cursor=[^"]*)"', first)
    second = site.client.get(html.unescape(onward), headers=site.token("viewer")).text
    assert at not in second
    assert "cursor=" not in second
    east = site.client.get(f"/incidents/{larger}", headers={**site.token("viewer", EAST), "Accept": "text/html"})
    assert east.status_code == 404


def test_the_board_shows_the_gravest_first_and_apart_from_what_is_quiet(site: Site) -> None:
    site.alert("hh-1", severity=Severity.LOW)
    shelved = site.alert("hh-2", Kind.SMOKE, Severity.URGENT)
    site.alert("hh-3", severity=Severity.HIGH)
    aside = {"until": "2026-11-05T08:00:00Z", "reason": "the firemen are there"}
    site.client.post(f"/api/v1/alerts/{shelved}/shelve", headers=site.token("officer"), json=aside)
    with site.pool.connection() as conn:
        everything = View(conn, "")
        assert [row["household"] for row in board(everything, Chosen(), limit=10)] == ["hh-3", "hh-1"]
        assert [row["household"] for row in board(everything, Chosen(), limit=1)] == ["hh-3"]
        assert [row["household"] for row in quiet(everything, Chosen(), limit=10)] == ["hh-2"]
        assert [row["household"] for row in board(View(conn, WEST), Chosen(), limit=10)] == ["hh-1"]


def test_pages_follow_each_other_without_gap_or_repetition(site: Site) -> None:
    raised: list[str] = []
    for kind in (Kind.INACTIVITY, Kind.LEAK, Kind.EXCESS):
        raised += [str(site.alert(household, kind)) for household in ("hh-1", "hh-2", "hh-3")]
        site.pass_time(1)
    seen: list[str] = []
    address = "/api/v1/alerts?limit=2&status=open"
    while address:
        page = site.get(address)
        assert len(page["items"]) <= 2
        seen += [alert["id"] for alert in page["items"]]
        address = page["next"]
    assert len(seen) == 9
    assert set(seen) == set(raised)
    times = [site.get(f"/api/v1/alerts/{alert}")["raised_at"] for alert in seen]
    assert times == sorted(times, reverse=True)


def test_an_acknowledgement_stops_the_ladder_and_is_on_the_timeline(site: Site) -> None:
    alert = site.alert()
    site.pass_time(1)
    taken = site.client.post(f"/api/v1/alerts/{alert}/acknowledge", headers=site.token("caseworker", WEST, "cw-west"))
    assert taken.status_code == 200
    story = taken.json()
    assert story["status"] == "acknowledged"
    assert story["held_by"] == "person:cw-west"
    assert story["next_step_at"] is None
    left = [step["action"]["do"] for step in story["steps"] if step["status"] == "pending"]
    assert left == ["remind", "overdue"], "the ladder has stopped, but they are not let alone with it for ever"
    kinds = [event["kind"] for event in story["timeline"]]
    assert kinds[0] == "raised"
    assert kinds[-1] == "acknowledged"
    assert story["timeline"][-1]["actor"] == "person:cw-west"
    assert [one["medium"] for one in story["notifications"]]

    again = site.client.post(f"/api/v1/alerts/{alert}/acknowledge", headers=site.token("officer"))
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    assert "Li Wei holds this alert" in again.json()["detail"]


def test_shelving_needs_a_reason_and_a_time_ahead(site: Site) -> None:
    alert = site.alert()
    path, officer = f"/api/v1/alerts/{alert}/shelve", site.token("officer", WEST)
    past = site.client.post(path, headers=officer, json={"until": "2026-11-05T03:00:00Z", "reason": "plumber"})
    assert past.status_code == 422
    no_zone = site.client.post(path, headers=officer, json={"until": "2026-11-06T03:00:00", "reason": "plumber"})
    assert no_zone.status_code == 422
    assert no_zone.json()["errors"][0]["field"] == "body.until"
    shelved = site.client.post(path, headers=officer, json={"until": "2026-11-06T11:00:00+08:00", "reason": "plumber"})
    assert shelved.status_code == 200
    assert shelved.json()["status"] == "shelved"
    assert shelved.json()["shelved_until"] == "2026-11-06T03:00:00Z"
    assert shelved.json()["next_step"] == "Comes back"
    back = site.client.post(f"/api/v1/alerts/{alert}/unshelve", headers=officer)
    assert back.json()["status"] == "unacknowledged"


def test_closing_needs_a_human_outcome(site: Site) -> None:
    alert = site.alert()
    path, officer = f"/api/v1/alerts/{alert}/close", site.token("officer")
    for outcome in ("over_before_arrival", "not_at_home", "nonsense"):
        refused = site.client.post(path, headers=officer, json={"outcome": outcome})
        assert refused.status_code == 422, outcome
    closed = site.client.post(path, headers=officer, json={"outcome": "found_well", "note": "in the garden"})
    assert closed.status_code == 200
    assert (closed.json()["status"], closed.json()["outcome"], closed.json()["note"]) == (
        "closed",
        "found_well",
        "in the garden",
    )
    assert closed.json()["closed_at"] == "2026-11-05T04:00:00Z"
    assert site.client.post(f"/api/v1/alerts/{alert}/acknowledge", headers=officer).status_code == 409


def test_who_closes_a_false_alarm_says_why_it_was_one(site: Site) -> None:
    alert = site.alert()
    path, officer = f"/api/v1/alerts/{alert}/close", site.token("officer")
    for wrong in ({"outcome": "found_well", "why": "device_fault"}, {"outcome": "false_alarm", "why": "bad luck"}):
        assert site.client.post(path, headers=officer, json=wrong).status_code == 422, wrong
    for _ in range(2):  # the same twice changes nothing
        closed = site.client.post(path, headers=officer, json={"outcome": "false_alarm", "why": "device_fault"})
        assert (closed.status_code, closed.json()["outcome"], closed.json()["why"]) == (
            200,
            "false_alarm",
            "device_fault",
        )
    other = site.client.post(path, headers=officer, json={"outcome": "false_alarm", "why": "other"})
    assert other.status_code == 409
    told = site.get(f"/api/v1/alerts/{alert}")["timeline"][-1]
    assert (told["kind"], told["detail"]["why_false"]) == ("closed", "device_fault")
    with site.pool.connection() as conn:
        assert conn.execute("SELECT count(*) FROM verdict").fetchone() == (0,), "a faulty device teaches nothing"


def test_nobody_answers_and_a_visit_stands_in_the_list(site: Site) -> None:
    alert = site.alert()
    site.pass_time(20)
    [task] = site.get(f"/api/v1/tasks?status=open&assignee=cw-west&area={WEST}")["items"]
    assert (task["kind"], task["alert"], task["household"]) == ("visit", str(alert), "hh-1")
    assert task["address"] == "**** West Street"
    assert "water" in task["sentence"]
    assert site.get("/api/v1/tasks?assignee=cw-east")["items"] == []
    assert site.get(f"/api/v1/tasks/{task['id']}")["due"] == task["due"]

    caseworker = site.token("caseworker", WEST, "cw-west")
    accepted = site.client.post(f"/api/v1/tasks/{task['id']}/accept", headers=caseworker)
    assert (accepted.json()["status"], accepted.json()["accepted_by"]) == ("accepted", "person:cw-west")
    other = site.client.post(
        f"/api/v1/tasks/{task['id']}/accept", headers=site.token("officer"), json={"person": "do-1"}
    )
    assert other.status_code == 409
    done = site.client.post(
        f"/api/v1/tasks/{task['id']}/outcome",
        headers=caseworker,
        json={"outcome": "helped", "note": "she had fallen"},
    )
    assert (done.json()["status"], done.json()["outcome"]) == ("done", "helped")
    story = site.get(f"/api/v1/alerts/{alert}")
    assert (story["status"], story["outcome"]) == ("closed", "helped")
    assert [one["id"] for one in story["tasks"]] == [task["id"]]


def test_a_task_is_accepted_only_for_staff_of_the_area(site: Site) -> None:
    site.alert()
    site.pass_time(20)
    [task] = site.get("/api/v1/tasks")["items"]
    path = f"/api/v1/tasks/{task['id']}/accept"
    resident = site.client.post(path, headers=site.token("officer", WEST), json={"person": "r-1"})
    assert resident.status_code == 422
    stranger = site.client.post(path, headers=site.token("officer", WEST), json={"person": "cw-east"})
    assert stranger.status_code == 404
    default = site.client.post(path, headers=site.token("officer", WEST))
    assert default.json()["accepted_by"] == "person:cw-west"


def test_what_is_not_there_is_a_problem_that_says_what_to_do(site: Site) -> None:
    nobody = uuid4()
    for method, path in (
        ("GET", f"/api/v1/alerts/{nobody}"),
        ("POST", f"/api/v1/alerts/{nobody}/acknowledge"),
        ("POST", f"/api/v1/tasks/{nobody}/accept"),
        ("GET", "/api/v1/nothing"),
    ):
        answer = site.client.request(method, path, headers=site.token("operator"))
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 404
        assert answer.json()["detail"]


def test_performance_counts_and_waits(site: Site) -> None:
    first = site.alert("hh-1")
    site.pass_time(4)
    site.client.post(f"/api/v1/alerts/{first}/acknowledge", headers=site.token("officer"))
    site.pass_time(6)
    site.client.post(f"/api/v1/alerts/{first}/close", headers=site.token("officer"), json={"outcome": "found_well"})
    site.alert("hh-2", Kind.SMOKE, Severity.URGENT, lasted=0)
    site.alert("hh-3", lasted=30 * HOUR)
    told = site.get(f"/api/v1/areas/{WEST}/performance?to=2026-11-06T00:00:00Z")
    assert (told["alerts"], told["open"]) == (2, 1)
    assert told["by_kind"] == {"inactivity": 1, "smoke": 1}
    assert told["by_severity"] == {"high": 1, "urgent": 1}
    assert told["by_outcome"] == {"found_well": 1}
    assert told["first_notification"]["median_seconds"] == 0
    assert told["acknowledgement"]["median_seconds"] == 240
    assert told["acknowledgement"]["share_in_time"] == 1
    assert told["closing"] == {
        "count": 1,
        "median_seconds": 600,
        "p90_seconds": 600,
        "p99_seconds": 600,
        "target_seconds": 86400,
        "target_share": 0.9,
        "share_in_time": 1,
    }
    assert site.get("/api/v1/areas/4401/performance?to=2026-11-06T00:00:00Z")["alerts"] == 3
    before = site.get(f"/api/v1/areas/{WEST}/performance?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z")
    assert (before["alerts"], before["closing"]["median_seconds"]) == (0, None)


def test_performance_tells_what_visits_found(site: Site) -> None:
    for household, found in (("hh-1", "found_well"), ("hh-2", "helped")):
        site.alert(household)
        site.pass_time(20)
        [task] = site.get("/api/v1/tasks?status=open")["items"]
        for step, body in (("accept", {}), ("outcome", {"outcome": found, "note": ""})):
            path = f"/api/v1/tasks/{task['id']}/{step}"
            assert site.client.post(path, json=body, headers=site.token("caseworker", WEST)).status_code == 200
    told = site.get(f"/api/v1/areas/{WEST}/performance?from=2026-10-27T00:00:00Z&to=2026-11-06T00:00:00Z")
    assert told["visits"] == {
        "needed": 1,
        "false": 1,
        "false_per_1000_days": 50,  # one in ten days of two households
        "accepted_per_1000_days": 1.1,
        "band": "on_target",  # one miss is always allowed
    }
    nowhere = site.get(f"/api/v1/areas/{EAST}/performance?from=2026-10-27T00:00:00Z&to=2026-11-06T00:00:00Z")
    assert {name: nowhere["visits"][name] for name in ("needed", "false", "false_per_1000_days")} == {
        "needed": 0,
        "false": 0,
        "false_per_1000_days": 0,
    }
