"""The gateways against a broker of forty lines, on a loopback socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Self

import pytest

from registry.instants import to_micros
from simulators.gateway import Gateways, simulate
from simulators.town import Town

_START = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
_END = _START + timedelta(minutes=10)


class _Clock:
    """Town time that is there at once, up to a moment beyond which it stands still."""

    speed = 60.0

    def __init__(self, until: datetime) -> None:
        self.until = until

    def now(self) -> datetime:
        return self.until


class _Broker:
    """Takes CONNECT and PUBLISH at QoS 1 of MQTT 3.1.1; may drop a connection after so many messages.

    A connection whose first packet is no CONNECT is dropped (MQTT-3.1.0-1): paho can put a PUBLISH before it when
    another thread publishes while it connects, and sends it again on the next connection.
    """

    def __init__(self, drop_after: int | None = None) -> None:
        self.received: list[tuple[str, str, bytes]] = []
        self.users: dict[str, tuple[str, str]] = {}
        self.news = threading.Condition()
        self._drop_after = drop_after
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def wait(self, count: int) -> bool:
        with self.news:
            return self.news.wait_for(lambda: len(self.received) >= count, 20)

    def _spawn(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]  # any callable
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                client = ""
                while head := stream.read(1):
                    size = shift = 0
                    while True:
                        byte = stream.read(1)[0]
                        size, shift = size | (byte & 127) << shift, shift + 7
                        if byte < 128:
                            break
                    body = stream.read(size)
                    if head[0] >> 4 == 1:
                        client, user, *password = _texts(body[10:])
                        self.users[client] = user, "".join(password)
                        connection.sendall(b"\x20\x02\x00\x00")
                    elif not client:
                        return
                    elif head[0] >> 4 == 3:
                        length = int.from_bytes(body[:2], "big")
                        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
                        with self.news:
                            self.received.append((client, topic, rest[2:]))
                            self.news.notify_all()
                        if self._drop_after is not None and len(self.received) == self._drop_after:
                            return
                        connection.sendall(b"\x40\x02" + rest[:2])
                    elif head[0] >> 4 == 14:
                        return
        except (OSError, IndexError, ValueError):
            return


def _texts(body: bytes) -> Iterator[str]:
    while body:
        length = int.from_bytes(body[:2], "big")
        yield body[2 : 2 + length].decode()
        body = body[2 + length :]


@pytest.fixture
def town() -> Town:
    return Town(7, 50, _START)


def _run(gateways: Gateways, broker: _Broker, count: int) -> None:
    stop = threading.Event()
    runner = threading.Thread(target=gateways.run, args=(stop,))
    runner.start()
    arrived = broker.wait(count)
    stop.set()
    runner.join(10)
    assert arrived
    assert not runner.is_alive()


def test_every_gateway_publishes_its_own_messages_as_itself(town: Town) -> None:
    expected = [message for message in town.messages(_START, _END) if message.at <= to_micros(_END)]
    with _Broker() as broker:
        gateways = Gateways(town, _Clock(_END), "127.0.0.1", broker.port, credentials={town.gateways[0]: "secret"})
        _run(gateways, broker, len(expected))
        assert sorted(broker.received) == sorted((each.gateway, each.topic, each.payload) for each in expected)
        assert broker.users[town.gateways[0]] == (town.gateways[0], "secret")
        assert set(broker.users) == set(town.gateways)


def test_what_was_not_confirmed_is_sent_again_after_a_lost_connection(town: Town) -> None:
    expected = {(each.gateway, each.topic, each.payload) for each in town.messages(_START, _END)}
    with _Broker(drop_after=20) as broker:
        gateways = Gateways(town, _Clock(_END), "127.0.0.1", broker.port, in_flight=5)
        _run(gateways, broker, len(town.messages(_START, _END)) + 1)
        assert set(broker.received) == expected


def test_without_a_broker_little_waits_and_a_stop_is_prompt(town: Town) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    gateways = Gateways(town, _Clock(_END), "127.0.0.1", port, in_flight=7)
    stop = threading.Event()
    runner = threading.Thread(target=gateways.run, args=(stop,))
    runner.start()
    full = threading.Event()
    while len(gateways._waiting) < 7:
        full.wait(0.01)
    stop.set()
    runner.join(10)
    assert not runner.is_alive()
    assert len(gateways._waiting) == 7
    assert to_micros(gateways.confirmed) == town.messages(_START, _END)[0].at


def test_simulate_tells_until_when_all_arrived(town: Town) -> None:
    clock = _Clock(_START)
    stop = threading.Event()
    stop.set()
    assert simulate(town, clock, "127.0.0.1", 9, stop) == _START
