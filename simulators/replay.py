"""Publishes a recording as its gateway would have: SenML packs in the order of the file, each until it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from registry.instants import SECOND
from registry.quantities import SCALES, Quantity
from simulators.receipts import ReceiptedPublisher

PACK = 200
"""Readings in one message: what a gateway of some dozens of meters sends at once."""
GATEWAY = "replay"
"""The gateway that stands in for devices whose own is not in the registry."""

_encode = msgspec.json.Encoder().encode


class Sample(NamedTuple):
    """One recorded reading in SI units."""

    device: str
    quantity: Quantity
    time: int
    value: float


@dataclass(frozen=True, slots=True)
class Pack:
    """A message ready to be published, and the time of its last reading in microseconds."""

    gateway: str
    payload: bytes
    readings: int
    until: int

    @property
    def topic(self) -> str:
        """Where a gateway publishes SenML (DESIGN §5)."""
        return f"telemetry/{self.gateway}/senml"


def packs(samples: Iterable[Sample], gateways: Mapping[str, str], *, size: int = PACK) -> Iterator[Pack]:
    """Yield SenML packs (RFC 8428) of up to `size` readings, never mixing gateways, in the samples' order."""
    gathered: list[Sample] = []
    gateway = ""
    for sample in samples:
        its_gateway = gateways.get(sample.device, GATEWAY)
        if gathered and (its_gateway != gateway or len(gathered) >= size):
            yield _packed(gateway, gathered)
            gathered = []
        gateway = its_gateway
        gathered.append(sample)
    if gathered:
        yield _packed(gateway, gathered)


def publish(
    publisher: ReceiptedPublisher,
    stream: Iterable[Pack],
    *,
    pace: Callable[[int], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Publish packs and wait for their receipts; return how many readings were sent.

    `pace` is called with a pack's time before it is sent and may wait; `progress` with the readings just sent.
    """
    sent = 0
    for pack in stream:
        if pace is not None:
            pace(pack.until)
        publisher.publish(pack.topic, pack.payload)
        sent += pack.readings
        if progress is not None:
            progress(pack.readings)
    publisher.flush()
    return sent


def _packed(gateway: str, samples: list[Sample]) -> Pack:
    records = [
        {
            "n": f"{sample.device}/{sample.quantity.label}",
            "u": SCALES[sample.quantity].si or "/",
            "t": sample.time / SECOND,
            "v": sample.value,
        }
        for sample in samples
    ]
    return Pack(gateway, _encode(records), len(samples), samples[-1].time)
