"""Whom ladders cannot reach: what a check of a registry warns of, and what happens as a ladder begins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.ladders.policy import Policies
from alerts.ladders.policy_file import built_in, parse
from alerts.ladders.reach import warnings
from alerts.people import People, Place, Recipient, Role
from alerts.registered_people import neighbourhood
from detectors.finding import Kind
from registry.instants import MINUTE
from registry.model import Area, Contact, Household, Person, Registry
from tests.alerts_memory import MemoryBook
from tests.alerts_world import LI, NOON, PLACES, SON, WANG, ZHAO, World, finding

_KINDS = ", ".join(f'"{kind}"' for kind in Kind)
LADDER = f"""
[all]
kinds = [{_KINDS}]
on_return = "review"
repeat = "15 min"
recheck = "6 h"
steps = [
    {{ after = "0 min", who = "resident", do = "call", message = "check" }},
    {{ after = "5 min", who = "contact-2", do = "sms", message = "contact" }},
    {{ after = "10 min", who = "caseworker", do = "review", within = "1 h" }},
]
"""


def _mute(one: Recipient) -> Recipient:
    return replace(one, phone=None)


def _home(name: str, people: People) -> tuple[Place, People]:
    return Place(name, "44", "Asia/Shanghai", ""), people


def _ladder() -> Policies:
    return parse(LADDER, "ladder.toml")


def test_a_ladder_that_reaches_somebody_everywhere_is_worth_no_word() -> None:
    homes = [_home("a", People((LI,), (SON, SON))), _home("b", People((), (), WANG))]
    assert warnings(_ladder(), homes) == []


def test_households_at_which_nothing_reaches_anybody_are_named_with_the_steps_and_why() -> None:
    alone = [_home(f"alone-{n}", People((_mute(LI),))) for n in range(7)]
    (told,) = warnings(_ladder(), [*alone, _home("well", People((LI,), (SON, SON), WANG))])
    assert told == (
        "all: no step reaches anybody at 7 households: alone-0, alone-1, alone-2, alone-3, alone-4 and 2 more "
        "(at alone-0: call for resident at once: has neither telephone nor address; "
        "sms for contact-2 after 5 min: there is none; review for caseworker after 10 min: there is none)"
    )


def test_a_step_that_reaches_nobody_anywhere_is_named() -> None:
    assert warnings(_ladder(), [_home("a", People((LI,), (SON,), WANG))]) == [
        "all: sms for contact-2 after 5 min reaches nobody at any household"
    ]


@pytest.mark.parametrize(
    ("people", "reached"),
    [
        (People((replace(_mute(LI), address="https://example.org/hook"),)), True),
        (People((), (), _mute(WANG)), True),  # the review stands in their list
        (People((_mute(LI),), (_mute(SON), SON)), True),
        (People((_mute(LI),), (SON, _mute(SON))), False),
        (People(), False),
    ],
)
def test_a_telephone_an_address_or_a_list_of_tasks_will_do(people: People, reached: bool) -> None:  # noqa: FBT001 - a parameter of the test
    told = [one for one in warnings(_ladder(), [_home("a", people)]) if "no step reaches anybody" in one]
    assert (told == []) == reached


def test_a_step_in_another_language_reaches_nobody() -> None:
    english = LADDER.replace('message = "check"', 'message = "check", language = "en"')
    told = warnings(parse(english, "ladder.toml"), [_home("a", People((LI,)))])
    assert told[0].startswith("all: no step reaches anybody at 1 household: a ")


def test_people_are_found_in_a_registry_as_escalation_finds_them() -> None:
    registry = Registry(
        areas=(Area("44", "city", "G"), Area("4401", "district", "W"), Area("440101", "street", "S")),
        households=(
            Household("own", "440101", "Asia/Shanghai", "zh_CN", "other", "low", "1", "cw-far"),
            Household("near", "440101", "Asia/Shanghai", "zh_CN", "other", "low", "2"),
            Household("far", "44", "Asia/Shanghai", "zh_CN", "other", "low", "3"),
        ),
        people=(
            Person("r", "R", "resident", "own", None, "+8613812340001", "zh_CN", "call"),
            Person("c-1", "C1", "contact", None, None, None, "en"),
            Person("c-2", "C2", "contact", None, None, "+8613812340002", "en"),
            Person("cw-a", "A", "caseworker", None, "4401", None, "en"),
            Person("cw-b", "B", "caseworker", None, "4401", None, "en"),
            Person("cw-far", "F", "caseworker", None, "44", None, "en"),
            Person("do-a", "OA", "duty_officer", None, "4401", None, "en"),
            Person("do-b", "OB", "duty_officer", None, "4401", None, "en"),
        ),
        contacts=(Contact("own", 2, "c-1"), Contact("own", 1, "c-2")),
    )
    found = {place.household: people for place, people in neighbourhood(registry)}
    named = {
        household: (
            [one.person for one in people.residents],
            [one.person for one in people.contacts],
            people.caseworker and people.caseworker.person,
            [one.person for one in people.duty_officers],
        )
        for household, people in found.items()
    }
    assert named == {
        "own": (["r"], ["c-2", "c-1"], "cw-far", ["do-a", "do-b"]),
        "near": ([], [], "cw-a", ["do-a", "do-b"]),
        "far": ([], [], "cw-far", []),
    }
    assert found["own"].residents[0].role is Role.RESIDENT


def _world(people: People) -> World:
    book = MemoryBook(dict(PLACES), {"home": people})
    return World(book.opened, book, reads=book.newest.__setitem__, leaves=lambda *_: None)


def test_as_a_ladder_begins_for_a_household_of_which_nobody_can_be_reached_the_duty_officer_is_told() -> None:
    world = _world(People((_mute(LI),), (_mute(SON),), _mute(WANG), (ZHAO,)))
    world.take(finding())
    world.run()
    (event,) = [one for one in world.shelves.all_events(world.alert().id) if one.kind.value == "unreachable"]
    assert (event.at, event.detail) == (NOON, {"people": ["li", "son", "wang"]})
    first = world.shelves.all_notifications()[0]
    assert (first.person, first.step, first.medium.value) == ("zhao", 1, "call")
    assert "无人可以联系" in first.text
    world.wait(40 * MINUTE)
    assert world.story().count("unreachable") == 1, "once for each time a ladder begins"


def test_nobody_is_told_of_households_of_which_anybody_can_be_reached() -> None:
    for people in (People((LI,)), People((), (SON,)), People((), (), WANG, (ZHAO,))):
        world = _world(people)
        world.take(finding())
        world.run()
        assert "unreachable" not in world.story()


def test_a_ladder_that_tells_nobody_warns_nobody() -> None:
    world = _world(People((), (), _mute(WANG), (ZHAO,)))
    assert built_in().rules[-3].policy.reach == 0
    world.take(finding(Kind.BATTERY))
    world.run()
    assert world.sent() == []
    assert "unreachable" not in world.story()
