"""The service's MQTT client: messages are handed out unacknowledged, and acknowledged when they are committed.

What is taken and not yet acknowledged is bounded by the receive maximum told to the broker (MQTT 5 §3.1.2.11.3), so
a slow database slows the broker down and never fills this process's memory.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.client import Client
from ingest.errors import BrokerError
from ingest.records import Message

log = structlog.get_logger(__name__)

RECEIVE_MAXIMUM = 5_000
"""Messages in flight at the most; with packs of 50 readings about 15 MB."""
TAKEN_BYTES = 2**20
"""Payload taken at once, some 14,000 readings in packs of 50: it is committed in a tenth of a second."""
_SESSION_SECONDS = 7 * 24 * 3600
_NO_RETAINED = 2  # MQTT 5 §3.8.3.1: what is retained is old news, and must not come again at each reconnect


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker is and how to sign in there."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read `mqtt://[user:password@]host[:port]` or `mqtts://…`.

        Raises:
            BrokerError: it is no such address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise BrokerError(f"{url!r} is no broker address: write mqtt://user:password@host:1883 or mqtts://…")
        tls = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=parts.port or (8883 if tls else 1883),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=tls,
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as the broker delivered it, with what is needed to acknowledge it."""

    message: Message
    mid: int
    qos: int
    connection: int
    response_topic: str | None
    correlation: bytes


class Subscriber:
    """Receives telemetry in a persistent session; `take` and `acknowledge` are for one consuming thread."""

    def __init__(
        self,
        endpoint: Endpoint,
        topics: Sequence[str],
        *,
        client_id: str,
        now: Callable[[], int],
        receive_maximum: int = RECEIVE_MAXIMUM,
    ) -> None:
        self._endpoint = endpoint
        self._topics = topics
        self._now = now
        self._receive_maximum = receive_maximum
        self._read_ahead = 2 * receive_maximum
        self._deliveries: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._connection = 0
        self._oldest = 0  # deliveries of connections before this one will come again
        self._guard = threading.Lock()
        self._connected = threading.Event()
        self._let_in = threading.Event()
        self._room = threading.Condition()
        self._leaving = False
        self._heard = time.monotonic()
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            manual_ack=True,
            on_plain=self._arrived,
        )
        if endpoint.username:
            client.username_pw_set(endpoint.username, endpoint.password)
        if endpoint.tls:
            client.tls_set()
        client.reconnect_delay_set(min_delay=1, max_delay=10)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client

    @property
    def connected(self) -> bool:
        """Whether the broker has let us in and granted every subscription."""
        return self._connected.is_set()

    @property
    def empty(self) -> bool:
        """Whether everything that came has been taken."""
        return self._deliveries.empty()

    @property
    def quiet_seconds(self) -> float:
        """How long nothing has come from the broker."""
        return time.monotonic() - self._heard

    def start(self) -> None:
        """Connect and subscribe; a connection that is lost later is made again.

        What waited in the session comes before the broker's answer to our subscriptions, and may be more than we read
        ahead (`_await_room`): the first message shows as well that we are let in.

        Raises:
            BrokerError: the broker cannot be reached now.
        """
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho publishes no types for it
        properties.SessionExpiryInterval = _SESSION_SECONDS
        properties.ReceiveMaximum = self._receive_maximum
        try:
            self._client.connect(
                self._endpoint.host, self._endpoint.port, keepalive=30, clean_start=False, properties=properties
            )
        except OSError as error:
            raise BrokerError(
                f"no MQTT broker at {self._endpoint.host}:{self._endpoint.port} ({error}): "
                "check SHOUWANG_MQTT_URL and that the broker runs"
            ) from error
        self._client.loop_start()
        if not self._let_in.wait(timeout=20):
            self.stop()
            raise BrokerError(
                f"the broker at {self._endpoint.host}:{self._endpoint.port} did not let us in: check the credentials "
                "in SHOUWANG_MQTT_URL, and that the broker speaks MQTT 5"
            )

    def leave(self) -> None:
        """End the subscriptions, on this and every later connection; what the broker has for us already still comes.

        For a share that shall go to others: a session that is merely gone keeps its share of the messages.

        Raises:
            BrokerError: the broker does not confirm it.
        """
        topics, self._topics = self._topics, ()
        ended = threading.Event()
        self._client.on_unsubscribe = lambda *_: ended.set()
        self._client.unsubscribe(list(topics))
        if not ended.wait(timeout=20):
            raise BrokerError("the broker did not end our subscriptions: try again when it answers")

    def stop(self) -> None:
        """Disconnect; what is not acknowledged will be delivered again to the session's next client."""
        self._leaving = True
        self._client.disconnect()
        self._client.loop_stop()
        self._connected.clear()

    def take(self, most: int, wait_seconds: float) -> list[Delivery]:
        """Return up to `most` deliveries, waiting for the first; none of them that the broker will deliver again.

        Large ones are fewer: together they have about `TAKEN_BYTES` at the most.
        """
        taken: list[Delivery] = []
        left = TAKEN_BYTES
        with suppress(queue.Empty):
            taken.append(self._deliveries.get(timeout=wait_seconds))
            while len(taken) < most and (left := left - len(taken[-1].message.payload)) > 0:
                taken.append(self._deliveries.get_nowait())
        with self._room:
            self._room.notify_all()
        return [delivery for delivery in taken if delivery.connection >= self._oldest]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker that these are committed.

        A message identifier means something else on the next connection, so what came over a lost one is left to be
        delivered again: it is committed already, and the second time changes nothing.
        """
        with self._guard:
            mids = [one.mid for one in deliveries if one.qos and one.connection == self._connection]
            self._client.confirm(mids)

    def receipt(self, delivery: Delivery, payload: bytes) -> None:
        """Tell a publisher who asked (MQTT 5 response topic) that its message is committed.

        Only `receipts/{gateway}` of the gateway that published is answered: nobody can make us publish elsewhere, nor
        tell another gateway that its messages are stored.
        """
        levels = delivery.message.topic.split("/")
        if len(levels) < 3 or levels[0] != "telemetry" or delivery.response_topic != f"receipts/{levels[1]}":
            return
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho publishes no types for it
        properties.CorrelationData = delivery.correlation
        self._client.publish(delivery.response_topic, payload, qos=0, properties=properties)

    def _on_connect(
        self,
        client: paho.Client,
        _userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.error("the broker refused us", reason=str(reason))
            return
        if flags.session_present:
            self._oldest = self._connection
        # Without the session the broker has forgotten what it delivered: what we hold of it is all there is.
        options = SubscribeOptions(qos=1, retainHandling=_NO_RETAINED)
        if self._topics:
            client.subscribe([(topic, options) for topic in self._topics])
            log.info("listening to the broker", session_present=flags.session_present)
        else:
            self._granted()

    def _on_subscribe(
        self,
        _client: paho.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [
            f"{topic}: {reason}" for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure
        ]
        if refused:
            log.error("the broker refuses a subscription: mend its access list", refused=refused)
        else:
            self._granted()

    def _granted(self) -> None:
        self._connected.set()
        self._let_in.set()

    def _on_disconnect(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        # Called before the next connection is made: from here on no identifier of this one may be acknowledged.
        with self._guard:
            self._connection += 1
        self._connected.clear()
        if reason.is_failure:
            log.warning("the broker's connection is gone", reason=str(reason))

    def _await_room(self) -> None:
        """Hold the network thread while too much waits: what it does not read, the broker cannot send.

        Some brokers go past the receive maximum: Mosquitto 2.0.11 with each acknowledgement, and when a session is
        taken up again while messages go on coming in.
        """
        with self._room:
            while self._deliveries.qsize() >= self._read_ahead and not self._leaving:
                self._room.wait(0.5)

    def _on_message(self, _client: paho.Client, _userdata: object, sent: paho.MQTTMessage) -> None:
        answer = getattr(sent.properties, "ResponseTopic", None)
        correlation = getattr(sent.properties, "CorrelationData", b"")
        self._arrived(sent.topic, bytes(sent.payload), sent.mid, sent.qos, answer, correlation)

    def _arrived(
        self,
        topic: str,
        payload: bytes,
        mid: int,
        qos: int,
        answer: str | None = None,
        correlation: bytes = b"",
    ) -> None:
        self._heard = time.monotonic()
        self._let_in.set()
        waiting = self._deliveries.qsize()
        if qos == 0 and waiting >= self._receive_maximum:
            # QoS 0 knows no back-pressure; its sender has accepted that messages may be lost.
            log.warning("a message of QoS 0 is dropped, too many wait: publish at QoS 1", topic=topic)
            return
        if waiting >= self._read_ahead:
            self._await_room()
        message = Message(topic, payload, self._now())
        self._deliveries.put(Delivery(message, mid, qos, self._connection, answer, correlation))
