"""A gateway of a vendor we have never met: a plain MQTT 3.1.1 client that publishes whatever it likes."""

from __future__ import annotations

import os
from typing import Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.mqtt import Endpoint
from tests.e2e.service import Service


class Gateway:
    """Publishes at QoS 1; `publish` returns when the broker has the message."""

    def __init__(self, service: Service, name: str, *, in_flight: int = 20) -> None:
        broker = os.environ.get("SHOUWANG_TEST_MQTT_URL", f"mqtt://127.0.0.1:{service.mqtt_port}")
        self._endpoint = Endpoint.parse(broker)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="", protocol=mqtt.MQTTv311)
        self._client.username_pw_set(name, "secret")
        self._client.max_inflight_messages_set(in_flight)

    def __enter__(self) -> Self:
        self._client.connect(self._endpoint.host, self._endpoint.port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes | str, *, wait: bool = True) -> mqtt.MQTTMessageInfo:
        sent = self._client.publish(topic, payload, qos=1)
        if wait:
            sent.wait_for_publish(30)
            assert sent.is_published()
        return sent
