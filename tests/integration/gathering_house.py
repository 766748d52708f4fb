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
from registry.model import Device, Registry
from registry.shards import shard_of
from shouwang.distributed.gathering import Gathering
from shouwang.listening import IngestMetrics
from storage.database import connect
from tests.e2e.service import until
from tests.integration.engine_house import START, STREET, HandClock, Told, pack, rows, settle

PARTITIONS = 3
HEARD = START + timedelta(hours=12)
_SENSORS = "SELECT sensor.id, device.household FROM sensor JOIN device ON device.id = sensor.device"

HOMES = tuple(f"hh-{number}" for number in range(1, 15))
HOME = {shard_of(home, PARTITIONS): home for home in HOMES}
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
        one = STREET.households[0]
        devices = tuple(Device(f"meter-{home}", home, self.gateway) for home in HOMES)
        settle(self.database, Registry(STREET.areas, tuple(replace(one, id=home) for home in HOMES), devices=devices))

    def told(self, *readings: Arrived) -> str:
        """Return readings as one payload of the gateway."""
        told = [Told(f"meter-{home}/volume", START + timedelta(minutes=at), value) for home, at, value in readings]
        return pack(*told, gateway=self.gateway).payload.decode()

    def arrived(self, sealed: Callable[[int], Sequence[bytes]]) -> list[Arrived]:
        """Return the readings of all partitions, and see that each lies where it belongs and says when it was heard."""
        found = []
        for partition in range(PARTITIONS):
            batches = [unseal(one) for one in sealed(partition)]
            households = dict(rows(self.database, _SENSORS))  # a sensor is registered before it is written
            for at, batch in batches:
                assert at >= to_micros(HEARD)
                for sensor, time, value in zip(
                    *(c.tolist() for c in (batch.sensor, batch.time, batch.value)), strict=True
                ):
                    assert shard_of(households[sensor], PARTITIONS) == partition
                    found.append((households[sensor], (time - to_micros(START)) / MINUTE, value))
        return found

    def refused(self) -> list[tuple[str, str]]:
        """Return what is in quarantine: reason and place."""
        found = rows(self.database, "SELECT reason, place FROM quarantine ORDER BY id")
        return [(reason, place) for reason, place in found]


def ticks(sealed: Sequence[bytes]) -> list[float]:
    """Return when a partition was told the time and nothing else, seconds after `HEARD`."""
    return [(one.at - to_micros(HEARD)) / 1e6 for one in map(unseal, sealed) if not len(one.batch)]


class Carrier:
    """A gathering and what it says of itself; it may run in a thread, as a process of its own would."""

    def __init__(self, house: House, subscriber: Subscriber, writer: Writer, stop: threading.Event) -> None:
        self._numbers = CollectorRegistry()
        self._stop = stop
        self._subscriber = subscriber
        self._thread: threading.Thread | None = None
        self.gathering = Gathering(
            subscriber, writer, lambda: connect(house.database), house.clock, stop, IngestMetrics(self._numbers)
        )

    def counted(self, name: str) -> int:
        return int(self._numbers.get_sample_value(f"shouwang_{name}_total") or 0)

    def until(self, name: str, count: int) -> None:
        """Wait until so many are counted."""
        until(lambda: self.counted(name) >= count, f"{count} {name}", 120)

    def start(self, *, leaving: bool = False) -> None:
        self._subscriber.start()
        self._thread = threading.Thread(target=self.gathering.run, kwargs={"leaving": leaving})
        self._thread.start()

    def end(self) -> None:
        """Stop it as SIGTERM would."""
        self._stop.set()
        self.ended()

    def ended(self) -> None:
        """Wait until it has ended by itself, and disconnect."""
        if self._thread is not None:
            self._thread.join(120)
            assert not self._thread.is_alive()
        self._subscriber.stop()
