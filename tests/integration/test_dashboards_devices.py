"""The devices' room: who is silent, who sends what cannot be accepted and why, and what would become of a payload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from detectors.finding import Fact, Finding, Kind, Phase, Severity
from ingest.decoders import decode
from ingest.directory import Directory, Owner
from ingest.records import Message
from ingest.validation import validate
from registry.instants import HOUR, to_micros
from registry.model import Device
from registry.quantities import Quantity
from storage import engine_state, tokens
from storage.alerts.findings import record
from storage.engine_state import Refused
from storage.registry import add_device, add_sensors
from tests.integration.dashboards_site import EAST, NOON, WEST, Site, open_site

BAD = (
    b'[{"n": "meter-1/volume", "u": "gal", "v": 3}, {"n": "meter-1/power", "u": "W", "v": "<script>alert(1)</script>"}]'
)


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _page(site: Site, path: str, role: str = "operator", area: str = "", language: str = "en", **more: Any) -> str:
    headers = {**site.token(role, area), "Accept": "text/html", "Accept-Language": language}
    answer = site.client.request(more.pop("method", "GET"), path, headers=headers, **more)
    assert answer.status_code == more.get("status", 200), answer.text
    return str(answer.text)


def _vendor(site: Site, *gateways: str) -> dict[str, str]:
    with site.pool.connection() as conn:
        secret = tokens.create(conn, "vendor", "", f"vendor of {gateways}", None, gateways=gateways)
    return {"Authorization": f"Bearer {secret}", "Accept": "text/html", "Accept-Language": "en"}


def _silent(
    household: str, device: str, phase: Phase = Phase.RAISED, onset: int = to_micros(NOON) - 30 * HOUR
) -> Finding:
    facts: dict[str, Fact] = {
        "template": "offline", "heard_at": onset, "lasted": 90000.0, "limit": 90000.0, "usual": 900.0, "gaps": 2000,
    }  # fmt: skip
    return Finding(household, Kind.OFFLINE, "offline", device, phase, Severity.LOW, onset, to_micros(NOON), 1.0, facts)


def _tell(site: Site, *findings: Finding) -> None:
    with site.pool.connection() as conn:
        for finding in findings:
            record(conn, finding)


def _refuse(site: Site, gateway: str, payload: bytes, ago: timedelta = timedelta(0)) -> None:
    """Put what the service itself would refuse of a payload into quarantine."""
    topic = f"telemetry/{gateway}/senml"
    message = Message(topic, payload, to_micros(NOON))
    known = Directory(1, {"meter-1": Owner("gw-west", "hh-1"), "meter-3": Owner("gw-east", "hh-3")})
    checked = validate([(message, decode(message))], known, NOON)
    with site.pool.connection() as conn:
        engine_state.quarantine(conn, [Refused(*one) for one in checked.refusals], NOON - ago)


def test_a_device_is_in_the_room_from_when_it_is_registered_until_it_is_heard(site: Site) -> None:
    page = _page(site, "/devices?problem=silent")
    assert "meter-1" in page
    assert "meter-3" in page
    assert "nothing has come from it yet" in page
    with site.pool.connection() as conn:
        add_sensors(conn, [("meter-1", Quantity.VOLUME)])
    page = _page(site, "/devices")
    assert "meter-1" not in page
    _tell(site, _silent("hh-1", "meter-1"))
    page = _page(site, "/devices?problem=silent&device=meter-1")
    assert "usually every 15 min; allowed 1 d 1 h" in page
    assert "meter-3" not in page
    _tell(site, _silent("hh-1", "meter-1", Phase.CLEARED))
    assert "meter-1" not in _page(site, "/devices")


def test_what_is_told_twice_or_late_changes_nothing(site: Site) -> None:
    old = to_micros(NOON) - 200 * HOUR
    _tell(site, _silent("hh-3", "meter-3", onset=old), _silent("hh-3", "meter-3"), _silent("hh-3", "meter-3"))
    _tell(site, _silent("hh-3", "meter-3", Phase.CLEARED, old))  # the end of what was before
    with psycopg.connect(site.database) as conn:
        rows = conn.execute("SELECT device, since FROM device_trouble WHERE kind = 'offline'").fetchall()
        assert [(device, to_micros(since)) for device, since in rows] == [("meter-3", to_micros(NOON) - 30 * HOUR)]
        conn.execute("DELETE FROM device WHERE id = 'meter-3'")
        assert conn.execute("SELECT count(*) FROM device_trouble WHERE device = 'meter-3'").fetchone() == (0,)


def test_everybody_sees_their_own_area_and_vendors_their_own_gateways(site: Site) -> None:
    _tell(site, _silent("hh-1", "meter-1"), _silent("hh-3", "meter-3"))
    _refuse(site, "gw-west", BAD)
    west = _page(site, "/devices", "viewer", WEST)
    assert "meter-1" in west
    assert "meter-3" not in west
    assert "What was refused" not in west, "what was refused is for those who run the service"
    vendor = _vendor(site, "gw-east")
    room = site.client.get("/devices", headers=vendor).text
    assert "meter-3" in room
    assert "meter-1" not in room
    assert "gw-west" not in room
    assert site.client.get("/gateways/gw-west", headers=vendor).status_code == 404
    assert site.client.get("/gateways/gw-east", headers=vendor).status_code == 200
    for forbidden in ("/areas/4401", "/households/hh-3", "/api/v1/exports/areas"):
        assert site.client.get(forbidden, headers=vendor).status_code == 403, forbidden
    assert site.client.get("/gateways/gw-west", headers={**site.token("operator", EAST)}).status_code == 404


def test_refusals_are_counted_by_gateway_device_and_reason(site: Site) -> None:
    _refuse(site, "gw-west", BAD)
    _refuse(site, "gw-west", BAD, timedelta(days=2))  # the same again
    _refuse(site, "gw-west", b'[{"n": "meter-1/volume", "u": "gal", "v": 4}]', timedelta(days=3))
    _refuse(site, "gw-west", b'[{"n": "meter-1/volume", "u": "gal", "v": 5}]', timedelta(days=20))
    _refuse(site, "gw-west", b'[{"n": "other/volume", "u": "l", "v": 5}]', timedelta(days=40))
    page = _page(site, "/devices?reason=wrong_unit")
    rows = page[page.index('id="refused"') :]
    assert "Wrong type" not in rows.partition("<table")[2]
    counts = [cell.partition("<")[0] for cell in rows.split('class="number">')[4:7]]
    assert counts == ["1", "2", "3"]
    assert "other" not in rows, "that was more than 30 days ago"


def test_a_refused_message_is_shown_safely_with_its_places_marked(site: Site) -> None:
    _refuse(site, "gw-west", BAD)
    _refuse(site, "gw-west", b"\x82\xff\x00\x01", timedelta(hours=1))
    page = _page(site, "/gateways/gw-west")
    assert "<mark>&#34;gal&#34;</mark>" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<mark>82</mark> ff 00 01" in page
    assert page.count('<article class="message">') == 2, "two things were wrong with one message"
    assert "send it in l or m3" in page
    chinese = _page(site, "/gateways/gw-west", language="zh-CN")
    assert "应为 l 或 m3" in chinese


def test_a_gateway_of_two_areas_tells_neither_of_the_other(site: Site) -> None:
    with site.pool.connection() as conn:
        add_device(conn, Device("meter-4", "hh-3", "gw-west"))
    _refuse(site, "gw-west", BAD)
    everywhere = _page(site, "/gateways/gw-west")
    west = _page(site, "/gateways/gw-west", area=WEST)
    assert "gal" in everywhere.partition('class="payload"')[2]
    assert "may tell of homes outside your area" in west
    assert 'class="payload"' not in west
    assert "meter-4" not in west
    east = _page(site, "/gateways/gw-west", area=EAST)
    assert "meter-1" not in east
    items = site.get("/api/v1/quarantine", area=WEST)["items"]
    assert [one["payload"] for one in items] == [None, None]
    assert {one["device"] for one in items} == {"meter-1"}


def test_a_gateway_shows_when_it_was_heard_and_what_was_accepted(site: Site) -> None:
    with site.pool.connection() as conn:
        conn.execute("INSERT INTO batch (id, received_at) VALUES (1, %s)", (NOON - timedelta(minutes=5),))
    site.store(
        "meter-1", "volume", [(NOON - timedelta(minutes=7), 1234.5, 1.0, 0), (NOON - timedelta(hours=2), 9.0, None, 0)]
    )
    page = _page(site, "/gateways/gw-west", "viewer", WEST)
    assert "1 devices in 1 homes" in page
    assert "Water register 1,234.5 L" in page
    assert "11:55" in page, "heard five minutes ago, in Shanghai"
    assert "11:53" in page, "measured seven minutes ago"
    vendor = site.client.get("/gateways/gw-west", headers=_vendor(site, "gw-west")).text
    assert "1,234.5" in vendor
    assert _vendor_reads(site, "gw-east", "meter-1") == 0


def _vendor_reads(site: Site, gateway: str, device: str) -> int:
    """Return how many readings of a device the database gives to the vendor of a gateway, asked without any scope."""
    with psycopg.connect(site.database) as conn:
        conn.execute("SET ROLE shouwang_vendor")
        for name, value in (("scope", ""), ("scope_end", "\U0010ffff"), ("gateways", f"{{{gateway}}}")):
            conn.execute("SELECT set_config(%s, %s, false)", (f"shouwang.{name}", value))
        [(count,)] = conn.execute("SELECT count(*) FROM last_readings(%s, 5)", (device,))
        return int(count)


def _try(site: Site, fields: dict[str, str], role: str = "viewer", area: str = "", status: int = 200) -> str:
    headers = {**site.token(role, area), "Accept": "text/html", "Accept-Language": "en"}
    answer = site.client.post("/devices/try", data=fields, headers=headers)
    assert answer.status_code == status, answer.text
    return str(answer.text)


def _stored(site: Site) -> list[Any]:
    with psycopg.connect(site.database) as conn:
        tables = ("reading", "sensor", "quarantine", "finding", "alert", "device_trouble")
        return [conn.execute(f"SELECT * FROM {table}".encode()).fetchall() for table in tables]


def test_a_payload_on_trial_is_understood_in_si_units_and_nothing_is_stored(site: Site) -> None:
    before = _stored(site)
    now = to_micros(NOON) / 1e6
    page = _try(site, {"payload": json.dumps([{"n": "meter-1/volume", "u": "m3", "v": 1.25, "t": now}])})
    assert "1 readings accepted, 0 things refused" in page
    assert "telemetry/gw-west/senml" in page, "the topic was guessed from whose device it is"
    assert "1250 l" in page
    assert "first of its kind" in page
    assert _stored(site) == before


def test_a_payload_on_trial_is_refused_as_the_service_would(site: Site) -> None:
    page = _try(site, {"payload": BAD.decode(), "topic": "telemetry/gw-west/senml"})
    assert "0 readings accepted, 2 things refused" in page
    assert "this volume is in &#39;gal&#39;: send it in l or m3" in page
    assert "<mark>&#34;gal&#34;</mark>" in page
    other = _try(site, {"payload": '[{"n": "meter-1/volume", "u": "l", "v": 1}]', "topic": "telemetry/gw-east/senml"})
    assert "is registered with gateway" in other
    chirp = {"deviceInfo": {"applicationId": "7", "devEui": "00AA"}, "object": {"power_w": "much"}}
    page = _try(site, {"payload": json.dumps(chirp)})
    assert "application/7/device/00AA/event/up" in page
    assert "power_w is &#39;much&#39;: send a number" in page
    assert "<mark>&#34;much&#34;</mark>" in page


def test_a_trial_tells_nobody_of_devices_that_are_not_theirs(site: Site) -> None:
    ours = '[{"n": "meter-1/volume", "u": "l", "v": 1}]'
    for topic in ("telemetry/gw-west/senml", "telemetry/gw-east/senml", ""):
        page = _try(site, {"payload": ours, "topic": topic}, area=EAST)
        assert "is not in the registry" in page
        assert "registered with gateway" not in page
    vendor = _vendor(site, "gw-east")
    page = site.client.post("/devices/try", data={"payload": ours}, headers=vendor).text
    assert "telemetry/gw-east/senml" in page, "a vendor's own gateway is taken"
    assert "is not in the registry" in page


@pytest.mark.parametrize(
    ("payload", "status", "advice"),
    [
        ("", 422, "The payload is empty"),
        ("zz", 200, "the payload is no JSON"),
        ("[" * 70_000, 413, "more than 64 KiB"),
        ("[" * 400_000, 413, "more than 64 KiB"),
        ("[" * 5_000, 200, "nests too deeply"),
    ],
)
def test_whatever_is_tried_gets_an_answer(site: Site, payload: str, status: int, advice: str) -> None:
    assert advice in _try(site, {"payload": payload}, status=status)


def test_a_quarantine_of_before_knows_no_device_and_is_shown_all_the_same(site: Site) -> None:
    with site.pool.connection() as conn:
        conn.execute(
            "INSERT INTO quarantine (digest, at, gateway, topic, payload, reason, place, detail) "
            "VALUES ('x', %s, 'gw-west', 'telemetry/gw-west/senml', '[]', 'malformed', '$', 'old')",
            (NOON,),
        )
    assert "not told" in _page(site, "/devices")
