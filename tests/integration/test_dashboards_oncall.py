"""On-call schedules over the API and on their page: who is on call, exceptions, calendars, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from alerts.oncall.schedule_file import parse
from dashboards.access import COOKIE
from storage import oncall, tokens
from tests.integration.dashboards_site import EAST, NOON, WEST, Site, open_site

FILE = f"""
[city]
name = "City desk"
area = "4401"
zone = "Asia/Shanghai"
[[city.rotations]]
people = ["do-1"]
shift = "1 week"
starts = 2026-11-02

[west]
name = "West desk"
area = "{WEST}"
zone = "Asia/Shanghai"
[[west.rotations]]
people = ["cw-west", "cw-east"]
shift = "1 day"
starts = 2026-11-02
when = ["daily 08:00-20:00"]
[[west.rotations]]
level = 2
people = ["do-1"]
shift = "1 week"
starts = 2026-11-02
"""
OVERRIDES = "/api/v1/oncall/schedules/west/overrides"


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        with opened.pool.connection() as conn:
            oncall.save(conn, parse(FILE, "file"))
        yield opened


def override(person: str = "cw-west", hours: int = 2, **more: object) -> dict[str, object]:
    return {"person": person, "starts": NOON.isoformat(), "ends": (NOON + timedelta(hours=hours)).isoformat(), **more}


def test_who_is_on_call_now_and_who_is_next(site: Site) -> None:
    city, west = site.get("/api/v1/oncall", "viewer")["items"]
    assert (city["schedule"], city["area_name"]) == ("city", "Guangzhou")
    first, second = west["levels"]
    # 5 November is the fourth day of the turns.
    assert (first["now"]["person"], first["now"]["name"]) == ("cw-east", "Zhao Min")
    assert (first["now"]["starts"], first["now"]["ends"]) == ("2026-11-05T00:00:00Z", "2026-11-05T12:00:00Z")
    assert (first["next"]["person"], first["next"]["starts"]) == ("cw-west", "2026-11-06T00:00:00Z")
    assert second["now"]["person"] == "do-1"
    site.now += timedelta(hours=10)
    assert site.get("/api/v1/oncall?area=440101")["items"][0]["levels"][0]["now"] is None


def test_a_schedule_is_seen_only_from_its_area(site: Site) -> None:
    assert [one["schedule"] for one in site.get("/api/v1/oncall", "viewer", WEST)["items"]] == ["west"]
    assert site.get("/api/v1/oncall", "viewer", EAST)["items"] == []
    assert [one["id"] for one in site.get("/api/v1/oncall/schedules?limit=1")["items"]] == ["city"]
    east = site.token("officer", EAST)
    for path in ("schedules/west", "schedules/west/shifts", "west.ics"):
        assert site.client.get(f"/api/v1/oncall/{path}", headers=east).status_code == 404, path
    assert site.client.post(OVERRIDES, headers=east, json=override()).status_code == 404
    assert site.client.post("/api/v1/oncall/west.ics", headers=east, content=b"").status_code == 404
    assert site.client.delete(f"{OVERRIDES}/{uuid4()}", headers=east).status_code == 404


def test_shifts_tell_of_stretches_with_nobody(site: Site) -> None:
    path = "/api/v1/oncall/schedules/west/shifts?from=2026-11-05T04:00:00Z&to=2026-11-06T04:00:00Z"
    first = [(one["person"], one["starts"]) for one in site.get(path)["items"] if one["level"] == 1]
    assert first == [
        ("cw-east", "2026-11-05T00:00:00Z"), (None, "2026-11-05T12:00:00Z"), ("cw-west", "2026-11-06T00:00:00Z"),
    ]  # fmt: skip
    wrong = "/api/v1/oncall/schedules/west/shifts?from=2026-11-05T04:00:00Z&to=2027-11-06T04:00:00Z"
    assert site.client.get(wrong, headers=site.token("viewer")).status_code == 422


def test_an_officer_puts_somebody_on_call_instead_and_takes_it_back(site: Site) -> None:
    added = site.client.post(OVERRIDES, headers=site.token("officer", WEST), json=override(note="swap"))
    assert added.status_code == 201, added.text
    assert (added.json()["person"], added.json()["name"], added.json()["note"]) == ("cw-west", "Li Wei", "swap")
    line = site.get("/api/v1/oncall?area=440101")["items"][0]["levels"][0]
    assert (line["now"]["person"], line["now"]["cause"], line["next"]["person"]) == ("cw-west", "override", "cw-east")
    [shown] = site.get("/api/v1/oncall/schedules/west")["overrides"]
    assert shown == added.json()
    taken_back = site.client.delete(f"{OVERRIDES}/{shown['id']}", headers=site.token("officer", WEST))
    assert taken_back.status_code == 204
    assert site.get("/api/v1/oncall?area=440101")["items"][0]["levels"][0]["now"]["person"] == "cw-east"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"person": "r-1"}, 404),  # a resident is on call for nobody
        ({"person": "stranger"}, 404),
        ({"level": 3}, 422),
        ({"ends": NOON.isoformat()}, 422),
        ({"ends": "2028-01-01T00:00:00Z"}, 422),
        ({"role": "x"}, 422),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(site: Site, change: dict[str, object], status: int) -> None:
    answer = site.client.post(OVERRIDES, headers=site.token("officer"), json={**override(), **change})
    assert answer.status_code == status, answer.text
    assert site.get("/api/v1/oncall/schedules/west")["overrides"] == []


def test_only_officers_change_anything(site: Site) -> None:
    for role in ("viewer", "caseworker"):
        assert site.client.post(OVERRIDES, headers=site.token(role), json=override()).status_code == 403
        assert site.client.post("/api/v1/oncall/west.ics", headers=site.token(role), content=b"").status_code == 403
        assert site.client.delete(f"{OVERRIDES}/{uuid4()}", headers=site.token(role)).status_code == 403


def test_a_calendar_goes_out_is_edited_and_comes_back(site: Site) -> None:
    out = site.client.get("/api/v1/oncall/west.ics", headers=site.token("viewer"))
    assert out.status_code == 200
    assert out.headers["content-type"].startswith("text/calendar")
    officer = site.token("officer")
    same = site.client.post("/api/v1/oncall/west.ics", headers=officer, content=out.content)
    assert (same.json()["taken"], same.json()["unchanged"]) == (0, out.text.count("BEGIN:VEVENT"))
    events = out.text.split("BEGIN:VEVENT")
    index = next(at for at, event in enumerate(events) if "20261106T080000" in event and "cw-west" in event)
    events[index] = events[index].replace("cw-west · Li Wei", "cw-east")
    for _ in range(2):  # the same file twice changes nothing the second time
        edited = site.client.post("/api/v1/oncall/west.ics", headers=officer, content="BEGIN:VEVENT".join(events))
        assert edited.status_code == 200, edited.text
    [only] = site.get("/api/v1/oncall/schedules/west")["overrides"]
    assert (only["person"], only["starts"], only["ends"]) == ("cw-east", "2026-11-06T00:00:00Z", "2026-11-06T12:00:00Z")


def test_a_calendar_that_cannot_be_taken_is_refused_whole_and_every_event_is_named(site: Site) -> None:
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
    event = "BEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:{who}\r\nDTSTART:20261106T080000\r\nDTEND:{to}\r\nEND:VEVENT\r\n"
    good = event.format(uid=1, who="cw-east", to="20261106T100000")
    stranger = event.format(uid=2, who="Mr X", to="20261106T100000")
    backwards = event.format(uid=3, who="cw-west", to="20261106T070000")
    body = f"{head}{good}{stranger}{backwards}END:VCALENDAR\r\n"
    refused = site.client.post("/api/v1/oncall/west.ics", headers=site.token("officer"), content=body)
    assert refused.status_code == 422
    assert "event 2 (Mr X, 20261106T080000, UID 2)" in refused.json()["detail"]
    assert "event 3" in refused.json()["detail"]
    assert site.get("/api/v1/oncall/schedules/west")["overrides"] == []
    large = site.client.post("/api/v1/oncall/west.ics", headers=site.token("officer"), content=b"x" * 2_000_000)
    assert large.status_code == 413


def test_the_page_tells_who_is_on_call_in_both_languages(site: Site) -> None:
    english = site.client.get("/oncall", headers=site.token("viewer")).text
    assert "West desk" in english
    assert "until Thu 5 Nov 20:00" in english
    assert "from Fri 6 Nov 08:00" in english
    assert "/overrides" not in english  # a viewer cannot change anything
    chinese = site.client.get("/oncall", headers={**site.token("officer"), "Accept-Language": "zh-CN"}).text
    for text in ("一线值班", "二线值班", "至 11月5日 周四 20:00", "安排替班", "cw-west, cw-east 轮流"):
        assert text in chinese, text
    assert "无人值班" in chinese


def test_the_page_shows_another_week(site: Site) -> None:
    page = site.client.get("/oncall?week=2026-12-07", headers=site.token("viewer")).text
    assert "Mon 7 Dec" in page
    assert 'href="/oncall?week=2026-12-14"' in page
    assert site.client.get("/oncall?week=1900-01-01", headers=site.token("viewer")).status_code == 422


def test_an_override_is_entered_on_the_page_in_local_time(site: Site) -> None:
    officer = {**site.token("officer"), "Origin": "http://shouwang.test"}
    fields = {"person": "cw-west", "level": "1", "starts": "2026-11-05T13:00", "ends": "2026-11-05T14:30", "note": ""}
    done = site.client.post("/oncall/west/overrides", headers=officer, data=fields, follow_redirects=False)
    assert done.status_code == 303, done.text
    [only] = site.get("/api/v1/oncall/schedules/west")["overrides"]
    assert (only["starts"], only["ends"]) == ("2026-11-05T05:00:00Z", "2026-11-05T06:30:00Z")
    wrong = site.client.post("/oncall/west/overrides", headers=officer, data={**fields, "starts": "noon"})
    assert wrong.status_code == 422
    gone = site.client.post(f"/oncall/west/overrides/{only['id']}/remove", headers=officer, follow_redirects=False)
    assert gone.status_code == 303
    assert site.get("/api/v1/oncall/schedules/west")["overrides"] == []


def _calendar(site: Site, area: str, person: str | None = None) -> str:
    with site.pool.connection() as conn:
        return tokens.create(conn, tokens.CALENDAR, area, person or area, person)


def test_a_calendar_program_fetches_a_persons_shifts_by_a_secret_address(site: Site) -> None:
    fetched = site.client.get(f"/calendars/{_calendar(site, '', 'do-1')}.ics")
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    told = fetched.text
    assert "X-WR-CALNAME:Officer Huang" in told
    assert "do-1" in told
    assert "cw-" not in told, "others' shifts are not in it"
    assert {"City desk", "West desk"} <= {line.removeprefix("DESCRIPTION:") for line in told.splitlines()}


def test_a_calendar_of_an_area_holds_its_schedules_and_no_others(site: Site) -> None:
    told = site.client.get(f"/calendars/{_calendar(site, WEST)}.ics").text
    assert "West desk" in told
    assert "City desk" not in told
    assert "cw-west" in told


def test_a_calendars_address_opens_nothing_else_and_ends_when_it_is_revoked(
    site: Site, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = _calendar(site, "")
    bearer = {"Authorization": f"Bearer {secret}"}
    for path in ("/", "/oncall", "/api/v1/oncall", "/api/v1/alerts"):
        assert site.client.get(path, headers=bearer).status_code == 401, path
        assert site.client.get(path, headers={"Cookie": f"{COOKIE}={secret}"}).status_code == 401, path
    assert site.client.get(f"/?token={secret}", follow_redirects=False).status_code == 401
    operator = site.token("operator")["Authorization"].removeprefix("Bearer ")
    assert site.client.get(f"/calendars/{operator}.ics").status_code == 404, "no other token belongs in an address"
    assert site.client.get(f"/calendars/{secret}.ics").status_code == 200
    with site.pool.connection() as conn:
        tokens.revoke(conn, "")
    gone = site.client.get(f"/calendars/{secret}.ics")
    assert (gone.status_code, secret in gone.text) == (404, False)
    with site.pool.connection() as conn:
        ended = tokens.create(conn, tokens.CALENDAR, "", "x", expires=NOON - timedelta(days=3650))
    assert site.client.get(f"/calendars/{ended}.ics").status_code == 404
    metrics = site.client.get("/metrics", headers=site.token("operator")).text
    seen = capsys.readouterr()
    for written in (caplog.text, seen.out, seen.err, metrics):
        assert secret not in written
