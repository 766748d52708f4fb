"""A few registered homes, a clock set by hand, and what a gateway sends: for the tests that drive the engine itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from alerts.ladders.policy_file import built_in
from ingest.records import Message
from registry.instants import SECOND, to_micros
from registry.model import Area, Device, Household, Person, Registry
from shouwang.clock import Clock
from shouwang.engine import Engine
from shouwang.errors import AnotherEngineError
from shouwang.outcome import Outcome
from storage.database import connect
from storage.registry import save
from tests.e2e.service import until

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday, 08:00 in Shanghai."""
GATEWAY = "gw-1"
HOMES = tuple(f"hh-{number}" for number in range(1, 7))

STREET = Registry(
    areas=(Area("4401", "city", "Guangzhou"),),
    households=tuple(
        Household(home, "4401", "Asia/Shanghai", "en", "elderly_alone", "high", f"{home}, West Street")
        for home in HOMES
    ),
    people=tuple(
        Person(f"r-{home}", f"Resident of {home}", "resident", home, None, f"+86138123400{number:02d}", "en", "call")
        for number, home in enumerate(HOMES)
    ),
    devices=tuple(Device(f"meter-{home}", home, GATEWAY) for home in HOMES),
)


@dataclass(slots=True)
class HandClock:
    """A clock that stands until it is set."""

    moment: datetime = START
    kind: str = "live"
    speed: float = 1.0

    def now(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        self.moment += timedelta(**by)


@dataclass(frozen=True, slots=True)
class Told:
    """One reading as a gateway tells it: `name` is `{device}/{quantity}`, `at` is when it was measured."""

    name: str
    at: datetime
    value: float
    unit: str = "l"


def pack(*told: Told, gateway: str = GATEWAY, received: datetime | None = None) -> Message:
    """Return readings as one SenML message."""
    records = [
        {"n": one.name, "u": one.unit, "t": to_micros(one.at) / SECOND, "v": one.value} for one in told
    ]  # fmt: skip
    heard = to_micros(received or max((one.at for one in told), default=START))
    return Message(f"telemetry/{gateway}/senml", json.dumps(records).encode(), heard)


def water(home: str, at: datetime, litres: float) -> Message:
    """Return one reading of a home's water meter as a message."""
    return pack(Told(f"meter-{home}/volume", at, litres))


def drip(home: str, begin: datetime, hours: float, litres: float = 500.0) -> list[tuple[datetime, Message]]:
    """Return a meter that reports every quarter of an hour and shows no use."""
    times = [begin + timedelta(minutes=15 * n) for n in range(round(hours * 4) + 1)]
    return [(at, water(home, at, litres)) for at in times]


def settle(database: str, registry: Registry = STREET) -> None:
    """Register the street."""
    with connect(database) as conn:
        save(conn, registry)


def start(database: str, clock: Clock, rules: str = "shanghai-12h", **options: Any) -> Engine:
    """Return a loaded engine; one that was just left is given the moment PostgreSQL takes to notice."""

    def loaded() -> Engine | None:
        made = Engine(connect(database), rules, built_in(), clock, **options)
        try:
            made.load()
        except AnotherEngineError:
            made.close()
            return None
        except BaseException:
            made.close()
            raise
        return made

    made: Engine = until(loaded, "the database is free for an engine", 30)
    return made


@contextmanager
def at_work(database: str, clock: Clock, rules: str = "shanghai-12h", **options: Any) -> Iterator[Engine]:
    """Run an engine; at the end it is dropped as a crash would drop it, with nothing saved."""
    made = start(database, clock, rules, **options)
    try:
        yield made
    finally:
        made.close()


def live(engine: Engine, clock: HandClock, messages: Iterable[tuple[datetime, Message]]) -> list[Outcome]:
    """Process messages one by one, each when its time has come."""
    outcomes = []
    for at, message in messages:
        clock.moment = max(clock.moment, at)
        outcomes.append(engine.process([message]))
    return outcomes


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as conn:
        return conn.execute(query.encode()).fetchall()


_STATE = {
    "reading": """
        SELECT device, quantity, time, value, use, flags FROM reading JOIN sensor ON sensor.id = reading.sensor
        ORDER BY device, quantity, time
    """,
    "alert": "SELECT * FROM alert ORDER BY household, kind, onset",
    "alert_event": "SELECT * FROM alert_event ORDER BY alert, seq",
    "finding": "SELECT * FROM finding ORDER BY household, kind, rule, source, onset, phase, severity",
    "step": "SELECT * FROM step ORDER BY alert, no",
    "notification": "SELECT count(*) FROM notification",
    "task": "SELECT count(*) FROM task",
    "quarantine": "SELECT digest, reason, place, detail FROM quarantine ORDER BY digest",
}


def state(database: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything that must not depend on batches, crashes or repetition."""
    return {name: rows(database, query) for name, query in _STATE.items()}


@dataclass(slots=True)
class Life:
    """Days of homes with the faults of real meters, drawn from a seed."""

    days: float
    seed: int
    homes: Sequence[str] = HOMES
    minutes: int = 30
    start: datetime = START
    _random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def messages(self) -> list[tuple[datetime, Message]]:
        """Return messages with when they arrive: silences, long pauses, steps back, repetitions, late ones, a fire."""
        random = self._random
        register = {home: float(random.integers(1_000, 90_000)) for home in self.homes}
        quiet = dict.fromkeys(self.homes, -1)
        arrivals: list[tuple[datetime, int, Message]] = []
        for slot in range(int(self.days * 24 * 60 / self.minutes)):
            for place, home in enumerate(self.homes):
                at = self.start + timedelta(minutes=self.minutes * slot, seconds=place)
                if random.random() < 0.02:
                    quiet[home] = slot + int(random.integers(20, 60))
                if slot > quiet[home] and random.random() < 0.4:
                    register[home] += float(random.integers(1, 60))
                if random.random() < 0.02:
                    continue  # lost on its way
                shown = register[home] - 1 if random.random() < 0.02 else register[home]
                told = [Told(f"meter-{home}/volume", at, shown)]
                if random.random() < 0.05:
                    told.append(Told(f"meter-{home}/alarm", at, float(random.integers(0, 2)), "/"))
                if random.random() < 0.01:
                    told.append(Told(f"meter-{home}/volume", at, 1.0, "gallons"))
                message = pack(*told)
                arrivals.append((at, len(arrivals), message))
                if random.random() < 0.03:
                    arrivals.append((at + timedelta(hours=2), len(arrivals), message))
        arrivals.sort(key=lambda one: one[:2])
        return [(at, message) for at, _, message in arrivals]


def forget(database: str) -> None:
    """Empty a database of everything but its registry."""
    with psycopg.connect(database, autocommit=True) as conn:
        # As a superuser may and the service may not: the timeline is append-only.
        conn.execute("SET session_replication_role = replica")
        conn.execute(
            "TRUNCATE reading, batch, quarantine, detector_state, engine_clock, alert, finding, alert_event, step, "
            "notification, handset_message, task, verdict, sensor, storm, waiting_findings, oncall_handover, "
            "twilio_event, phone_shown, alert_story, device_trouble RESTART IDENTITY"
        )
