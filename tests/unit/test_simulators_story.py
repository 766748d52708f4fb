from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from alerts.model import Outcome
from alerts.people import Medium, Role
from detectors.finding import Finding, Kind, Phase
from detectors.registers import Registers
from detectors.rules import load
from ingest.decoders import decode
from ingest.records import Message
from registry.instants import HOUR, MINUTE, to_datetime, to_micros
from registry.quantities import BY_LABEL
from registry.readings import ReadingBatch, SensorTable
from simulators.events import Event, Happening, event
from simulators.people import HELP, TAKEN, react, visit
from simulators.story import Rehearsal, cast, story
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


def _rehearsal(town: Town, rules: str, since: datetime) -> Rehearsal:
    """Return a rehearsal by a rule set that has learned the town until `since`."""
    table = SensorTable()
    zone = town.registry.households[0].zone
    for at, (device, quantity) in enumerate(town.sensors):
        table.add(at + 1, device, quantity, f"household-{device[-3:]}", zone)

    def batch(told: Town, begin: datetime, end: datetime) -> ReadingBatch:
        columns = told.readings(begin, end)
        return ReadingBatch((columns.sensor + 1).astype(np.int32), columns.time, columns.value, columns.time)

    registers, watching = Registers(), load(rules, table)
    for day in range(8, 0, -1):
        past = batch(town, since - timedelta(days=day), since - timedelta(days=day - 1))
        watching.observe(registers.interpret(past, table).observations())

    def rehearse(falls: Sequence[Event]) -> dict[str, int]:
        mine = deepcopy((registers, watching, table))
        trial = town.untouched()
        trial.inject(*falls)
        readings = batch(trial, since, town.start + timedelta(minutes=40))
        found = mine[1].observe(mine[0].interpret(readings, mine[2]).observations())
        noticed = [one for one in found if one.kind is Kind.INACTIVITY and one.phase is Phase.RAISED]
        return {one.household: one.time for one in reversed(noticed)}

    return rehearse


def test_whoever_falls_is_noticed_soon_after_the_start() -> None:
    town = Town(7, 60, _START)
    rehearse = _rehearsal(town, "shanghai-12h", _START - timedelta(hours=28))
    fall = cast(town, _START, rehearse)
    assert fall.unreachable
    assert town.state(fall.target, to_datetime(fall.at)) != State.AWAY
    noticed = rehearse([fall])[fall.target]
    assert 2 * MINUTE <= noticed - to_micros(_START) <= 25 * MINUTE


def test_where_nobody_is_noticed_in_time_the_nearest_falls() -> None:
    town, asked = Town(7, 20, _START), []

    def rehearse(falls: Sequence[Event]) -> dict[str, int]:
        asked.append(falls)
        return {each.target: to_micros(_START) - (3 * HOUR if len(asked) < 4 else 4 * HOUR) for each in falls}

    assert cast(town, _START, rehearse) in asked[0]
    assert cast(town, _START, lambda _: {}).kind is Happening.FALL


def test_the_others_live_on_and_more_follows() -> None:
    town = Town(7, 60, _START)
    fall = event(Happening.FALL, "household-007", _START - timedelta(hours=9), unreachable=True)
    events = (fall, *story(town, town.start, fall.target))
    town.inject(*events)
    assert story(town, _START, fall.target) == events[1:]
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
    town = Town(5, 5, _START)
    fall = cast(town, _START, lambda falls: {each.target: to_micros(_START) for each in falls})
    assert len(story(town, _START, fall.target)) == 6


def test_in_the_opening_story_nobody_answers_until_somebody_went_there() -> None:
    town = Town(7, 200, _START)
    fall = cast(town, _START, lambda falls: {each.target: to_micros(_START) + 5 * MINUTE for each in falls})
    fallen = fall.target
    town.inject(fall, *story(town, _START, fallen))
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
