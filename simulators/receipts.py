"""A gateway that keeps what it sent until the service says it is committed, and sends it again otherwise.

MQTT's own acknowledgement says that the broker has a message, not that anybody stored it. This publisher asks for a
receipt (MQTT 5 response topic and correlation data), keeps at most a window of messages without one, and after a lost
connection sends the whole window again in its old order: what was stored already changes nothing.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.errors import BrokerError
from ingest.mqtt import Endpoint
from registry.errors import ShouwangError

_PATIENCE_SECONDS = 30.0  # without any receipt for so long, the window is sent again


@dataclass(slots=True)
class Tally:
    """What the receipts said so far."""

    messages: int = 0
    readings: int = 0
    refused: int = 0
    resent: int = 0


@dataclass(frozen=True, slots=True)
class _Sent:
    topic: str
    payload: bytes


class ReceiptedPublisher:
    """Publishes in order with at most `window` messages outstanding. For one thread; use as a context manager.

    `endpoint` is asked at each connection, because a service that starts again may have moved.
    """

    def __init__(
        self,
        endpoint: Callable[[], Endpoint],
        name: str,
        *,
        window: int = 20,
        reconnect_seconds: float = 120.0,
    ) -> None:
        self._endpoint = endpoint
        self._name = name
        self._window = window
        self._reconnect_seconds = reconnect_seconds
        self._outstanding: OrderedDict[int, _Sent] = OrderedDict()
        self._mine = secrets.token_bytes(8)  # tells our receipts from those of another client of the same gateway
        self._gateways: set[str] = {name}
        self._subscribed = threading.Event()
        self._next = 0
        self._changed = threading.Condition()
        self._lost = False
        self._client: paho.Client | None = None
        self.tally = Tally()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message, waiting while the window is full.

        Raises:
            BrokerError: the broker stayed away for too long.
        """
        self._await(lambda: len(self._outstanding) < self._window)
        gateway = topic.split("/")[1]
        if gateway not in self._gateways:
            self._gateways.add(gateway)
            self._hear(gateway)
        with self._changed:
            number, self._next = self._next, self._next + 1
            self._outstanding[number] = _Sent(topic, payload)
        self._send(number, topic, payload)

    def flush(self) -> None:
        """Wait until everything has its receipt."""
        self._await(lambda: not self._outstanding)

    def __enter__(self) -> Self:
        self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def _await(self, done: Callable[[], bool]) -> None:
        heard = time.monotonic()
        while True:
            with self._changed:
                before = len(self._outstanding)
                if done():
                    return
                self._changed.wait(timeout=1.0)
                if done():
                    return
                lost = self._lost
                if len(self._outstanding) != before:
                    heard = time.monotonic()
            if lost or time.monotonic() - heard > _PATIENCE_SECONDS:
                self._leave()
                self._connect()
                self._send_again()
                heard = time.monotonic()

    def _connect(self) -> None:
        deadline = time.monotonic() + self._reconnect_seconds
        while True:
            try:
                self._client = self._connected(self._endpoint())
            except (ShouwangError, OSError) as error:
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"no broker for {self._reconnect_seconds:.0f} s ({error}): start the service and run this "
                        "again; what was stored already is not stored twice"
                    ) from error
                time.sleep(0.2)
            else:
                return

    def _connected(self, endpoint: Endpoint) -> paho.Client:
        # A clean session each time: the broker must not go on with later messages before the window is sent again.
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="", protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        client.username_pw_set(endpoint.username or self._name, endpoint.password)
        if endpoint.tls:
            client.tls_set()
        client.max_inflight_messages_set(max(20, 2 * self._window))
        self._subscribed.clear()

        def on_subscribe(*_: object) -> None:
            self._subscribed.set()

        def on_connect(
            client: paho.Client, _u: object, _f: paho.ConnectFlags, reason: ReasonCode, _p: Properties | None
        ) -> None:
            if not reason.is_failure:
                client.subscribe([(f"receipts/{gateway}", 1) for gateway in sorted(self._gateways)])

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_receipt
        client.connect(endpoint.host, endpoint.port, keepalive=15, clean_start=True)
        client.loop_start()
        if not self._subscribed.wait(timeout=10):
            client.disconnect()
            client.loop_stop()
            raise BrokerError(f"the broker at {endpoint.host}:{endpoint.port} did not answer, or refused {self._name}")
        self._lost = False
        return client

    def _hear(self, gateway: str) -> None:
        """Subscribe to the receipts of one more gateway that we speak for; if the connection is lost, the next does."""
        if self._client is not None and not self._lost:
            self._subscribed.clear()
            self._client.subscribe(f"receipts/{gateway}", 1)
            self._subscribed.wait(timeout=10)

    def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.on_disconnect = None
            client.disconnect()
            client.loop_stop()

    def _send_again(self) -> None:
        with self._changed:
            again = list(self._outstanding.items())
            self.tally.resent += len(again)
        for number, sent in again:
            self._send(number, sent.topic, sent.payload)

    def _send(self, number: int, topic: str, payload: bytes) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho publishes no types for it
        properties.ResponseTopic = f"receipts/{topic.split('/')[1]}"
        properties.CorrelationData = self._mine + number.to_bytes(8, "big")
        if self._client is not None:
            self._client.publish(topic, payload, qos=1, properties=properties)

    def _on_receipt(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", b"")
        if not correlation.startswith(self._mine):
            return
        number = int.from_bytes(correlation[len(self._mine) :], "big")
        receipt = msgspec.json.decode(message.payload, type=dict[str, int])
        with self._changed:
            if self._outstanding.pop(number, None) is not None:
                self.tally.messages += 1
                self.tally.readings += receipt.get("readings", 0)
                self.tally.refused += receipt.get("rejected", 0)
                self._changed.notify_all()

    def _on_disconnect(self, *_: object) -> None:
        with self._changed:
            self._lost = True
            self._changed.notify_all()
