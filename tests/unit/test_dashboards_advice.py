"""Whatever the service says to vendors of what it refuses, the pages say in Chinese too."""

from __future__ import annotations

from dashboards.words.languages import CHINESE
from dashboards.words.refusals import retold
from ingest.decoders import decode
from ingest.directory import Directory, Owner
from ingest.records import Message
from ingest.validation import validate
from registry.instants import SECOND, to_datetime

NOW = 1_790_000_000 * SECOND


def test_every_advice_to_vendors_is_there_in_chinese() -> None:
    directory = Directory(1, {"m": Owner("gw", "h"), "far": Owner("other", "h")})
    wrong: list[tuple[str, bytes]] = [
        ("telemetry/gw/senml", body)
        for body in (
            b"{",
            b"\xff",
            b"{}",
            b"[3]",
            b'[{"n": 3, "v": 1}]',
            b'[{"v": 1}]',
            b'[{"n": "a b/c", "v": 1}]',
            b'[{"n": "m/volume"}]',
            b'[{"n": "m/volume", "u": "gal", "v": 1}]',
            b'[{"n": "m/volume", "v": 1}]',
            b'[{"n": "m/volume", "u": 3, "v": 1}]',
            b'[{"n": "m/volume", "u": "l", "v": "x"}]',
            b'[{"n": "m/volume", "u": "l", "v": -1}]',
            b'[{"n": "m/x", "v": 1}]',
            b'[{"n": "x/volume", "u": "l", "v": 1}]',
            b'[{"n": "far/volume", "u": "l", "v": 1}]',
            b'[{"n": "m/alarm", "v": 3}]',
            b'[{"n": "m/volume", "u": "l", "v": 1, "t": 99999999999}]',
            b'[{"n": "m/volume", "u": "l", "v": 1, "t": 300000000}]',
            b'[{"n": "m/volume", "u": "l", "v": 1, "t": 1e300}]',
            b'[{"bver": 99, "n": "m/volume"}]',
            b'[{"bver": "x"}]',
            b'[{"n": "m/volume", "x_": 1}]',
            b'[{"n": "m/volume", "v": 1, "vb": true}]',
            b'[{"n": "m/volume", "vb": true}]',
            b'[{"n": "m/alarm", "vb": 3}]',
            b'[{"n": "m/volume", "vs": "x"}]',
            b'[{"n": "m/volume", "s": 3}]',
            b'[{"bn": 3}]',
            b'[{"bt": "x"}, {"n": "m/volume", "v": 1}]',
            b'[{"bt": 1' + b"0" * 400 + b"}]",
            b'[{"n": "' + b"a" * 600 + b'/b", "v": 1}]',
            b"[" + b"{}," * 10_000 + b"{}]",
            b"[" * 6000,
        )
    ]
    wrong += [
        ("telemetry/gw/senml-cbor", bytes.fromhex(body))
        for body in ("a0", "82", "81a100", "8100ff", "81a1616e00", "81ff")
    ]
    wrong += [
        ("telemetry/gw/senml-cbor", b"\x81\xa1\x00\x59\x20\x00" + b"x" * 8192),
        ("nowhere", b""),
        ("telemetry/gw/senml", b" " * 1_048_577),
    ]
    wrong += [
        ("application/1/device/aa/event/up", body)
        for body in (
            b"3",
            b"{}",
            b'{"object": 3}',
            b'{"object": {}}',
            b'{"object": {"power": "x"}}',
            b'{"object": {"alarm": "x"}}',
            b'{"object": {}, "time": "x"}',
            b'{"deviceInfo": {"devEui": "bb"}, "object": {}}',
        )
    ]
    wrong += [("zigbee2mqtt/x", b"3"), ("zigbee2mqtt/x", b'{"last_seen": "x"}')]
    for topic, payload in wrong:
        message = Message(topic, payload, NOW)
        checked = validate([(message, decode(message))], directory, to_datetime(NOW))
        assert checked.refusals, (topic, payload[:60])
        for one in checked.refusals:
            assert retold(CHINESE, one.detail) != one.detail, one.detail
