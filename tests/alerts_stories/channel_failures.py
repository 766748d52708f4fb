"""What channels that fail, crash or are missing do to a ladder."""

from __future__ import annotations

import pytest

from alerts import desk
from alerts.channels.handset import HandsetChannel
from alerts.channels.port import ChannelError
from alerts.ladders.policy import Do
from alerts.ladders.policy_file import parse
from alerts.messages.delivery import MOST_ATTEMPTS
from alerts.model import NotificationStatus, Status, StepStatus
from alerts.people import Medium
from detectors.finding import Kind
from registry.instants import DAY, HOUR, MINUTE
from tests.alerts_stories.failing_channels import Deaf, Flaky
from tests.alerts_world import NOON, OFFICER, SON, World, finding

_BOTH_CONTACTS = """
[all]
kinds = [EVERY_KIND]
on_return = "review"
repeat = "15 min"
recheck = "6 h"
steps = [
    { after = "0 min", who = "contacts", do = "call", message = "contact" },
    { after = "5 min", who = "duty_officer", do = "call", message = "officer" },
]
""".replace("EVERY_KIND", ", ".join(f'"{kind}"' for kind in Kind))


class ChannelFailures:
    @pytest.mark.parametrize("error", [ChannelError("wrong number"), RuntimeError("bug")])
    def test_a_failed_channel_never_blocks_the_next_step(self, world: World, error: Exception) -> None:
        world.channels = {"handset": Flaky(error)}
        world.take(finding())
        world.wait(35 * MINUTE)
        told = {one.status for one in world.shelves.all_notifications()}
        assert told - {NotificationStatus.CANCELLED} == {NotificationStatus.FAILED}, "what is said again is called back"
        assert [step.status for step in world.steps()][:6] == [StepStatus.DONE] * 6
        assert len(world.shelves.all_tasks()) == 1
        assert "send_failed" in world.story()

    def test_what_reaches_nobody_for_good_has_the_next_rung_climbed_at_once(self, world: World) -> None:
        world.channels = {"handset": Flaky(ChannelError("no such number"))}
        world.take(finding())
        world.run()
        told = [(one.created_at, one.person, one.medium.value) for one in world.shelves.all_notifications()]
        assert {at for at, _, _ in told} == {NOON}
        people = [person for _, person, _ in told]
        assert list(dict.fromkeys(people)) == ["li", "son", "wang", "zhao"]
        assert {medium for _, person, medium in told if person == "zhao"} == {"call", "sms"}, "each by every way"
        assert len(told) == len(set(told)) + 4, "three times the resident, by two ways each; all others once"
        # The last rung would fail again, and again: it keeps its time.
        pending = [step for step in world.steps() if step.status is StepStatus.PENDING]
        (repeated,) = [step for step in pending if step.action.do is Do.CALL]
        assert repeated.due == NOON + 15 * MINUTE

    def test_as_long_as_somebody_may_be_reached_the_ladder_keeps_its_time(self, world: World) -> None:
        world.policies = parse(_BOTH_CONTACTS, "both.toml")
        world.channels = {"handset": Deaf(SON.person, HandsetChannel(world.books))}
        world.take(finding())
        world.wait(4 * MINUTE)
        assert {one.person for one in world.shelves.all_notifications()} == {"son", "daughter"}
        assert [one.status.value for one in world.shelves.all_notifications()].count("failed") == 2, "call and SMS"
        world.wait(MINUTE)
        assert world.sent()[-1] == (300, "zhao", "call")

    def test_a_failure_moves_no_timer(self, world: World) -> None:
        world.channels = {"handset": Flaky(ChannelError("busy", NOON + MINUTE))}
        world.take(finding(Kind.LEAK))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, NOON + DAY, "plumber", world.now)
        world.channels = {}
        world.wait(HOUR)
        assert (world.alert().status, world.steps()[-1].due) == (Status.SHELVED, NOON + DAY)

    def test_retries_are_limited(self, world: World) -> None:
        flaky = Flaky(RuntimeError("down"))
        world.channels = {"handset": flaky}
        world.take(finding(Kind.LEAK))
        world.wait(HOUR)
        # Nobody was reached: the review does not wait for a day.
        sms, call, *review = world.shelves.all_notifications()
        assert [one.person for one in review] == ["wang", "wang"]
        assert {one.status for one in (sms, call, *review)} == {NotificationStatus.FAILED}
        assert {one.attempts for one in (sms, call, *review)} == {MOST_ATTEMPTS}
        assert len(flaky.tried) == 4 * MOST_ATTEMPTS
        assert sms.error == "RuntimeError: down"

    def test_a_channel_nobody_configured_any_more_is_a_failure_with_a_reason(self, world: World) -> None:
        world.channels = {}
        world.take(finding(Kind.LEAK))
        world.run()
        sms = next(one for one in world.shelves.all_notifications() if one.medium is Medium.SMS)
        assert sms.error == "there is no channel 'handset'; configure it"

    def test_a_crash_between_sending_and_recording_leads_to_one_message(self, world: World) -> None:
        class Crash(BaseException):
            """No Exception: what kill -9 is to a channel."""

        handset = HandsetChannel(world.books)
        world.channels = {"handset": Flaky(Crash(), handset)}
        world.take(finding(Kind.LEAK))
        with pytest.raises(Crash):
            world.run()
        (sms,) = world.shelves.all_notifications()
        assert sms.status is NotificationStatus.QUEUED
        world.channels = {"handset": handset}
        world.wait(2 * MINUTE)
        (sms,) = world.shelves.all_notifications()
        assert (sms.status, sms.attempts) == (NotificationStatus.DELIVERED, 2)
        assert len(world.sent()) == 1
        assert world.story().count("sent") == 1
