"""The load generator: what it writes down, and how it behaves towards a broker that answers as MQTT 5 says."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ingest.acceptance import accept
from ingest.records import Message
from registry.instants import DAY, HOUR, to_datetime
from shouwang.bench import spool
from shouwang.bench.generator import Generator, Load, MqttError
from shouwang.bench.ingest import directory_of
from shouwang.bench.spool import ASKS_EVERY, Spool, variable_length
from shouwang.bench.stream import START, Homes

UNTIL = START + 400 * DAY


def packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the first byte and the body of MQTT packets."""
    at = 0
    while at < len(data):
        kind, length, shift, at = data[at], 0, 0, at + 1
        while True:
            length |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not data[at - 1] & 0x80:
                break
        yield kind, data[at : at + length]
        at += length


def publication(body: bytes) -> tuple[str, int, bytes, bytes]:
    """Return a PUBLISH's topic, identifier, properties and payload."""
    size = int.from_bytes(body[:2], "big")
    topic, at = body[2 : 2 + size].decode(), 2 + size
    properties = body[at + 3 : at + 3 + body[at + 2]]
    return topic, int.from_bytes(body[at : at + 2], "big"), properties, body[at + 3 + len(properties) :]


def written(folder: Path, pack: int = 50, readings: int = 3_000) -> tuple[Homes, Spool]:
    homes = Homes(700)
    return homes, spool.write(folder / "spool", homes, readings, pack, UNTIL)


@pytest.mark.parametrize(
    ("number", "told"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (16_384, b"\x80\x80\x01")]
)
def test_lengths_are_written_as_mqtt_says(number: int, told: bytes) -> None:
    assert variable_length(number) == told


@pytest.mark.parametrize("pack", [50, 1])
def test_a_spool_holds_what_the_homes_say(tmp_path: Path, pack: int) -> None:
    homes, made = written(tmp_path, pack)
    kept = Spool.load(made.path)
    found = [publication(body) for _, body in packets(made.path.read_bytes())]
    assert len(found) == len(kept.ends) == len(made.ends)
    assert made.path.stat().st_size == kept.ends[-1] == kept.behind(len(found))
    records = [json.loads(payload) for *_, payload in found]
    assert max(len(one) for one in records) == min(pack, max(len(one) for one in records))
    assert np.array_equal(np.cumsum([len(one) for one in records]), kept.readings)
    assert kept.readings[-1] >= 3_000
    distinct = {(record["n"], record["t"]) for one in records for record in one}
    assert kept.new[-1] == len(distinct)
    assert kept.new[-1] < kept.readings[-1], "some readings come twice"
    now = to_datetime(UNTIL)
    messages = [Message(topic, payload, UNTIL) for topic, _, _, payload in found]
    accepted = accept(messages, directory_of(homes.table), now)
    assert accepted.refusals == []
    assert len(accepted.batch) == kept.readings[-1]
    assert UNTIL - 2 * DAY < accepted.batch.time.max() < UNTIL
    assert accepted.batch.time.max() - accepted.batch.time.min() > HOUR


def test_every_twentieth_message_asks_its_gateways_receipt(tmp_path: Path) -> None:
    _, made = written(tmp_path, pack=1)
    asked = []
    for number, (_, body) in enumerate(packets(made.path.read_bytes())):
        topic, identifier, properties, _ = publication(body)
        assert identifier == number + 1
        if properties:
            asked.append(number)
            answer = f"receipts/{topic.split('/')[1]}".encode()
            assert answer in properties
            assert properties.endswith(number.to_bytes(8, "big"))
    assert asked == list(range(ASKS_EVERY - 1, len(made.ends), ASKS_EVERY))


class Broker(threading.Thread):
    """Takes one publisher; `commits` says how many of the messages taken are committed by now."""

    def __init__(self, receive_maximum: int, commits: Callable[[int], int], connack: int = 0) -> None:
        super().__init__(daemon=True)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._maximum = receive_maximum
        self._commits = commits
        self._connack = connack
        self.bodies: list[bytes] = []
        self.most_at_once = 0
        self.uncommitted = 0
        self.told: Callable[[int], None] = lambda _: None

    def run(self) -> None:
        self._listening.settimeout(30)
        client, _ = self._listening.accept()
        self._listening.close()
        with client:
            data = b""
            committed = 0
            while piece := client.recv(65_536):
                data += piece
                whole, data = self._split(data)
                fresh = [publication(body) for kind, body in whole if kind == 0x32]
                self.bodies += [body for kind, body in whole if kind == 0x32]
                self.most_at_once = max(self.most_at_once, len(fresh))
                self.uncommitted = max(self.uncommitted, len(self.bodies) - committed)
                for kind, _ in whole:
                    if kind == 0x10:
                        properties = b"\x21" + self._maximum.to_bytes(2, "big") + b"\x24\x01\x12\x00\x01a"
                        body = bytes([0, self._connack, len(properties)]) + properties
                        client.sendall(b"\x20" + variable_length(len(body)) + body)
                    elif kind == 0x82:
                        client.sendall(b"\x90\x04\x00\x01\x00\x00")
                for _, identifier, _, _ in fresh:
                    client.sendall(b"\x40\x02" + identifier.to_bytes(2, "big"))
                upto = self._commits(len(self.bodies))
                for number in range(committed, upto):
                    self._receipt(client, number)
                committed = upto
                self.told(len(self.bodies))

    def _receipt(self, client: socket.socket, number: int) -> None:
        topic, _, properties, _ = publication(self.bodies[number])
        if properties:
            answer = f"receipts/{topic.split('/')[1]}".encode()
            correlation = b"\x02\x00\x00\x00\x09" + b"\x09\x00\x08" + properties[-8:]
            body = len(answer).to_bytes(2, "big") + answer + bytes([len(correlation)]) + correlation + b"{}"
            client.sendall(b"\x30" + variable_length(len(body)) + body)

    @staticmethod
    def _split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
        """Return the whole packets, and what is left."""
        at, found = 0, []
        while True:
            try:
                kind, body = next(packets(data[at:]))
            except (StopIteration, IndexError):
                break
            size = 1 + len(variable_length(len(body))) + len(body)
            if at + size > len(data) or len(body) != _length(data, at + 1):
                break
            found.append((kind, body))
            at += size
        return found, data[at:]


def _length(data: bytes, at: int) -> int:
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        if not data[at] & 0x80:
            return number
        shift, at = shift + 7, at + 1


def sending(made: Spool, broker: Broker, *, first: int = 0, window: int | None = 100) -> Generator:
    broker.start()
    return Generator(Load("127.0.0.1", broker.port, str(made.path), first, window, None, ""))


def test_it_sends_everything_and_waits_for_every_receipt(tmp_path: Path) -> None:
    _, made = written(tmp_path, pack=10)
    broker = Broker(65_535, commits=lambda taken: taken)
    told = sending(made, broker).run()
    broker.join(30)
    whole = len(made.ends) // ASKS_EVERY * ASKS_EVERY
    assert told["behind"] == told["committed"] == len(broker.bodies) == whole
    assert told["ran_out"]
    assert all(body in made.path.read_bytes() for body in broker.bodies[:3])
    assert [publication(body)[1] for body in broker.bodies] == list(range(1, whole + 1))
    assert len(told["waited"]) == whole // ASKS_EVERY
    assert min(told["waited"]) >= 0


def test_no_more_waits_for_its_commit_than_the_window(tmp_path: Path) -> None:
    _, made = written(tmp_path, pack=10)
    whole = len(made.ends) // ASKS_EVERY * ASKS_EVERY
    broker = Broker(65_535, commits=lambda taken: taken if taken == whole else taken // 40 * 40)
    told = sending(made, broker, window=40).run()
    broker.join(30)
    assert told["committed"] == whole > 100
    assert 20 < broker.uncommitted <= 40


def test_no_more_is_in_flight_than_the_broker_takes(tmp_path: Path) -> None:
    _, made = written(tmp_path, pack=10)
    broker = Broker(7, commits=lambda taken: taken)
    sending(made, broker).run()
    broker.join(30)
    assert 0 < broker.most_at_once <= 7


def test_it_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    _, made = written(tmp_path, pack=10)
    first = Broker(65_535, commits=lambda taken: taken)
    one = sending(made, first, window=50)
    first.told = lambda taken: one.end() if taken > 25 else None
    told = one.run()
    first.join(30)
    assert told["behind"] % ASKS_EVERY == 0
    assert 25 < told["behind"] < len(made.ends)
    assert len(first.bodies) == told["behind"]
    assert not told["ran_out"]
    second = Broker(65_535, commits=lambda taken: taken)
    rest = sending(made, second, first=told["behind"]).run()
    second.join(30)
    assert publication(second.bodies[0])[1] == told["behind"] + 1
    assert rest["ran_out"]


def test_without_receipts_it_does_not_wait_for_commits(tmp_path: Path) -> None:
    _, made = written(tmp_path, pack=10)
    broker = Broker(65_535, commits=lambda _: 0)
    told = sending(made, broker, window=None).run()
    broker.join(30)
    assert len(broker.bodies) == told["behind"] == len(made.ends) // ASKS_EVERY * ASKS_EVERY
    assert told["waited"] == []


def test_a_broker_that_refuses_is_named(tmp_path: Path) -> None:
    _, made = written(tmp_path, pack=10)
    broker = Broker(65_535, commits=lambda taken: taken, connack=0x87)
    with pytest.raises(MqttError, match="0x87"):
        sending(made, broker)
