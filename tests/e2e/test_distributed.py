"""Two engines, one meaning: the same stream, embedded and through Kafka to workers of which one is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from alerts.ladders.policy_file import built_in
from ingest.envelope import seal
from ingest.kafka import Writer
from ingest.topic import ensure_topic
from registry.instants import to_micros
from registry.readings import NO_READINGS, ReadingBatch
from registry.shards import WHOLE, Shard
from shouwang.clock import LiveClock
from shouwang.distributed.gathering import Partitions
from shouwang.engine import Engine
from simulators.events import parse
from simulators.town import Town
from storage import registry
from storage.database import connect
from storage.shards import claim
from tests.e2e.service import until
from tests.integration.engine_house import HandClock, rows

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, HOMES = 7, 20
EVENTS = ("fall@household-004@2026-03-07T09:10", "leak@household-009@2026-03-04T02:00")
STEP = timedelta(minutes=30)
STEPS = DAYS * 48
PARTITIONS = 2

_READINGS = """
SELECT device, quantity, time, value, use, flags FROM reading JOIN sensor ON sensor.id = reading.sensor ORDER BY 1, 2, 3
"""
_ALERTS = """
SELECT id, household, kind, rule, severity, onset, raised_at, score, facts FROM alert ORDER BY household, kind, onset
"""
_FINDINGS = (
    "SELECT household, kind, rule, source, onset, phase, severity, time FROM finding ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
)


def stream(town: Town, ids: np.ndarray[Any, np.dtype[np.int32]]) -> Iterator[tuple[int, ReadingBatch]]:
    """Yield what is heard in each half hour."""
    for step in range(STEPS):
        begin = START + step * STEP
        columns = town.readings(begin, begin + STEP)
        at = to_micros(begin + STEP)
        heard = np.full(len(columns.time), at)
        yield at, ReadingBatch(ids[columns.sensor], columns.time, columns.value, heard)


def settled(database: str) -> tuple[Town, np.ndarray[Any, np.dtype[np.int32]]]:
    """Register a town; return it with the database's ids of its sensors."""
    town = Town(3, HOMES, START, events=[parse(text) for text in EVENTS])
    with connect(database) as conn:
        registry.save(conn, town.registry)
        born = registry.add_sensors(conn, town.sensors)
    return town, np.array([born[one] for one in town.sensors], np.int32)


def embedded(database: str, rules: str, shards: Sequence[Shard]) -> None:
    """Judge the stream in this process, with an engine for each shard."""
    town, ids = settled(database)
    clock = HandClock(START)
    engines = []
    for shard in shards:
        with connect(database) as conn:
            tenure = None if shard == WHOLE else claim(conn, shard)
        engines.append(
            Engine(connect(database), rules, built_in(), clock, shard=shard, tenure=tenure, present=LiveClock())
        )
    for engine in engines:
        engine.load()
    for at, batch in stream(town, ids):
        clock.moment = START + timedelta(microseconds=at - to_micros(START))
        for engine in engines:
            engine.hear(batch)
            engine.tick()
            while engine.waiting:
                engine.go_on()
    for engine in engines:
        engine.close()


@dataclass
class Crew:
    """Worker processes of one group on one topic."""

    database: str
    kafka: str
    topic: str
    rules: str
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def join(self) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SHOUWANG_")}
        environment |= {
            "SHOUWANG_SEAL_KEYS": os.environ["SHOUWANG_SEAL_KEYS"],
            "SHOUWANG_DATABASE_URL": self.database,
            "SHOUWANG_KAFKA_SERVERS": self.kafka,
            "SHOUWANG_KAFKA_TOPIC": self.topic,
            "SHOUWANG_KAFKA_GROUP": self.topic,
            "SHOUWANG_KAFKA_PARTITIONS": str(PARTITIONS),
            "SHOUWANG_KAFKA_SESSION_SECONDS": "6",
            "SHOUWANG_RULES": self.rules,
        }
        with self._log(len(self.processes)).open("wb") as out:
            made = subprocess.Popen(
                [sys.executable, "-m", "shouwang", "worker"], env=environment, stdout=out, stderr=out
            )
        self.processes.append(made)
        return made

    @property
    def committed(self) -> int:
        """How many envelopes are committed in all partitions."""
        [(found,)] = rows(self.database, "SELECT coalesce(sum(next_offset), 0)::int FROM shard")
        return int(found)

    @property
    def epochs(self) -> list[int]:
        """Under which epoch each partition is watched."""
        return [epoch for (epoch,) in rows(self.database, "SELECT epoch FROM shard ORDER BY number")]

    def reach(self, envelopes: int, seconds: float = 120.0) -> None:
        """Wait until so many are committed; the workers' last words are told when that takes too long."""
        try:
            until(lambda: self.committed >= envelopes, f"{envelopes} envelopes committed", seconds)
        except AssertionError as error:
            error.add_note(f"committed {self.committed}, epochs {self.epochs}")
            for number, one in enumerate(self.processes):
                error.add_note(f"worker {number}, exit {one.poll()}: {self._log(number).read_text()[-6000:]}")
            raise

    def _log(self, number: int) -> Path:
        return self.folder / f"worker-{number}.log"


@contextmanager
def crew(database: str, kafka: str, topic: str, rules: str, folder: Path) -> Iterator[Crew]:
    """Run workers; whoever is left at the end is told to stop."""
    made = Crew(database, kafka, topic, rules, folder)
    try:
        yield made
    finally:
        for one in made.processes:
            if one.poll() is None:
                one.terminate()
        for one in made.processes:
            one.wait(90)


def told(database: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return what there is to compare."""
    return {
        "readings": rows(database, _READINGS),
        "alerts": rows(database, _ALERTS),
        "findings": rows(database, _FINDINGS),
    }


@pytest.fixture
def other_database(postgres: str, database: str) -> Iterator[str]:
    """Another freshly migrated, empty database."""
    name = f"{conninfo_to_dict(database)['dbname']}_other"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{conninfo_to_dict(database)["dbname"]}"')
        yield make_conninfo(postgres, dbname=name)
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.mark.parametrize(
    ("rules", "shards"),
    [("shanghai-12h", (WHOLE,)), ("default", tuple(Shard(number, PARTITIONS) for number in range(PARTITIONS)))],
)
def test_two_engines_one_meaning(
    database: str, other_database: str, kafka: str, tmp_path: Path, rules: str, shards: Sequence[Shard]
) -> None:
    """Rules that ask each home alone say the same of the whole; what homes share they share within a partition."""
    embedded(other_database, rules, shards)
    expected = told(other_database)
    assert expected["alerts"]

    topic = f"meaning-{rules}-{os.getpid()}"
    ensure_topic(kafka, topic, PARTITIONS)
    town, ids = settled(database)
    partitions = Partitions(PARTITIONS)
    with connect(database) as conn:
        for row in registry.directory(conn):
            partitions.met(row)
    writer = Writer(kafka, topic, topic)
    sent = 0
    with crew(database, kafka, topic, rules, tmp_path) as workers:
        first = workers.join()
        for number, (at, batch) in enumerate(stream(town, ids)):
            parts = dict(partitions.parted(batch))
            for partition in range(PARTITIONS):
                writer.write(partition, seal(at, parts.get(partition, NO_READINGS)))
                sent += 1
            if number == STEPS // 3:
                writer.flush()
                workers.reach(sent // 2)
                workers.join()  # a rebalance in the middle of work
            if number == STEPS * 2 // 3:
                writer.flush()
                workers.reach(sent * 3 // 4)
                first.kill()  # and a crash
        writer.flush()
        workers.reach(sent)
        assert max(workers.epochs) >= 2
    assert told(database) == expected
