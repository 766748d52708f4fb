"""ChirpStack's uplinks and zigbee2mqtt's states become records of our quantities."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.decoders.chirpstack import ChirpStack
from ingest.decoders.zigbee2mqtt import Zigbee2Mqtt
from ingest.records import Decoded, Reason
from registry.instants import SECOND, to_micros

RECEIVED = 1_760_000_000 * SECOND
UPLINK = "application/7a1f/device/70B3D52DD3010203/event/up"
EUI = "70b3d52dd3010203"


def uplink(event: Any) -> Decoded:
    return ChirpStack().decode(UPLINK, json.dumps(event).encode(), RECEIVED)


def state(found: Any, name: str = "kitchen-smoke") -> Decoded:
    return Zigbee2Mqtt().decode(f"zigbee2mqtt/{name}", json.dumps(found).encode(), RECEIVED)


def measured(decoded: Decoded) -> list[tuple[str, str, float]]:
    return [(record.name, record.unit, record.value) for record in decoded.records]


def reasons(decoded: Decoded) -> list[tuple[Reason, str]]:
    return [(reject.reason, reject.place) for reject in decoded.rejects]


def test_an_uplink_as_chirpstack_sends_it() -> None:
    decoded = uplink(
        {
            "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
            "time": "2026-07-18T09:34:15.775023242+00:00",
            "deviceInfo": {"applicationId": "7a1f", "deviceName": "Water 17", "devEui": EUI, "tags": {}},
            "fCnt": 10,
            "fPort": 2,
            "data": "qg==",
            "object": {
                "volume_m3": 120.345,
                "battery": 93,
                "tamper": False,
                "rssi": -80,
                "valve": "open",
                "power": None,
            },
            "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -35}],
        }
    )
    assert decoded.gateway == "chirpstack:7a1f"
    assert decoded.rejects == []
    assert measured(decoded) == [("volume", "m3", 120.345), ("battery", "%EL", 93.0), ("tamper", "", 0.0)]
    assert {record.device for record in decoded.records} == {EUI}
    moment = datetime(2026, 7, 18, 9, 34, 15, 775_023, tzinfo=UTC)
    assert {record.time for record in decoded.records} == {to_micros(moment)}
    assert decoded.records[0].place == "object.volume_m3"


@pytest.mark.parametrize(
    ("found", "record"),
    [
        ({"volume": 5}, ("volume", "l", 5.0)),
        ({"volume_l": 5}, ("volume", "l", 5.0)),
        ({"energy": 5}, ("energy", "Wh", 5.0)),
        ({"energy_wh": 5}, ("energy", "Wh", 5.0)),
        ({"energy_kwh": 5}, ("energy", "kWh", 5.0)),
        ({"power": -5}, ("power", "W", -5.0)),
        ({"power_w": 5}, ("power", "W", 5.0)),
        ({"power_kw": 5}, ("power", "kW", 5.0)),
        ({"smoke": 0.5}, ("smoke", "%/m", 0.5)),
        ({"smoke_density": 0.5}, ("smoke", "%/m", 0.5)),
        ({"alarm": True}, ("alarm", "", 1.0)),
        ({"smoke_alarm": 1}, ("alarm", "", 1.0)),
        ({"temperature": 21.5}, ("temperature", "Cel", 21.5)),
        ({"temperature_c": 21.5}, ("temperature", "Cel", 21.5)),
        ({"battery_level": 50}, ("battery", "%EL", 50.0)),
        ({"battery_percent": 50}, ("battery", "%EL", 50.0)),
        ({"tamper_alarm": True}, ("tamper", "", 1.0)),
        ({"volume": 5, "volume_m3": 0.005}, ("volume", "l", 5.0)),  # one quantity is told once
    ],
)
def test_what_a_codec_may_call_things(found: dict[str, Any], record: tuple[str, str, float]) -> None:
    decoded = uplink({"object": found})
    assert measured(decoded) == [record]
    assert decoded.records[0].time == RECEIVED


@pytest.mark.parametrize(
    ("event", "reason", "place"),
    [
        ([], Reason.MALFORMED, "$"),
        ({}, Reason.MISSING_FIELD, "object"),
        ({"object": None}, Reason.MISSING_FIELD, "object"),
        ({"object": []}, Reason.WRONG_TYPE, "object"),
        ({"object": {}}, Reason.MISSING_FIELD, "object"),
        ({"object": {"rssi": 5}}, Reason.MISSING_FIELD, "object"),
        ({"object": {"volume": "5"}}, Reason.WRONG_TYPE, "object.volume"),
        ({"object": {"volume": True}}, Reason.WRONG_TYPE, "object.volume"),
        ({"object": {"alarm": "on"}}, Reason.WRONG_TYPE, "object.alarm"),
        ({"object": {"volume": 10**400}}, Reason.IMPOSSIBLE_VALUE, "object.volume"),
        ({"object": {"volume": 5}, "time": "yesterday"}, Reason.WRONG_TYPE, "time"),
        ({"object": {"volume": 5}, "time": "2026-01-01T00:00:00"}, Reason.WRONG_TYPE, "time"),  # where?
        ({"object": {"volume": 5}, "time": 5}, Reason.WRONG_TYPE, "time"),
        ({"object": {"volume": 5}, "time": "0001-01-01T00:00:00+14:00"}, Reason.WRONG_TYPE, "time"),
        ({"object": {"volume": 5}, "deviceInfo": {"devEui": "0102"}}, Reason.MALFORMED, "deviceInfo.devEui"),
        ({"object": {"volume": 5}, "deviceInfo": {"devEui": 5}}, Reason.MALFORMED, "deviceInfo.devEui"),
    ],
)
def test_what_an_uplink_cannot_say(event: Any, reason: Reason, place: str) -> None:
    decoded = uplink(event)
    assert decoded.records == []
    assert reasons(decoded) == [(reason, place)]


def test_one_bad_key_does_not_lose_the_others() -> None:
    decoded = uplink({"object": {"volume": 5, "battery": "full", "alarm": False}})
    assert [record.name for record in decoded.records] == ["volume", "alarm"]
    assert reasons(decoded) == [(Reason.WRONG_TYPE, "object.battery")]


def test_a_state_as_zigbee2mqtt_sends_it() -> None:
    decoded = state(
        {
            "battery": 97, "smoke": True, "smoke_density": 5, "smoke_density_dbm": 0.1, "tamper": False,
            "linkquality": 112, "voltage": 3100, "device_temperature": 25, "temperature": None, "volume": 80,
            "last_seen": "2026-01-01T08:00:00+08:00",
        }
    )  # fmt: skip
    assert decoded.gateway == "zigbee2mqtt"
    assert decoded.rejects == []
    found = {name: (unit, value) for name, unit, value in measured(decoded)}
    assert set(found) == {"battery", "smoke", "alarm", "tamper"}
    assert found["alarm"] == ("", 1.0)
    assert found["tamper"] == ("", 0.0)
    assert found["battery"] == ("%EL", 97.0)
    assert found["smoke"][0] == "%/m"
    assert found["smoke"][1] == pytest.approx(2.2763, abs=1e-4)  # 0.1 dB/m is a hundredth of a decade
    assert {(record.device, record.time) for record in decoded.records} == {
        ("kitchen-smoke", to_micros(datetime(2026, 1, 1, tzinfo=UTC)))
    }


def test_a_plug_and_a_water_meter() -> None:
    assert measured(state({"power": 12.5, "energy": 103.2})) == [("energy", "kWh", 103.2), ("power", "W", 12.5)]
    assert measured(state({"water_consumed": 3.25, "temperature": 8})) == [
        ("volume", "m3", 3.25),
        ("temperature", "Cel", 8.0),
    ]


@pytest.mark.parametrize(
    ("last_seen", "time"),
    [
        (None, RECEIVED),
        (1_767_225_600_123, 1_767_225_600_123_000),
        ("2026-01-01T00:00:00.123Z", 1_767_225_600_123_000),
        ("2026-01-01T01:00:00.123+0100", 1_767_225_600_123_000),
    ],
)
def test_when_a_device_was_last_seen(last_seen: object, time: int) -> None:
    assert state({"smoke": False, "last_seen": last_seen}).records[0].time == time


@pytest.mark.parametrize(
    ("found", "reason", "place"),
    [
        ([], Reason.MALFORMED, "$"),
        ("ON", Reason.MALFORMED, "$"),
        ({"smoke": "yes"}, Reason.WRONG_TYPE, "smoke"),
        ({"battery": True}, Reason.WRONG_TYPE, "battery"),
        ({"smoke": True, "last_seen": "never"}, Reason.WRONG_TYPE, "last_seen"),
        ({"smoke": True, "last_seen": True}, Reason.WRONG_TYPE, "last_seen"),
    ],
)
def test_what_a_state_cannot_say(found: Any, reason: Reason, place: str) -> None:
    decoded = state(found)
    assert decoded.records == []
    assert reasons(decoded) == [(reason, place)]


def test_an_obscuration_beyond_a_double_is_left_to_validation() -> None:
    assert measured(state({"smoke_density_dbm": -1e9})) == [("smoke", "%/m", -math.inf)]


@pytest.mark.parametrize("found", [{"state": "ON", "brightness": 5}, {}, {"action": "single"}])
def test_what_measures_nothing_is_silent(found: Any) -> None:
    assert state(found) == Decoded("zigbee2mqtt", places=state({}).places, device="kitchen-smoke")


def test_the_bridge_and_a_state_taken_back_are_silent() -> None:
    assert state("online", "bridge").rejects == []
    taken_back = Zigbee2Mqtt().decode("zigbee2mqtt/kitchen-smoke", b"", RECEIVED)
    assert (taken_back.records, taken_back.rejects) == ([], [])


def test_what_is_no_json_is_malformed() -> None:
    assert reasons(Zigbee2Mqtt().decode("zigbee2mqtt/plug", b"ON", RECEIVED)) == [(Reason.MALFORMED, "$")]
    assert reasons(ChirpStack().decode(UPLINK, b"\x08\x01", RECEIVED)) == [(Reason.MALFORMED, "$")]
