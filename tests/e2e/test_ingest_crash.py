"""Ingest is killed in the middle of a stream, again and again: nothing is lost on its way to Kafka."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.mqtt import RECEIVE_MAXIMUM
from tests.e2e.service import COMMAND, until
from tests.integration.gathering_house import HOMES, Arrived, House
from tests.integration.mqtt_client import client, publish
from tests.kafka.reading import written
from tests.mosquitto import Mosquitto

KILLS = 3
BETWEEN = 300
"""Readings that come to Kafka before the next kill at the least."""


class Ingest:
    """`shouwang ingest` as a process; the same one comes back after each kill."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._log = folder / "ingest.log"
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SHOUWANG_")}
        self._environment = {**kept, "SHOUWANG_SEAL_KEYS": os.environ["SHOUWANG_SEAL_KEYS"], **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([*COMMAND, "ingest"], env=self._environment, stdout=log, stderr=log)
        until(lambda: "ingest is at work" in self.log, f"ingest is at work: {self.log}", 120)

    @property
    def log(self) -> str:
        assert self._process is not None
        said = self._log.read_text(errors="replace")
        assert self._process.poll() is None, said
        return said

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(60)


@pytest.fixture
def house(database: str) -> House:
    return House(database, "gw-1")


@pytest.fixture
def ingest(house: House, mosquitto: Mosquitto, kafka: str, topic: str, tmp_path: Path) -> Iterator[Ingest]:
    made = Ingest(
        tmp_path,
        {
            "SHOUWANG_DATABASE_URL": house.database,
            "SHOUWANG_MQTT_URL": mosquitto.url,
            "SHOUWANG_KAFKA_SERVERS": kafka,
            "SHOUWANG_KAFKA_TOPIC": topic,
        },
    )
    made.start()
    yield made
    made.kill()


class Stream(threading.Thread):
    """Says one reading after the other until it is told that this is enough."""

    def __init__(self, house: House, broker: Mosquitto) -> None:
        super().__init__()
        self.said: list[Arrived] = []
        self._house = house
        self._broker = broker
        self._enough = threading.Event()

    def run(self) -> None:
        with client(self._broker.endpoint) as gateway:
            while not self._enough.is_set():
                at = len(self.said)
                reading = (HOMES[at % len(HOMES)], at / 100, float(at))
                publish(gateway, f"telemetry/{self._house.gateway}/senml", self._house.told(reading))
                self.said.append(reading)

    def end(self) -> None:
        self._enough.set()
        self.join(60)
        assert not self.is_alive()


def test_nothing_is_lost_when_ingest_is_killed_in_the_middle(
    house: House, mosquitto: Mosquitto, ingest: Ingest, kafka: str, topic: str
) -> None:
    def arrived() -> list[Arrived]:
        return house.arrived(lambda partition: written(kafka, topic, partition))

    stream = Stream(house, mosquitto)
    stream.start()
    try:
        for _ in range(KILLS):
            enough = len(arrived()) + BETWEEN
            until(lambda enough=enough: len(arrived()) >= enough, "the stream has come so far", 120)  # type: ignore[misc]  # mypy cannot infer a lambda's default
            ingest.kill()
            ingest.start()
    finally:
        stream.end()
    until(lambda: len(set(arrived())) >= len(stream.said), "everything is in Kafka", 120)
    assert ingest.stop() == 0
    counted = Counter(arrived())
    assert counted.keys() == set(stream.said)
    # What was taken and not yet acknowledged comes again; workers pass over what they have stored.
    assert sum(counted.values()) - len(counted) <= KILLS * RECEIVE_MAXIMUM
