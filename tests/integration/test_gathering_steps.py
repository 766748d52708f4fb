"""What becomes of each message between broker and Kafka, step by step: both do here what the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psycopg
import pytest

from ingest.decoders import decode
from ingest.envelope import MOST_ROWS
from ingest.kafka import NotWrittenError, Writer
from ingest.mqtt import Delivery, Subscriber
from ingest.records import Decoded, Message
from registry.instants import to_micros
from registry.quantities import Quantity
from registry.readings import ReadingBatch
from shouwang.distributed.gathering import Partitions
from storage.database import connect
from storage.errors import StorageError
from storage.registry import DirectoryRow
from tests.integration.engine_house import rows
from tests.integration.gathering_house import HEARD, HOME, PARTITIONS, Carrier, House, ticks

POISON = b"poison"


class Stop(threading.Event):
    """A stop that makes nobody wait, and writes down how long they would have."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


class Script(Subscriber):
    """Hands each delivery out in its second; lets time pass instead of waiting, and ends the loop in time."""

    def __init__(self, house: House, seconds: float, coming: Sequence[tuple[float, Delivery]]) -> None:
        self.stop_asked = Stop()
        self.on_acknowledge: Callable[[], None] = lambda: None
        self.hears: Callable[[float], bool] = lambda _: True
        self.told: list[tuple[str, Any]] = []
        self.passed = 0.0
        self._house = house
        self._seconds = seconds
        self._coming = list(coming)

    @property
    def connected(self) -> bool:
        return self.hears(self.passed)

    def take(self, most: int, wait_seconds: float) -> list[Delivery]:
        due = [one for at, one in self._coming if at <= self.passed][:most]
        self._coming = [(at, one) for at, one in self._coming if one not in due]
        if not due:
            self.passed = round(self.passed + max(wait_seconds, 0.001), 6)
            self._house.clock.moment = HEARD
            self._house.clock.forward(seconds=self.passed)
        if self.passed >= self._seconds:
            self.stop_asked.set()
        return due

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.told.append(("ack", [delivery.mid for delivery in deliveries]))
        self.on_acknowledge()

    def receipt(self, delivery: Delivery, payload: bytes) -> None:
        self.told.append((f"receipt {delivery.mid}", json.loads(payload)))

    def monotonic(self) -> float:
        return self.passed


class Memory(Writer):
    """Keeps what it is given, and says that it has it when it is asked to and `holds` lets it."""

    def __init__(self) -> None:
        self.partitions = PARTITIONS
        self.kept: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        self.holds: Callable[[int], bool] = lambda _: False
        self.refuses = False
        self._untold: list[tuple[int, Callable[[], None]]] = []

    @property
    def waiting(self) -> int:
        return len(self._untold)

    def write(self, partition: int, sealed: bytes, written: Callable[[], None] | None = None) -> None:
        self.kept[partition].append(sealed)
        if written is not None:
            self._untold.append((partition, written))

    def poll(self, seconds: float = 0.0) -> None:  # noqa: ARG002 - the port's own
        if self.refuses and self.waiting:
            raise NotWrittenError("Kafka refused readings")
        ready = [told for partition, told in self._untold if not self.holds(partition)]
        self._untold = [one for one in self._untold if self.holds(one[0])]
        for told in ready:
            told()

    def flush(self) -> None:
        if not self.refuses:
            self.poll()


@pytest.fixture
def house(database: str) -> House:
    return House(database, "gw-1")


def _delivery(house: House, mid: int, payload: str | bytes, *, receipt: bool = False) -> Delivery:
    told = payload.encode() if isinstance(payload, str) else payload
    message = Message(f"telemetry/{house.gateway}/senml", told, to_micros(HEARD))
    return Delivery(message, mid, 1, 0, f"receipts/{house.gateway}" if receipt else None, b"")


def _carrier(house: House, seconds: float, *coming: tuple[float, Delivery]) -> tuple[Carrier, Script, Memory]:
    script, memory = Script(house, seconds, coming), Memory()
    carrier = Carrier(house, script, memory, script.stop_asked)
    carrier.gathering.monotonic = script.monotonic
    return carrier, script, memory


def _both(house: House, mid: int = 1, *, receipt: bool = False) -> Delivery:
    return _delivery(house, mid, house.told((HOME[0], 1, 10.0), (HOME[2], 2, 20.0)), receipt=receipt)


def test_readings_go_to_their_partitions_together_and_are_acknowledged_and_receipted(house: House) -> None:
    one, two = _both(house, receipt=True), _delivery(house, 2, house.told((HOME[0], 3, 11.0)))
    carrier, script, memory = _carrier(house, 0.5, (0.0, one), (0.05, two))
    carrier.gathering.run()
    assert house.arrived(memory.kept.__getitem__) == [(HOME[0], 1, 10.0), (HOME[0], 3, 11.0), (HOME[2], 2, 20.0)]
    assert [len(kept) for kept in memory.kept] == [1, 0, 1]
    assert script.told == [("ack", [1, 2]), ("receipt 1", {"readings": 2, "rejected": 0})]
    assert [carrier.counted(name) for name in ("messages", "readings", "refused")] == [2, 3, 0]


@pytest.mark.parametrize("late", [0, 2])
def test_a_message_is_acknowledged_when_the_last_of_its_partitions_is_written(house: House, late: int) -> None:
    carrier, script, memory = _carrier(house, 1.0, (0.0, _both(house)))
    memory.holds = lambda partition: partition == late and script.passed < 0.5
    seen: list[float] = []
    script.on_acknowledge = lambda: seen.append(script.passed)
    carrier.gathering.run()
    [when] = seen
    assert when >= 0.5


def test_what_kafka_does_not_have_is_not_acknowledged(house: House) -> None:
    carrier, script, memory = _carrier(house, 5.0, (0.0, _both(house, receipt=True)))
    memory.holds = lambda _: True
    carrier.gathering.run()
    assert memory.waiting >= 2
    assert script.told == []


def test_what_kafka_refuses_ends_it_and_is_not_acknowledged(house: House) -> None:
    carrier, script, memory = _carrier(house, 5.0, (0.0, _both(house)))
    memory.refuses = True
    with pytest.raises(NotWrittenError):
        carrier.gathering.run()
    assert script.told == []


def test_what_is_refused_lies_in_quarantine_before_it_is_acknowledged(house: House) -> None:
    mixed = _delivery(house, 1, house.told((HOME[0], 1, 10.0), ("nobody", 2, 20.0)), receipt=True)
    wrong = _delivery(house, 2, "{", receipt=True)
    carrier, script, memory = _carrier(house, 0.5, (0.0, mixed), (0.2, wrong))
    seen: list[int] = []
    script.on_acknowledge = lambda: seen.append(len(house.refused()))
    carrier.gathering.run()
    assert seen == [1, 2]
    assert script.told == [
        ("ack", [1]),
        ("receipt 1", {"readings": 1, "rejected": 1}),
        ("ack", [2]),
        ("receipt 2", {"readings": 0, "rejected": 1}),
    ]
    assert house.refused() == [("unknown_device", "[1].n"), ("malformed", "$")]
    assert house.arrived(memory.kept.__getitem__) == [(HOME[0], 1, 10.0)]


def test_a_message_that_breaks_us_goes_to_quarantine_and_its_neighbours_go_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choosy(message: Message) -> Decoded:
        if message.payload == POISON:
            raise ZeroDivisionError("division by zero")
        return decode(message)

    monkeypatch.setattr("ingest.acceptance.decode", choosy)
    coming = [
        _both(house),
        _delivery(house, 2, POISON, receipt=True),
        _delivery(house, 3, house.told((HOME[1], 1, 5.0))),
    ]
    carrier, script, memory = _carrier(house, 0.5, *((0.0, one) for one in coming))
    carrier.gathering.run()
    assert len(house.arrived(memory.kept.__getitem__)) == 3
    assert sorted(mid for what, mids in script.told if what == "ack" for mid in mids) == [1, 2, 3]
    assert ("receipt 2", {"readings": 0, "rejected": 1}) in script.told
    [(gateway, payload, detail)] = rows(house.database, "SELECT gateway, payload, detail FROM quarantine")
    assert (gateway, payload) == (house.gateway, POISON)
    assert "ZeroDivisionError: division by zero" in detail


def test_while_the_database_is_away_it_waits_and_tries_again(house: House) -> None:
    carrier, script, memory = _carrier(house, 0.5, (0.0, _both(house)))
    away = 2

    def reluctant() -> psycopg.Connection:
        nonlocal away
        away -= 1
        if away >= 0:
            raise StorageError("cannot reach PostgreSQL")
        return connect(house.database)

    carrier.gathering.connect = reluctant
    carrier.gathering.run()
    assert script.stop_asked.waits == [0.2, 0.4]
    assert len(house.arrived(memory.kept.__getitem__)) == 2
    assert script.told == [("ack", [1])]


def test_a_connection_that_is_lost_is_made_again(house: House) -> None:
    carrier, script, _ = _carrier(house, 0.5, (0.0, _both(house)), (0.2, _delivery(house, 2, "{")))
    made: list[psycopg.Connection] = []

    def noted() -> psycopg.Connection:
        made.append(connect(house.database))
        return made[-1]

    def cut() -> None:
        if len(made) == 1:
            with psycopg.connect(house.database, autocommit=True) as admin:
                admin.execute("SELECT pg_terminate_backend(%s)", [made[0].info.backend_pid])

    carrier.gathering.connect = noted
    script.on_acknowledge = cut
    carrier.gathering.run()
    assert len(made) == 2
    assert all(conn.closed for conn in made)
    assert house.refused() == [("malformed", "$")]
    assert carrier.counted("messages") == 2


def test_told_to_stop_while_the_database_is_away_it_acknowledges_nothing(house: House) -> None:
    carrier, script, memory = _carrier(house, 5.0, (0.0, _both(house)))

    def nobody() -> psycopg.Connection:
        script.stop_asked.set()
        raise StorageError("cannot reach PostgreSQL")

    carrier.gathering.connect = nobody
    carrier.gathering.run()
    assert script.told == []
    assert memory.kept == [[], [], []]


def test_sensors_that_speak_for_the_first_time_get_ids_also_of_a_device_registered_since(house: House) -> None:
    late = House.told(house, (HOME[1], 1, 5.0)).replace(f"meter-{HOME[1]}", "late")
    carrier, script, memory = _carrier(house, 0.6, (0.0, _both(house)), (0.3, _delivery(house, 2, late)))

    def register() -> None:
        with psycopg.connect(house.database, autocommit=True) as conn:
            conn.execute(
                "INSERT INTO device (id, household, gateway) VALUES ('late', %s, %s) ON CONFLICT DO NOTHING",
                [HOME[1], house.gateway],
            )

    script.on_acknowledge = register
    carrier.gathering.run()
    sensors = rows(house.database, "SELECT device, quantity FROM sensor ORDER BY id")
    assert sensors == [(f"meter-{HOME[0]}", "volume"), (f"meter-{HOME[2]}", "volume"), ("late", "volume")]
    assert sorted(house.arrived(memory.kept.__getitem__)) == sorted(
        [(HOME[0], 1, 10.0), (HOME[2], 2, 20.0), (HOME[1], 1, 5.0)]
    )


def test_partitions_are_told_the_time_each_second_while_nothing_comes(house: House) -> None:
    carrier, _, memory = _carrier(house, 4.5)
    carrier.gathering.run()
    for kept in memory.kept:
        told = ticks(kept)
        assert len(told) == len(kept) == 4
        assert all(1.0 <= later - earlier <= 1.2 for earlier, later in zip([0.0, *told], told, strict=False))


def test_readings_tell_the_time_of_their_own_partition(house: House) -> None:
    coming = [_delivery(house, at, house.told((HOME[1], at, float(at)))) for at in range(45)]
    carrier, _, memory = _carrier(house, 4.5, *((at / 10, one) for at, one in enumerate(coming)))
    carrier.gathering.run()
    assert [len(ticks(kept)) for kept in memory.kept] == [4, 0, 4]


def test_nobody_is_told_the_time_while_the_broker_is_away(house: House) -> None:
    carrier, script, memory = _carrier(house, 8.5)
    script.hears = lambda second: not 2.5 <= second < 5.5
    carrier.gathering.run()
    for kept in memory.kept:
        told = ticks(kept)
        assert [second for second in told if 2.5 <= second < 5.5] == []
        assert len(told) == 5


def test_ticks_do_not_pile_up_while_kafka_is_away(house: House) -> None:
    carrier, script, memory = _carrier(house, 60.0)
    memory.holds = lambda _: 10 <= script.passed < 50
    carrier.gathering.run()
    for kept in memory.kept:
        assert len([second for second in ticks(kept) if 10 <= second < 50]) == 1


def test_readings_of_a_moment_that_fill_more_than_one_envelope_are_split_in_order() -> None:
    partitions = Partitions(1)
    partitions.met(DirectoryRow("d", "g", "h", "UTC", "", False, {Quantity.VOLUME: 5}))
    rows_ = 2 * MOST_ROWS + 1
    every = np.arange(rows_)
    batch = ReadingBatch(np.full(rows_, 5, np.int32), every, every.astype(np.float64), every)
    parts = partitions.parted(batch)
    assert [(partition, len(part)) for partition, part in parts] == [(0, MOST_ROWS), (0, MOST_ROWS), (0, 1)]
    assert np.concatenate([part.time for _, part in parts]).tolist() == every.tolist()
