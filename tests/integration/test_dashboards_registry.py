"""The API of the registry, of sensors and of the quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.readings import Flag
from tests.integration.dashboards_site import NOON, WEST, Site, open_site


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _add(site: Site, what: str, body: dict[str, Any]) -> Any:
    return site.client.post(f"/api/v1/{what}", headers=site.token("operator"), json=body)


def test_a_home_is_registered_piece_by_piece(site: Site) -> None:
    home = _add(site, "households", {"id": "hh-9", "area": f"{WEST}01", "address": "9 West Street"})
    assert home.status_code == 201
    assert (home.json()["zone"], home.json()["category"]) == ("Asia/Shanghai", "other")
    resident = _add(
        site,
        "people",
        {"id": "r-9", "name": "Old Ma", "role": "resident", "household": "hh-9", "phone": "138 1234 0009"},
    )
    assert resident.status_code == 201
    assert resident.json()["phone"] == "+8613812340009"
    contact = _add(site, "contacts", {"household": "hh-9", "position": 1, "person": "c-1", "relation": "niece"})
    assert contact.status_code == 201
    device = _add(site, "devices", {"id": "meter-9", "household": "hh-9", "gateway": "gw-9"})
    assert device.json() == {"id": "meter-9", "household": "hh-9", "gateway": "gw-9", "model": "", "sensors": []}
    away = _add(
        site,
        "absences",
        {"household": "hh-9", "starts": "2026-11-06T00:00:00+08:00", "ends": "2026-11-08T00:00:00Z"},
    )
    assert away.status_code == 201
    assert (away.json()["starts"], away.json()["ends"]) == ("2026-11-05T16:00:00Z", "2026-11-08T00:00:00Z")

    assert site.get("/api/v1/absences?household=hh-9")["items"] == [away.json()]
    assert [one["id"] for one in site.get("/api/v1/people?household=hh-9")["items"]] == ["c-1", "r-9"]
    assert [one["person"] for one in site.get("/api/v1/contacts?household=hh-9")["items"]] == ["c-1"]
    assert [one["id"] for one in site.get("/api/v1/devices?gateway=gw-9")["items"]] == ["meter-9"]
    assert "hh-9" in [one["id"] for one in site.get(f"/api/v1/households?area={WEST}")["items"]]


def test_an_operator_of_an_area_names_a_contact_they_entered(site: Site) -> None:
    west = site.token("operator", WEST)
    entered = {"id": "c-9", "name": "Neighbour", "role": "contact", "phone": "+8613812340099"}
    assert site.client.post("/api/v1/people", headers=west, json=entered).status_code == 201
    assert "c-9" not in [one["id"] for one in site.get("/api/v1/people", area=WEST)["items"]]
    named = {"household": "hh-2", "position": 1, "person": "c-9"}
    assert site.client.post("/api/v1/contacts", headers=west, json=named).status_code == 201
    assert "c-9" in [one["id"] for one in site.get("/api/v1/people", area=WEST)["items"]]


def test_what_cannot_be_registered_is_refused_with_advice(site: Site) -> None:
    taken = _add(site, "households", {"id": "hh-1", "area": WEST})
    assert taken.status_code == 409
    assert "already registered" in taken.json()["detail"]
    unknown = _add(site, "households", {"id": "hh-9", "area": "999"})
    assert unknown.status_code == 404
    zone = _add(site, "households", {"id": "hh-9", "area": WEST, "zone": "Asia/Shangai"})
    assert zone.status_code == 422
    assert "Asia/Shanghai" in zone.json()["detail"]
    assert zone.json()["errors"][0]["field"] == "body.zone"
    phone = _add(site, "people", {"id": "p", "name": "N", "role": "contact", "phone": "12"})
    assert phone.status_code == 422
    typo = _add(site, "devices", {"id": "m", "household": "hh-1", "gateway": "g", "modell": "x"})
    assert typo.status_code == 422
    assert typo.json()["errors"][0]["field"] == "body.modell"
    backwards = _add(
        site, "absences", {"household": "hh-1", "starts": "2026-11-06T00:00:00Z", "ends": "2026-11-05T00:00:00Z"}
    )
    assert backwards.status_code == 422


def test_lists_go_on_where_they_stopped(site: Site) -> None:
    for what, key in (("households", "id"), ("people", "id"), ("devices", "id"), ("areas", "code")):
        whole = [one[key] for one in site.get(f"/api/v1/{what}")["items"]]
        seen, address = [], f"/api/v1/{what}?limit=1"
        while address:
            page = site.get(address)
            seen += [one[key] for one in page["items"]]
            address = page["next"]
        assert seen == whole == sorted(whole)
        assert len(whole) > 1
    for query in ("cursor=xyz", "cursor=IjEi%00", "limit=0", "limit=501", "cursor=e30="):
        answer = site.client.get(f"/api/v1/households?{query}", headers=site.token("viewer"))
        assert answer.status_code == 422, query
        assert answer.headers["content-type"] == "application/problem+json"


def test_raw_readings_stand_as_sent_with_their_flags(site: Site) -> None:
    rows = [
        (NOON - timedelta(hours=3), 100.0, None, int(Flag.FIRST)),
        (NOON - timedelta(hours=2), 105.5, 5.5, 0),
        (NOON - timedelta(hours=1), 105.0, 0.0, int(Flag.STEP_BACK | Flag.LATE)),
    ]
    site.store("meter-1", "volume", [*rows, (NOON - timedelta(days=2), 90.0, None, 1)])
    series = site.get("/api/v1/sensors/meter-1/volume/readings")
    assert (series["unit"], series["household"], series["zone"]) == ("l", "hh-1", "Asia/Shanghai")
    assert series["items"] == [
        {"time": "2026-11-05T01:00:00Z", "value": 100.0, "use": None, "flags": ["first"]},
        {"time": "2026-11-05T02:00:00Z", "value": 105.5, "use": 5.5, "flags": []},
        {"time": "2026-11-05T03:00:00Z", "value": 105.0, "use": 0.0, "flags": ["late", "step_back"]},
    ]
    first = site.get("/api/v1/sensors/meter-1/volume/readings?limit=2")
    assert [one["value"] for one in first["items"]] == [100.0, 105.5]
    rest = site.get(first["next"])
    assert [one["value"] for one in rest["items"]] == [105.0]
    assert rest["next"] is None
    part = site.get("/api/v1/sensors/meter-1/volume/readings?from=2026-11-05T10:00:00%2B08:00&to=2026-11-05T03:00:00Z")
    assert [one["value"] for one in part["items"]] == [105.5]


def test_a_bucket_without_a_report_is_empty_and_not_zero(site: Site) -> None:
    hour = timedelta(hours=1)
    site.store(
        "meter-1",
        "volume",
        [
            (NOON - 5 * hour, 100.0, None, int(Flag.FIRST)),
            (NOON - 3 * hour, 100.0, 0.0, 0),
            (NOON - 3 * hour + timedelta(minutes=30), 108.0, 8.0, 0),
            (NOON - hour, 109.0, 1.0, 0),
        ],
    )
    series = site.get("/api/v1/sensors/meter-1/volume/readings?from=2026-11-04T23:00:00Z&every=1h")
    told = [
        (one["time"][11:13], one["count"], one["use"], one["min"], one["max"], one["mean"]) for one in series["items"]
    ]
    assert told == [
        ("23", 1, None, 100.0, 100.0, 100.0),
        ("00", 0, None, None, None, None),
        ("01", 2, 8.0, 100.0, 108.0, 104.0),
        ("02", 0, None, None, None, None),
        ("03", 1, 1.0, 109.0, 109.0, 109.0),
    ]


def test_buckets_begin_at_the_households_midnight_and_come_in_pages(site: Site) -> None:
    site.store("meter-1", "volume", [(NOON - timedelta(hours=1), 5.0, 5.0, 0)])
    path = "/api/v1/sensors/meter-1/volume/readings?from=2026-11-01T00:00:00Z&every=1d&limit=2"
    starts, uses, address = [], [], path
    while address:
        page = site.get(address)
        starts += [one["time"] for one in page["items"]]
        uses += [one["use"] for one in page["items"]]
        address = page["next"]
    assert starts == [f"2026-{day}T16:00:00Z" for day in ("10-31", "11-01", "11-02", "11-03", "11-04")]
    assert uses == [None, None, None, None, 5.0]
    long = site.get(
        "/api/v1/sensors/meter-1/volume/readings?from=1970-01-02T00:00:00Z&to=2199-01-01T00:00:00Z&every=1s"
    )
    assert len(long["items"]) == 100
    assert long["next"]


def test_a_series_asked_for_wrongly_says_how_to_ask(site: Site) -> None:
    site.store("meter-1", "volume", [])
    for query, status in (
        ("every=5x", 422),
        ("every=0h", 422),
        ("every=9999999d", 422),
        ("from=2026-11-06T00:00:00Z&to=2026-11-05T00:00:00Z", 422),
        ("from=2026-11-05T00:00:00", 422),
        ("from=0001-01-01T00:00:00Z", 422),
    ):
        answer = site.client.get(f"/api/v1/sensors/meter-1/volume/readings?{query}", headers=site.token("viewer"))
        assert answer.status_code == status, query
    for sensor in ("meter-1/energy", "meter-2/volume", "meter-1", "a/b/c"):
        answer = site.client.get(f"/api/v1/sensors/{sensor}/readings", headers=site.token("viewer"))
        assert answer.status_code == 404, sensor


def test_the_quarantine_shows_reason_place_and_payload(site: Site) -> None:
    with site.pool.connection() as conn:
        for number, (gateway, payload) in enumerate((("gw-west", b'[{"u":"gal"}]'), ("gw-nowhere", b"\xff\x00"))):
            conn.execute(
                "INSERT INTO quarantine (digest, at, gateway, topic, payload, reason, place, detail) "
                "VALUES (%s, %s, %s, 'telemetry/x/senml', %s, 'wrong_unit', '[0].u', 'send litres')",
                (bytes([number]), datetime(2026, 11, 5, number, tzinfo=UTC), gateway, payload),
            )
    everything = site.get("/api/v1/quarantine")["items"]
    assert [one["gateway"] for one in everything] == ["gw-nowhere", "gw-west"]
    assert everything[0]["payload"] == "\\xff\x00"
    assert (everything[1]["reason"], everything[1]["place"]) == ("wrong_unit", "[0].u")
    assert [one["gateway"] for one in site.get("/api/v1/quarantine", area=WEST)["items"]] == ["gw-west"]
    assert len(site.get("/api/v1/quarantine?gateway=gw-west&reason=wrong_unit")["items"]) == 1
    assert site.get("/api/v1/quarantine?reason=other")["items"] == []
    first = site.get("/api/v1/quarantine?limit=1")
    assert [one["gateway"] for one in site.get(first["next"])["items"]] == ["gw-west"]
