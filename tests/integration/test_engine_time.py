"""The engine and time: what comes late or all at once wakes people only if it is still true, and time goes one way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from ingest.records import Message
from shouwang import alerting
from storage.database import open_pool
from tests.integration.engine_house import START, HandClock, at_work, drip, live, rows, settle, water

HOUR = timedelta(hours=1)


@pytest.fixture
def house(database: str) -> str:
    """Return an empty database where the street is registered."""
    settle(database)
    return database


def _escalate(database: str, clock: HandClock) -> int:
    """Do what is due by now; return how many alerts the auditor finds forgotten."""
    with open_pool(database, size=2) as pool:
        loop = alerting.escalating(database, pool, clock, threading.Event(), CollectorRegistry())
        loop.once()
        loop.look_after()
        return len(loop.violations)


def _day_at_once(until_hour: float) -> Sequence[Message]:
    """Return a day of hh-1: water at first, none from the sixth hour on, and water again at `until_hour`."""
    quarters = [START + timedelta(minutes=15 * n) for n in range(96)]
    litres = [min(n, 24) * 10.0 + (30.0 if n >= 4 * until_hour else 0.0) for n in range(96)]
    return [water("hh-1", at, shown) for at, shown in zip(quarters, litres, strict=True)]


def test_a_day_that_comes_at_once_and_is_over_wakes_nobody(house: str) -> None:
    clock = HandClock(START + 24 * HOUR)
    with at_work(house, clock) as engine:
        outcome = engine.process(_day_at_once(until_hour=22))
        assert outcome.stored == 96
    [(status, outcome_said, raised)] = rows(house, "SELECT status, outcome, raised_at FROM alert")
    assert (status, outcome_said) == ("closed", "over_before_arrival")
    assert START + 17 * HOUR <= raised <= START + 19 * HOUR
    clock.forward(minutes=3)
    assert _escalate(house, clock) == 0
    assert rows(house, "SELECT 1 FROM notification") == rows(house, "SELECT 1 FROM task") == []
    # What happened is told with its own times.
    told = rows(house, "SELECT kind, at FROM alert_event ORDER BY seq")
    assert [kind for kind, _ in told] == ["raised", "suppressed", "returned", "closed"]
    assert all(START <= at <= START + 24 * HOUR for _, at in told)


def test_a_day_that_comes_at_once_and_is_not_over_wakes_somebody_two_minutes_later(house: str) -> None:
    clock = HandClock(START + 24 * HOUR)
    with at_work(house, clock) as engine:
        engine.process(_day_at_once(until_hour=99))
    assert rows(house, "SELECT status, suppressed_why FROM alert") == [("suppressed", "backlog")]
    clock.forward(minutes=1)
    assert _escalate(house, clock) == 0
    assert rows(house, "SELECT 1 FROM notification") == []
    clock.forward(minutes=1)
    assert _escalate(house, clock) == 0
    assert rows(house, "SELECT status, suppressed_why FROM alert") == [("unacknowledged", None)]
    assert rows(house, "SELECT DISTINCT person FROM notification") == [("r-hh-1",)]


def test_a_recording_of_years_ago_wakes_nobody_however_long_it_lies_there(house: str) -> None:
    clock = HandClock(START + timedelta(days=2000))
    with at_work(house, clock) as engine:
        engine.process(_day_at_once(until_hour=99))
        for _ in range(30):
            clock.forward(hours=1)
            assert _escalate(house, clock) == 0
    assert rows(house, "SELECT status, suppressed_why FROM alert") == [("suppressed", "backlog")]
    assert rows(house, "SELECT 1 FROM notification") == []


def test_detectors_have_learned_what_came_late(house: str) -> None:
    clock = HandClock(START + 11 * HOUR)
    with at_work(house, clock) as engine:
        engine.process([message for _, message in drip("hh-1", START, 11)])
        live(engine, clock, drip("hh-1", START + 11.25 * HOUR, 0.75))
    found = rows(house, "SELECT household, kind, onset, raised_at, status FROM alert")
    assert found == [("hh-1", "inactivity", START, START + 12 * HOUR, "unacknowledged")]


def test_nobody_is_offline_because_the_service_was(house: str) -> None:
    clock = HandClock()
    with at_work(house, clock, "default") as engine:
        live(engine, clock, drip("hh-1", START, 5))
    # Away for two days, twice; in between nobody has said anything yet, and nothing was saved on purpose.
    for _ in range(2):
        clock.forward(days=2)
        with at_work(house, clock, "default") as engine:
            engine.tick()
            assert rows(house, "SELECT kind FROM alert") == []
    # Only what it is silent while we listen counts, and that it may be for a day.
    with at_work(house, clock, "default") as engine:
        for _ in range(24 * 60 - 1):
            clock.forward(minutes=1)
            engine.tick()
        assert rows(house, "SELECT kind FROM alert") == []
        for _ in range(2):
            clock.forward(minutes=1)
            engine.tick()
        assert rows(house, "SELECT kind, household FROM alert") == [("offline", "hh-1")]


def test_the_clock_is_remembered_and_never_goes_back(house: str) -> None:
    clock = HandClock()
    with at_work(house, clock) as engine:
        clock.forward(hours=3)
        engine.tick()
        clock.forward(hours=-1)
        engine.tick()
    assert rows(house, "SELECT kind, now FROM engine_clock") == [("live", START + 3 * HOUR)]
