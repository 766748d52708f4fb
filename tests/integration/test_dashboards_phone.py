"""A caseworker's phone over the API: whose tasks it gets, what it may do with them, and that it does nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection, OperationalError

from alerts import desk
from alerts.model import Outcome
from detectors.finding import Kind, Severity
from registry.instants import to_micros
from storage import receipts
from storage.alerts.book import PostgresAlertBook
from storage.receipts import Receipt
from tests.integration.dashboards_site import EAST, WEST, Site, open_site

MINE = ("caseworker", WEST, "cw-west")


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        opened.alert()
        opened.pass_time(20)
        yield opened


def _mine(site: Site, who: tuple[str, str, str | None] = MINE, language: str = "en") -> dict[str, Any]:
    answer = site.client.get("/api/v1/my/tasks", headers={**site.token(*who), "Accept-Language": language})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def _task(site: Site) -> dict[str, Any]:
    [task] = _mine(site)["tasks"]
    found: dict[str, Any] = task
    return found


def _send(
    site: Site,
    task: str,
    verb: str,
    body: dict[str, Any],
    *,
    key: str | None = None,
    who: tuple[str, str, str | None] = MINE,
    language: str = "en",
) -> Any:
    headers = {**site.token(*who), "Idempotency-Key": key or str(uuid4()), "Accept-Language": language}
    return site.client.post(f"/api/v1/my/tasks/{task}/{verb}", json=body, headers=headers)


def _told(site: Site, kind: str) -> list[dict[str, Any]]:
    [alert] = [one["id"] for one in site.get("/api/v1/alerts")["items"]]
    return [one for one in site.get(f"/api/v1/alerts/{alert}")["timeline"] if one["kind"] == kind]


# -- whose tasks, and what a phone is shown ---------------------------------------------------------------------------


def test_a_caseworker_gets_their_own_tasks_with_everything_it_takes_to_go_there(site: Site) -> None:
    told = _mine(site)
    [task] = told["tasks"]
    assert (told["person"], told["speed"]) == ("cw-west", 60.0)
    assert (task["household"], task["kind"], task["address"]) == ("hh-1", "visit", "1 West Street")
    assert [(one["name"], one["phone"], one["relation"]) for one in task["people"]] == [
        ("Mrs Chen", "+8613812340001", None),
        ("Daughter Chen", "+8613812340011", "daughter"),
    ]
    assert [one["id"] for one in task["colleagues"]] == ["do-1"], "not themselves, nobody of another district"
    assert "12 h" in task["sentence"]
    assert _mine(site, language="zh-CN")["tasks"][0]["sentence"] != task["sentence"]
    assert _mine(site, ("caseworker", EAST, "cw-east"))["tasks"] == []
    assert _mine(site, ("caseworker", EAST, "cw-west"))["tasks"] == [], "theirs, but out of their area"


def test_what_is_due_soonest_comes_first(site: Site) -> None:
    site.now -= timedelta(minutes=19)
    site.alert("hh-2", Kind.SMOKE, Severity.URGENT)
    site.pass_time(5)
    dues = [task["due"] for task in _mine(site)["tasks"]]
    assert len(dues) == 2
    assert dues == sorted(dues)
    assert [task["household"] for task in _mine(site)["tasks"]] == ["hh-2", "hh-1"]


def test_a_home_is_on_the_map_only_where_somebody_has_said_where_it_is(site: Site) -> None:
    assert (_task(site)["latitude"], _task(site)["longitude"]) == (None, None)
    made = {"id": "hh-9", "area": f"{WEST}01", "coordinates": "23.1291123, 113.2643900", "caseworker": "cw-west"}
    answer = site.client.post("/api/v1/households", json=made, headers=site.token("operator"))
    assert answer.status_code == 201, answer.text
    with site.pool.connection() as conn:
        [(kept,)] = conn.execute("SELECT coordinates FROM household WHERE id = 'hh-9'")
    assert kept.startswith("sealed:1:"), "where somebody lives is an address in other words"
    site.alert("hh-9")
    site.pass_time(20)
    [task] = [one for one in _mine(site)["tasks"] if one["household"] == "hh-9"]
    assert (task["latitude"], task["longitude"]) == (23.12911, 113.26439)
    for wrong in ("91,0", "0,181", "north", "1.5"):
        body = {**made, "id": "hh-8", "coordinates": wrong}
        assert site.client.post("/api/v1/households", json=body, headers=site.token("operator")).status_code == 422


def test_who_is_no_person_or_no_caseworker_has_no_phone(site: Site) -> None:
    task = _task(site)["id"]
    for who, status in (
        (("operator", "", None), 403),
        (("viewer", WEST, "cw-west"), 403),
        (("caseworker", EAST, "cw-east"), 404),
    ):
        assert _send(site, task, "accept", {}, who=who).status_code == status
    assert site.client.get("/api/v1/my/tasks").status_code == 401
    assert site.client.get("/api/v1/my/tasks", headers=site.token("viewer", WEST, "cw-west")).status_code == 403
    assert _told(site, "task_accepted") == []


def test_what_a_phone_is_shown_is_written_down_once(site: Site) -> None:
    for _ in range(3):
        _mine(site)
    with site.pool.connection() as conn:
        seen = conn.execute(
            "SELECT actor, household FROM audit_event WHERE detail->>'address' = '/api/v1/my/tasks'"
        ).fetchall()
    assert seen == [("person:cw-west", "hh-1")]


# -- the way there -----------------------------------------------------------------------------------------------------


def test_the_whole_way_is_on_the_timeline_in_words_and_moves_nothing_that_is_due(site: Site) -> None:
    task = _task(site)["id"]
    assert _send(site, task, "accept", {}).json()["done"] == "accept"
    alert = site.get("/api/v1/alerts")["items"][0]
    due = _task(site)["due"]
    site.now += timedelta(minutes=2)
    assert _send(site, task, "on-my-way", {}).status_code == 200
    site.now += timedelta(minutes=10)
    assert _send(site, task, "arrived", {}).status_code == 200
    there = _task(site)
    assert there["accepted"]
    assert there["arrived_at"] > there["set_out_at"] > there["accepted_at"]
    assert site.get("/api/v1/alerts")["items"][0]["next_step_at"] == alert["next_step_at"]
    assert there["due"] == due
    told = {"en": ("Li Wei is on the way", "Li Wei has arrived"), "zh-CN": ("Li Wei 已出发", "Li Wei 已到达")}
    for language, (way, door) in told.items():
        headers = {**site.token("officer"), "Accept": "text/html", "Accept-Language": language}
        page = site.client.get(f"/alerts/{there['alert']}", headers=headers).text
        assert way in page
        assert door in page
    done = _send(site, task, "outcome", {"outcome": "found_well", "note": "at the door"})
    assert done.status_code == 200, done.text
    after = _mine(site)
    assert after["tasks"] == []
    assert [(one["id"], one["outcome"]) for one in after["done"]] == [(task, "found_well")]


def test_what_waited_for_a_network_is_written_down_as_of_when_it_was(site: Site) -> None:
    task = _task(site)["id"]
    _send(site, task, "accept", {})
    taken = site.now
    site.now += timedelta(minutes=30)
    assert _send(site, task, "on-my-way", {"waited": 10}).status_code == 200  # 10 s at 60 times the speed
    assert _send(site, task, "arrived", {"waited": 3600}).status_code == 200
    [out], [there] = _told(site, "task_set_out"), _told(site, "task_arrived")
    assert out["at"] == (taken + timedelta(minutes=20)).isoformat().replace("+00:00", "Z")
    assert there["at"] == out["at"], "nobody arrives before they set out"


def test_nobody_is_on_the_way_to_what_they_have_not_accepted(site: Site) -> None:
    task = _task(site)["id"]
    assert "accept it before you go" in _send(site, task, "on-my-way", {}).json()["detail"]
    assert _send(site, task, "arrived", {}, who=("officer", "", "do-1")).status_code == 409
    assert "请先接受任务" in _send(site, task, "arrived", {}, language="zh-CN").json()["detail"]
    assert _task(site)["arrived_at"] is None


def test_who_takes_it_over_begins_the_way_anew(site: Site) -> None:
    task = _task(site)["id"]
    for verb, body in (("accept", {}), ("on-my-way", {}), ("handover", {"person": "do-1", "note": "a flat tyre"})):
        assert _send(site, task, verb, body).status_code == 200
    assert _task(site)["offered_to"] == "Officer Huang"
    officer = ("officer", "", "do-1")
    [offered] = _mine(site, officer)["tasks"]
    assert (offered["offered"], offered["accepted"]) == (True, False)
    assert _send(site, task, "accept", {}, who=officer).status_code == 200
    [taken] = _mine(site, officer)["tasks"]
    assert (taken["accepted"], taken["set_out_at"]) == (True, None)
    assert _mine(site)["tasks"] == [], "it is somebody else's now"


def test_a_refused_task_leaves_the_phone(site: Site) -> None:
    task = _task(site)["id"]
    assert _send(site, task, "refuse", {"reason": ""}).status_code == 422
    assert _send(site, task, "refuse", {"reason": "At another visit"}).status_code == 200
    assert _mine(site)["tasks"] == []


# -- once --------------------------------------------------------------------------------------------------------------


def test_the_same_request_again_is_answered_the_same_and_done_once(site: Site) -> None:
    task, key = _task(site)["id"], str(uuid4())
    _send(site, task, "accept", {})
    body = {"outcome": "not_at_home", "note": "rang twice"}
    first = _send(site, task, "outcome", body, key=key)
    site.now += timedelta(minutes=5)
    again = [_send(site, task, "outcome", body, key=key) for _ in range(3)]
    assert first.status_code == 200
    assert {one.text for one in again} == {first.text}, "with the time it was done, not sent"
    assert len(_told(site, "task_outcome")) == 1


def test_of_two_that_arrive_at_once_one_is_done_and_both_get_its_answer(site: Site) -> None:
    task = _task(site)["id"]
    _send(site, task, "accept", {})
    body = {"outcome": "not_at_home", "note": ""}
    for _ in range(5):
        key = str(uuid4())
        with ThreadPoolExecutor(4) as crowd:
            answers = list(crowd.map(lambda _, key=key: _send(site, task, "outcome", body, key=key), range(4)))
        assert {one.status_code for one in answers} == {200}
        assert len({one.text for one in answers}) == 1
    assert len(_told(site, "task_outcome")) == 1


def test_a_refusal_is_remembered_with_its_words(site: Site) -> None:
    task, key = _task(site)["id"], str(uuid4())
    with site.pool.connection() as conn, conn.transaction():
        desk.record_outcome(PostgresAlertBook(conn), UUID(task), "person:do-1", Outcome.HELPED, "", to_micros(site.now))
    body = {"outcome": "found_well"}
    first = _send(site, task, "outcome", body, key=key)
    assert first.status_code == 409
    assert first.json()["detail"].startswith("Officer Huang has recorded helped already")
    chinese = _send(site, task, "outcome", body, key=key, language="zh-CN")
    assert (chinese.status_code, "Officer Huang" in chinese.json()["detail"]) == (409, True)
    assert "has recorded" not in chinese.json()["detail"]
    with site.pool.connection() as conn:
        assert conn.execute("SELECT count(*) FROM receipt WHERE status = 409").fetchone() == (1,)


def test_a_key_stands_for_one_request_of_one_caller(site: Site) -> None:
    task, key = _task(site)["id"], str(uuid4())
    assert _send(site, task, "accept", {}, key=key).status_code == 200
    other = _send(site, task, "outcome", {"outcome": "found_well"}, key=key)
    assert other.status_code == 422
    assert "another request" in other.json()["detail"]
    assert _send(site, task, "accept", {}, key=key, who=("officer", "", "do-1")).status_code == 409, "their own answer"
    nobody = site.client.post(f"/api/v1/my/tasks/{task}/accept", json={}, headers=site.token(*MINE))
    assert nobody.status_code == 422
    assert _send(site, task, "accept", {}, key="again").status_code == 422


def test_what_failed_half_way_may_be_sent_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    task, key = _task(site)["id"], str(uuid4())

    def broken(*_: object) -> None:
        raise OperationalError("the database went away")

    with monkeypatch.context() as failing:
        failing.setattr(receipts, "keep", broken)
        assert _send(site, task, "accept", {}, key=key).status_code == 503
    assert _told(site, "task_accepted") == [], "its effect and its receipt are one transaction"
    assert _send(site, task, "accept", {}, key=key).status_code == 200
    assert len(_told(site, "task_accepted")) == 1


def test_receipts_are_kept_for_thirty_days(site: Site) -> None:
    old, new = uuid4(), uuid4()
    with site.pool.connection() as conn:
        _claimed(conn, old, site)
        site.now += timedelta(days=29, hours=23)
        assert receipts.claim(conn, "person:a", old, b"same", site.now) == Receipt(200, {"done": True})
        site.now += timedelta(hours=2)
        _claimed(conn, new, site)
        assert conn.execute("SELECT key FROM receipt").fetchall() == [(new,)]


def _claimed(conn: Connection, key: Any, site: Site) -> None:
    assert receipts.claim(conn, "person:a", key, b"same", site.now) is None
    receipts.keep(conn, "person:a", key, Receipt(200, {"done": True}))


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "title"), [("en", "My tasks"), ("zh-CN", "我的任务")])
def test_the_page_holds_nothing_of_any_household(site: Site, language: str, title: str) -> None:
    headers = {**site.token(*MINE), "Accept": "text/html", "Accept-Language": language}
    page = site.client.get("/my", headers=headers)
    assert page.status_code == 200
    assert title in page.text
    assert 'data-person="cw-west"' in page.text
    for private in ("hh-1", "West Street", "Mrs Chen", "13812340001"):
        assert private not in page.text
    assert 'data-person=""' in site.client.get("/my", headers={**headers, **site.token("operator")}).text
    assert "geolocation=(self)" in page.headers["permissions-policy"]


def test_nobody_opens_it_without_signing_in(site: Site) -> None:
    gone = site.client.get("/my", headers={"Accept": "text/html"}, follow_redirects=False)
    assert gone.status_code in (303, 401)
    assert "data-person" not in gone.text


def test_the_worker_and_the_manifest_need_no_sign_in_and_name_files_that_are_there(site: Site) -> None:
    worker = site.client.get("/worker.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert "VERSION" not in worker.text
    assert "SHELL" not in worker.text
    manifest = site.client.get("/manifest.webmanifest", headers={"Accept-Language": "zh-CN"})
    assert manifest.headers["content-type"] == "application/manifest+json"
    told = manifest.json()
    assert (told["start_url"], told["lang"], told["short_name"]) == ("/my", "zh-CN", "守望")
    for icon in told["icons"]:
        assert site.client.get(icon["src"]).headers["content-type"].split(";")[0] == icon["type"]
