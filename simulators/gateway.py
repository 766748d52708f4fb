"""The town's gateways as real MQTT clients: they publish what the town sends, when it is time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from registry.instants import to_datetime
from simulators.town import Town
from simulators.transmission import TownMessage

IN_FLIGHT = 200
"""Messages that may wait for the broker's confirmation, over all gateways; more of them wait in the town."""
_LOOK = 0.25
"""Seconds after which a waiting thread looks up: for a stop, or for a clock that ran ahead."""


class Clock(Protocol):
    """What time it is in the town, and how many of its seconds pass in one."""

    @property
    def speed(self) -> float:
        """Town seconds per second."""
        ...

    def now(self) -> datetime:
        """Return the town's present."""
        ...


class Gateways:
    """Publishes a town's messages from `begin` on, paced by a clock, as one MQTT client for each gateway.

    A message is sent when its time has come, at QoS 1; while the broker is away or slow, messages wait and go
    out in order afterwards. Messages not yet confirmed when it stops are those after `confirmed`: begin there
    next time, what arrives twice changes nothing.
    """

    def __init__(
        self, town: Town, clock: Clock, host: str, port: int, *,
        begin: datetime | None = None, credentials: Mapping[str, str] | None = None, in_flight: int = IN_FLIGHT,
    ) -> None:  # fmt: skip
        """Take where to publish; `credentials` are passwords by gateway id, the user name is always the id."""
        self._town = town
        self._clock = clock
        self._address = host, port
        self._cursor = begin or town.start
        self._bound = in_flight
        self._space = threading.Condition()
        self._waiting: dict[tuple[str, int], int] = {}
        self._early: set[tuple[str, int]] = set()
        self._clients = {each: self._client(each, (credentials or {}).get(each)) for each in town.gateways}

    @property
    def confirmed(self) -> datetime:
        """Until when, in town time, every message has been confirmed by the broker."""
        with self._space:
            return to_datetime(min(self._waiting.values())) if self._waiting else self._cursor

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set; then disconnect and return within about a second."""
        for gateway, client in self._clients.items():
            client.on_publish = self._confirm(gateway)
            client.connect_async(*self._address, keepalive=30)
            client.loop_start()
        try:
            while not stop.is_set():
                self._ahead(stop)
        finally:
            for client in self._clients.values():
                client.disconnect()
            for client in self._clients.values():
                client.loop_stop()
                # The client closes its own sockets when it is dropped, which a ring of references would forbid.
                client.on_publish = None
                # A connection that was just being made again outlives the loop.
                if (connection := client.socket()) is not None:
                    connection.close()

    def _ahead(self, stop: threading.Event) -> None:
        """Publish the next stretch: about a second of real time, but of town time 10 s to 10 min."""
        until = self._cursor + timedelta(seconds=min(max(self._clock.speed, 10.0), 600.0))
        for message in self._town.messages(self._cursor, until):
            if not self._wait_until(to_datetime(message.at), stop) or not self._room(stop):
                return
            self._publish(message)
            self._cursor = to_datetime(message.at)
        if self._wait_until(until, stop):
            self._cursor = until

    def _wait_until(self, moment: datetime, stop: threading.Event) -> bool:
        while (left := (moment - self._clock.now()).total_seconds()) > 0:
            if stop.wait(min(left / self._clock.speed, _LOOK)):
                return False
        return not stop.is_set()

    def _room(self, stop: threading.Event) -> bool:
        with self._space:
            while len(self._waiting) >= self._bound:
                if stop.is_set():
                    return False
                self._space.wait(_LOOK)
        return not stop.is_set()

    def _publish(self, message: TownMessage) -> None:
        sent = self._clients[message.gateway].publish(message.topic, message.payload, qos=1)
        with self._space:
            key = message.gateway, sent.mid
            # The confirmation may already have come on the network's thread.
            if key in self._early:
                self._early.remove(key)
            else:
                self._waiting[key] = message.at

    def _client(self, gateway: str, password: str | None) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=gateway, protocol=mqtt.MQTTv311)
        client.username_pw_set(gateway, password)
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        return client

    def _confirm(self, gateway: str) -> mqtt.CallbackOnPublish_v2:
        def confirmed(_client: mqtt.Client, _data: Any, mid: int, *_rest: Any) -> None:
            with self._space:
                if self._waiting.pop((gateway, mid), None) is None:
                    self._early.add((gateway, mid))
                self._space.notify_all()

        return confirmed


def simulate(
    town: Town, clock: Clock, host: str, port: int, stop: threading.Event, *,
    credentials: Mapping[str, str] | None = None,
) -> datetime:  # fmt: skip
    """Publish a town to any broker at its clock's speed until `stop`; return until when all was confirmed."""
    gateways = Gateways(town, clock, host, port, begin=clock.now(), credentials=credentials)
    gateways.run(stop)
    return gateways.confirmed
