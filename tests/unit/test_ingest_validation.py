"""Records become readings in SI units, or a refusal that names the field; sensors are born when they first report."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decoders import decode
from ingest.directory import Directory, Owner
from ingest.records import Decoded, Message, Reason, Record, Reject
from ingest.validation import (
    LISTED,
    OLDEST,
    TOO_FAR_AHEAD,
    Tally,
    UnbornSensorError,
    Validated,
    validate,
)
from registry.instants import SECOND, to_datetime
from registry.quantities import BY_LABEL, SCALES, Quantity

NOW = 1_760_000_000 * SECOND
TOPIC = "telemetry/gw-1/senml"
# Device `all` has a sensor for each quantity, `new` has none yet, `far` speaks through another gateway.
SENSORS = {("all", label): 10 + int(quantity) for label, quantity in BY_LABEL.items()}
DIRECTORY = Directory(
    version=7,
    devices={"all": Owner("gw-1", "h-1"), "new": Owner("gw-1", "h-2"), "far": Owner("gw-2", "h-3")},
    sensors=SENSORS,
)


def said(*records: Record, gateway: str = "gw-1", received: int = NOW) -> tuple[Message, Decoded]:
    return Message(TOPIC, b"payload", received), Decoded(gateway, list(records))


def checked(*decoded: tuple[Message, Decoded]) -> Validated:
    return validate(decoded, DIRECTORY, to_datetime(NOW))


def record(device: str = "all", name: str = "volume", unit: str = "l", value: float = 5.0, time: int = NOW) -> Record:
    return Record(device, name, unit, value, time, "[3]")


def test_good_records_become_columns_in_their_order() -> None:
    validated = checked(
        said(record(value=1.5), record(name="battery", unit="%EL", value=90.0, time=NOW - SECOND), received=NOW - 5),
        said(record(name="alarm", unit="", value=1.0), received=NOW),
    )
    batch = validated.batch
    assert batch.sensor.tolist() == [11, 17, 15]
    assert batch.time.tolist() == [NOW, NOW - SECOND, NOW]
    assert batch.value.tolist() == [1.5, 90.0, 1.0]
    assert batch.received.tolist() == [NOW - 5, NOW - 5, NOW]
    assert [column.dtype for column in (batch.sensor, batch.time, batch.value, batch.received)] == [
        np.int32, np.int64, np.float64, np.int64,
    ]  # fmt: skip
    assert validated.refusals == []
    assert validated.tallies == [Tally(2, 0), Tally(1, 0)]


@pytest.mark.parametrize(
    ("name", "unit", "value", "si"),
    [
        *(
            (quantity.label, unit, value, value * factor)
            for quantity, scale in SCALES.items()
            for unit, factor in scale.factors.items()
            for value in (0.0, 1.0)
        ),
        ("energy", "J", 3_600_000.0, 1000.0),
        ("temperature", "K", 293.15, 20.0),
        ("battery", "/100", 87.0, 87.0),
        ("volume", "m3", 120.345, 120_345.0),
    ],
)
def test_every_accepted_unit_is_converted(name: str, unit: str, value: float, si: float) -> None:
    assert checked(said(record(name=name, unit=unit, value=value))).batch.value[0] == pytest.approx(si)


ONE_BAD: list[tuple[Record, Reason, str, str]] = [
    (record(device="stranger"), Reason.UNKNOWN_DEVICE, "[3].n", "register it with gateway 'gw-1'"),
    (record(device="far"), Reason.WRONG_GATEWAY, "[3].n", "registered with gateway 'gw-2'"),
    (record(name="humidity"), Reason.UNKNOWN_QUANTITY, "[3].n", "one of volume, energy, power"),
    (record(name="Volume"), Reason.UNKNOWN_QUANTITY, "[3].n", "one of volume, energy, power"),
    (record(unit="gal"), Reason.WRONG_UNIT, "[3].u", "send it in l or m3"),
    (record(unit=""), Reason.WRONG_UNIT, "[3].u", "has no unit: send it in l or m3"),
    (record(name="alarm", unit="l", value=1.0), Reason.WRONG_UNIT, "[3].u", "send it in no unit or /"),
    (record(value=math.nan), Reason.IMPOSSIBLE_VALUE, "[3].v", "between 0 and 1e+12 l"),
    (record(value=math.inf), Reason.IMPOSSIBLE_VALUE, "[3].v", "is inf l"),
    (record(value=-1.0), Reason.IMPOSSIBLE_VALUE, "[3].v", "is -1.0 l"),
    (record(unit="m3", value=1e10), Reason.IMPOSSIBLE_VALUE, "[3].v", "is 10000000000.0 m3"),
    (record(name="temperature", unit="Cel", value=-60.5), Reason.IMPOSSIBLE_VALUE, "[3].v", "between -60 and 400 Cel"),
    (record(name="temperature", unit="K", value=20.0), Reason.IMPOSSIBLE_VALUE, "[3].v", "is 20.0 K"),
    (record(name="battery", unit="%EL", value=101.0), Reason.IMPOSSIBLE_VALUE, "[3].v", "between 0 and 100 %EL"),
    (record(name="alarm", unit="", value=0.5), Reason.IMPOSSIBLE_VALUE, "[3].v", "send 0 or 1"),
    (record(name="tamper", unit="/", value=2.0), Reason.IMPOSSIBLE_VALUE, "[3].v", "send 0 or 1"),
    (record(time=NOW + TOO_FAR_AHEAD + 1), Reason.TIME_TOO_FAR_AHEAD, "[3].t", "2025-10-09T08:58:20.000001+00:00"),
    (record(time=10**18), Reason.TIME_TOO_FAR_AHEAD, "[3].t", "beyond the year 9999"),
    (record(time=OLDEST - 1), Reason.TIME_TOO_OLD, "[3].t", "set the device's clock"),
    (record(time=-(10**18)), Reason.TIME_TOO_OLD, "[3].t", "set the device's clock"),
    (record(device="new", value=math.nan), Reason.IMPOSSIBLE_VALUE, "[3].v", "is nan l"),
    (record(device="new", name="humidity"), Reason.UNKNOWN_QUANTITY, "[3].n", "one of volume"),
]


@pytest.mark.parametrize(("bad", "reason", "place", "advice"), ONE_BAD)
def test_a_bad_record_is_refused_alone(bad: Record, reason: Reason, place: str, advice: str) -> None:
    validated = checked(said(record(value=1.0), bad, record(value=2.0)))
    assert validated.batch.value.tolist() == [1.0, 2.0]
    assert validated.tallies == [Tally(2, 1)]
    assert validated.unborn == ()
    (refusal,) = validated.refusals
    assert refusal[:5] == ("gw-1", TOPIC, b"payload", reason, place)
    assert advice in refusal.detail


@pytest.mark.parametrize("time", [OLDEST, NOW + TOO_FAR_AHEAD])
def test_the_first_and_the_last_moment_that_is_accepted(time: int) -> None:
    assert checked(said(record(time=time))).batch.time.tolist() == [time]


def test_what_a_decoder_refused_goes_the_same_way() -> None:
    reject = Reject(Reason.MALFORMED, "$", "the payload is no JSON")
    validated = checked((Message(TOPIC, b"{", NOW), Decoded("gw-1", [record()], [reject])))
    assert validated.refusals == [("gw-1", TOPIC, b"{", *reject)]
    assert validated.tallies == [Tally(1, 1)]


@pytest.mark.parametrize(
    ("topic", "payload", "places"),
    [
        (
            "application/7/device/0102030405060708/event/up",
            {"object": {"volume": -1}},
            [(Reason.UNKNOWN_DEVICE, "deviceInfo.devEui")],
        ),
        (
            "application/8/device/a8/event/up",
            {"object": {"volume": -1, "alarm": 2, "power": 5}, "time": "2026-01-01T00:00:00Z"},
            [(Reason.TIME_TOO_FAR_AHEAD, "time")] * 3,
        ),
        (
            "application/8/device/a8/event/up",
            {"object": {"volume": -1, "alarm": 2}},
            [(Reason.IMPOSSIBLE_VALUE, "object.volume"), (Reason.IMPOSSIBLE_VALUE, "object.alarm")],
        ),
        ("zigbee2mqtt/plug", {"power": 5}, [(Reason.UNKNOWN_DEVICE, "topic")]),
        ("zigbee2mqtt/z", {"power": 5, "last_seen": 0}, [(Reason.TIME_TOO_OLD, "last_seen")]),
        ("zigbee2mqtt/z", {"battery": 255}, [(Reason.IMPOSSIBLE_VALUE, "battery")]),
    ],
)
def test_each_format_is_told_in_its_own_words(
    topic: str, payload: dict[str, Any], places: list[tuple[Reason, str]]
) -> None:
    devices = {"a8": Owner("chirpstack:8", "h"), "z": Owner("zigbee2mqtt", "h")}
    message = Message(topic, json.dumps(payload).encode(), NOW)
    validated = validate([(message, decode(message))], Directory(1, devices, {}), to_datetime(NOW))
    assert [(refusal.reason, refusal.place) for refusal in validated.refusals] == places
    assert validated.unborn == ()


def test_a_registered_device_brings_its_sensors_with_it() -> None:
    validated = checked(
        said(
            record(device="new", value=1.0), record(value=2.0), record(device="new", name="alarm", unit="", value=0.0)
        ),
        said(record(device="new", value=3.0)),
    )
    assert validated.unborn == (("new", "volume"), ("new", "alarm"))
    assert validated.tallies == [Tally(3, 0), Tally(1, 0)]
    with pytest.raises(UnbornSensorError, match="create the sensors"):
        _ = validated.batch
    with pytest.raises(UnbornSensorError):
        validated.born({("new", "volume"): 20})
    born = validated.born({("new", "volume"): 20, ("new", "alarm"): 21})
    assert born.unborn == ()
    assert born.batch.sensor.tolist() == [20, 11, 21, 20]
    assert born.batch.value.tolist() == [1.0, 2.0, 0.0, 3.0]
    assert born.tallies == validated.tallies


def test_a_device_that_left_the_registry_is_unknown_even_if_its_sensors_stayed() -> None:
    directory = Directory(7, {"new": Owner("gw-1", "h-2")}, SENSORS)
    validated = validate([said(record())], directory, to_datetime(NOW))
    assert [refusal.reason for refusal in validated.refusals] == [Reason.UNKNOWN_DEVICE]


def test_nothing_in_nothing_out() -> None:
    validated = checked()
    assert len(validated.batch) == 0
    assert (validated.refusals, validated.tallies, validated.unborn) == ([], [], ())
    assert len(validated.born({}).batch) == 0


def test_one_message_fills_quarantine_only_so_far() -> None:
    validated = checked(said(*[record(device="stranger")] * (LISTED + 50), record()))
    assert validated.tallies == [Tally(1, LISTED + 50)]
    assert len(validated.refusals) == LISTED
    assert "this and 50 more" in validated.refusals[-1].detail
    assert len(checked(said(*[record(device="stranger")] * LISTED)).refusals) == LISTED


def test_a_topic_can_always_be_stored() -> None:
    message = Message("telemetry/\0/senml", b'[{"n":"all/volume","u":"l","v":1}]', NOW)
    (refusal,) = checked((message, decode(message))).refusals
    assert (refusal.gateway, refusal.topic) == ("\ufffd", "telemetry/\ufffd/senml")
    assert refusal.reason is Reason.WRONG_GATEWAY


records = st.builds(
    Record,
    st.sampled_from(["all", "new", "far", "stranger", ""]),
    st.sampled_from([*BY_LABEL, "humidity", ""]),
    st.sampled_from(["l", "m3", "W", "Wh", "kWh", "Cel", "%EL", "%/m", "", "/", "?"]),
    st.sampled_from([0.0, 1.0, -1.0, 50.0, math.nan, math.inf]) | st.floats(),
    st.sampled_from([NOW, OLDEST]) | st.integers(-(2**70), 2**70),
    st.just("[0]"),
)


@settings(max_examples=200)
@given(st.lists(st.lists(records, max_size=8), max_size=4))
def test_every_record_is_taken_or_refused_and_cutting_changes_nothing(packs: list[list[Record]]) -> None:
    together = checked(*(said(*pack) for pack in packs))
    assert [sum(tally) for tally in together.tallies] == [len(pack) for pack in packs]
    ids = {names: 100 + number for number, names in enumerate(together.unborn)}
    batch = together.born(ids).batch
    assert len(batch) == sum(tally.readings for tally in together.tallies)
    for sensor, value in zip(batch.sensor.tolist(), batch.value.tolist(), strict=True):
        names = next(names for names, number in {**SENSORS, **ids}.items() if number == sensor)
        scale = SCALES[BY_LABEL[names[1]]]
        assert scale.low <= value <= scale.high
        assert BY_LABEL[names[1]] not in (Quantity.ALARM, Quantity.TAMPER) or value in (0.0, 1.0)
    apart = [checked(said(*pack)) for pack in packs]
    assert [refusal for each in apart for refusal in each.refusals] == together.refusals
    assert [row for each in apart for row in each.born(ids).batch.sensor.tolist()] == batch.sensor.tolist()
    assert [row for each in apart for row in each.born(ids).batch.value.tolist()] == batch.value.tolist()
