"""Very many findings at once: the gravest are alerts in the same transaction, the others wait in the database."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

import pytest
from prometheus_client import CollectorRegistry

from detectors.finding import Finding, Kind, Severity
from ingest.mqtt import Delivery, Subscriber
from registry.instants import MINUTE, to_datetime, to_micros
from registry.model import Area, Device, Household, Registry
from shouwang.engine import Engine
from shouwang.listening import IngestMetrics, Listening
from shouwang.raising import AT_ONCE
from shouwang.townhall import live_through
from tests.alerts_world import finding
from tests.integration.engine_house import START, HandClock, rows, settle, start, water

NOW = to_micros(START)
HOMES = [f"hh-{number}" for number in range(2 * AT_ONCE + 50)]


@pytest.fixture
def house(database: str) -> str:
    settle(
        database,
        Registry(
            areas=(Area("4401", "city", "Guangzhou"),),
            households=tuple(Household(home, "4401", "Asia/Shanghai", "en", "other", "low", "") for home in HOMES),
            devices=(Device("meter-hh-1", "hh-1", "gw-1"),),
        ),
    )
    return database


@contextmanager
def finding_next(database: str, clock: HandClock, *batches: Sequence[Finding]) -> Iterator[Engine]:
    """Run an engine whose rules find these at its next looks at the clock; it is dropped as a crash would drop it."""
    engine = start(database, clock)
    left = list(batches)
    with mock.patch.object(engine._rules, "tick", side_effect=lambda _now: left.pop(0) if left else []):
        yield engine
    engine.close()


def silent(homes: Sequence[str] = HOMES) -> list[Finding]:
    return [finding(household=home, at=NOW) for home in homes]


def opened(database: str) -> int:
    [(count,)] = rows(database, "SELECT count(*) FROM alert")
    return int(count)


def test_smoke_among_many_is_an_alert_at_once_and_the_others_follow_slice_by_slice(house: str) -> None:
    fire = finding(Kind.SMOKE, household="hh-300", at=NOW, severity=Severity.URGENT)
    with finding_next(house, HandClock(), [*silent(), fire]) as engine:
        engine.tick()
        assert rows(house, "SELECT household, kind FROM alert") == [("hh-300", "smoke")]
        seen = []
        while engine.waiting:
            engine.go_on()
            seen.append(opened(house))
    assert seen == [1 + AT_ONCE, 1 + 2 * AT_ONCE, 1 + len(HOMES)]
    assert rows(house, "SELECT count(*) FROM waiting_findings") == [(0,)]


def test_what_waits_outlives_a_crash_and_begins_when_it_was_found(house: str) -> None:
    clock = HandClock()
    with finding_next(house, clock, silent()) as engine:
        engine.tick()
        engine.go_on()
    clock.forward(minutes=30)
    with finding_next(house, clock) as another:
        while another.waiting:
            another.go_on()
    assert opened(house) == len(HOMES)
    assert rows(house, "SELECT DISTINCT opened_at FROM alert") == [(START,)]
    assert rows(house, "SELECT DISTINCT suppressed_why FROM alert") == [("storm",)]


def test_told_again_after_a_crash_nothing_happens_twice(house: str) -> None:
    clock = HandClock()
    with finding_next(house, clock, silent(), silent()) as engine:
        engine.tick()
        engine.tick()
        while engine.waiting:
            engine.go_on()
    assert opened(house) == len(HOMES)
    assert rows(house, "SELECT max(event_count) FROM alert") == [(2,)]


def test_what_waits_of_the_same_home_and_kind_goes_before_what_cannot_wait(house: str) -> None:
    clock = HandClock()
    last = HOMES[-1]
    worse = finding(household=last, at=NOW + MINUTE, onset=NOW - 12 * 60 * MINUTE, severity=Severity.URGENT)
    with finding_next(house, clock, silent(), [worse]) as engine:
        engine.tick()
        clock.forward(minutes=1)
        engine.tick()
        [(status, events)] = rows(house, f"SELECT status, event_count FROM alert WHERE household = '{last}'")
        assert (status, events > 2) == ("unacknowledged", True)
        told = (
            f"SELECT e.kind FROM alert_event e JOIN alert a ON a.id = e.alert WHERE household = '{last}' ORDER BY seq"
        )
        kinds = rows(house, told)
        assert kinds[0] == ("raised",)
        assert ("grew_worse",) in kinds
        assert engine.waiting


def test_while_others_wait_what_is_not_urgent_waits_behind_them(house: str) -> None:
    clock = HandClock()
    over = finding(household=HOMES[0], at=NOW + MINUTE, onset=NOW - 12 * 60 * MINUTE, cleared=True)
    with finding_next(house, clock, silent(), [over]) as engine:
        engine.tick()
        clock.forward(minutes=1)
        engine.tick()
        while engine.waiting:
            engine.go_on()
    [(returned,)] = rows(house, f"SELECT returned_at FROM alert WHERE household = '{HOMES[0]}'")
    assert returned == to_datetime(NOW + MINUTE)


def test_one_that_nothing_can_be_made_of_is_put_aside_and_keeps_no_other_waiting(house: str) -> None:
    nowhere = finding(household="nowhere", at=NOW)
    with finding_next(house, HandClock(), [*silent(), nowhere]) as engine:
        engine.tick()
        while engine.waiting:
            engine.go_on()
    assert opened(house) == len(HOMES)
    [(findings, why)] = rows(house, "SELECT findings, refused FROM waiting_findings")
    assert [one["household"] for one in json.loads(findings)] == ["nowhere"]
    assert "household" in why
    with finding_next(house, HandClock()) as another:
        assert not another.waiting


def test_a_history_leaves_nothing_waiting(house: str) -> None:
    clock = HandClock()
    with finding_next(house, clock, silent()) as engine:
        engine.tick()
        live_through(engine, engine._roster.check([], START).batch)
        assert not engine.waiting
    assert opened(house) == len(HOMES)


class Rounds(Subscriber):
    """Hands out a message at each round, notes how many alerts were open by then, and stops after some rounds."""

    def __init__(self, database: str, stop: threading.Event, rounds: int) -> None:
        self._database, self._stop, self._rounds = database, stop, rounds
        self.acknowledged: list[int] = []
        self.waits: list[float] = []

    @property
    def connected(self) -> bool:
        return True

    def take(self, most: int, wait_seconds: float) -> list[Delivery]:  # noqa: ARG002 - the port's own
        self.waits.append(wait_seconds)
        self._rounds -= 1
        if not self._rounds:
            self._stop.set()
        at = START + timedelta(minutes=len(self.waits))
        return [Delivery(water("hh-1", at, 1.0), len(self.waits), 1, 0, None, b"")]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        assert len(deliveries) == 1
        self.acknowledged.append(opened(self._database))


def test_messages_are_carried_between_the_slices(house: str) -> None:
    stop = threading.Event()
    line = Rounds(house, stop, 4)
    with finding_next(house, HandClock(START + timedelta(hours=1)), silent()) as engine:
        Listening(line, lambda: engine, stop, IngestMetrics(CollectorRegistry())).run(engine)
    # The first round's look at the clock finds them all; with each round that follows a slice becomes alerts.
    assert line.acknowledged == [0, AT_ONCE, 2 * AT_ONCE, len(HOMES)]
    assert line.waits[0] > 0
    assert line.waits[1:3] == [0, 0]
