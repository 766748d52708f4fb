"""Fires and meals of the virtual town, as its smoke detectors tell them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from alerts.life.episodes import Episode, fold
from detectors.finding import Finding
from detectors.protocol import Detector
from detectors.registers import Registers
from detectors.smoke_alarm import smoke_alarm
from detectors.smoke_level import SmokeLevel
from registry.instants import HOUR, MINUTE
from registry.quantities import Quantity
from registry.readings import ReadingBatch, SensorTable
from simulators.events import Event, Happening, event
from simulators.town import Town

_START = datetime(2026, 3, 1, tzinfo=UTC)
_HOMES, _DAYS = 60, 3


@pytest.fixture(scope="module")
def fires() -> list[Event]:
    """One fire in each home, at any hour of the second day; some are too thin for the detector's own alarm."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(_HOMES):
        kind, most = ((Happening.KETTLE_FIRE, 18.0), (Happening.SMOULDER, 12.0))[number % 2]
        at = _START + timedelta(hours=24 + 24 * float(rng.random()))
        home = Town(9, _HOMES, _START).households[number]
        found.append(event(kind, home, at, amount=2.4 if number % 10 < 2 else most * float(rng.uniform(0.2, 1))))
    return found


@pytest.fixture(scope="module")
def findings(fires: Sequence[Event]) -> dict[str, list[Finding]]:
    """What each rule says of the town, watched in pieces of six hours."""
    town = Town(9, _HOMES, _START, events=fires)
    table = SensorTable()
    for number, (device, quantity) in enumerate(town.sensors):
        table.add(number, device, quantity, town.households[number // 6], "Asia/Shanghai")
    rules: list[Detector] = [smoke_alarm(table), SmokeLevel(table)]
    told: dict[str, list[Finding]] = {rule.name: [] for rule in rules}
    registers = Registers()
    for piece in range(4 * _DAYS):
        begin = _START + timedelta(hours=6 * piece)
        read = town.readings(begin, begin + timedelta(hours=6))
        smoke = np.isin(table.quantity[read.sensor], (Quantity.SMOKE, Quantity.ALARM))
        arrived = ReadingBatch(read.sensor[smoke], read.time[smoke], read.value[smoke], read.time[smoke])
        seen = registers.interpret(arrived, table).observations()
        for rule in rules:
            told[rule.name] += rule.observe(seen)
    return told


def first_of(fire: Event, episodes: Sequence[Episode]) -> Episode:
    """Return the first alert of a fire."""
    return min(
        (one for one in episodes if one.household == fire.target and 0 <= one.raised_at - fire.at <= fire.lasting),
        key=lambda one: one.raised_at,
    )


def test_no_fire_is_missed_even_by_the_level_alone(fires: Sequence[Event], findings: dict[str, list[Finding]]) -> None:
    episodes = fold(sorted(findings["smoke-level"], key=Finding.order))
    for fire in fires:
        usual = fire.amount > 10.5
        latest = {Happening.KETTLE_FIRE: 4 if usual else 20, Happening.SMOULDER: 50 if usual else 90}[fire.kind]
        assert first_of(fire, episodes).raised_at - fire.at < latest * MINUTE, fire


def test_a_fire_is_one_episode(fires: Sequence[Event], findings: dict[str, list[Finding]]) -> None:
    episodes = fold(sorted([one for told in findings.values() for one in told], key=Finding.order))
    for fire in fires:
        own = [one for one in episodes if one.household == fire.target and one.raised_at >= fire.at]
        assert len([one for one in own if one.raised_at < fire.at + fire.lasting + HOUR]) == 1, fire


def test_hardly_any_meal_is_taken_for_a_fire(fires: Sequence[Event], findings: dict[str, list[Finding]]) -> None:
    at = {fire.target: fire.at for fire in fires}
    episodes = fold(sorted([one for told in findings.values() for one in told], key=Finding.order))
    meals = [one for one in episodes if one.raised_at < at[one.household]]
    assert len(meals) <= 0.04 * _HOMES  # in each home more than one meal was cooked before its fire
