"""What contacts and staff can do from a telephone: take it, have more people told, close it."""

from __future__ import annotations

import pytest

from alerts import desk
from alerts.ladders.policy import Do
from alerts.life.answers import Meaning, understand
from alerts.messages.replies import REPLIES, keys_of, phrase, reply_to
from alerts.messages.wording import is_chinese
from alerts.model import EventKind, Notification, Outcome, Status
from alerts.people import Role
from detectors.finding import Kind, Severity
from registry.instants import MINUTE
from tests.alerts_memory import MemoryBook
from tests.alerts_world import NEIGHBOURS, OFFICER, PLACES, SON, WANG, ZHAO, World, finding


@pytest.fixture
def world() -> World:
    book = MemoryBook(dict(PLACES), dict(NEIGHBOURS))
    return World(book.opened, book, reads=book.newest.__setitem__, leaves=lambda *_: None)


def _message_to(world: World, person: str) -> Notification:
    return [one for one in world.shelves.all_notifications() if one.person == person][-1]


def _says(world: World, person: str, said: str) -> Meaning:
    with world.books() as book:
        return desk.answer_to(book, _message_to(world, person).id, said, world.now)


@pytest.mark.parametrize("role", [Role.CONTACT, Role.CASEWORKER, Role.DUTY_OFFICER])
@pytest.mark.parametrize(
    ("said", "meaning"),
    [("4", Meaning.ACKNOWLEDGE), ("5", Meaning.ESCALATE), ("６", Meaning.CLOSE), ("*", Meaning.UNCLEAR)],
)
def test_the_keys_of_those_who_help(role: Role, said: str, meaning: Meaning) -> None:
    assert understand(said, role) is meaning


@pytest.mark.parametrize("said", ["4", "5", "6", "*", "#", ""])
def test_a_resident_has_two_keys(said: str) -> None:
    assert understand(said, Role.RESIDENT) is Meaning.UNCLEAR


def test_every_reply_is_there_in_both_languages() -> None:
    assert all(set(texts) == {"zh", "en"} and all(texts.values()) for texts in REPLIES.values())
    assert {keys_of(role) for role in Role} <= set(REPLIES)
    assert phrase("help", "yue") == phrase("help", "zh_HK") == REPLIES["help"]["zh"]
    assert is_chinese("zh-CN")
    assert not is_chinese("en")


def test_more_support_climbs_the_next_rung_at_once_and_says_who_asked(world: World) -> None:
    [alert] = world.take(finding(severity=Severity.HIGH))
    world.wait(5 * MINUTE)
    before = {step.no: step.due for step in world.shelves.all_steps(alert) if step.due > world.now}
    assert _says(world, SON.person, "5") is Meaning.ESCALATE
    after = {step.no: step.due for step in world.shelves.all_steps(alert) if step.no in before}
    following = min(before, key=lambda no: before[no])
    assert after == {**before, following: world.now}
    asked = [one for one in world.shelves.all_events(alert) if one.kind is EventKind.ANSWERED]
    assert [(one.actor, one.detail["meaning"]) for one in asked] == [(f"person:{SON.person}", "escalate")]


def test_of_an_alert_somebody_holds_the_officer_is_told_and_the_holder_keeps_it(world: World) -> None:
    [alert] = world.take(finding(severity=Severity.HIGH))
    world.wait(5 * MINUTE)
    assert _says(world, SON.person, "4") is Meaning.ACKNOWLEDGE
    _says(world, SON.person, "5")
    planned = world.shelves.all_steps(alert)[-1]
    assert (planned.action.do, planned.action.who, planned.due) == (Do.CALL, "duty_officer", world.now)
    world.wait(MINUTE)
    assert (
        "somebody asks for support" in _message_to(world, ZHAO.person).text
        or "加派人手" in _message_to(world, ZHAO.person).text
    )
    assert world.alert().held_by == f"person:{SON.person}"


def test_of_an_alert_that_is_over_nobody_is_told(world: World) -> None:
    [alert] = world.take(finding(severity=Severity.HIGH))
    world.wait(5 * MINUTE)
    with world.books() as book:
        desk.close(book, alert, OFFICER, Outcome.FOUND_WELL, "", world.now)
    steps = len(world.shelves.all_steps(alert))
    assert _says(world, SON.person, "5") is Meaning.ESCALATE
    assert len(world.shelves.all_steps(alert)) == steps


def test_staff_close_it(world: World) -> None:
    world.take(finding(severity=Severity.HIGH))
    world.wait(9 * MINUTE)
    assert _says(world, WANG.person, "6") is Meaning.CLOSE
    closed = world.alert()
    assert (closed.status, closed.outcome, closed.note) == (Status.CLOSED, Outcome.OTHER, "closed by telephone")
    assert reply_to(Meaning.CLOSE, Role.CASEWORKER, f"person:{WANG.person}", closed) == "closed"
    assert reply_to(Meaning.CLOSE, Role.CASEWORKER, "person:else", closed) == "over"


def test_what_may_not_be_closed_says_why(world: World) -> None:
    world.take(finding(kind=Kind.SMOKE, severity=Severity.URGENT))
    world.wait(3 * MINUTE)
    for person, role, why in ((SON, Role.CONTACT, "role"), (ZHAO, Role.DUTY_OFFICER, "smoke")):
        _says(world, person.person, "6")
        left = world.alert()
        assert left.status is Status.UNACKNOWLEDGED
        assert reply_to(Meaning.CLOSE, role, f"person:{person.person}", left) == f"not-closed-{why}"


def test_a_call_for_help_is_not_closed_by_a_key(world: World) -> None:
    world.take(finding(severity=Severity.HIGH))
    world.wait(MINUTE)
    _says(world, "li", "2")
    world.wait(MINUTE)
    _says(world, ZHAO.person, "6")
    left = world.alert()
    assert left.status is not Status.CLOSED
    assert reply_to(Meaning.CLOSE, Role.DUTY_OFFICER, "person:zhao", left) == "not-closed-help"
