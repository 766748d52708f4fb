"""The service's MQTT client against a real broker: SHOUWANG_TEST_MQTT_URL, or the embedded one."""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from ingest.broker import EmbeddedBroker
from ingest.errors import BrokerError
from ingest.mqtt import Delivery, Endpoint, Subscriber
from simulators.receipts import ReceiptedPublisher
from tests.e2e.service import free_port, until
from tests.integration.mqtt_client import client, publish

EMBEDDED = "SHOUWANG_TEST_MQTT_URL" not in os.environ


@contextmanager
def _subscriber(
    endpoint: Endpoint, gateway: str, *, receive_maximum: int = 1_000, read_ahead: int = 2_000
) -> Iterator[Subscriber]:
    made = Subscriber(
        endpoint,
        [f"telemetry/{gateway}/#"],
        client_id=f"test-{gateway}",
        now=lambda: 7,
        receive_maximum=receive_maximum,
    )
    made._read_ahead = read_ahead
    made.start()
    try:
        yield made
    finally:
        made.stop()


def _take(subscriber: Subscriber, count: int) -> list[Delivery]:
    """Return the next deliveries, waiting until there are so many."""
    taken: list[Delivery] = []

    def enough() -> bool:
        taken.extend(subscriber.take(count - len(taken), 0.1))
        return len(taken) >= count

    until(enough, f"{count} messages arrive", 30)
    return taken


def _said(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message.payload.decode() for delivery in deliveries]


def _cut(subscriber: Subscriber) -> None:
    """Cut a subscriber's connection as a network would."""
    connection = subscriber._connection
    wire = subscriber._client.socket()
    assert isinstance(wire, socket.socket)
    wire.shutdown(socket.SHUT_RDWR)
    until(lambda: subscriber._connection > connection and subscriber.connected, "it is connected again", 30)


def test_a_message_carries_its_topic_payload_and_the_moment_it_was_heard(endpoint: Endpoint, gateway: str) -> None:
    with _subscriber(endpoint, gateway) as subscriber, client(endpoint) as publisher:
        publish(publisher, f"telemetry/{gateway}/senml", "a", response_topic="receipts/r")
        [delivery] = _take(subscriber, 1)
        subscriber.acknowledge([delivery])
    assert (delivery.message.topic, delivery.message.payload, delivery.message.received) == (
        f"telemetry/{gateway}/senml", b"a", 7,
    )  # fmt: skip
    assert (delivery.qos, delivery.response_topic, delivery.correlation) == (1, "receipts/r", b"a")


def test_what_is_not_acknowledged_comes_again_after_a_lost_connection(endpoint: Endpoint, gateway: str) -> None:
    with _subscriber(endpoint, gateway) as subscriber, client(endpoint) as publisher:
        publish(publisher, f"telemetry/{gateway}/senml", "a", "b", "c")
        first = _take(subscriber, 3)
        assert _said(first) == ["a", "b", "c"]
        subscriber.acknowledge(first[:1])
        # The acknowledgement has reached the broker when it has answered what was sent after it.
        _ping(subscriber)
        _cut(subscriber)
        again = _take(subscriber, 2)
        assert sorted(_said(again)) == ["b", "c"]
        subscriber.acknowledge(again)
        publish(publisher, f"telemetry/{gateway}/senml", "d")
        assert _said(_take(subscriber, 1)) == ["d"]


def _ping(subscriber: Subscriber) -> None:
    """Wait until the broker has read everything that was sent to it on this connection so far."""
    answered = threading.Event()
    client = subscriber._client
    own = client.on_subscribe
    client.on_subscribe = lambda *_: answered.set()
    client.subscribe("elsewhere/ping", 0)
    assert answered.wait(20)
    client.on_subscribe = own


def test_what_is_not_acknowledged_waits_for_the_next_process(endpoint: Endpoint, gateway: str) -> None:
    with client(endpoint) as publisher:
        with _subscriber(endpoint, gateway) as subscriber:
            publish(publisher, f"telemetry/{gateway}/senml", "a", "b")
            _take(subscriber, 2)
        publish(publisher, f"telemetry/{gateway}/senml", "c")
        with _subscriber(endpoint, gateway) as subscriber:
            taken = _take(subscriber, 3)
            subscriber.acknowledge(taken)
            assert sorted(_said(taken)) == ["a", "b", "c"]


def test_more_than_is_read_ahead_may_wait_for_the_next_process(endpoint: Endpoint, gateway: str) -> None:
    many = 90  # within what the embedded broker sends at once
    with client(endpoint) as publisher:
        with _subscriber(endpoint, gateway):
            pass
        publish(publisher, f"telemetry/{gateway}/senml", *map(str, range(many)))
        with _subscriber(endpoint, gateway, read_ahead=10) as subscriber:
            taken = _take(subscriber, many)
            subscriber.acknowledge(taken)
            until(lambda: subscriber.connected, "the subscription is granted")
    assert _said(taken) == [str(number) for number in range(many)]


def test_an_acknowledgement_for_an_old_connection_is_ignored(endpoint: Endpoint, gateway: str) -> None:
    with client(endpoint) as publisher:
        with _subscriber(endpoint, gateway) as subscriber:
            publish(publisher, f"telemetry/{gateway}/senml", "a", "b")
            old = _take(subscriber, 2)
            _cut(subscriber)
            assert sorted(_said(_take(subscriber, 2))) == ["a", "b"]
            subscriber.acknowledge(old)  # their numbers now mean whatever this connection calls so
            _ping(subscriber)
        with _subscriber(endpoint, gateway) as subscriber:
            again = _take(subscriber, 2)
            assert sorted(_said(again)) == ["a", "b"]
            subscriber.acknowledge(again)


def test_what_was_delivered_before_the_connection_was_lost_is_not_handed_out(endpoint: Endpoint, gateway: str) -> None:
    with _subscriber(endpoint, gateway) as subscriber, client(endpoint) as publisher:
        publish(publisher, f"telemetry/{gateway}/senml", "a")
        until(lambda: not subscriber._deliveries.empty(), "it has arrived")
        _cut(subscriber)
        until(lambda: subscriber._deliveries.qsize() == 2, "it has arrived again")
        taken = subscriber.take(10, 1.0)
        assert [delivery.connection for delivery in taken] == [subscriber._connection]
        subscriber.acknowledge(taken)


@pytest.mark.skipif(not EMBEDDED, reason="Mosquitto 2.0.11 hands out a whole window anew at each acknowledgement")
def test_what_is_in_flight_is_bounded(endpoint: Endpoint, gateway: str) -> None:
    many, window = 600, 200
    with _subscriber(endpoint, gateway, receive_maximum=window) as subscriber, client(endpoint) as publisher:
        publish(publisher, f"telemetry/{gateway}/senml", *(str(number) for number in range(many)))
        taken: list[Delivery] = []
        while len(taken) < many:
            held = _take(subscriber, 1)
            while more := subscriber.take(many, 0.2):  # whatever comes while nothing is acknowledged
                held += more
            assert len(held) <= window
            subscriber.acknowledge(held)
            taken += held
        assert _said(taken) == [str(number) for number in range(many)]


def test_receipts_go_nowhere_but_to_the_gateway_that_asked(endpoint: Endpoint, gateway: str) -> None:
    heard: queue.SimpleQueue[tuple[str, bytes, bytes]] = queue.SimpleQueue()

    def note(message: paho.MQTTMessage) -> None:
        if gateway in message.topic:
            heard.put((message.topic, bytes(message.payload), getattr(message.properties, "CorrelationData", b"")))

    with _subscriber(endpoint, gateway) as subscriber, client(endpoint, note) as publisher:
        good = f"receipts/{gateway}"
        asked = (f"elsewhere/{gateway}", f"elsewhere/{good}", f"{good}/more", f"receipts/another-{gateway}", good)
        for topic in asked:
            publish(publisher, f"telemetry/{gateway}/senml", "x", response_topic=topic)
        publish(publisher, f"telemetry/{gateway}/senml", "y")
        deliveries = _take(subscriber, len(asked) + 1)
        assert [delivery.response_topic for delivery in deliveries] == [*asked, None]
        for delivery in deliveries:
            subscriber.receipt(delivery, b"stored")
        # One publisher's messages keep their order: when the last has come, the others never will.
        assert heard.get(timeout=20) == (good, b"stored", b"x")
        assert heard.empty()
        subscriber.acknowledge(deliveries)


def test_nobody_there_is_told_with_what_to_do() -> None:
    nobody = Endpoint("127.0.0.1", free_port(), None, None, tls=False)
    subscriber = Subscriber(nobody, ["telemetry/#"], client_id="nobody", now=lambda: 0)
    with pytest.raises(BrokerError, match="check SHOUWANG_MQTT_URL"):
        subscriber.start()


def _answer(subscriber: Subscriber, deliveries: list[Delivery]) -> None:
    subscriber.acknowledge(deliveries)
    for delivery in deliveries:
        subscriber.receipt(delivery, b'{"readings": 2, "rejected": 1}')


def test_a_receipted_publisher_keeps_its_window(endpoint: Endpoint, gateway: str) -> None:
    with _subscriber(endpoint, gateway) as subscriber:
        sent: list[int] = []

        def publish() -> None:
            with ReceiptedPublisher(lambda: endpoint, gateway, window=4) as publisher:
                for number in range(10):
                    publisher.publish(f"telemetry/{gateway}/senml", str(number).encode())
                    sent.append(number)
                publisher.flush()
                tallies.append(publisher.tally)

        tallies: list[object] = []
        thread = threading.Thread(target=publish)
        thread.start()
        taken: list[Delivery] = []
        while len(taken) < 10:
            part = _take(subscriber, min(4, 10 - len(taken)))
            assert len(sent) <= len(taken) + 4
            _answer(subscriber, part)
            taken += part
        thread.join(30)
        assert not thread.is_alive()
    assert _said(taken) == [str(number) for number in range(10)]
    assert str(tallies) == "[Tally(messages=10, readings=20, refused=10, resent=0)]"


@pytest.mark.skipif(not EMBEDDED, reason="somebody else's broker is not restarted by a test")
def test_a_receipted_publisher_sends_its_window_again_after_the_broker_was_restarted(
    tmp_path: Path, gateway: str
) -> None:
    port, port5 = free_port(), free_port()
    endpoint = Endpoint("127.0.0.1", port5, None, None, tls=False)
    first = EmbeddedBroker(tmp_path, port=port, port5=port5)
    first.start()
    second = EmbeddedBroker(tmp_path, port=port, port5=port5)
    try:
        with _subscriber(endpoint, gateway) as subscriber, ReceiptedPublisher(lambda: endpoint, gateway) as publisher:
            for number in range(6):
                publisher.publish(f"telemetry/{gateway}/senml", str(number).encode())
            taken = _take(subscriber, 6)
            _answer(subscriber, taken[:2])
            until(lambda: publisher.tally.messages == 2, "two receipts have come")
            connection = subscriber._connection
            first.stop()
            second.start()
            until(lambda: subscriber._connection > connection and subscriber.connected, "it listens again", 30)
            _ping(subscriber)
            flushing = threading.Thread(target=publisher.flush)
            flushing.start()
            again = _take(subscriber, 4)
            assert _said(again) == ["2", "3", "4", "5"]
            _answer(subscriber, again)
            flushing.join(60)
            assert not flushing.is_alive()
            assert (publisher.tally.messages, publisher.tally.resent) == (6, 4)
    finally:
        first.stop()
        second.stop()


def test_the_embedded_broker_says_whose_port_it_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        # Ten seconds for a predecessor pass at once: each look at the clock finds them over.
        moments = iter((0.0, 11.0))
        monkeypatch.setattr("ingest.broker.time.monotonic", lambda: next(moments))
        with pytest.raises(BrokerError, match=f"port {port} is taken: choose another with --mqtt-port"):
            EmbeddedBroker(tmp_path, port=port).start()
