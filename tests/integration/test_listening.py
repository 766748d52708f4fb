"""The loop from broker to database, with a broker that does what the test says: take, commit, acknowledge."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from ingest.mqtt import Delivery, Subscriber
from ingest.records import Message
from shouwang import listening
from shouwang.engine import Engine
from shouwang.errors import AnotherEngineError
from shouwang.listening import IngestMetrics, Listening
from shouwang.outcome import Judged, Outcome
from storage import snapshots
from storage.errors import StorageError
from tests.integration.engine_house import START, HandClock, Told, pack, rows, settle, start, water

POISON = 666.0


class Stop(threading.Event):
    """A stop that is asked for after some waits for the database, and makes nobody wait."""

    def __init__(self, patience: int | None = None) -> None:
        super().__init__()
        self.waits = 0
        self._patience = patience

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits += 1
        if self._patience is not None and self.waits >= self._patience:
            self.set()
        return self.is_set()


class Script(Subscriber):
    """Hands out the rounds of a script, then asks the loop to stop; writes down what it is told, and when."""

    def __init__(self, rounds: Sequence[Sequence[Delivery]], stop: threading.Event, look: Callable[[], Any]) -> None:
        self._rounds = list(rounds)
        self._stop = stop
        self._look = look
        self.hears = True
        self.told: list[tuple[str, Any]] = []
        self.seen: list[Any] = []

    @property
    def connected(self) -> bool:
        return self.hears

    def take(self, most: int, wait_seconds: float) -> list[Delivery]:  # noqa: ARG002 - the port's own
        if len(self._rounds) == 1:
            self._stop.set()
        return list(self._rounds.pop(0)) if self._rounds else []

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.told.append(("ack", [delivery.mid for delivery in deliveries]))
        self.seen.append(self._look())

    def receipt(self, delivery: Delivery, payload: bytes) -> None:
        self.told.append((f"receipt {delivery.mid}", json.loads(payload)))


class Choosy(Engine):
    """An engine with a bug that one value brings to light."""

    def judge(self, messages: Sequence[Message]) -> Judged:
        if any(str(POISON).encode() in message.payload for message in messages):
            raise ZeroDivisionError("division by zero")
        return super().judge(messages)


class Patient(Engine):
    """An engine that commits nothing before its third batch is judged."""

    batches: list[Judged]
    ready: threading.Event

    def judge(self, messages: Sequence[Message]) -> Judged:
        self.batches.append(super().judge(messages))
        if len(self.batches) == 3:
            self.ready.set()
        return self.batches[-1]

    def commit(self, judged: Judged) -> Outcome:
        assert self.ready.wait(20), "the third batch is not judged meanwhile"
        return super().commit(judged)


class Frail(Engine):
    """An engine that loses its database once, at one of its commits."""

    commits: int

    def commit(self, judged: Judged) -> Outcome:
        self.commits -= 1
        if self.commits == 0:
            self._conn.close()
        return super().commit(judged)


def _delivery(mid: int, message: Message, *, receipt: bool = False) -> Delivery:
    return Delivery(message, mid, 1, 0, "receipts/gw-1" if receipt else None, mid.to_bytes(8, "big"))


def _reading(mid: int, value: float | None = None, *, receipt: bool = False) -> Delivery:
    at = START + timedelta(minutes=mid)
    return _delivery(mid, water("hh-1", at, float(mid) if value is None else value), receipt=receipt)


class House:
    """A registered street, the loop over it, and its metrics."""

    def __init__(self, database: str) -> None:
        settle(database)
        self.database = database
        self.clock = HandClock(START + timedelta(hours=1))
        self.metrics = CollectorRegistry()
        self.made = 0

    def engine(self) -> Engine:
        self.made += 1
        made = start(self.database, self.clock)
        made.__class__ = Choosy
        return made

    def run(
        self,
        rounds: Sequence[Sequence[Delivery]],
        *,
        make: Callable[[], Engine] | None = None,
        stop: Stop | None = None,
    ) -> Script:
        stop = stop or Stop()
        script = Script(rounds, stop, self.stored)
        Listening(script, make or self.engine, stop, IngestMetrics(self.metrics)).run()
        return script

    def stored(self) -> list[float]:
        """Return the values that others can see in the database."""
        return [value for (value,) in rows(self.database, "SELECT value FROM reading ORDER BY time")]

    def counted(self, name: str) -> float | None:
        return self.metrics.get_sample_value(name)


def _assert_stored_before_acknowledged(script: Script) -> None:
    acknowledged = 0
    for (what, mids), seen in zip([one for one in script.told if one[0] == "ack"], script.seen, strict=True):
        acknowledged += len(mids)
        assert len(seen) >= acknowledged, (what, mids, seen)


@pytest.fixture
def house(database: str) -> House:
    return House(database)


def test_messages_are_committed_then_acknowledged_then_receipted(house: House) -> None:
    bad = _delivery(3, pack(Told("stranger/volume", START, 1.0), Told("meter-hh-2/volume", START, 1.0)), receipt=True)
    script = house.run([[_reading(1), _reading(2, receipt=True)], [], [bad]])
    assert script.told == [
        ("ack", [1, 2]),
        ("receipt 2", {"readings": 1, "rejected": 0}),
        ("ack", [3]),
        ("receipt 3", {"readings": 1, "rejected": 1}),
    ]
    assert script.seen == [[1.0, 2.0], [1.0, 1.0, 2.0]]
    assert house.counted("shouwang_messages_total") == 3
    assert house.counted("shouwang_readings_stored_total") == 3
    assert house.counted("shouwang_refused_total") == 1
    assert house.made == 1


def test_while_two_batches_are_committed_the_next_is_judged(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_TICK_SECONDS", 1e9)  # a look at the clock waits for what is under way
    engine = house.engine()
    engine.__class__ = Patient
    assert isinstance(engine, Patient)
    engine.batches, engine.ready = [], threading.Event()
    stop = Stop()
    script = Script([[_reading(mid)] for mid in (1, 2, 3, 4)], stop, house.stored)
    Listening(script, house.engine, stop, IngestMetrics(house.metrics)).run(engine)
    assert script.told == [("ack", [1]), ("ack", [2]), ("ack", [3]), ("ack", [4])]
    _assert_stored_before_acknowledged(script)
    assert house.stored() == [1.0, 2.0, 3.0, 4.0]


def test_the_memory_is_written_down_behind_the_batches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_PIECE", 20_000)
    engine = start(house.database, house.clock, snapshot_after=2)
    stop = Stop()
    script = Script([[_reading(1)], [_reading(2)], [_reading(3)], *[[]] * 80], stop, house.stored)
    Listening(script, house.engine, stop, IngestMetrics(house.metrics)).run(engine)
    _assert_stored_before_acknowledged(script)
    written = "SELECT draft, count(DISTINCT batch), count(DISTINCT detector) > 3 FROM detector_state GROUP BY draft"
    assert rows(house.database, written) == [(False, 1, True)]
    [(saved,)] = rows(house.database, "SELECT max(batch) - (SELECT min(id) FROM batch) FROM detector_state")
    assert saved in (1, 2)  # not of the last piece: as of the batch after which it was due, or the one under way then
    assert house.made == 0


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_what_was_judged_before_a_failed_commit_is_judged_again(house: House, lost: int) -> None:
    engine = house.engine()
    engine.__class__ = Frail
    assert isinstance(engine, Frail)
    engine.commits = lost
    stop = Stop()
    script = Script([[_reading(1, receipt=True)], [_reading(2)], [_reading(3)], [_reading(4)]], stop, house.stored)
    Listening(script, house.engine, stop, IngestMetrics(house.metrics)).run(engine)
    assert [mids for what, mids in script.told if what == "ack"] == [[1], [2], [3], [4]]
    _assert_stored_before_acknowledged(script)
    assert house.stored() == [1.0, 2.0, 3.0, 4.0]
    assert house.counted("shouwang_readings_stored_total") == 4
    assert house.made == 2


def test_a_message_that_breaks_us_goes_to_quarantine_and_its_neighbours_are_stored(house: House) -> None:
    script = house.run([[_reading(1), _reading(2, POISON, receipt=True), _reading(3)], [_reading(4)]])
    assert house.stored() == [1.0, 3.0, 4.0]
    assert sorted(mid for what, mids in script.told if what == "ack" for mid in mids) == [1, 2, 3, 4]
    assert ("receipt 2", {"readings": 0, "rejected": 1}) in script.told
    [(reason, payload, detail)] = rows(house.database, "SELECT reason, payload, detail FROM quarantine")
    assert (reason, json.loads(payload)[0]["v"]) == ("malformed", POISON)
    assert "ZeroDivisionError" in detail


def test_while_the_database_is_away_nothing_is_acknowledged(house: House) -> None:
    away = 3

    def engine() -> Engine:
        nonlocal away
        away -= 1
        if away >= 0:
            raise StorageError("cannot reach PostgreSQL")
        return house.engine()

    stop = Stop()
    script = house.run([[_reading(1)], [_reading(2)]], make=engine, stop=stop)
    assert stop.waits == 3
    assert script.told == [("ack", [1]), ("ack", [2])]
    assert script.seen == [[1.0], [1.0, 2.0]]
    assert house.counted("shouwang_commit_failures_total") == 3


@pytest.mark.parametrize("table", ["reading", "batch", "engine_clock"])
def test_a_connection_lost_in_the_middle_of_a_commit_is_made_again(house: House, table: str) -> None:
    with psycopg.connect(house.database, autocommit=True) as conn:
        # The first to come dies by its own hand; a sequence remembers it, whatever is rolled back.
        conn.execute("CREATE SEQUENCE deaths")
        conn.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; "
            "RETURN NEW; END $$"
        )
        conn.execute(f"CREATE TRIGGER deadly BEFORE INSERT ON {table} EXECUTE FUNCTION die()".encode())
    script = house.run([[_reading(1, receipt=True), _reading(2)], [], []])
    assert script.told == [("ack", [1, 2]), ("receipt 1", {"readings": 1, "rejected": 0})]
    assert script.seen == [[1.0, 2.0]]
    assert house.made == 2
    assert rows(house.database, "SELECT count(*) FROM quarantine") == [(0,)]


def test_told_to_stop_while_the_database_is_away_it_acknowledges_nothing(house: House) -> None:
    def nobody() -> Engine:
        raise StorageError("cannot reach PostgreSQL")

    stop = Stop(patience=4)
    script = house.run([[_reading(1, receipt=True)], [_reading(2)], []], make=nobody, stop=stop)
    assert script.told == []
    assert stop.waits >= 4


def test_told_to_stop_before_a_refusal_is_committed_it_does_not_acknowledge_that_either(house: House) -> None:
    engines = 2  # one for the batch, one for the message alone; none to write down that it cannot be processed

    def engine() -> Engine:
        nonlocal engines
        engines -= 1
        if engines < 0:
            raise StorageError("cannot reach PostgreSQL")
        return house.engine()

    script = house.run([[_reading(1, POISON, receipt=True)], [], []], make=engine, stop=Stop(patience=1))
    assert rows(house.database, "SELECT count(*) FROM quarantine") == [(0,)]
    assert script.told == []


def test_a_predecessor_that_still_holds_the_database_is_waited_for(house: House) -> None:
    refusals = 2

    def engine() -> Engine:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise AnotherEngineError
        return house.engine()

    script = house.run([[_reading(1)], [_reading(2)]], make=engine)
    assert script.seen == [[1.0], [1.0, 2.0]]
    assert rows(house.database, "SELECT count(*) FROM quarantine") == [(0,)]


def test_what_was_taken_before_the_stop_is_committed(house: House) -> None:
    stop = Stop()
    script = Script([[_reading(1)], [_reading(2), _reading(3)], [_reading(4)]], stop, house.stored)
    engine = house.engine()

    class Last(Stop):
        """Set by somebody else while the second round is being taken."""

        def is_set(self) -> bool:
            return len(script._rounds) < 2

    Listening(script, house.engine, Last(), IngestMetrics(house.metrics)).run(engine)
    assert script.told == [("ack", [1]), ("ack", [2, 3])]
    assert house.stored() == [1.0, 2.0, 3.0]
    # The database is free for the next one.
    start(house.database, house.clock).close()


def test_the_clock_is_looked_at_even_when_nothing_comes(house: House) -> None:
    script = house.run([[], [], []])
    assert script.told == []
    assert rows(house.database, "SELECT kind, now FROM engine_clock") == [("live", house.clock.moment)]
    heartbeat = house.counted("shouwang_engine_heartbeat")
    assert heartbeat is not None
    assert heartbeat > 0


class Watchful(Engine):
    """An engine that writes down how it looked at the clock, and what it committed; it may fail at one batch."""

    looks: list[str]
    fails_at: int

    def tick(self, *, hearing: bool = True) -> Outcome:
        self.looks.append("tick")
        return super().tick(hearing=hearing)

    def commit(self, judged: Judged) -> Outcome:
        self.looks.append("look" if judged.look else "batch")
        if self.looks.count("batch") == self.fails_at and not judged.look:
            raise StorageError("the database is tired")
        return super().commit(judged)


def _watchful(house: House, fails_at: int = 0) -> Watchful:
    engine = house.engine()
    engine.__class__ = Watchful
    assert isinstance(engine, Watchful)
    engine.looks, engine.fails_at = [], fails_at
    return engine


def test_under_load_the_clock_is_looked_at_while_a_batch_is_committed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_TICK_SECONDS", 0.0)
    monkeypatch.setattr(listening, "_AHEAD", 1)  # so that it is told which is before which
    engine, stop = _watchful(house), Stop()
    script = Script([[_reading(1)], [_reading(2)], [_reading(3)], []], stop, house.stored)
    Listening(script, house.engine, stop, IngestMetrics(house.metrics)).run(engine)
    # The first look waits, for the memory is written down with it; so does the last, when nothing comes.
    assert engine.looks == ["batch", "tick", "look", "batch", "look", "batch", "look", "tick", "look"]
    assert script.told == [("ack", [1]), ("ack", [2]), ("ack", [3])]


def test_what_was_seen_behind_a_failed_commit_is_not_committed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_TICK_SECONDS", 0.0)
    monkeypatch.setattr(listening, "_AHEAD", 1)  # so that it is told which is before which
    engine, stop = _watchful(house, fails_at=2), Stop()
    script = Script([[_reading(1)], [_reading(2)], [_reading(3)], []], stop, house.stored)
    Listening(script, house.engine, stop, IngestMetrics(house.metrics)).run(engine)
    assert engine.looks == ["batch", "tick", "look", "batch"]
    assert script.told == [("ack", [1]), ("ack", [2]), ("ack", [3])]
    assert house.stored() == [1.0, 2.0, 3.0]
    assert house.made == 2


def test_what_can_be_learned_waits_for_a_look_with_nothing_under_way(house: House) -> None:
    engine = house.engine()
    engine.tick()
    assert engine.looks_ahead
    assert not engine.commit(engine.look()).due
    with psycopg.connect(house.database) as conn:
        conn.execute(
            "INSERT INTO alert (id, household, kind, rule, severity, status, onset, raised_at, opened_at, score, facts,"
            " sources, policy) VALUES (gen_random_uuid(), 'hh-1', 'inactivity', 'r', 3, 'unacknowledged', now(), now(),"
            " now(), 1, '{}', '{}', '{}')"
        )
        conn.execute(
            "INSERT INTO verdict (alert, household, kind, at, real, visited)"
            " SELECT id, household, kind, now(), false, true FROM alert"
        )
    assert engine.commit(engine.look()).due
    engine.tick()
    assert not engine.commit(engine.look()).due
    assert rows(house.database, "SELECT no IS NOT NULL FROM verdict") == [(True,)]
    engine.close()
