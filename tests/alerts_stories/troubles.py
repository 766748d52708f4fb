"""What a provider says of a message, at once or later, and what that leads to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from uuid import UUID

import pytest

from alerts import desk
from alerts.channels.choice import Channels
from alerts.channels.port import ChannelError, Trouble
from alerts.errors import NotFound
from alerts.ladders.policy_file import parse
from alerts.messages.delivery import GIVE_UP_AFTER, NO_REPORT, note_result
from alerts.model import Notification, NotificationStatus, Outcome, Status, TaskKind, TaskStatus
from alerts.people import Medium
from detectors.finding import Kind, Severity
from registry.instants import HOUR, MINUTE, SECOND
from tests.alerts_stories.failing_channels import Provider
from tests.alerts_world import LI, NOON, OFFICER, World, finding

_LADDER = """
[all]
kinds = [EVERY_KIND]
on_return = "review"
repeat = "2 h"
recheck = "6 h"
steps = [
    { after = "0 min", who = "resident", do = "call", message = "check" },
    { after = "40 min", who = "duty_officer", do = "call", message = "officer" },
]
""".replace("EVERY_KIND", ", ".join(f'"{kind}"' for kind in Kind))

Says = Callable[[Notification, int], ChannelError | None]


def _objects(trouble: Trouble, person: str, *media: Medium, until: int | None = None) -> Says:
    """Return what a provider says that has one trouble with one person (until an instant)."""

    def says(notification: Notification, now: int) -> ChannelError | None:
        concerned = notification.person == person and notification.medium in (media or tuple(Medium))
        over = until is not None and now >= until
        return ChannelError(trouble.value, trouble=trouble) if concerned and not over else None

    return says


def _with(world: World, says: Says = lambda *_: None, *, final: bool = True) -> Provider:
    provider = Provider(says, final=final)
    world.channels = {provider.name: provider}
    world.choice = Channels.of(world.channels)
    return provider


def _of(world: World, person: str, medium: Medium) -> list[Notification]:
    return [one for one in world.shelves.all_notifications() if (one.person, one.medium) == (person, medium)]


def _told(world: World, notification: UUID, status: NotificationStatus, **more: object) -> bool:
    with world.books() as book:
        return note_result(book, notification, status, world.now, **more)  # type: ignore[arg-type]


class Troubles:
    def test_a_wrong_number_is_a_task_to_correct_it_and_the_next_way_is_taken(self, world: World) -> None:
        provider = _with(world, _objects(Trouble.BAD_ADDRESS, "li", Medium.SMS))
        world.take(finding(Kind.LEAK))
        world.run()
        assert (NOON, "li", "call") in provider.took, "the call goes out where the SMS could not"
        (task,) = world.shelves.all_tasks()
        assert (task.kind, task.assignee, task.status) == (TaskKind.CONTACT, "wang", TaskStatus.OPEN)
        (words,) = [one.text for one in world.shelves.all_notifications() if one.person == "wang"]
        assert LI.name in words
        assert "更正" in words
        assert LI.phone is not None
        assert LI.phone not in words

    def test_one_wrong_number_is_one_task_however_many_alerts_meet_it(self, world: World) -> None:
        _with(world, _objects(Trouble.BAD_ADDRESS, "li", Medium.SMS))
        world.take(finding(Kind.LEAK), finding(Kind.BURST), finding(Kind.SURGE))
        world.run()
        assert [task.kind for task in world.shelves.all_tasks()].count(TaskKind.CONTACT) == 1

    def test_the_task_to_correct_a_number_outlives_the_alert(self, world: World) -> None:
        _with(world, _objects(Trouble.BAD_ADDRESS, "li", Medium.SMS))
        world.take(finding(Kind.LEAK))
        world.run()
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FALSE_ALARM, "a toilet", world.now)
        (task,) = world.shelves.all_tasks()
        assert task.status is TaskStatus.OPEN

    def test_who_opted_out_is_called_instead_and_never_sent_an_sms_again(self, world: World) -> None:
        provider = _with(world, _objects(Trouble.OPTED_OUT, "li", Medium.SMS))
        world.take(finding(Kind.LEAK))
        world.run()
        assert [medium for _, person, medium in provider.took if person == "li"] == ["call"]
        assert "opted_out" in world.story()
        provider.says = lambda *_: None
        world.take(finding(Kind.BURST))
        world.wait(HOUR)
        assert {one.medium for _, one in provider.tried[1:] if one.person == "li"} == {Medium.CALL}

    def test_what_waits_when_somebody_opts_out_goes_the_other_way(self, world: World) -> None:
        provider = _with(world, _objects(Trouble.LATER, "li", Medium.SMS))
        world.take(finding(Kind.LEAK))
        world.run()
        with world.books() as book:
            assert book.forbid("li", ("provider", Medium.SMS), world.now)
        provider.tried.clear()
        world.wait(MINUTE)
        assert {one.medium for _, one in provider.tried if one.person == "li"} == {Medium.CALL}

    def test_who_allows_it_again_is_sent_to_again(self, world: World) -> None:
        provider = _with(world)
        with world.books() as book:
            book.forbid("li", ("provider", Medium.SMS), NOON)
            assert book.opted_out(["li", "son"]) == {"li": {("provider", Medium.SMS)}}
            assert book.allow("li", ("provider", Medium.SMS))
            assert not book.allow("li", ("provider", Medium.SMS))
        world.take(finding(Kind.LEAK))
        world.run()
        assert provider.took == [(NOON, "li", "sms")]

    def test_a_provider_that_is_busy_is_tried_again_when_it_said(self, world: World) -> None:
        busy = ChannelError("429", NOON + 90 * SECOND, Trouble.LATER)
        provider = _with(world, lambda one, now: busy if one.person == "li" and now < NOON + 90 * SECOND else None)
        world.take(finding(Kind.LEAK))
        world.wait(2 * MINUTE)
        assert [now - NOON for now, one in provider.tried if one.person == "li"] == [0, 90 * SECOND]

    def test_the_ladder_keeps_its_time_while_a_provider_is_away_for_an_hour(self, world: World) -> None:
        away = ChannelError("503", trouble=Trouble.LATER)
        provider = _with(world, lambda _, now: away if now < NOON + HOUR else None)
        world.take(finding())
        world.wait(HOUR - SECOND)
        due = [(step.due - NOON) // SECOND for step in world.steps()][:6]
        assert due == sorted(due)
        assert due[-1] > 0, "nothing was pulled forward: nobody knows yet that it reached nobody"
        assert not provider.took
        world.wait(10 * MINUTE)
        got = {person for _, person, _ in provider.took}
        assert got >= {"li", "son", "wang", "zhao"}, "everybody hears of it once it is back"
        words = [(one.person, one.medium, one.text) for now, one in provider.tried if now >= NOON + HOUR]
        assert len(words) == len(set(words)), "and nobody hears the same words twice"

    @pytest.mark.parametrize("trouble", [Trouble.LATER, Trouble.UNKNOWN])
    def test_what_is_urgent_goes_the_next_way_at_once_while_the_first_waits(
        self, world: World, trouble: Trouble
    ) -> None:
        provider = _with(world, _objects(trouble, "li", Medium.CALL, until=NOON + 12 * MINUTE))
        world.policies = parse(_LADDER, "one.toml")
        world.take(finding(severity=Severity.URGENT))
        world.wait(4 * MINUTE)
        assert [entry for entry in provider.took if entry[1] == "li"] == [(NOON, "li", "sms")]
        (call,) = _of(world, "li", Medium.CALL)
        assert (call.status, call.next_attempt_at > world.now) == (NotificationStatus.QUEUED, True)
        assert call.attempts > 3
        world.wait(14 * MINUTE)
        mine = [medium for _, person, medium in provider.took if person == "li"]
        assert mine == ["sms", "call"], "each way once"

    def test_every_way_is_tried_at_once_for_what_is_urgent_and_none_twice(self, world: World) -> None:
        away = ChannelError("503", trouble=Trouble.LATER)
        provider = _with(world, lambda _, now: away if now < NOON + HOUR else None)
        world.policies = parse(_LADDER, "one.toml")
        world.take(finding(severity=Severity.URGENT))
        world.run()
        assert [(now, one.medium) for now, one in provider.tried] == [(NOON, Medium.CALL), (NOON, Medium.SMS)]
        world.wait(10 * MINUTE)
        assert len(_of(world, "li", Medium.CALL) + _of(world, "li", Medium.SMS)) == 2

    def test_what_is_not_urgent_waits_for_its_way(self, world: World) -> None:
        _with(world, _objects(Trouble.LATER, "li", Medium.CALL))
        world.policies = parse(_LADDER, "one.toml")
        world.take(finding(severity=Severity.HIGH))
        world.wait(10 * MINUTE)
        assert not _of(world, "li", Medium.SMS)

    def test_an_alert_that_becomes_urgent_meanwhile_waits_no_longer(self, world: World) -> None:
        provider = _with(world, _objects(Trouble.LATER, "li", Medium.CALL))
        world.policies = parse(_LADDER, "one.toml")
        world.take(finding(severity=Severity.HIGH))
        world.wait(MINUTE)
        world.take(finding(severity=Severity.URGENT, at=world.now, onset=NOON - 12 * HOUR))
        world.wait(5 * MINUTE)
        assert any(entry[1:] == ("li", "sms") for entry in provider.took)

    def test_a_provider_that_stays_away_is_given_up_some_time(self, world: World) -> None:
        provider = _with(world, lambda *_: ChannelError("503", trouble=Trouble.LATER))
        world.take(finding(Kind.LEAK))
        world.wait(GIVE_UP_AFTER + 10 * MINUTE)
        (sms,) = [one for one in _of(world, "li", Medium.SMS) if one.step == 1]
        assert sms.status is NotificationStatus.FAILED
        tries = [now for now, one in provider.tried if one.id == sms.id]
        assert max(after - before for before, after in itertools.pairwise(tries)) <= 5 * MINUTE

    def test_after_a_timeout_the_channel_is_told_to_look_first(self, world: World) -> None:
        provider = _with(world, _objects(Trouble.UNKNOWN, "li", until=NOON + 5 * SECOND))
        world.take(finding(Kind.LEAK))
        world.wait(MINUTE)
        mine = [one for _, one in provider.tried if one.person == "li"]
        assert [one.attempts for one in mine] == [1, 2]
        assert len({one.id for one in mine}) == 1

    def test_what_a_provider_tells_later_is_taken_once_and_never_back(self, world: World) -> None:
        _with(world, final=False)
        world.take(finding(Kind.LEAK))
        world.run()
        (sms,) = _of(world, "li", Medium.SMS)
        assert (sms.status, sms.reference) == (NotificationStatus.SENT, "ref-1")
        assert _told(world, sms.id, NotificationStatus.DELIVERED)
        assert not _told(world, sms.id, NotificationStatus.DELIVERED)
        assert not _told(world, sms.id, NotificationStatus.FAILED, error="late and wrong")
        assert not _told(world, sms.id, NotificationStatus.SENT)
        (sms,) = _of(world, "li", Medium.SMS)
        assert (sms.status, world.story().count("delivered")) == (NotificationStatus.DELIVERED, 1)
        assert not _of(world, "li", Medium.CALL)

    def test_an_sms_that_fails_later_is_followed_by_a_call_once(self, world: World) -> None:
        provider = _with(world, final=False)
        world.take(finding(Kind.LEAK))
        world.run()
        (sms,) = _of(world, "li", Medium.SMS)
        assert _told(world, sms.id, NotificationStatus.FAILED, error="30006", trouble=Trouble.BAD_ADDRESS)
        assert not _told(world, sms.id, NotificationStatus.FAILED, error="30006", trouble=Trouble.BAD_ADDRESS)
        world.run()
        assert [entry for entry in provider.took if entry[1] == "li"] == [(NOON, "li", "sms"), (NOON, "li", "call")]
        assert [task.kind for task in world.shelves.all_tasks()] == [TaskKind.CONTACT]

    def test_who_opts_out_after_the_message_arrived_is_heard(self, world: World) -> None:
        _with(world, final=False)
        world.take(finding(Kind.LEAK))
        world.run()
        (sms,) = _of(world, "li", Medium.SMS)
        _told(world, sms.id, NotificationStatus.DELIVERED)
        assert _told(world, sms.id, NotificationStatus.FAILED, trouble=Trouble.OPTED_OUT)
        (sms,) = _of(world, "li", Medium.SMS)
        assert sms.status is NotificationStatus.DELIVERED
        with world.books() as book:
            assert book.opted_out(["li"]) == {"li": {("provider", Medium.SMS)}}

    def test_what_failed_after_somebody_took_the_alert_disturbs_nobody_else(self, world: World) -> None:
        _with(world, final=False)
        world.take(finding(Kind.LEAK))
        world.wait(SECOND)
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        (sms,) = _of(world, "li", Medium.SMS)
        assert _told(world, sms.id, NotificationStatus.FAILED)
        assert not _of(world, "li", Medium.CALL)

    def test_a_message_its_provider_tells_nothing_of_has_failed(self, world: World) -> None:
        _with(world, final=False)
        world.take(finding(Kind.LEAK))
        world.wait(world.limits.patience - SECOND)
        (sms,) = _of(world, "li", Medium.SMS)
        assert sms.status is NotificationStatus.SENT
        world.wait(SECOND)
        (sms,) = _of(world, "li", Medium.SMS)
        assert (sms.status, sms.error) == (NotificationStatus.FAILED, NO_REPORT)
        assert _of(world, "li", Medium.CALL), "and another way is taken"

    def test_an_answer_wins_over_whatever_was_known(self, world: World) -> None:
        _with(world, final=False)
        world.take(finding(Kind.LEAK))
        world.run()
        (sms,) = _of(world, "li", Medium.SMS)
        _told(world, sms.id, NotificationStatus.FAILED)
        with world.books() as book:
            assert desk.answer_to(book, sms.id, "1", world.now).value == "fine"
            assert desk.answer_to(book, sms.id, "1", world.now).value == "fine"
        (sms,) = _of(world, "li", Medium.SMS)
        assert (sms.status, sms.answer) == (NotificationStatus.ANSWERED, "1")
        assert world.alert().status is Status.CLOSED
        assert world.story().count("answered") == 1
        assert not _told(world, sms.id, NotificationStatus.FAILED)

    def test_a_message_nobody_sent_can_be_neither_answered_nor_told_of(self, world: World) -> None:
        nobody = UUID(int=7)
        with world.books() as book:
            with pytest.raises(NotFound, match="nothing was sent under this id"):
                desk.answer_to(book, nobody, "1", world.now)
            with pytest.raises(NotFound, match="nothing was sent under this id"):
                note_result(book, nobody, NotificationStatus.DELIVERED, world.now)
