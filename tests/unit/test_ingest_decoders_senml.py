"""SenML resolves as RFC 8428 says, and each thing wrong with a pack is told by reason and place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.decoders.senml import MAX_RECORDS, resolve
from ingest.decoders.senml_json import SenmlJson
from ingest.records import Reason, Record, Reject
from registry.instants import SECOND

RECEIVED = 1_760_000_000 * SECOND
TOPIC = "telemetry/gw-1/senml"


def told(pack: Any) -> tuple[list[Record], list[tuple[Reason, str]]]:
    records, rejects = resolve(pack, RECEIVED)
    return records, [(reject.reason, reject.place) for reject in rejects]


def one(record: dict[str, Any]) -> Record:
    records, rejects = resolve([record], RECEIVED)
    assert rejects == []
    assert len(records) == 1
    return records[0]


def refused(record: Any) -> Reject:
    """Refuse one record between two good ones, which survive it."""
    before = {"n": "m1/volume", "u": "l", "v": 1.0}
    after = {"n": "m2/volume", "u": "l", "v": 2.0}
    records, rejects = resolve([before, record, after], RECEIVED)
    assert [(each.device, each.value, each.place) for each in records] == [("m1", 1.0, "[0]"), ("m2", 2.0, "[2]")]
    assert len(rejects) == 1
    return rejects[0]


def test_rfc_single_datapoint() -> None:
    # §5.1.1, its name cut into a device and a quantity.
    record = one({"n": "urn:dev:ow:10e2073a01080063/temperature", "u": "Cel", "v": 23.1})
    assert record == Record("urn:dev:ow:10e2073a01080063", "temperature", "Cel", 23.1, RECEIVED, "[0]")


def test_rfc_multiple_datapoints_take_base_name_time_and_unit() -> None:
    # §5.1.2: the base unit holds where a record has none, and times count from the base time.
    pack: list[dict[str, Any]] = [
        {"bn": "urn:dev:ow:10e2073a0108006/", "bt": 1.276020076001e09, "bu": "A", "bver": 5,
         "n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4, "v": 1.3},
        {"n": "current", "v": 1.7},
    ]  # fmt: skip
    records, rejects = told(pack)
    assert rejects == []
    assert {record.device for record in records} == {"urn:dev:ow:10e2073a0108006"}
    assert [(record.name, record.unit, record.value) for record in records] == [
        ("voltage", "V", 120.1), ("current", "A", 1.2), ("current", "A", 1.3), ("current", "A", 1.7),
    ]  # fmt: skip
    base = 1_276_020_076_001_000
    assert [record.time - base for record in records] == [0, -5 * SECOND, -4 * SECOND, 0]


def test_rfc_base_fields_hold_until_set_again() -> None:
    # §5.1.5: the fourth record stands on the name of the third and the time of the first.
    pack = [
        {"bn": "2001:db8::2/", "bt": 1.320078429e09, "n": "temperature", "u": "Cel", "v": 27.2},
        {"n": "humidity", "u": "%RH", "v": 80},
        {"bn": "2001:db8::1/", "n": "temperature", "u": "Cel", "v": 12.3},
        {"n": "humidity", "u": "%RH", "v": 67},
    ]
    records, rejects = told(pack)
    assert rejects == []
    assert [record.device for record in records] == ["2001:db8::2"] * 2 + ["2001:db8::1"] * 2
    assert {record.time for record in records} == {1_320_078_429 * SECOND}


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        ({}, RECEIVED),
        ({"t": 0}, RECEIVED),
        ({"t": -60}, RECEIVED - 60 * SECOND),
        ({"t": 10.5}, RECEIVED + 10_500_000),
        ({"t": 2**28 - 1}, RECEIVED + (2**28 - 1) * SECOND),
        ({"t": 2**28}, 2**28 * SECOND),
        ({"bt": 2**28, "t": -1}, RECEIVED + (2**28 - 1) * SECOND),  # the sum decides, not its parts
        ({"bt": 1_760_000_000, "t": -0.000001}, 1_759_999_999_999_999),
        ({"t": 1760000000.123456}, 1_760_000_000_123_456),
    ],
)
def test_times_below_2_to_the_28_count_from_the_reception(fields: dict[str, float], time: int) -> None:
    assert one({"n": "m1/volume", "v": 1, **fields}).time == time


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"v": 7}, 7.0),
        ({"bv": 100, "v": 7.5}, 107.5),
        ({"bv": 100}, 100.0),  # a missing value counts as zero beside a base value
        ({"bv": 100, "v": 7, "s": 3}, 107.0),  # a sum beside a value is not needed
        ({"v": 2, "bs": 5}, 2.0),
        ({"v": 2**70}, float(2**70)),
    ],
)
def test_values_stand_on_the_base_value(fields: dict[str, float], value: float) -> None:
    assert one({"n": "m1/volume", "u": "l", **fields}).value == value


@pytest.mark.parametrize("quantity", ["alarm", "tamper"])
@pytest.mark.parametrize("state", [True, False])
def test_switches_may_be_booleans(quantity: str, state: bool) -> None:  # noqa: FBT001 -- a test case
    assert one({"n": f"s1/{quantity}", "vb": state, "bv": 5}).value == float(state)


def test_a_record_of_base_fields_carries_them_only() -> None:
    records, rejects = told([{"bn": "m1/", "bt": 1_760_000_000, "bu": "l", "bver": 10}, {"n": "volume", "v": 3}])
    assert rejects == []
    assert [(record.device, record.unit, record.place) for record in records] == [("m1", "l", "[1]")]


def test_an_update_time_and_labels_nobody_knows_change_nothing() -> None:
    assert one({"n": "m1/volume", "v": 1, "ut": 60, "x": {"deep": []}, "": 1}).value == 1


def test_secondary_units_have_their_version() -> None:
    assert one({"bver": 26, "n": "m1/energy", "u": "kWh", "v": 1}).unit == "kWh"  # RFC 9100


def test_the_same_record_twice_is_two_records() -> None:
    records, rejects = told([{"n": "m1/volume", "v": 1}] * 2)
    assert rejects == []
    assert len(records) == 2


NAMED = {"n": "m9/volume", "u": "l"}


@pytest.mark.parametrize(
    ("record", "reason", "place"),
    [
        (5, Reason.MALFORMED, "[1]"),
        (None, Reason.MALFORMED, "[1]"),
        ([], Reason.MALFORMED, "[1]"),
        ({"v": 1}, Reason.MISSING_FIELD, "[1].n"),
        ({"n": 5, "v": 1}, Reason.WRONG_TYPE, "[1].n"),
        ({"n": None, "v": 1}, Reason.WRONG_TYPE, "[1].n"),
        ({"n": "volume", "v": 1}, Reason.BAD_NAME, "[1].n"),
        ({"n": "m9/", "v": 1}, Reason.BAD_NAME, "[1].n"),
        ({"n": "/volume", "v": 1}, Reason.BAD_NAME, "[1].n"),
        ({"n": "a/b/volume", "v": 1}, Reason.BAD_NAME, "[1].n"),
        ({"n": "-m9/volume", "v": 1}, Reason.BAD_NAME, "[1].n"),  # it must start with a letter or a digit
        ({"n": "m 9/volume", "v": 1}, Reason.BAD_NAME, "[1].n"),
        ({"n": "m9/volume\n", "v": 1}, Reason.BAD_NAME, "[1].n"),
        ({"n": "水表/volume", "v": 1}, Reason.BAD_NAME, "[1].n"),
        ({"n": "m" * 494 + "/volume", "v": 1}, Reason.BAD_NAME, "[1].n"),
        ({**NAMED, "u": 1, "v": 1}, Reason.WRONG_TYPE, "[1].u"),
        ({**NAMED, "u": None, "v": 1}, Reason.WRONG_TYPE, "[1].u"),
        (NAMED, Reason.MISSING_FIELD, "[1].v"),
        ({**NAMED, "v": "1"}, Reason.WRONG_TYPE, "[1].v"),
        ({**NAMED, "v": True}, Reason.WRONG_TYPE, "[1].v"),
        ({**NAMED, "v": None}, Reason.WRONG_TYPE, "[1].v"),
        ({**NAMED, "v": [1]}, Reason.WRONG_TYPE, "[1].v"),
        ({**NAMED, "v": 10**400}, Reason.IMPOSSIBLE_VALUE, "[1].v"),
        ({**NAMED, "vs": "1"}, Reason.WRONG_TYPE, "[1].vs"),
        ({**NAMED, "vd": "AQ"}, Reason.WRONG_TYPE, "[1].vd"),
        ({**NAMED, "vb": True}, Reason.WRONG_TYPE, "[1].vb"),
        ({"n": "m9/alarm", "vb": 1}, Reason.WRONG_TYPE, "[1].vb"),
        ({"n": "m9/alarm", "vb": True, "v": 1}, Reason.MALFORMED, "[1].vb"),
        ({**NAMED, "v": 1, "vs": "1"}, Reason.MALFORMED, "[1].vs"),
        ({**NAMED, "s": 5}, Reason.UNSUPPORTED_FIELD, "[1].s"),
        ({**NAMED, "bs": 5}, Reason.UNSUPPORTED_FIELD, "[1].s"),
        ({**NAMED, "v": 1, "t": "now"}, Reason.WRONG_TYPE, "[1].t"),
        ({**NAMED, "v": 1, "t": False}, Reason.WRONG_TYPE, "[1].t"),
        ({**NAMED, "v": 1, "t": float("nan")}, Reason.IMPOSSIBLE_VALUE, "[1].t"),
        ({**NAMED, "v": 1, "t": float("-inf")}, Reason.IMPOSSIBLE_VALUE, "[1].t"),
        ({**NAMED, "v": 1, "t": 1e300}, Reason.IMPOSSIBLE_VALUE, "[1].t"),
        ({**NAMED, "v": 1, "scale_": 2}, Reason.UNSUPPORTED_FIELD, "[1].scale_"),
        ({**NAMED, "v": 1, "a\0b_": 2}, Reason.UNSUPPORTED_FIELD, "[1].'a\\x00b_'"),
    ],
)
def test_a_bad_record_is_refused_alone(record: Any, reason: Reason, place: str) -> None:
    reject = refused(record)
    assert (reject.reason, reject.place) == (reason, place)
    assert len(reject.detail) > 20


@pytest.mark.parametrize("version", [11, 27, 10**30])
def test_a_later_version_ends_the_pack(version: int) -> None:
    good = {"n": "m1/volume", "v": 1}
    records, rejects = told([good, {"bver": version, **good}, good])
    assert len(records) == 1
    assert rejects == [(Reason.UNSUPPORTED_VERSION, "[1].bver")]


@pytest.mark.parametrize("version", ["10", 10.5, True, 0, -1, None])
def test_a_version_is_a_positive_integer(version: object) -> None:
    records, rejects = told([{"bver": version, "n": "m1/volume", "v": 1}])
    assert records == []
    assert rejects == [(Reason.WRONG_TYPE, "[0].bver")]


def test_a_new_base_field_that_must_be_understood_ends_the_pack() -> None:
    good = {"n": "m1/volume", "v": 1}
    records, rejects = told([good, {"bscale_": 10}, good])
    assert len(records) == 1
    assert rejects == [(Reason.UNSUPPORTED_FIELD, "[1].bscale_")]


@pytest.mark.parametrize(
    ("base", "broken", "mended", "field"),
    [("bn", 5, "m1/", "n"), ("bt", "now", 1_760_000_000, "t"), ("bu", 5, "l", "u"), ("bv", "1", 10, "v")],
)
def test_nothing_is_resolved_with_a_base_field_that_was_refused(
    base: str, broken: object, mended: object, field: str
) -> None:
    start = {"bn": "m1/", "bt": 1_759_000_000, "bu": "m3", "bv": 1}
    record = {"n": "volume", "v": 5}
    records, rejects = told([start, {base: broken, **record}, record, {base: mended, **record}])
    assert [each.place for each in records] == ["[3]"]
    assert rejects == [(Reason.WRONG_TYPE, f"[1].{base}"), (Reason.WRONG_TYPE, f"[2].{field}")]


def test_a_base_name_has_its_limit() -> None:
    # Else a short message could fill the memory: the base name is part of every record's name.
    records, rejects = told([{"bn": "m" * 501}, {"n": "1/volume", "v": 1}, {"bn": "", "n": "m1/volume", "v": 1}])
    assert [record.place for record in records] == ["[2]"]
    assert rejects == [(Reason.BAD_NAME, "[0].bn"), (Reason.BAD_NAME, "[1].n")]


def test_a_record_with_its_own_unit_needs_no_base_unit() -> None:
    records, rejects = told([{"bn": "m1/", "bu": 5, "n": "volume", "u": "l", "v": 1}])
    assert [record.unit for record in records] == ["l"]
    assert rejects == [(Reason.WRONG_TYPE, "[0].bu")]


@pytest.mark.parametrize("pack", [{}, "text", 5, None, True])
def test_a_pack_is_an_array(pack: object) -> None:
    assert told(pack) == ([], [(Reason.MALFORMED, "$")])


def test_a_pack_has_its_limit() -> None:
    record = {"n": "m1/volume", "v": 1}
    assert len(told([record] * MAX_RECORDS)[0]) == MAX_RECORDS
    assert told([record] * (MAX_RECORDS + 1)) == ([], [(Reason.TOO_LARGE, "$")])


def test_an_empty_pack_says_nothing() -> None:
    assert told([]) == ([], [])


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000])
def test_a_number_that_is_none_does_not_lose_its_neighbours(number: bytes) -> None:
    payload = b'[{"n":"m1/volume","u":"l","v":1},{"n":"m1/volume","u":"l","v":' + number + b"}]"
    decoded = SenmlJson().decode(TOPIC, payload, RECEIVED)
    assert decoded.gateway == "gw-1"
    assert decoded.rejects == []
    assert decoded.records[0].value == 1.0
    assert not abs(decoded.records[1].value) < float("inf")  # left to validation, which knows the range


@pytest.mark.parametrize(
    "payload",
    [b"", b"[", b"[{}", b"[1] 2", b"{,}", b"\xff\xfe[]", b'["\xff"]', b"\xef\xbb\xbf[]", b"[" * 100_000, b"nul"],
)
def test_what_is_no_json_is_malformed(payload: bytes) -> None:
    decoded = SenmlJson().decode(TOPIC, payload, RECEIVED)
    assert decoded.records == []
    assert [(reject.reason, reject.place) for reject in decoded.rejects] == [(Reason.MALFORMED, "$")]


def test_sentences_stay_short_and_printable_whatever_they_are_about() -> None:
    payload = json.dumps([{"n": "\0\ud800" * 50_000, "v": 1}, {"n": "m1/volume", "v": "x" * 100_000}]).encode()
    decoded = SenmlJson().decode(TOPIC, payload, RECEIVED)
    assert [reject.reason for reject in decoded.rejects] == [Reason.BAD_NAME, Reason.WRONG_TYPE]
    for reject in decoded.rejects:
        assert len(reject.detail) < 500
        assert reject.detail.isprintable()
