"""Every message gets an answer: nothing on any topic raises, grows, or is read by the wrong decoder."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decoders import TOPICS, decode, dispatch
from ingest.decoders.dispatch import MAX_PAYLOAD
from ingest.decoders.senml_json import SenmlJson
from ingest.records import Decoded, Message, Reason, Record
from registry.instants import SECOND

RECEIVED = 1_760_000_000 * SECOND
PUBLISHED_ON = {
    "telemetry/gw-1/senml": "gw-1",
    "telemetry/gw-1/senml-cbor": "gw-1",
    "application/7/device/0102030405060708/event/up": "chirpstack:7",
    "zigbee2mqtt/kitchen": "zigbee2mqtt",
}
GOOD: dict[str, Any] = {
    "telemetry/gw-1/senml": [
        {"bn": "m1/", "bt": 1_760_000_000, "bu": "l", "n": "volume", "v": 120345},
        {"n": "volume", "t": 60, "v": 120346.5},
        {"n": "alarm", "u": "/", "vb": True},
    ],
    "telemetry/gw-1/senml-cbor": [{-2: "m1/", -3: 1_760_000_000, 0: "volume", 1: "l", 2: 5}, {0: "battery", 2: 7.5}],
    "application/7/device/0102030405060708/event/up": {
        "time": "2026-01-01T00:00:00Z",
        "deviceInfo": {"devEui": "0102030405060708"},
        "object": {"volume": 5, "alarm": True},
    },
    "zigbee2mqtt/kitchen": {"smoke": False, "battery": 90, "last_seen": 1_767_225_600_000},
}


def written(topic: str, content: Any) -> bytes:
    return cbor2.dumps(content) if topic.endswith("cbor") else json.dumps(content).encode()


def sound(decoded: Decoded, gateway: str) -> None:
    """What every answer must be, so that whatever comes next can rely on it."""
    assert decoded.gateway == gateway
    for record in decoded.records:
        assert type(record) is Record
        assert [type(part) for part in record] == [str, str, str, float, int, str]
    for reject in decoded.rejects:
        assert isinstance(reject.reason, Reason)
        assert reject.place
        assert 20 < len(reject.detail) < 1000
        assert (reject.place + reject.detail).isprintable()


topics = st.sampled_from(sorted(PUBLISHED_ON))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["n", "v", "t", "bn", "object", "time", "smoke", "last_seen"]) | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
cbor_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(-7, 9) | st.text(max_size=3), inner, max_size=5)
        | st.builds(cbor2.CBORTag, st.integers(0, 300), inner)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(("topic", "gateway"), PUBLISHED_ON.items())
def test_each_topic_has_its_decoder(topic: str, gateway: str) -> None:
    decoded = decode(Message(topic, written(topic, GOOD[topic]), RECEIVED))
    sound(decoded, gateway)
    assert decoded.rejects == []
    assert len(decoded.records) >= 2


def test_the_topics_to_subscribe_to() -> None:
    assert set(TOPICS) == {
        "telemetry/+/senml", "telemetry/+/senml-cbor", "application/+/device/+/event/up", "zigbee2mqtt/+",
    }  # fmt: skip


@pytest.mark.parametrize("topic", ["", "telemetry/gw-1", "telemetry/gw-1/senml/x", "zigbee2mqtt/a/b", "x\0y"])
def test_a_topic_without_a_decoder(topic: str) -> None:
    decoded = decode(Message(topic, b"[]", RECEIVED))
    sound(decoded, "")
    assert [(reject.reason, reject.place) for reject in decoded.rejects] == [(Reason.UNKNOWN_TOPIC, "topic")]


@pytest.mark.parametrize("topic", PUBLISHED_ON)
def test_a_message_has_its_limit(topic: str) -> None:
    decoded = decode(Message(topic, b" " * (MAX_PAYLOAD + 1), RECEIVED))
    assert [(reject.reason, reject.place) for reject in decoded.rejects] == [(Reason.TOO_LARGE, "$")]


def test_a_bug_in_a_decoder_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Decoded:
        raise ZeroDivisionError("seven")

    monkeypatch.setattr(SenmlJson, "decode", broken)
    decoded = dispatch.decode(Message("telemetry/gw-1/senml", b"[]", RECEIVED))
    sound(decoded, "gw-1")
    assert [(reject.reason, reject.place) for reject in decoded.rejects] == [(Reason.MALFORMED, "$")]
    assert "ZeroDivisionError: 'seven'" in decoded.rejects[0].detail


def unnetted(topic: str, payload: bytes) -> Decoded:
    """Decode without the net for bugs: a decoder itself never raises."""
    decoder = dispatch._decoder_of(topic)
    assert decoder is not None
    return decoder.decode(topic, payload, RECEIVED)


@settings(max_examples=300)
@given(topics, st.binary(max_size=200))
def test_random_bytes(topic: str, payload: bytes) -> None:
    sound(unnetted(topic, payload), PUBLISHED_ON[topic])


@settings(max_examples=200)
@given(topics, json_values)
def test_random_json(topic: str, content: Any) -> None:
    sound(unnetted(topic, json.dumps(content).encode()), PUBLISHED_ON[topic])
    sound(unnetted(topic, json.dumps([content]).encode()), PUBLISHED_ON[topic])


@settings(max_examples=300)
@given(cbor_values)
def test_random_cbor(content: Any) -> None:
    for pack in (content, [content], [{0: "m1/volume", 2: content}]):
        sound(unnetted("telemetry/gw-1/senml-cbor", cbor2.dumps(pack)), "gw-1")


@settings(max_examples=300)
@given(topics, st.data())
def test_mutated_payloads(topic: str, data: st.DataObject) -> None:
    payload = bytearray(written(topic, GOOD[topic]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(payload) - 1))
        kind = data.draw(st.sampled_from(["flip", "drop", "insert"]))
        if kind == "flip":
            payload[at] = data.draw(st.integers(0, 255))
        elif kind == "drop" and len(payload) > 1:
            del payload[at]
        else:
            payload.insert(at, data.draw(st.integers(0, 255)))
    sound(unnetted(topic, bytes(payload)), PUBLISHED_ON[topic])


BOMBS = [
    b"[" * MAX_PAYLOAD,
    b'{"a":' * (MAX_PAYLOAD // 5),
    b"[" + b"{}," * (MAX_PAYLOAD // 3 - 1) + b"{}]",
    b"9" * MAX_PAYLOAD,
    b'[{"n":"' + b"x" * (MAX_PAYLOAD - 20) + b'","v":1}]',
    b'[{"n":"m1/volume","v":1' + b"0" * (MAX_PAYLOAD - 40) + b"}]",
    b'[{"bn":"' + b"x" * (MAX_PAYLOAD // 2) + b'/"}' + b"".join(b',{"n":"v%d","v":1}' % n for n in range(9_000)) + b"]",
    b"\x9f" * (64 * 1024),
    b"\x9b\x00\x00\x00\x7f\xff\xff\xff\xff",
    b"\x5b\x00\x00\x00\x7f\xff\xff\xff\xff",
    b"\x81\xa1\x02\xc4\x82\x00\xc2\x5a\x00\x01\xff\x00" + b"\xff" * 0x1FF00,  # a decimal fraction of a million bits
]


@pytest.mark.parametrize("bomb", range(len(BOMBS)))
@pytest.mark.parametrize("topic", PUBLISHED_ON)
def test_memory_is_bounded(topic: str, bomb: int) -> None:
    message = Message(topic, BOMBS[bomb], RECEIVED)
    tracemalloc.start()
    try:
        decoded = decode(message)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * MAX_PAYLOAD
    assert len(decoded.records) + len(decoded.rejects) <= 10_000
