from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from alerts.model import Medium, Outcome, Role
from detectors.finding import Finding, Kind, Phase
from detectors.registers import Registers
from detectors.rules import load
from ingest.decoders import decode
from ingest.records import Message
from registry.instants import MINUTE, to_micros
from registry.quantities import BY_LABEL
from registry.readings import ReadingBatch, SensorTable
from simulators.events import Happening, event
from simulators.people import HELP, TAKEN, react, visit
from simulators.story import story
from simulators.town import State, Town

_START = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


def _watched(town: Town, rules: str, begin: datetime, hours: float) -> list[tuple[Finding, int]]:
    """Return what the rules find in a town watched from `begin`, with its past learned, and when it was heard."""
    sensors = SensorTable()
    number = {}
    zone = town.registry.households[0].zone
    for at, (device, quantity) in enumerate(town.sensors):
        sensors.add(at + 1, device, quantity, f"household-{device[-3:]}", zone)
        number[device, quantity.label] = at + 1
    registers, rule_set = Registers(), load(rules, sensors)
    past = town.readings(begin - timedelta(hours=60), begin)
    batch = ReadingBatch((past.sensor + 1).astype(np.int32), past.time, past.value, past.time)
    rule_set.observe(registers.interpret(batch, sensors).observations())
    found = []
    for message in town.messages(begin, begin + timedelta(hours=hours)):
        records = decode(Message(message.topic, message.payload, message.at)).records
        assert all(record.name in BY_LABEL for record in records)
        batch = ReadingBatch(
            np.array([number[record.device, record.name] for record in records], np.int32),
            np.array([record.time for record in records]),
            np.array([record.value for record in records]),
            np.full(len(records), message.at),
        )
        heard = rule_set.observe(registers.interpret(batch, sensors).observations())
        found += [(finding, message.at) for finding in heard if finding.phase is Phase.RAISED]
    return found


@pytest.mark.parametrize(
    ("seed", "hour", "rules", "silence"),
    [
        (7, 0.5, "default", 24), (7, 0.5, "shanghai-12h", 12), (2, 18.0, "default", 24), (0, 10.0, "default", 24),
    ],
)  # fmt: skip
def test_the_first_alert_comes_within_ten_minutes(seed: int, hour: float, rules: str, silence: int) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)
    town = Town(seed, 200, begin)
    events = story(town, town.start, timedelta(hours=silence))
    town.inject(*events)
    fallen = next(each.target for each in events if each.kind is Happening.FALL)
    mine = [
        heard for finding, heard in _watched(town, rules, begin, 0.5)
        if finding.household == fallen and finding.kind is Kind.INACTIVITY
    ]  # fmt: skip
    assert len(mine) == 1
    assert 7 * MINUTE <= mine[0] - to_micros(begin) <= 11 * MINUTE


def test_the_others_live_on_and_more_follows() -> None:
    town = Town(7, 60, _START)
    events = story(town, town.start)
    town.inject(*events)
    assert story(town, _START) == story(Town(7, 60, _START), _START)
    kinds = [each.kind for each in events]
    assert kinds[-6:] == [
        Happening.KETTLE_FIRE, Happening.LEAK, Happening.BATTERY, Happening.DEAD, Happening.BLACKOUT, Happening.BURST,
    ]  # fmt: skip
    fallen = next(each.target for each in events if each.kind is Happening.FALL)
    assert not [each for each in events if each.target == fallen and each.kind not in (Happening.USE, Happening.FALL)]
    smoke = [(f.household, at) for f, at in _watched(town, "default", _START, 1.5) if f.kind is Kind.SMOKE]
    burning = next(each for each in events if each.kind is Happening.KETTLE_FIRE)
    assert burning.target in {household for household, _ in smoke}
    assert 46 * MINUTE < min(at for home, at in smoke if home == burning.target) - to_micros(_START) < 50 * MINUTE
    down = [home for home in town.households if town.state(home, _START) == State.DOWN]
    assert down == [fallen]


def test_a_town_of_a_few_has_a_story_too() -> None:
    events = story(Town(5, 5, _START), _START)
    assert [each.kind for each in events if each.kind is Happening.FALL]


def test_in_the_opening_story_nobody_answers_until_somebody_went_there() -> None:
    town = Town(7, 200, _START)
    town.inject(*story(town, town.start))
    fallen = next(each.target for each in town.events if each.kind is Happening.FALL)
    asked = [_START + timedelta(minutes=at) for at in range(8, 90)]
    for role in (Role.RESIDENT, Role.CONTACT):
        for medium in Medium:
            assert [react(town, fallen, role, medium, at) for at in asked] == [None] * len(asked)
    found = visit(town, fallen, _START + timedelta(minutes=20))
    assert found.outcome is Outcome.HELPED
    assert 60 <= found.accepted <= 360 < found.arrived
    town.inject(*found.events)
    after = _START + timedelta(minutes=20, seconds=found.arrived + 60)
    assert town.state(fallen, after) != State.DOWN
    assert any(react(town, fallen, Role.CONTACT, Medium.CALL, after + timedelta(minutes=at)) for at in range(30))


def test_who_is_well_and_awake_mostly_says_so() -> None:
    town = Town(7, 60, _START)
    noon = _START + timedelta(hours=3)
    awake = [home for home in town.households if town.state(home, noon) == State.AWAKE]
    said = [react(town, home, Role.RESIDENT, Medium.CALL, noon) for home in awake]
    answers = [reaction for reaction in said if reaction]
    assert 0.5 < len(answers) / len(said) < 0.95
    assert {reaction.answer for reaction in answers} == {"1"}
    assert all(4 <= reaction.after <= 20 for reaction in answers)
    assert said == [react(town, home, Role.RESIDENT, Medium.CALL, noon) for home in awake]
    night = [react(town, home, Role.RESIDENT, Medium.SMS, _START + timedelta(hours=18)) for home in awake]
    assert sum(reaction is not None for reaction in night) <= len(awake) // 10


def test_contacts_take_charge_and_a_fire_makes_people_call_for_help() -> None:
    town = Town(7, 60, _START)
    noon = _START + timedelta(hours=3)
    contacts = [react(town, home, Role.CONTACT, Medium.CALL, noon) for home in town.households]
    assert {each.answer for each in contacts if each} == {TAKEN}
    assert 0.5 < sum(each is not None for each in contacts) / 60 < 0.9
    town.inject(*(event(Happening.SMOULDER, home, noon - timedelta(minutes=30)) for home in town.households))
    said = {each.answer for home in town.households if (each := react(town, home, Role.RESIDENT, Medium.CALL, noon))}
    assert said == {HELP}


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (Happening.DEATH, Outcome.EMERGENCY_SERVICES), (Happening.FALL, Outcome.HELPED),
        (Happening.SMOULDER, Outcome.HELPED), (Happening.BURST, Outcome.HELPED),
    ],
)  # fmt: skip
def test_a_visit_finds_what_is_true_and_mends_it(kind: Happening, outcome: Outcome) -> None:
    town = Town(7, 20, _START, events=[event(kind, "household-003", _START + timedelta(hours=3))])
    given = _START + timedelta(hours=4)
    found = visit(town, "household-003", given)
    assert found.outcome is outcome
    town.inject(*found.events)
    there = {span.event.kind for span in town.at_work("household-003", given + timedelta(seconds=found.arrived + 1))}
    assert there == ({Happening.DEATH} if kind is Happening.DEATH else set())


def test_a_visit_to_somebody_well_finds_them_or_a_closed_door() -> None:
    town = Town(7, 60, _START)
    outcomes = {visit(town, home, _START + timedelta(hours=1)).outcome for home in town.households}
    assert outcomes == {Outcome.FOUND_WELL, Outcome.NOT_AT_HOME}
