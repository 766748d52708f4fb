"""However the network cuts what a broker sends, each packet is taken once, in order, and none stops the next."""

from __future__ import annotations

import contextlib
import itertools
import struct
from typing import Any

import paho.mqtt.client as paho
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from ingest.client import Client


class Wire:
    """A socket on which pieces arrive."""

    def __init__(self) -> None:
        self.arrived = b""

    def recv(self, most: int) -> bytes:
        if not self.arrived:
            raise BlockingIOError
        part, self.arrived = self.arrived[:most], self.arrived[most:]
        return part

    def close(self) -> None:
        pass


class Listener:
    """A client, and what it was told in the order in which it was told."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id="x",
            protocol=paho.MQTTv5,
            manual_ack=True,
            on_plain=lambda *message: self.told.append(message),
        )
        self.client.on_message = lambda _client, _userdata, sent: self.told.append(
            (sent.topic, bytes(sent.payload), sent.mid, sent.qos, sent.properties.ResponseTopic)  # type: ignore[union-attr]
        )
        wire = Wire()
        self.client._sock = wire  # type: ignore[assignment]
        for piece in pieces:  # the system calls once for each, whatever of it is taken then
            wire.arrived += piece
            assert self.client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS

    @property
    def written(self) -> bytes:
        return b"".join(bytes(one["packet"]) for one in self.client._out_packet)


def _published(topic: bytes, payload: bytes, mid: int, qos: int = 1, properties: bytes = b"") -> bytes:
    number = struct.pack("!H", mid) if qos else b""
    body = struct.pack("!H", len(topic)) + topic + number + bytes([len(properties)]) + properties + payload
    length, left = b"", len(body)
    while True:
        left, low = divmod(left, 128)
        length += bytes([low | (0x80 if left else 0)])
        if not left:
            return bytes([0x30 | qos << 1]) + length + body


def _cut(sent: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    return [sent[low:high] for low, high in itertools.pairwise(at)]


_ANSWER = b"\x08" + struct.pack("!H", 10) + b"receipts/a"
_WRONG = b"\x7f\x01"  # no property has this number
_PAYLOADS = st.binary(max_size=300)


@given(st.lists(st.tuples(_PAYLOADS, st.sampled_from([b"", _ANSWER]), st.sampled_from([0, 1])), max_size=6),
       st.lists(st.integers(0, 2_000), max_size=12))  # fmt: skip
def test_packets_are_taken_however_they_are_cut(sent: list[tuple[bytes, bytes, int]], cuts: list[int]) -> None:
    packets = [_published(b"t/a", payload, mid, qos, how) for mid, (payload, how, qos) in enumerate(sent, 1)]
    told = Listener(_cut(b"".join(packets), cuts)).told
    assert told == [
        ("t/a", payload, mid * qos, qos, *(["receipts/a"] if how else []))
        for mid, (payload, how, qos) in enumerate(sent, 1)
    ]


def test_a_packet_that_cannot_be_read_is_confirmed_and_stops_nothing() -> None:
    bad = [
        _published(b"t/a", b"x", 7, properties=_WRONG),
        _published(b"\xff", b"x", 8),
        _published(b"t/a", b"", 9)[:-1],
    ]
    bad[2] = bytes([0x32, len(bad[2]) - 2]) + bad[2][2:]  # it ends where the length of its properties should be
    listener = Listener([b"".join([*bad, _published(b"t/b", b"y", 10)])])
    assert listener.told == [("t/b", b"y", 10, 1)]
    assert listener.written == b"\x40\x02\x00\x07\x40\x02\x00\x08\x40\x02\x00\x09"


def test_many_are_confirmed_in_one_packet_of_the_wire() -> None:
    listener = Listener([])
    listener.client.confirm([])
    listener.client.confirm([1, 258, 65_535])
    assert [bytes(one["packet"]) for one in listener.client._out_packet] == [
        b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"
    ]


def test_what_was_read_ahead_of_a_lost_connection_is_forgotten() -> None:
    listener = Listener([_published(b"t/a", b"x", 1)[:-1]])
    listener.client._ahead = memoryview(b"\x32\x07")
    listener.client._host, listener.client._port = "127.0.0.1", 1  # where nobody answers
    with contextlib.suppress(OSError):
        listener.client.reconnect()
    assert not listener.client._ahead
