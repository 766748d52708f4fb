"""The portrait of a household, how it is found, what may be written on it, and the charts of its sensors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from detectors.finding import Kind
from tests.integration.dashboards_site import EAST, NOON, WEST, Site, open_site

_HTML = {"Accept": "text/html"}
QUARTER = timedelta(minutes=15)
MIDNIGHT = NOON - timedelta(hours=12)


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _page(site: Site, path: str, role: str = "operator", area: str = "", language: str = "en") -> str:
    answer = site.client.get(path, headers={**site.token(role, area), **_HTML, "Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def _post(site: Site, path: str, role: str = "operator", area: str = "", **fields: str) -> Any:
    return site.client.post(path, data=fields, headers={**site.token(role, area), "HX-Request": "true"})


def _rows(start: datetime, uses: Sequence[float | None]) -> list[tuple[datetime, float, float | None, int]]:
    """Return readings a quarter of an hour apart; where the use is None there is none."""
    register = 1000.0
    found: list[tuple[datetime, float, float | None, int]] = []
    for at, use in enumerate(uses):
        if use is not None:
            register += use
            found.append((start + at * QUARTER, register, use, 0))
    return found


def _homes(page: str) -> list[str]:
    return re.findall(r'<a href="/households/([^"?]+)"><strong>', page)


# -- finding one -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["hh-1", "hh-2", "hh-3"]),
        ("HH-2", ["hh-2"]),
        ("chen", ["hh-1"]),
        ("奶奶", ["hh-3"]),
        ("west", ["hh-1", "hh-2"]),
        (EAST, ["hh-3"]),
        ("%", []),
        ("daughter", []),
    ],
)
def test_a_home_is_found_by_its_id_its_area_and_who_lives_there(site: Site, words: str, found: list[str]) -> None:
    answer = site.client.get("/households", params={"q": words}, headers={**site.token("viewer"), **_HTML})
    assert _homes(answer.text) == found


def test_search_finds_nothing_out_of_scope(site: Site) -> None:
    assert _homes(_page(site, "/households", "viewer", WEST)) == ["hh-1", "hh-2"]
    for words in ("hh-3", "吴", "East", EAST, "Guangzhou"):
        answer = site.client.get("/households", params={"q": words}, headers={**site.token("viewer", WEST), **_HTML})
        assert "hh-3" not in _homes(answer.text), words
        assert "吴奶奶" not in answer.text


def test_homes_come_page_by_page(site: Site) -> None:
    first = _page(site, "/households?limit=2")
    assert _homes(first) == ["hh-1", "hh-2"]
    following = re.search(r'<a href="([^"]+)">More households', first)
    assert following
    assert _homes(_page(site, following[1].replace("&amp;", "&"))) == ["hh-3"]


def test_what_was_asked_for_is_text_and_nothing_else(site: Site) -> None:
    page = _page(site, '/households?q="><script>alert(1)</script>')
    assert "<script>alert" not in page
    assert "No household here fits" in page


# -- the portrait -----------------------------------------------------------------------------------------------------


def test_the_portrait_says_who_lives_there_and_why_they_are_watched(site: Site) -> None:
    page = _page(site, "/households/hh-1")
    for text in ("Mrs Chen", "Daughter Chen", "daughter", "Li Wei", "Elderly, lives alone", "High risk", "West Street"):
        assert text in page, text
    assert "after a fall nobody else is there to notice" in page
    assert "No alert in the past year" in page
    assert "Officer Huang" not in page


def test_numbers_and_the_door_are_masked(site: Site) -> None:
    page = _page(site, "/households/hh-1")
    assert "+86138****0001" in page
    assert "13812340001" not in page
    assert "1 West Street" not in page


def test_a_home_that_hangs_on_the_supply_says_so(site: Site) -> None:
    says = "hangs on the electricity supply"
    assert says not in _page(site, "/households/hh-2")
    with site.pool.connection() as conn:
        conn.execute("UPDATE household SET risk = 'high' WHERE id = 'hh-2'")
    assert says in _page(site, "/households/hh-2")


def test_what_happened_there_stands_there_with_its_outcome(site: Site) -> None:
    alert = site.alert()
    site.alert("hh-2")
    site.pass_time(60)
    page = _page(site, "/households/hh-1")
    assert page.count("No sign of life") == 2  # the alert, and its visit
    closing = {"outcome": "helped", "note": "she had slipped"}
    assert _post(site, f"/alerts/{alert}/close", **closing).status_code == 204
    page = _page(site, "/households/hh-1")
    assert "Needed help and got it" in page
    assert "she had slipped" in page
    assert "In the past year 1 alerts: in 1 somebody needed help, 0 were false." in page
    assert "helped" not in _page(site, "/parts/households/hh-2/happened")


def test_devices_tell_how_they_are(site: Site) -> None:
    site.store("meter-1", "volume", [(NOON - timedelta(minutes=5), 1000.0, None, 0)])
    site.store("meter-1", "battery", [(NOON - timedelta(hours=2), 41.0, None, 0)])
    page = _page(site, "/households/hh-1")
    assert "Battery 41 %" in page
    assert "Last heard 11:55" in page
    assert "Nothing is wrong with it" in page
    with site.pool.connection() as conn:
        conn.execute(
            "INSERT INTO device_trouble (device, kind, rule, source, since, facts) "
            "VALUES ('meter-1', 'offline', 'offline', 'meter-1', %s, '{}')",
            [NOON - timedelta(days=2)],
        )
        for at, device in ((timedelta(days=1), "meter-1"), (timedelta(days=8), "meter-1"), (timedelta(0), "meter-3")):
            conn.execute(
                "INSERT INTO quarantine (digest, at, gateway, topic, payload, reason, place, detail, device) "
                "VALUES (%s, %s, 'gw-west', 't', '[]', 'wrong_unit', '[0].u', 'send it in l', %s)",
                [repr((at, device)).encode(), NOON - at, device],
            )
    page = _page(site, "/households/hh-1")
    assert "Silent" in page
    assert "since 3 Nov 12:00" in page
    assert "1 of its messages were refused in the last 7 days" in page
    assert "Nothing is wrong with it" not in page


def test_a_device_nobody_ever_heard_says_so(site: Site) -> None:
    assert "Nothing was ever heard of it" in _page(site, "/households/hh-3")


@pytest.mark.parametrize(
    "path",
    ["/households/hh-3", "/parts/households/hh-3/happened", "/parts/households/hh-3/kept", "/households/nobody"],
)
def test_another_area_s_home_does_not_exist(site: Site, path: str) -> None:
    answer = site.client.get(path, headers={**site.token("officer", WEST), **_HTML})
    assert answer.status_code == 404
    assert "吴奶奶" not in answer.text


def test_the_page_is_there_in_chinese(site: Site) -> None:
    page = _page(site, "/households/hh-1", language="zh-CN")
    for text in ("独居老人", "高风险", "住户成员", "生活规律", "周一"):
        assert (text in page) == (text not in ("生活规律", "周一")), text  # no register has told anything yet
    site.store("meter-1", "volume", _rows(NOON - timedelta(days=2), [1.0] * 100))
    page = _page(site, "/households/hh-1", language="zh-CN")
    assert "生活规律" in page
    assert "周一" in page


def test_habits_stand_by_hour_of_the_week_in_its_zone(site: Site) -> None:
    quarters = [0.0] * 96 * 14
    for day in range(14):
        quarters[day * 96 + 7 * 4] = 9.0  # seven in the morning in Shanghai
    site.store("meter-1", "volume", _rows(MIDNIGHT - timedelta(days=14), quarters))
    page = _page(site, "/households/hh-1")
    rows = re.findall(r'<tr><th scope="row">(\w+)</th>(.*?)</tr>', page)
    assert [name for name, _ in rows] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    for _, cells in rows:
        shares = re.findall(r"<span>(\d+|–)</span>", cells)
        assert shares[7] == "100"
        assert {*shares[:7], *shares[8:]} == {"0"}
    assert "Most often between 07:00 and 08:00 (100 % of days)" in page


@pytest.mark.parametrize(
    ("query", "start", "stop", "later"),
    [
        ("", "2026-10-30", "2026-11-06", False),
        ("?period=day", "2026-11-05", "2026-11-06", False),
        ("?period=month&at=2026-10-31", "2026-10-01", "2026-11-01", True),
        ("?period=year&at=2026-11-05", "2025-11-06", "2026-11-06", False),
        ("?period=century&at=yesterday", "2026-10-30", "2026-11-06", False),
        ("?at=2099-01-01", "2026-10-30", "2026-11-06", False),
    ],
)
def test_the_address_says_which_days_the_charts_show(
    site: Site, query: str, start: str, stop: str, *, later: bool
) -> None:
    site.store("meter-1", "volume", [(NOON, 1.0, None, 0)])
    page = _page(site, f"/households/hh-1{query}")
    sources = re.findall(r'data-src="([^"]+)"', page)
    assert sources == [
        f"/api/v1/sensors/meter-1/volume/chart?from={start}T00%3A00%3A00%2B08%3A00&amp;to={stop}T00%3A00%3A00%2B08%3A00"
    ]
    assert (">Later" in page) == later
    chart = site.get(sources[0].replace("&amp;", "&"))
    assert chart["start"] == f"{datetime.fromisoformat(start) - timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}"


# -- what may be written ----------------------------------------------------------------------------------------------


def test_the_note_is_changed_by_who_may(site: Site) -> None:
    path = "/households/hh-1/note"
    assert _post(site, path, "viewer", note="x", was="").status_code == 403
    assert _post(site, path, "caseworker", EAST, note="x", was="").status_code == 404
    assert _post(site, path, "caseworker", WEST, note="Knock loudly\r\n<b>twice</b>", was="").status_code == 204
    page = _page(site, "/households/hh-1")
    assert '<p class="note">Knock loudly\n&lt;b&gt;twice&lt;/b&gt;</p>' in page
    assert "Change the note" not in _page(site, "/households/hh-1", "viewer")


def test_a_note_that_somebody_changed_meanwhile_is_kept(site: Site) -> None:
    path = "/households/hh-1/note"
    assert _post(site, path, note="first", was="").status_code == 204
    refused = _post(site, path, note="second", was="")
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "Somebody else has changed the note meanwhile: read it anew, then add yours.",
    )
    assert _post(site, path, note="second", was="first").status_code == 204
    assert site.get("/api/v1/households")["items"][0]["note"] == "second"
    assert _post(site, path, note="x" * 4001, was="second").status_code == 422


def test_an_absence_is_entered_in_the_household_s_time_and_ended(site: Site) -> None:
    path = "/households/hh-1/absences"
    stay = {"starts": "2026-11-05T08:00", "ends": "2026-11-08T20:00", "reason": "with her daughter"}
    assert _post(site, path, "officer", WEST, **stay).status_code == 403
    assert _post(site, path, "operator", EAST, **stay).status_code == 404
    assert _post(site, path, **stay).status_code == 204
    [entered] = site.get("/api/v1/absences")["items"]
    assert (entered["starts"], entered["ends"]) == ("2026-11-05T00:00:00Z", "2026-11-08T12:00:00Z")
    page = _page(site, "/households/hh-1")
    assert "with her daughter" in page
    assert page.count("away now") == 2
    assert _post(site, path, **stay).status_code == 409
    assert _post(site, path, starts="2026-11-09T08:00", ends="2026-11-09T08:00").status_code == 422
    assert _post(site, path, starts="soon", ends="later").status_code == 422
    assert _post(site, f"/households/hh-2/absences/{entered['id']}/end").status_code == 409
    assert _post(site, f"{path}/{entered['id']}/end").status_code == 204
    assert site.get("/api/v1/absences")["items"][0]["ends"] == "2026-11-05T04:00:00Z"
    assert _post(site, f"{path}/{entered['id']}/end").status_code == 409


def test_an_absence_that_has_not_begun_is_taken_back(site: Site) -> None:
    path = "/households/hh-1/absences"
    assert _post(site, path, starts="2026-11-06T08:00", ends="2026-11-08T20:00").status_code == 204
    [entered] = site.get("/api/v1/absences")["items"]
    assert _post(site, f"{path}/{entered['id']}/end").status_code == 204
    assert site.get("/api/v1/absences")["items"] == []


# -- charts -----------------------------------------------------------------------------------------------------------


def _chart(site: Site, start: datetime, stop: datetime, sensor: str = "meter-1/volume", **more: Any) -> Any:
    span = {"from": start.isoformat(), "to": stop.isoformat()}
    return site.get(f"/api/v1/sensors/{sensor}/chart", params=span, **more)


def test_a_day_is_drawn_in_quarters_beside_the_habit(site: Site) -> None:
    history = [float(day) for day in range(28) for _ in range(96)]
    today: list[float | None] = [2.0] * 20 + [None] * 8 + [30.0] + [2.0] * 19
    site.store("meter-1", "volume", _rows(MIDNIGHT - timedelta(days=28), [*history, *today]))
    chart = _chart(site, MIDNIGHT, MIDNIGHT + timedelta(days=1))
    assert (chart["unit"], chart["measure"], chart["width"], len(chart["times"])) == ("l", "use", 900, 96)
    assert chart["times"][0] == MIDNIGHT.timestamp()
    assert chart["values"][:30] == [2.0] * 20 + [None] * 9 + [2.0]
    assert chart["values"][48:] == [None] * 48  # what is still to come
    # 28 days end on a Wednesday: with days counted from 0, Saturdays and Sundays are those with 2 and 3 modulo 7.
    workdays = sorted(day for day in range(28) if day % 7 not in (2, 3))
    assert chart["habit"]["usual"] == [(workdays[9] + workdays[10]) / 2] * 96
    assert chart["habit"]["low"][0] == pytest.approx(workdays[1] + 0.9 * (workdays[2] - workdays[1]))
    assert chart["gaps"] == [{"begin": "2026-11-04T21:00:00Z", "end": "2026-11-04T23:00:00Z", "use": 30.0}]


def test_weeks_are_drawn_in_hours_and_years_in_days(site: Site) -> None:
    site.store("meter-1", "volume", _rows(MIDNIGHT - timedelta(days=30), [1.0] * 96 * 30))
    week = _chart(site, MIDNIGHT - timedelta(days=7), MIDNIGHT)
    assert (week["width"], week["values"]) == (3600, [4.0] * 168)
    year = _chart(site, MIDNIGHT - timedelta(days=365), MIDNIGHT)
    assert (year["width"], len(year["values"])) == (86400, 365)
    assert year["values"][-30:] == [96.0] * 30
    assert year["values"][:335] == [None] * 335
    assert year["gaps"] == []  # before its first reading it was not there
    assert year["habit"]["usual"][-1] == 96.0


def test_absences_and_announced_work_are_spans(site: Site) -> None:
    site.store("meter-1", "volume", _rows(MIDNIGHT - timedelta(days=2), [1.0] * 192))
    with site.pool.connection() as conn:
        conn.execute(
            "INSERT INTO absence (household, starts, ends, reason) VALUES ('hh-1', %s, %s, 'clinic')",
            [MIDNIGHT - timedelta(days=1), MIDNIGHT - timedelta(hours=12)],
        )
        for area, gateway in ((WEST, None), (EAST, None), (WEST, "gw-east")):
            conn.execute(
                "INSERT INTO maintenance (area, gateway, starts, ends, reason, made_by, made_at) "
                "VALUES (%s, %s, %s, %s, %s, 'token:x', %s)",
                [area, gateway, MIDNIGHT - timedelta(hours=6), MIDNIGHT, f"{area} {gateway}", MIDNIGHT],
            )
    chart = _chart(site, MIDNIGHT - timedelta(days=2), MIDNIGHT)
    assert chart["absences"] == [{"begin": "2026-11-03T16:00:00Z", "end": "2026-11-04T04:00:00Z", "reason": "clinic"}]
    assert [one["reason"] for one in chart["maintenance"]] == [f"{WEST} None"]


def test_what_is_measured_has_a_mean_and_smoke_its_peak(site: Site) -> None:
    hours = [MIDNIGHT + timedelta(minutes=5 * n) for n in range(6)]
    site.store("meter-1", "temperature", [(at, 20.0 + n, None, 0) for n, at in enumerate(hours)])
    site.store("meter-1", "smoke", [(at, 0.1 * n, None, 0) for n, at in enumerate(hours)])
    stop = MIDNIGHT + timedelta(hours=1)
    temperature = _chart(site, MIDNIGHT, stop, "meter-1/temperature")
    assert (temperature["measure"], temperature["values"]) == ("mean", [21.0, 24.0, None, None])
    assert temperature["habit"] is None
    smoke = _chart(site, MIDNIGHT, stop, "meter-1/smoke")
    assert (smoke["measure"], smoke["values"]) == ("max", [0.2, 0.5, None, None])


def test_a_sensor_silent_for_longer_than_a_chart_looks_back_is_one_gap(site: Site) -> None:
    site.store("meter-1", "volume", _rows(MIDNIGHT - timedelta(days=90), [1.0] * 96))
    chart = _chart(site, MIDNIGHT - timedelta(days=1), MIDNIGHT)
    assert chart["gaps"] == [{"begin": "2026-08-07T15:45:00Z", "end": "2026-11-04T16:00:00Z", "use": None}]


def test_charts_are_confined(site: Site) -> None:
    site.store("meter-3", "volume", _rows(MIDNIGHT, [1.0]))
    path = "/api/v1/sensors/meter-3/volume/chart"
    assert site.client.get(path, headers=site.token("viewer", WEST)).status_code == 404
    assert site.client.get(path, headers=site.token("viewer", EAST)).status_code == 200
    assert site.client.get("/api/v1/sensors/meter-3/gravity/chart", headers=site.token("viewer")).status_code == 404
    assert site.client.get(path).status_code == 401


@pytest.mark.parametrize("span", [{"from": "2026-11-05T04:00:00Z"}, {"from": "2025-11-01T00:00:00Z"}])
def test_a_chart_shows_something_and_at_most_a_year(site: Site, span: dict[str, str]) -> None:
    site.store("meter-1", "volume", _rows(MIDNIGHT, [1.0]))
    answer = site.client.get("/api/v1/sensors/meter-1/volume/chart", params=span, headers=site.token("viewer"))
    assert answer.status_code == 422
    assert answer.json()["detail"] == "query.from: write a moment before `to`, at most 367 days"


def test_an_alert_shows_the_sensors_it_was_seen_on_from_days_before_its_onset(site: Site) -> None:
    for quantity in ("volume", "energy", "battery", "smoke"):
        site.store("meter-1", quantity, [(NOON, 1.0, None, 0)])
    silence, burst = site.alert("hh-1"), site.alert("hh-1", Kind.BURST, lasted=3_600_000_000)
    page = _page(site, f"/parts/alerts/{silence}/charts")
    assert re.findall(r"sensors/meter-1/(\w+)/chart", page) == ["volume", "energy"]  # silence is of all meters
    assert "from=2026-11-01T16%3A00%3A00%2B00%3A00&amp;to=2026-11-05T04%3A00%3A00%2B00%3A00" in page
    assert f'data-onset="{int(MIDNIGHT.timestamp() * 1000)}"' in page
    assert re.findall(r"sensors/meter-1/(\w+)/chart", _page(site, f"/parts/alerts/{burst}/charts")) == ["volume"]
    assert f'hx-get="/parts/alerts/{silence}/charts"' in _page(site, f"/alerts/{silence}")
    hidden = site.client.get(f"/parts/alerts/{silence}/charts", headers={**site.token("viewer", EAST), **_HTML})
    assert hidden.status_code == 404


def test_only_pages_with_charts_load_what_draws_them(site: Site) -> None:
    assert "uplot" not in _page(site, "/")
    assert "uplot" in _page(site, "/households/hh-1")
    assert "uplot" in _page(site, f"/alerts/{site.alert()}")
