"""A registered street whose gateway nobody else has, and a gathering that carries what it says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from prometheus_client import CollectorRegistry

from ingest.envelope import unseal
from ingest.kafka import Writer
from ingest.mqtt import Subscriber
from registry.instants import MINUTE, to_micros
from registry.shards import shard_of
from shouwang.gathering import Gathering
from shouwang.listening import IngestMetrics
from storage.database import connect
from tests.integration.engine_house import HOMES, START, STREET, HandClock, Told, pack, rows, settle

PARTITIONS = 3
HEARD = START + timedelta(hours=1)
_SENSORS = "SELECT sensor.id, device.household FROM sensor JOIN device ON device.id = sensor.device"

HOME = {
    partition: next(one for one in HOMES if shard_of(one, PARTITIONS) == partition) for partition in range(PARTITIONS)
}
"""A home of each partition."""

Arrived = tuple[str, float, float]
"""A household, a minute after `START`, and what its meter said."""


@dataclass
class House:
    """The street in a database."""

    database: str
    gateway: str
    clock: HandClock = field(default_factory=lambda: HandClock(HEARD))

    def __post_init__(self) -> None:
        settle(
            self.database, replace(STREET, devices=tuple(replace(one, gateway=self.gateway) for one in STREET.devices))
        )

    def told(self, *readings: Arrived) -> str:
        """Return readings as one payload of the gateway."""
        told = [Told(f"meter-{home}/volume", START + timedelta(minutes=at), value) for home, at, value in readings]
        return pack(*told, gateway=self.gateway).payload.decode()

    def arrived(self, sealed: Callable[[int], Sequence[bytes]]) -> list[Arrived]:
        """Return the readings of all partitions, and see that each lies where it belongs and says when it was heard."""
        households = dict(rows(self.database, _SENSORS))
        found = []
        for partition in range(PARTITIONS):
            for at, batch in map(unseal, sealed(partition)):
                assert at >= to_micros(HEARD)
                for sensor, time, value in zip(
                    *(c.tolist() for c in (batch.sensor, batch.time, batch.value)), strict=True
                ):
                    assert shard_of(households[sensor], PARTITIONS) == partition
                    found.append((households[sensor], (time - to_micros(START)) / MINUTE, value))
        return found

    def refused(self) -> list[tuple[str, str]]:
        """Return what is in quarantine: reason and place."""
        return rows(self.database, "SELECT reason, place FROM quarantine ORDER BY id")  # type: ignore[return-value]  # two texts


def ticks(sealed: Sequence[bytes]) -> list[float]:
    """Return when a partition was told the time and nothing else, seconds after `HEARD`."""
    return [(one.at - to_micros(HEARD)) / 1e6 for one in map(unseal, sealed) if not len(one.batch)]


class Carrier:
    """A gathering, what it says of itself, and the thread in which it may run."""

    def __init__(self, house: House, subscriber: Subscriber, writer: Writer, stop: threading.Event) -> None:
        self._numbers = CollectorRegistry()
        self.stop = stop
        self.subscriber = subscriber
        self.gathering = Gathering(
            subscriber, writer, lambda: connect(house.database), house.clock, stop, IngestMetrics(self._numbers)
        )  # fmt: skip

    def counted(self, name: str) -> int:
        return int(self._numbers.get_sample_value(f"shouwang_{name}_total") or 0)
