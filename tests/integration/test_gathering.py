"""From a real broker to a real Kafka: each reading in its partition once, acknowledged when Kafka has it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
import pytest

from ingest.kafka import Writer
from ingest.mqtt import Endpoint, Subscriber
from ingest.topic import ensure_topic
from registry.instants import to_micros
from tests.e2e.service import until
from tests.integration.engine_house import rows
from tests.integration.gathering_house import HEARD, HOMES, PARTITIONS, Arrived, Carrier, House, ticks
from tests.integration.mqtt_client import client, publish
from tests.kafka.broker import KafkaBroker
from tests.kafka.reading import written
from tests.mosquitto import Mosquitto

MANY = 300


class Road:
    """The way from the street's gateway over a broker to a topic, and whoever carries things along it."""

    def __init__(self, house: House, endpoint: Endpoint, servers: str, topic: str) -> None:
        self.house, self.endpoint, self._servers, self._topic = house, endpoint, servers, topic

    def carrier(self, name: str = "a") -> Carrier:
        shared = [f"$share/{self.house.gateway}/telemetry/{self.house.gateway}/#"]
        subscriber = Subscriber(
            self.endpoint, shared, client_id=f"{self.house.gateway}-{name}", now=lambda: to_micros(HEARD)
        )
        return Carrier(self.house, subscriber, Writer(self._servers, self._topic, name), threading.Event())

    @contextmanager
    def carried(self, name: str = "a") -> Iterator[Carrier]:
        carrier = self.carrier(name)
        carrier.start()
        try:
            yield carrier
        finally:
            carrier.end()

    def say(self, by: paho.Client, said: list[Arrived], *, receipts: bool = False) -> None:
        """Send readings, each in a message of its own."""
        asked = f"receipts/{self.house.gateway}" if receipts else None
        publish(by, f"telemetry/{self.house.gateway}/senml", *map(self.house.told, said), response_topic=asked)

    def sealed(self, partition: int) -> list[bytes]:
        return written(self._servers, self._topic, partition)

    def arrived(self) -> list[Arrived]:
        return self.house.arrived(self.sealed)


@pytest.fixture
def road(database: str, gateway: str, mosquitto: Mosquitto, kafka: str, topic: str) -> Road:
    return Road(House(database, gateway), mosquitto.endpoint, kafka, topic)


def _readings(start: int, count: int) -> list[Arrived]:
    return [(HOMES[at % len(HOMES)], at, float(at)) for at in range(start, start + count)]


def test_every_reading_comes_to_its_partition_once_in_order_and_is_receipted(road: Road) -> None:
    said = _readings(0, MANY)
    receipts: queue.SimpleQueue[dict[str, int]] = queue.SimpleQueue()

    def note(message: paho.MQTTMessage) -> None:
        if message.topic == f"receipts/{road.house.gateway}":
            receipts.put(json.loads(message.payload))

    with client(road.endpoint, note) as publisher, road.carried() as carrier:
        road.say(publisher, said, receipts=True)
        carrier.until("messages", MANY)
        assert [receipts.get(timeout=20) for _ in said] == [{"readings": 1, "rejected": 0}] * MANY
    arrived = road.arrived()
    assert sorted(arrived) == sorted(said)
    assert [[one for one in arrived if one[0] == home] for home in HOMES] == [
        [one for one in said if one[0] == home] for home in HOMES
    ]
    assert rows(road.house.database, "SELECT count(*) FROM sensor") == [(len(HOMES),)]


def test_while_kafka_is_away_nothing_is_acknowledged_and_all_is_there_when_it_is_back(
    database: str, gateway: str, mosquitto: Mosquitto, mortal_kafka: KafkaBroker
) -> None:
    ensure_topic(mortal_kafka.servers, "readings", PARTITIONS)
    road = Road(House(database, gateway), mosquitto.endpoint, mortal_kafka.servers, "readings")
    with client(road.endpoint) as publisher, road.carried() as carrier:
        road.say(publisher, _readings(0, 50))
        carrier.until("messages", 50)
        mortal_kafka.kill()
        road.say(publisher, _readings(50, 50))
        carrier.until("readings", 100)
        assert carrier.counted("messages") == 50
        mortal_kafka.start()
        carrier.until("messages", 100)
        road.say(publisher, _readings(100, 50))
        carrier.until("messages", 150)
        assert sorted(road.arrived()) == sorted(_readings(0, 150))


def test_two_share_the_messages(road: Road) -> None:
    said = _readings(0, MANY)
    with client(road.endpoint) as publisher, road.carried("a") as one, road.carried("b") as two:
        road.say(publisher, said)
        until(lambda: one.counted("messages") + two.counted("messages") >= MANY, "all is acknowledged", 120)
        assert min(one.counted("messages"), two.counted("messages")) > MANY // 10
        assert one.counted("readings") + two.counted("readings") == MANY
    assert sorted(road.arrived()) == sorted(said)


def test_what_comes_while_nobody_is_there_waits(road: Road) -> None:
    with client(road.endpoint) as publisher:
        with road.carried() as carrier:
            road.say(publisher, _readings(0, 10))
            carrier.until("messages", 10)
        road.say(publisher, _readings(10, 10))
        with road.carried() as carrier:
            carrier.until("messages", 10)
            road.say(publisher, _readings(20, 10))
            carrier.until("messages", 20)
    assert sorted(road.arrived()) == sorted(_readings(0, 30))


def test_who_leaves_for_good_takes_along_what_waited_and_gets_nothing_more(road: Road) -> None:
    with client(road.endpoint) as publisher, road.carried("stays") as stays:
        with road.carried("leaves"):
            pass  # it has a share now, that waits for it while it is away
        road.say(publisher, _readings(0, 20))
        leaves = road.carrier("leaves")
        leaves.start(leaving=True)
        leaves.ended()
        until(lambda: stays.counted("messages") + leaves.counted("messages") >= 20, "all is acknowledged")
        before = stays.counted("messages")
        road.say(publisher, _readings(20, 20))
        stays.until("messages", before + 20)
    assert sorted(set(road.arrived())) == sorted(_readings(0, 40))


def test_the_time_is_told_to_each_partition_while_nothing_comes(road: Road) -> None:
    with road.carried():
        until(lambda: all(len(ticks(road.sealed(at))) >= 2 for at in range(PARTITIONS)), "each is told twice")
