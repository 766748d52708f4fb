"""Messages from strangers: correct ones are seen at once, each kind of bad one says what is wrong with it."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.gateway import Gateway
from tests.e2e.service import Service, until

SAMPLE = Path(__file__).parents[2] / "registry" / "sample"
TOPIC = "telemetry/gateway-yuzhong-1/senml"


@pytest.fixture
def service(services: Callable[..., Service]) -> Service:
    service = services("--no-town")
    service.start()
    service.run("registry", "import", str(SAMPLE))
    return service


def _pack(name: str = "yz-0001-water/volume", unit: str = "l", value: object = 1234, at: float = 0.0) -> str:
    return json.dumps([{"n": name, "u": unit, "v": value, "t": at or time.time()}])


BAD = {
    "not json": ("malformed", None),
    _pack("yz-9999-water/volume"): ("unknown_device", "n"),
    _pack("yz-0003-water/volume"): ("wrong_gateway", "n"),
    _pack("yz-0001-water/colour"): ("unknown_quantity", "n"),
    _pack(unit="gal"): ("wrong_unit", "u"),
    _pack(value=-5): ("impossible_value", "v"),
    _pack(at=4_000_000_000.0): ("time_too_far_ahead", "t"),
    _pack(value="much"): ("wrong_type", "v"),
    '[{"n": "yz-0001-water/volume", "u": "l"}]': ("missing_field", "v"),
    '[{"bver": 11, "n": "yz-0001-water/volume", "u": "l", "v": 1}]': ("unsupported_version", "bver"),
}


def test_a_strangers_reading_is_seen_and_each_bad_message_says_why(service: Service) -> None:
    with Gateway(service, "gateway-yuzhong-1") as gateway:
        gateway.publish(TOPIC, _pack(value=1234))
        path = "/api/v1/sensors/yz-0001-water/volume/readings"

        def seen() -> bool:
            sensors = service.rows("SELECT 1 FROM sensor WHERE device = 'yz-0001-water'")
            return bool(sensors) and [row["value"] for row in service.api(path)["items"]] == [1234.0]

        until(seen, "the reading is in the API")
        for payload in BAD:
            gateway.publish(TOPIC, payload)
        gateway.publish("telemetry/gateway-yuzhong-1/smoke-signals", "puff")

        def refused() -> bool:
            return len(list(service.all("/api/v1/quarantine"))) == len(BAD) + 1

        until(refused, "everything bad is in quarantine")
    found = list(service.all("/api/v1/quarantine"))
    reasons = {(row["reason"], row["place"].rpartition(".")[2]) for row in found}
    for reason, field in BAD.values():
        assert any(reason == said and (field is None or field == place) for said, place in reasons), (reason, found)
    assert any(row["reason"] == "unknown_topic" for row in found)
    assert all(row["detail"] for row in found)


def test_fuzz_stops_nothing_and_fills_no_memory(service: Service) -> None:
    random = np.random.default_rng(1)
    good = _pack(value=77).encode()

    def payload() -> bytes:
        mutated = bytearray(good)
        for at in random.integers(0, len(good), int(random.integers(1, 6))):
            mutated[at] = int(random.integers(0, 256))
        return bytes(mutated) if random.random() < 0.7 else random.bytes(int(random.integers(0, 200)))

    def memory() -> int:
        status = Path(f"/proc/{service.group}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0])

    topics = [TOPIC, "telemetry/gateway-yuzhong-1/senml-cbor", "zigbee2mqtt/lamp", "application/1/device/2/event/up"]
    with Gateway(service, "gateway-yuzhong-1", in_flight=500) as gateway:
        grown = []
        for _ in range(2):
            sent = [gateway.publish(topics[n % len(topics)], payload(), wait=False) for n in range(5_000)]
            for one in sent:
                one.wait_for_publish(120)
            marker = random.integers(10_000, 90_000)
            gateway.publish(TOPIC, _pack(value=int(marker)))
            query = f"SELECT 1 FROM reading WHERE value = {marker}"
            until(functools.partial(service.rows, query), "a good reading after the bad ones")
            grown.append(memory())
    assert grown[1] - grown[0] < 30_000, f"resident memory grew from {grown[0]} to {grown[1]} kB"
    assert service.rows("SELECT count(*) > 3000 FROM quarantine") == [(True,)]
