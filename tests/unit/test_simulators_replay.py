"""How a recording is packed: all of it, in its order, no gateway speaking for another's devices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.decoders import decode
from ingest.mqtt import Endpoint
from ingest.recordings import Chunk, Series
from ingest.records import Message
from registry.quantities import SCALES, Quantity
from simulators.receipts import ReceiptedPublisher
from simulators.replay import GATEWAY, PACK, Pack, packs, publish

KNOWN = [
    Series("m-1", Quantity.VOLUME, "m3"),
    Series("m-2", Quantity.ENERGY, "kWh"),
    Series("m-2", Quantity.BATTERY, "%EL"),
    Series("m-3", Quantity.ALARM, "/"),
    Series("m-4", Quantity.TEMPERATURE, "Cel"),
]
GATEWAYS = {"m-1": "gw-a", "m-2": "gw-a", "m-3": "gw-b"}
START = 1_760_000_000_000_000


def _chunk(rows: list[tuple[int, int, float]]) -> Chunk:
    value = np.array([row[2] for row in rows], np.float64)
    factor = np.array([KNOWN[row[0]].factor for row in rows])
    return Chunk(
        KNOWN,
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.int64),
        value / factor,
        value,
        1.0,
    )


_rows = st.lists(
    st.tuples(
        st.integers(0, len(KNOWN) - 1),
        st.integers(-(10**9), 10**15).map(lambda micros: START + micros),
        st.floats(-1e12, 1e12),
    ),
    max_size=60,
)


@given(_rows, st.integers(1, 12))
def test_what_is_packed_is_what_the_service_reads(rows: list[tuple[int, int, float]], size: int) -> None:
    made = list(packs(_chunk(rows), GATEWAYS, size=size))
    read = []
    for pack in made:
        said = decode(Message(pack.topic, pack.payload, 0))
        assert said.rejects == []
        assert len(said.records) == pack.readings <= size
        assert {GATEWAYS.get(record.device, GATEWAY) for record in said.records} == {said.gateway} == {pack.gateway}
        assert said.records[-1].time == pack.until
        read += [(record.device, record.name, record.unit, record.time, record.value) for record in said.records]
    expected = [
        (KNOWN[at].device, KNOWN[at].quantity.label, SCALES[KNOWN[at].quantity].si or "/", time, value)
        for at, time, value in rows
    ]
    assert read == expected
    # No pack is cut short but where the gateway changes.
    assert all(one.gateway != other.gateway or one.readings == size for one, other in pairwise(made))


def test_a_pack_is_what_a_gateway_sends_at_once() -> None:
    made = list(packs(_chunk([(0, START + n, float(n)) for n in range(2 * PACK + 1)]), GATEWAYS))
    assert [pack.readings for pack in made] == [PACK, PACK, 1]
    assert {pack.topic for pack in made} == {"telemetry/gw-a/senml"}
    assert json.loads(made[2].payload) == [
        {"n": "m-1/volume", "u": "l", "t": (START + 2 * PACK) / 1e6, "v": 2.0 * PACK}
    ]


def test_devices_without_a_gateway_are_spoken_for_by_the_replay() -> None:
    [pack] = packs(_chunk([(4, START, 21.5)]), GATEWAYS)
    assert (pack.gateway, pack.topic, pack.until) == (GATEWAY, "telemetry/replay/senml", START)


def test_nothing_makes_no_pack() -> None:
    assert list(packs(_chunk([]), GATEWAYS)) == []


class Recorder(ReceiptedPublisher):
    """Writes down what it is asked to publish."""

    def __init__(self, said: list[Any]) -> None:
        super().__init__(lambda: Endpoint("nowhere", 1, None, None, tls=False), "recorder")
        self._said = said

    def publish(self, topic: str, payload: bytes) -> None:
        self._said.append((topic, payload))

    def flush(self) -> None:
        self._said.append("flush")


def test_publishing_paces_sends_counts_and_waits_for_the_last_receipt() -> None:
    said: list[Any] = []

    def stream() -> Iterator[Pack]:
        yield Pack("gw-a", b"1", 3, START)
        yield Pack("gw-b", b"2", 4, START + 5)

    sent = publish(
        Recorder(said),
        stream(),
        pace=lambda until: said.append(("wait until", until)),
        progress=lambda readings: said.append(("sent", readings)),
    )
    assert sent == 7
    assert said == [
        ("wait until", START), ("telemetry/gw-a/senml", b"1"), ("sent", 3),
        ("wait until", START + 5), ("telemetry/gw-b/senml", b"2"), ("sent", 4), "flush",
    ]  # fmt: skip
    assert publish(Recorder([]), []) == 0
