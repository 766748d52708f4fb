"""Steps that ask for an hour, a severity, a language or a channel, and steps that repeat until somebody answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.channels.choice import Channels
from alerts.channels.handset import HandsetChannel
from alerts.ladders.policy import Conditions as When
from alerts.ladders.policy import Do, Hours, Policies
from alerts.ladders.policy_file import parse
from alerts.people import Medium
from detectors.finding import Kind, Severity
from registry.instants import HOUR, MINUTE
from tests.alerts_stories.failing_channels import Deaf
from tests.alerts_world import MUTE, NOON, SON, World, finding

_HEAD = """
[all]
kinds = [EVERY_KIND]
on_return = "review"
repeat = "15 min"
recheck = "6 h"
steps = [
""".replace("EVERY_KIND", ", ".join(f'"{kind}"' for kind in Kind))
_LAST = '{ after = "30 min", who = "duty_officer", do = "call", message = "officer" }'


def _ladder(*steps: str) -> Policies:
    """Return a ladder of steps that ends with a call to the duty officer after half an hour."""
    return parse(_HEAD + ",\n".join([*steps, _LAST]) + "]", "test.toml")


def _passed_over(world: World) -> list[tuple[int, object, object]]:
    """Return (minutes since noon, who, why) of what the timeline says was passed over."""
    events = world.shelves.all_events(world.alert().id)
    return [
        ((one.at - NOON) // MINUTE, one.detail["who"], one.detail["because"])
        for one in events
        if one.kind.value == "passed_over"
    ]


class Conditioned:
    @pytest.mark.parametrize(("hours", "calls"), [("08-20", 1), ("20-08", 0), ("11:59-12:01", 1)])
    def test_a_step_for_other_hours_is_passed_over_and_the_next_keeps_its_time(
        self, world: World, hours: str, calls: int
    ) -> None:
        step = f'{{ after = "0 min", who = "resident", do = "call", message = "check", hours = "{hours}" }}'
        world.policies = _ladder(step)
        world.take(finding())
        world.wait(40 * MINUTE)
        first = [(0, "li", "call")] * calls
        assert world.sent() == [*first, (1800, "zhao", "call")]
        assert _passed_over(world) == ([] if calls else [(0, "resident", "hours")])
        assert "reached_nobody" not in world.story()

    @pytest.mark.parametrize(
        "condition",
        ['hours = "12:10-13:00"', 'severities = ["urgent"]', 'language = "en"', 'if_channel = "message"'],
    )
    def test_a_message_that_failed_pulls_no_step_forward_that_is_not_wanted_yet(
        self, world: World, condition: str
    ) -> None:
        first = '{ after = "0 min", who = "contact-1", do = "call", message = "contact" }'
        later = f'{{ after = "15 min", who = "resident", do = "call", message = "check", {condition} }}'
        world.policies = _ladder(first, later)
        world.channels = {"handset": Deaf(SON.person, HandsetChannel(world.books))}
        world.choice = Channels((("handset", frozenset({Medium.SMS, Medium.CALL})),))
        world.take(finding())
        world.run()
        assert world.sent() == [(0, "zhao", "call")], "the next step that is wanted now is due at once"
        assert _passed_over(world) == []
        world.wait(20 * MINUTE)
        timely = "hours" in condition
        assert ((900, "li", "call") in world.sent()) is timely
        assert _passed_over(world) == (
            []
            if timely
            else [
                (
                    15,
                    "resident",
                    condition.split(" ", maxsplit=1)[0]
                    .replace("severities", "severity")
                    .replace("if_channel", "channel"),
                )
            ]
        )

    def test_asking_for_more_pulls_no_step_forward_that_is_not_wanted_yet(self, world: World) -> None:
        first = '{ after = "0 min", who = "contact-1", do = "call", message = "contact" }'
        later = '{ after = "15 min", who = "resident", do = "call", message = "check", hours = "12:10-13:00" }'
        world.policies = _ladder(first, later)
        world.take(finding())
        world.run()
        assert world.answers(SON.person, "5") == "escalate"
        world.run()
        assert world.sent()[1:] == [(0, "zhao", "call")]
        world.wait(20 * MINUTE)
        assert world.sent()[-1] == (900, "li", "call")

    def test_the_hour_is_that_at_which_the_step_is_due_where_they_live(self, world: World) -> None:
        step = '{ after = "20 min", who = "resident", do = "call", message = "check", hours = "12:20-12:21" }'
        world.policies = _ladder(step)
        world.take(finding())
        world.wait(25 * MINUTE)
        assert world.sent() == [(1200, "li", "call")]

    def test_a_visit_for_graver_alerts_is_made_when_it_grows_so_grave_even_after_it_was_passed_over(
        self, world: World
    ) -> None:
        visit = (
            '{ after = "5 min", who = "on_call", do = "visit", within = "45 min", message = "visit", '
            'severities = ["high", "urgent"] }'
        )
        world.policies = _ladder(visit)
        world.take(finding(severity=Severity.MEDIUM))
        world.wait(10 * MINUTE)
        assert _passed_over(world) == [(5, "on_call", "severity")]
        assert world.shelves.all_tasks() == []
        onset = NOON - 12 * HOUR
        world.take(finding(severity=Severity.HIGH, at=world.now, onset=onset))
        world.wait(6 * MINUTE)
        (task,) = world.shelves.all_tasks()
        assert (task.kind.value, task.assignee) == ("visit", "zhao"), "nobody is on call: the duty officers are"

    def test_a_step_in_a_language_is_for_those_who_speak_it(self, world: World) -> None:
        step = '{ after = "0 min", who = "contacts", do = "call", message = "contact", language = "LANGUAGE" }'
        world.policies = _ladder(step.replace("LANGUAGE", "en"), step.replace("LANGUAGE", "yue"))
        world.take(finding())
        world.run()
        assert world.sent() == [(0, "daughter", "call")]
        assert _passed_over(world) == [(0, "contacts", "language")]

    def test_a_step_for_a_channel_that_reaches_nobody_there_is_passed_over(self, world: World) -> None:
        step = '{ after = "0 min", who = "contacts", do = "call", message = "contact", if_channel = "CHANNEL" }'
        world.policies = _ladder(step.replace("CHANNEL", "message"), step.replace("CHANNEL", "sms"))
        world.take(finding())
        world.run()
        assert _passed_over(world) == [(0, "contacts", "channel")], "nobody has an address for messages"
        assert sorted(world.sent()) == [(0, "daughter", "call"), (0, "son", "call")]

    def test_whom_a_step_names_in_vain_is_nobody_whatever_it_asks_for(self, world: World) -> None:
        step = '{ after = "0 min", who = "contact-3", do = "call", message = "contact", language = "zh" }'
        world.policies = _ladder(step)
        world.take(finding())
        world.run()
        assert _passed_over(world) == []
        assert "reached_nobody" in world.story()
        assert world.sent() == [(0, "zhao", "call")], "the next one was due at once"

    def test_after_a_step_that_reached_nobody_the_next_that_is_wanted_is_due_at_once(self, world: World) -> None:
        world.policies = _ladder(
            '{ after = "0 min", who = "resident", do = "call", message = "check" }',
            '{ after = "5 min", who = "contacts", do = "call", message = "contact", hours = "20-08" }',
            '{ after = "10 min", who = "caseworker", do = "sms", message = "visit" }',
        )
        world.take(finding(household=MUTE))
        world.run()
        assert world.sent() == [(0, "wang", "sms")]

    @pytest.mark.parametrize(("until", "calls"), [("answered", 1), ("acknowledged", 3)])
    def test_a_call_that_was_answered_unclearly_is_repeated_only_until_acknowledged(
        self, world: World, until: str, calls: int
    ) -> None:
        world.policies = _ladder(
            '{ after = "0 min", who = "contact-1", do = "call", message = "contact", '
            f'repeat = 3, every = "5 min", until = "{until}" }}'
        )
        world.take(finding())
        world.run()
        world.answers("son", "哈喽")
        world.wait(20 * MINUTE)
        asked_again = 1
        assert len([one for one in world.sent() if one[1] == "son"]) == calls + asked_again
        over = [(5, "contact-1", "answered"), (10, "contact-1", "answered")]
        assert _passed_over(world) == (over if until == "answered" else [])

    def test_a_call_that_nobody_answers_is_repeated_as_often_as_it_says_and_the_ladder_goes_on(
        self, world: World
    ) -> None:
        step = '{ after = "0 min", who = "resident", do = "call", message = "check", repeat = 4, every = "6 min" }'
        world.policies = _ladder(step)
        world.take(finding())
        world.wait(50 * MINUTE)
        told = [(0, "li"), (360, "li"), (720, "li"), (1080, "li"), (1800, "zhao"), (2700, "zhao")]
        assert [(at, who) for at, who, _ in world.sent()] == told

    def test_no_condition_makes_a_ladder_end_in_silence(self, world: World) -> None:
        """A file may not put one on the last step; a ladder that came about in another way still goes on."""
        (rule,) = _ladder().rules
        (last,) = rule.policy.rungs
        night = When(hours=Hours.from_text("23:00-06:00"))
        rungs = (replace(last, action=replace(last.action, when=night)),)
        world.policies = Policies((replace(rule, policy=replace(rule.policy, rungs=rungs)),))
        world.take(finding())
        world.wait(65 * MINUTE)
        assert _passed_over(world) == [(30, "duty_officer", "hours")]
        assert [at for at, _, _ in world.sent()] == [2700, 3600], "15 and 30 minutes after it was passed over"

    def test_a_running_alert_keeps_every_word_of_the_policy_it_began_with(self, world: World) -> None:
        step = (
            '{ after = "5 min", who = "contacts", do = "call", message = "contact", language = "zh", hours = "08-20", '
            'severities = ["medium"], if_channel = "sms", repeat = 2, every = "5 min", until = "acknowledged" }'
        )
        world.policies = began = _ladder(step)
        world.take(finding())
        world.policies = _ladder('{ after = "0 min", who = "resident", do = "sms", message = "check" }')
        world.wait(50 * MINUTE)
        assert world.alert().policy == began.rules[0].policy
        assert [(at, who) for at, who, _ in world.sent()] == [
            (300, "son"),
            (600, "son"),
            (1800, "zhao"),
            (2700, "zhao"),
        ]

    def test_the_first_step_of_a_ladder_is_marked_wherever_it_starts_and_no_other(self, world: World) -> None:
        world.take(finding())
        world.wait(HOUR)
        assert [step.no for step in world.steps() if step.action.opens] == [1]
        assert world.steps()[0].action.do is Do.SMS
