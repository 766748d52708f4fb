"""Which way a message takes, and how much one person is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.channels.choice import ONLY_HANDSETS, Channels, Way
from alerts.channels.port import ChannelError, Trouble
from alerts.messages.limits import WINDOW, Limits, counted_with
from alerts.people import Medium
from detectors.finding import Severity
from registry.instants import MINUTE
from tests.alerts_memory import MemoryBook
from tests.alerts_stories.failing_channels import Provider
from tests.alerts_world import ANSWER_FOR, HOME, LI, NEIGHBOURS, PLACES, World, finding

SMS, CALL, MESSAGE = Medium.SMS, Medium.CALL, Medium.MESSAGE
ALL = Channels(
    (("twilio", frozenset({SMS, CALL})), ("apprise", frozenset({MESSAGE})), ("webhook", frozenset({MESSAGE})))
)
ROBOT = replace(LI, address="wecombot://key")
PROGRAM = replace(LI, address="HTTPS://example.org/hook", phone=None)
NOBODY = replace(LI, phone=None)


def test_an_address_decides_between_messenger_and_webhook() -> None:
    assert ALL.for_(ROBOT, MESSAGE) == "apprise"
    assert ALL.for_(PROGRAM, MESSAGE) == "webhook"
    assert ALL.for_(LI, MESSAGE) is None
    assert ALL.for_(LI, SMS) == ALL.for_(LI, CALL) == "twilio"
    assert ALL.for_(PROGRAM, CALL) is None


def test_a_webhook_is_no_messengers_business_where_webhooks_are_not_set_up() -> None:
    assert Channels((("apprise", frozenset({MESSAGE})),)).for_(PROGRAM, MESSAGE) is None


def test_simulated_telephones_carry_everything_for_whoever_has_an_address() -> None:
    assert [ONLY_HANDSETS.for_(ROBOT, medium) for medium in Medium] == ["handset"] * 3
    assert [ONLY_HANDSETS.for_(NOBODY, medium) for medium in Medium] == [None] * 3


@pytest.mark.parametrize(
    ("asked", "forbidden", "tried", "taken"),
    [
        (SMS, [], [], ("twilio", SMS)),
        (SMS, [("twilio", SMS)], [], ("twilio", CALL)),
        (CALL, [], [CALL], ("twilio", SMS)),
        (SMS, [("twilio", SMS), ("twilio", CALL)], [], ("apprise", MESSAGE)),
        (MESSAGE, [("apprise", MESSAGE)], [], ("twilio", SMS)),
        (CALL, [], [SMS, CALL, MESSAGE], None),
        (SMS, [("handset", SMS)], [], ("twilio", SMS)),
    ],
)
def test_what_stands_in_for_what(asked: Medium, forbidden: list[Way], tried: list[Medium], taken: Way | None) -> None:
    assert ALL.way(ROBOT, asked, forbidden, tried) == taken


def test_there_is_room_until_there_were_as_many_as_allowed_within_the_hour() -> None:
    limits = Limits(texts=2, calls=1)
    assert limits.wait(SMS, []) is None
    assert limits.wait(SMS, [5]) is None
    assert limits.wait(SMS, [5, 9]) == 5 + WINDOW
    assert limits.wait(MESSAGE, [5, 9, 11]) == 9 + WINDOW, "two of three have to grow old"
    assert limits.wait(CALL, [5]) == 5 + WINDOW


def test_texts_are_counted_together_and_calls_apart() -> None:
    assert counted_with(SMS) == counted_with(MESSAGE) == {SMS, MESSAGE}
    assert counted_with(CALL) == {CALL}
    assert Limits().patience == 30 * MINUTE


def test_what_is_urgent_takes_a_third_way_only_when_the_second_is_in_vain_too() -> None:
    reached = {**NEIGHBOURS, HOME: replace(NEIGHBOURS[HOME], residents=(ROBOT,))}
    book = MemoryBook(dict(PLACES), reached, answers_for=dict(ANSWER_FOR))
    away = ChannelError("503", trouble=Trouble.LATER)
    telephony = Provider(lambda one, _: away if one.medium is SMS else None, final=True)
    messenger = Provider(final=True)
    messenger.name, messenger.media = "messenger", frozenset({MESSAGE})
    world = World(book.opened, book, reads=book.newest.__setitem__, leaves=lambda *_: None)
    world.channels = {telephony.name: telephony, messenger.name: messenger}
    world.choice = Channels.of(world.channels)
    world.take(finding(severity=Severity.URGENT))
    world.wait(2 * MINUTE)
    mine = [one for one in world.shelves.all_notifications() if one.person == ROBOT.person and one.step == 1]
    assert MESSAGE not in {one.medium for one in mine}, "the call went through, so the messenger stays silent"
    telephony.says = lambda *_: away
    world.wait(10 * MINUTE)
    later = [one for one in world.shelves.all_notifications() if one.person == ROBOT.person]
    assert MESSAGE in {one.medium for one in later}
