"""SenML in CBOR says the same as in JSON, and no payload keeps the decoder busy."""

from __future__ import annotations

import json
import math
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decoders.senml import MAX_RECORDS
from ingest.decoders.senml_cbor import MAX_RECORD, SenmlCbor
from ingest.decoders.senml_json import SenmlJson
from ingest.records import Decoded, Reason
from registry.instants import SECOND

RECEIVED = 1_760_000_000 * SECOND
LABELS = {
    "bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6,
    "n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8,
}  # fmt: skip


def numbered(pack: Any) -> Any:
    """The labels of RFC 8428 table 4 in place of JSON's."""
    if not isinstance(pack, list):
        return pack
    return [
        {LABELS.get(label, label): value for label, value in item.items()} if isinstance(item, dict) else item
        for item in pack
    ]


def decoded(payload: bytes) -> Decoded:
    return SenmlCbor().decode("telemetry/gw-1/senml-cbor", payload, RECEIVED)


def reasons(payload: bytes) -> list[tuple[Reason, str]]:
    return [(reject.reason, reject.place) for reject in decoded(payload).rejects]


def value(item: object) -> float:
    """The value of a single record whose `v` is this."""
    said = decoded(cbor2.dumps([{0: "m1/volume", 1: "l", 2: item}]))
    assert said.rejects == []
    return said.records[0].value


# RFC 8428 §6, with a slash after the device so that its name is {device}/{quantity}.
RFC_EXAMPLE = bytes.fromhex(
    "87a721781b75726e3a6465763a6f773a3130653230373361303130383030362f"
    "22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e066666666666"
    "a3006763757272656e74062402fb3ff3333333333333"
    "a3006763757272656e74062302fb3ff4cccccccccccd"
    "a3006763757272656e74062202fb3ff6666666666666"
    "a3006763757272656e74062102f93e00"
    "a3006763757272656e74062002fb3ff999999999999a"
    "a3006763757272656e74060002fb3ffb333333333333"
)


def test_rfc_example() -> None:
    said = decoded(RFC_EXAMPLE)
    assert said.gateway == "gw-1"
    assert said.rejects == []
    assert [record.value for record in said.records] == [120.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7]
    assert [record.time for record in said.records] == [
        1_276_020_076_001_000 + seconds * SECOND for seconds in (0, -5, -4, -3, -2, -1, 0)
    ]
    assert {(record.device, record.unit) for record in said.records[1:]} == {("urn:dev:ow:10e2073a0108006", "A")}


def test_arrays_maps_and_strings_may_be_of_indefinite_length() -> None:
    record = bytes.fromhex("bf007f636d312f66766f6c756d65ff01616c0205ff")  # {_ 0: (_ "m1/", "volume"), 1: "l", 2: 5}
    said = decoded(b"\x9f" + record + record + b"\xff")
    assert said.rejects == []
    assert [(record.device, record.name, record.unit, record.value) for record in said.records] == [
        ("m1", "volume", "l", 5.0)
    ] * 2


@pytest.mark.parametrize(
    ("item", "number"),
    [
        (cbor2.CBORTag(4, [-1, 215]), 21.5),
        (cbor2.CBORTag(4, [-1, 1]), 0.1),
        (cbor2.CBORTag(4, [2, -3]), -300.0),
        (cbor2.CBORTag(4, [-30, 10**31]), 10.0),
        (cbor2.CBORTag(4, [10**18, 1]), math.inf),
        (cbor2.CBORTag(4, [-(10**18), 1]), 0.0),
        (cbor2.CBORTag(4, [0, 1 << 8_000]), math.inf),
        (2**64, 2.0**64),
        (-(2**64) - 1, -(2.0**64)),
        (cbor2.CBORTag(3, b"\0"), -1.0),
        (1 << 8 * 1_000, math.inf),
        (-(1 << 8 * 1_000), -math.inf),
        (math.inf, math.inf),
    ],
)
def test_numbers_may_be_integers_doubles_or_decimal_fractions(item: object, number: float) -> None:
    assert value(item) == pytest.approx(number, rel=1e-15)


@pytest.mark.parametrize(
    "item",
    [
        *(cbor2.CBORTag(tag, [1, 2]) for tag in (0, 1, 5, 25, 28, 30, 35, 36, 37, 256, 258, 260, 1004, 43000, 99999)),
        cbor2.CBORTag(35, "(a+)+$"),
        cbor2.CBORTag(36, "a: b"),
        *(cbor2.CBORTag(4, content) for content in ("x", [], [1], [1, 2, 3], [0.5, 1], [1, "x"], [True, 1])),
        cbor2.CBORTag(2, [1]),
        cbor2.undefined,
        cbor2.CBORSimpleValue(99),
        b"5",
    ],
)
def test_what_is_no_number_is_refused_at_its_field(item: object) -> None:
    good = {0: "m1/volume", 1: "l", 2: 5}
    said = decoded(cbor2.dumps([good, {0: "m1/volume", 2: item}, good]))
    assert [record.place for record in said.records] == ["[0]", "[2]"]
    assert [(reject.reason, reject.place) for reject in said.rejects] == [(Reason.WRONG_TYPE, "[1].v")]


def test_a_label_written_as_a_word_is_told() -> None:
    said = decoded(cbor2.dumps([{0: "m1/volume", "v": 5, 2: 6}, {0: "m1/volume", "bver_": 1}]))
    assert [record.value for record in said.records] == [6.0]
    assert [(reject.reason, reject.place) for reject in said.rejects] == [
        (Reason.MALFORMED, "[0].v"),
        (Reason.UNSUPPORTED_FIELD, "[1].bver_"),
    ]
    assert "integer 2" in said.rejects[0].detail


def test_keys_that_are_no_labels_are_passed_over() -> None:
    # `true` equals 1 in Python, which is the label of the unit.
    said = decoded(cbor2.dumps([{True: "l", 0: "m1/volume", 2: 5, b"v": 1, (1, 2): 3, 99: 4, -99: 5, 0.5: 6}]))
    assert said.rejects == []
    assert [(record.name, record.unit, record.value) for record in said.records] == [("volume", "", 5.0)]


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        (b"", "$"),
        (b"\xff", "$"),
        (b"\x1c", "$"),
        (b"\x81", "$"),
        (b"\x98", "$"),
        (b"\x9c\x00", "$"),
        (b"\x9f", "$"),
        (RFC_EXAMPLE[:-1], "$"),
        (RFC_EXAMPLE + b"\0", "$"),
        (b"\x80\x80", "$"),
        (b"\x9f\xff\xff", "$"),
        (b"\xa0", "$"),
        (b"\xc1" * 100_000, "$"),
        (b"\x81" * 100_000, "[0]"),
        (b"\x9f" * 100_000, "[0]"),
        (b"\x9b\x00\xff\xff\xff\xff\xff\xff\xff", "$"),
        (b"\x81\xbb\x00\x00\x00\x00\x10\x00\x00\x00", "$"),
        (b"\x81\x5b\x00\x00\x00\x0f\xff\xff\xff\xff", "$"),
        (b"\x82\xa0\x61\xff", "[1]"),
        (b"\x81\x1c", "[0]"),
        (b"{}", "$"),
        (b'[{"n":"m1/volume","v":1}]', "$"),
    ],
)
def test_what_is_no_pack_is_malformed(payload: bytes, place: str) -> None:
    assert decoded(payload).records == []
    assert reasons(payload) == [(Reason.MALFORMED, place)]


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 700])
def test_a_pack_of_any_length_is_read_to_its_end(count: int) -> None:
    pack = [{0: "m1/volume", 1: "l", 2: number} for number in range(count)]
    for payload in (cbor2.dumps(pack), b"\x9f" + b"".join(map(cbor2.dumps, pack)) + b"\xff"):
        assert [record.value for record in decoded(payload).records] == list(range(count))
        assert decoded(payload).rejects == []


def test_a_record_has_its_limit() -> None:
    def pack(length: int) -> bytes:
        return cbor2.dumps([{0: "m1/volume", 2: 1}, {0: "m1/volume", 2: 2, "x": "x" * length}, {0: "m1/volume", 2: 3}])

    assert reasons(pack(MAX_RECORD - 100)) == []
    assert reasons(pack(MAX_RECORD)) == [(Reason.TOO_LARGE, "[1]")]


def test_a_pack_has_its_limit() -> None:
    record = {0: "m1/volume", 2: 1}
    assert len(decoded(cbor2.dumps([record] * MAX_RECORDS)).records) == MAX_RECORDS
    assert reasons(cbor2.dumps([record] * (MAX_RECORDS + 1))) == [(Reason.TOO_LARGE, "$")]
    assert reasons(b"\x9f" + b"\xa0" * 1_000_000) == [(Reason.TOO_LARGE, "$")]


def test_shared_references_are_not_followed() -> None:
    cyclic = bytes.fromhex("81a1d81c81d81d0000")  # a map whose key is an array that holds itself
    assert decoded(cyclic).records == []
    assert len(decoded(cyclic).rejects) == 1


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)
names = st.sampled_from(["m1/volume", "m2/alarm", "volume", "", "m3/", "a/b/c", "é/volume"])
fields = st.fixed_dictionaries(
    {},
    optional={
        "n": names | scalars,
        "bn": st.sampled_from(["", "m1/", "m2/"]) | scalars,
        "u": st.sampled_from(["l", "m3", ""]) | scalars,
        "bu": st.sampled_from(["l", "kWh"]) | scalars,
        "v": st.floats(-1e6, 1e6) | scalars,
        "bv": st.integers(-100, 100) | scalars,
        "vb": st.booleans() | scalars,
        "t": st.integers(-1000, 2 * 10**9) | scalars,
        "bt": st.just(1_760_000_000) | scalars,
        "bver": st.sampled_from([10, 26, 11]),
        "s": scalars,
        "bs": scalars,
        "vs": st.text("abc", max_size=3),
        "ut": scalars,
        "other": scalars,
        "must_": scalars,
        "bmust_": scalars,
    },
)
packs = st.lists(fields | scalars, max_size=6)


@settings(max_examples=200)
@given(packs)
def test_json_and_cbor_say_the_same(pack: list[Any]) -> None:
    in_json = SenmlJson().decode("telemetry/gw-1/senml", json.dumps(pack).encode(), RECEIVED)
    in_cbor = decoded(cbor2.dumps(numbered(pack)))
    assert in_cbor.records == in_json.records
    assert in_cbor.rejects == in_json.rejects


@settings(max_examples=100)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=5), packs)
def test_good_records_survive_bad_neighbours(values: list[float], bad: list[Any]) -> None:
    # Neighbours that set no base field change nothing for a record that says everything itself.
    good = [{"n": "m1/volume", "u": "l", "v": value, "t": 1_760_000_000} for value in values]
    neighbours = [
        {label: found for label, found in item.items() if not label.startswith("b")} if isinstance(item, dict) else item
        for item in bad
    ]
    mixed: list[Any] = []
    for number in range(max(len(good), len(neighbours))):
        mixed += neighbours[number : number + 1] + good[number : number + 1]
    places = {f"[{at}]" for at, item in enumerate(mixed) if any(item is each for each in good)}
    said = decoded(cbor2.dumps(numbered(mixed)))
    assert [record.value for record in said.records if record.place in places] == values
