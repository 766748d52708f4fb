"""A plain MQTT 5 client, as a gateway has one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.mqtt import Endpoint


@contextmanager
def client(endpoint: Endpoint, heard: Callable[[paho.MQTTMessage], None] | None = None) -> Iterator[paho.Client]:
    """Connect a client; with `heard` it hears whatever lies below `elsewhere/` and `receipts/`."""
    made = paho.Client(CallbackAPIVersion.VERSION2, client_id="", protocol=paho.MQTTv5)
    made.username_pw_set(endpoint.username or "gateway", endpoint.password)
    subscribed = threading.Event()
    made.on_subscribe = lambda *_: subscribed.set()
    if heard is not None:
        made.on_message = lambda _client, _data, message: heard(message)
    made.connect(endpoint.host, endpoint.port, clean_start=True)
    made.loop_start()
    made.subscribe([("elsewhere/#", 1), ("receipts/#", 1)])
    assert subscribed.wait(20)
    try:
        yield made
    finally:
        made.disconnect()
        made.loop_stop()


def publish(by: paho.Client, topic: str, *payloads: str, response_topic: str | None = None) -> None:
    """Publish at QoS 1, each once the broker has the last; whoever asks for a receipt is told of its payload."""
    for payload in payloads:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho publishes no types for it
        if response_topic is not None:
            properties.ResponseTopic = response_topic
            properties.CorrelationData = payload.encode()
        by.publish(topic, payload, qos=1, properties=properties).wait_for_publish(20)
