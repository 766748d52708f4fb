"""Publishes a recording as its gateway would have: SenML packs in the order of the file, each until it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from ingest.recordings import Chunk
from registry.instants import SECOND
from registry.quantities import SCALES
from simulators.receipts import ReceiptedPublisher

PACK = 100
"""Readings in one message: what a gateway of some dozens of meters sends at once."""
GATEWAY = "replay"
"""The gateway that stands in for devices whose own is not in the registry."""

_encode = msgspec.json.Encoder().encode


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


def packs(chunk: Chunk, gateways: Mapping[str, str], *, size: int = PACK) -> Iterator[Pack]:
    """Yield SenML packs (RFC 8428) of up to `size` readings, never mixing gateways, in the order of the recording.

    `gateways` maps registered devices to their gateways; the others are spoken for by `GATEWAY`.
    """
    names = [f"{series.device}/{series.quantity.label}" for series in chunk.known]
    units = [SCALES[series.quantity].si or "/" for series in chunk.known]
    speakers = [gateways.get(series.device, GATEWAY) for series in chunk.known]
    gathered: list[dict[str, str | float]] = []
    gateway = ""
    until = 0
    for series, time, value in zip(chunk.series.tolist(), chunk.time.tolist(), chunk.value.tolist(), strict=True):
        if gathered and (speakers[series] != gateway or len(gathered) >= size):
            yield Pack(gateway, _encode(gathered), len(gathered), until)
            gathered = []
        gateway, until = speakers[series], time
        gathered.append({"n": names[series], "u": units[series], "t": time / SECOND, "v": value})
    if gathered:
        yield Pack(gateway, _encode(gathered), len(gathered), until)


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
