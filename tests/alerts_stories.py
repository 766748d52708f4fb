"""Stories of alerts, told once and run against every alert book."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts import desk
from alerts.answers import Meaning
from alerts.audit import audit
from alerts.cap import Cap
from alerts.channels.handset import HandsetChannel
from alerts.channels.port import ChannelError, Receipt
from alerts.delivery import MOST_ATTEMPTS, deliver_due
from alerts.errors import Conflict, Invalid, NotFound
from alerts.escalation import run_due
from alerts.model import (
    MessageStatus,
    Notification,
    NotificationStatus,
    Outcome,
    Status,
    StepStatus,
    Suppression,
    TaskKind,
    TaskStatus,
    episode_id,
)
from alerts.policy_file import parse
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.alerts_world import EMPTY, HOME, MUTE, NOON, SON, World, finding

OFFICER = "token:desk"


class Flaky:
    """A channel that does what a test tells it to."""

    name = "handset"

    def __init__(self, error: BaseException | None, inner: HandsetChannel | None = None) -> None:
        self.error = error
        self.inner = inner
        self.tried: list[Notification] = []

    def send(self, notification: Notification, now: int) -> Receipt:
        self.tried.append(notification)
        if self.inner is not None:
            self.inner.send(notification, now)
        if self.error is not None:
            raise self.error
        return Receipt("flaky")


class Deaf:
    """A handset channel that never gets through to one person."""

    name = "handset"

    def __init__(self, person: str, inner: HandsetChannel) -> None:
        self._person = person
        self._inner = inner

    def send(self, notification: Notification, now: int) -> Receipt:
        if notification.person == self._person:
            raise ChannelError("no such number")
        return self._inner.send(notification, now)


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


class Stories:
    """Subclasses give the fixture `world`."""

    # the ladder -----------------------------------------------------------------------------------------------

    def test_nobody_answers_and_the_ladder_is_climbed_to_its_top(self, world: World) -> None:
        world.take(finding())
        world.wait(46 * MINUTE)
        assert world.sent() == [
            (0, "li", "call"),
            (0, "li", "sms"),
            (300, "li", "call"),
            (600, "son", "call"),
            (900, "wang", "sms"),
            (1800, "zhao", "call"),
            (2700, "zhao", "call"),
        ]
        (visit,) = world.shelves.all_tasks()
        assert (visit.kind, visit.assignee, visit.status) == (TaskKind.VISIT, "wang", TaskStatus.OPEN)
        assert (visit.created_at, visit.due) == (NOON + 15 * MINUTE, NOON + 60 * MINUTE)
        assert [(step.status, step.ran_at) for step in world.steps()[:6]] == [
            (StepStatus.DONE, NOON + after * MINUTE) for after in (0, 0, 5, 10, 15, 30)
        ]
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_at_night_the_duty_officer_is_called_before_the_caseworker_is_sent(self, world: World) -> None:
        world.now = NOON + 12 * HOUR
        world.take(finding(at=world.now))
        world.wait(16 * MINUTE)
        people = [person for _, person, _ in world.sent(NOON + 12 * HOUR)]
        assert people.index("zhao") < people.index("wang")
        assert world.alert().policy.name == "inactivity-night"

    def test_first_steps_of_a_fresh_finding_are_due_at_once(self, world: World) -> None:
        world.take(finding(at=NOON - 5 * MINUTE))
        assert [step.due for step in world.steps()][:2] == [NOON, NOON]

    def test_whom_nobody_can_reach_falls_to_the_next_rung_at_once(self, world: World) -> None:
        world.take(finding(household=MUTE))
        world.run()
        assert world.sent() == [(0, "wang", "sms")]
        assert world.story().count("reached_nobody") == 4
        (visit,) = world.shelves.all_tasks()
        assert visit.assignee == "wang"
        world.wait(30 * MINUTE)
        assert world.sent()[1:] == [(1800, "zhao", "call")]

    def test_a_household_without_anybody_is_never_let_go(self, world: World) -> None:
        world.take(finding(household=EMPTY))
        world.wait(2 * HOUR)
        assert world.sent() == []
        (visit,) = world.shelves.all_tasks()
        assert visit.assignee is None
        assert [step.due for step in world.steps() if step.status is StepStatus.PENDING] == [world.now + 15 * MINUTE]

    def test_maintenance_is_a_task_and_is_recalled_when_overdue(self, world: World) -> None:
        world.take(finding(Kind.OFFLINE, source="meter"))
        world.wait(HOUR)
        (ticket,) = world.shelves.all_tasks()
        assert ticket.kind is TaskKind.MAINTENANCE
        assert world.sent() == []
        world.wait(7 * DAY)
        assert world.shelves.all_tasks() == [ticket]
        assert world.story().count("task_recalled") == 1

    # acknowledging --------------------------------------------------------------------------------------------

    def test_an_acknowledgement_stops_everything_at_once(self, world: World) -> None:
        world.take(finding())
        world.wait(2 * MINUTE)
        with world.books() as book:
            held = desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        assert (held.status, held.held_by) == (Status.ACKNOWLEDGED, OFFICER)
        before = world.sent()
        world.wait(DAY)
        assert world.sent() == before
        assert {step.status for step in world.steps()} == {StepStatus.DONE, StepStatus.CANCELLED}

    def test_an_acknowledgement_calls_queued_messages_back(self, world: World) -> None:
        world.channels = {"handset": Flaky(ChannelError("busy", NOON + MINUTE))}
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        assert {one.status for one in world.shelves.all_notifications()} == {NotificationStatus.CANCELLED}
        world.wait(HOUR)
        assert {one.attempts for one in world.shelves.all_notifications()} == {1}

    def test_acknowledging_twice_changes_nothing_and_by_another_is_refused(self, world: World) -> None:
        world.take(finding())
        with world.books() as book:
            first = desk.acknowledge(book, world.alert().id, OFFICER, world.now)
            assert desk.acknowledge(book, world.alert().id, OFFICER, world.now + 5) == first
            with pytest.raises(Conflict, match="token:desk holds this alert"):
                desk.acknowledge(book, world.alert().id, "person:wang", world.now)
        assert world.story().count("acknowledged") == 1

    @pytest.mark.parametrize("said", ["4", "４", "知道了", " ACK! ", "1"])
    def test_a_contact_takes_charge_by_telephone(self, world: World, said: str) -> None:
        world.take(finding())
        world.wait(10 * MINUTE)
        assert world.answers("son", said) == "acknowledge"
        assert world.alert().held_by == "person:son"
        before = world.sent()
        world.wait(HOUR)
        assert world.sent() == before

    def test_taking_charge_of_what_another_holds_is_only_written_down(self, world: World) -> None:
        world.take(finding())
        world.wait(10 * MINUTE)
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.answers("son", "4")
        assert world.alert().held_by == OFFICER
        assert world.story()[-1] == "answered"

    # residents answer -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("said", ["1", "１。", "Fine", "好", "没事"])
    def test_i_am_fine_closes_inactivity(self, world: World, said: str) -> None:
        world.take(finding())
        world.wait(20 * MINUTE)
        sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
        with world.books() as book:
            assert desk.answer(book, sms.id, said, world.now) is Meaning.FINE
        alert = world.alert()
        assert (alert.status, alert.outcome, alert.held_by) == (
            Status.CLOSED,
            Outcome.RESIDENT_FINE,
            "person:li",
        )
        (visit,) = world.shelves.all_tasks()
        assert visit.status is TaskStatus.CANCELLED
        (answered,) = [one for one in world.shelves.all_messages() if one.id == sms.id]
        assert (answered.status, answered.answer, answered.answered_at) == (
            MessageStatus.ANSWERED,
            said,
            world.now,
        )

    def test_i_am_fine_never_closes_smoke_that_is_still_reported(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON, source="detector/alarm", severity=Severity.URGENT))
        world.run()
        assert world.answers("li", "1") == "fine"
        assert world.alert().status is Status.UNACKNOWLEDGED
        world.wait(3 * MINUTE)
        assert [person for _, person, _ in world.sent()] == ["li", "son", "zhao", "wang"]
        assert "answered" in world.story()

    def test_nor_does_a_click_that_says_so_for_them(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON, source="detector/alarm", severity=Severity.URGENT))
        with world.books() as book, pytest.raises(Invalid, match="smoke is still reported"):
            desk.close(book, world.alert().id, "token:duty", Outcome.RESIDENT_FINE, "", world.now)
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_help_in_a_fire_is_there_no_later_than_the_fires_own_visit(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON, source="detector/alarm", severity=Severity.URGENT))
        world.run()
        assert world.answers("li", "2") == "help"
        world.run()
        (visit,) = world.shelves.all_tasks()
        assert visit.due - visit.created_at == 15 * MINUTE

    def test_smoke_that_is_gone_goes_on_up_the_ladder_until_the_resident_is_heard(self, world: World) -> None:
        smoke = finding(Kind.SMOKE, onset=NOON, source="detector/alarm")
        world.take(smoke)
        world.run()
        world.take(finding(Kind.SMOKE, onset=NOON, source="detector/alarm", cleared=True))
        assert world.alert().status is Status.RETURNED
        world.wait(MINUTE)
        assert len(world.sent()) == 3
        with world.books() as book, pytest.raises(Conflict):
            desk.answer(book, world.last_message("li").id, "1", world.now)  # that call has rung out

    def test_i_am_fine_closes_smoke_that_is_gone(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON, source="detector/alarm"))
        world.run()
        world.take(finding(Kind.SMOKE, onset=NOON, source="detector/alarm", cleared=True))
        world.answers("li", "1")
        assert (world.alert().status, world.alert().outcome) == (Status.CLOSED, Outcome.RESIDENT_FINE)

    def test_help_jumps_to_the_visit_and_the_duty_officer(self, world: World) -> None:
        world.take(finding())
        world.wait(MINUTE)
        sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
        with world.books() as book:
            assert desk.answer(book, sms.id, "2", world.now) is Meaning.HELP
        world.run()
        assert world.alert().severity is Severity.URGENT
        assert world.sent(world.now) == [(60, "zhao", "call"), (60, "wang", "sms")]
        (visit,) = world.shelves.all_tasks()
        assert (visit.kind, visit.created_at) == (TaskKind.VISIT, world.now)
        assert sum(step.status is StepStatus.CANCELLED for step in world.steps()) == 4
        world.wait(20 * MINUTE)  # nobody takes it: the officer is called again
        assert world.sent()[-1] == (960, "zhao", "call")

    def test_fine_after_help_closes_nothing(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "2")
        world.answers("li", "1")
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_help_wakes_what_somebody_holds(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.answers("li", "2")
        world.run()
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert {person for _, person, _ in world.sent()} == {"li", "zhao", "wang"}

    def test_help_is_never_too_late(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        closed = world.alert()
        world.wait(HOUR)
        sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
        with world.books() as book:
            desk.answer(book, sms.id, "救命", world.now)
        world.run()
        old, new = world.shelves.all_alerts()
        assert old.id == closed.id
        assert old.outcome is Outcome.RESIDENT_FINE
        assert (new.status, new.severity, new.household) == (Status.UNACKNOWLEDGED, Severity.URGENT, HOME)
        assert [person for _, person, _ in world.sent(world.now)] == ["zhao", "wang"]

    def test_the_same_answer_twice_changes_nothing(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "2")
        before = (world.story(), world.steps())
        assert world.answers("li", "2") == "help"
        assert (world.story(), world.steps()) == before

    def test_what_is_not_understood_is_asked_again_once(self, world: World) -> None:
        world.take(finding())
        world.run()
        assert world.answers("li", "喂？") == "unclear"
        world.now += SECOND
        world.run()
        assert world.sent(world.now) == [(1, "li", "sms")]
        assert world.answers("li", "啊") == "unclear"
        world.now += SECOND
        world.run()
        assert world.sent(world.now) == []
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_a_call_rings_for_half_a_minute(self, world: World) -> None:
        world.take(finding())
        world.wait(29 * SECOND)
        call = next(one for one in world.shelves.all_messages() if one.medium.value == "call")
        assert call.status is MessageStatus.RINGING
        world.wait(SECOND)
        call = next(one for one in world.shelves.all_messages() if one.medium.value == "call")
        assert call.status is MessageStatus.MISSED
        assert world.story()[-1] == "missed"
        with world.books() as book, pytest.raises(Conflict, match="rings no more"):
            desk.answer(book, call.id, "1", world.now)

    # tasks ----------------------------------------------------------------------------------------------------

    def test_accepting_the_visit_holds_the_alert(self, world: World) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            accepted = desk.accept(book, visit.id, "token:phone", "wang", world.now)
            assert accepted.status is TaskStatus.ACCEPTED
            assert desk.accept(book, visit.id, "token:phone", "wang", world.now + 1) == accepted
            with pytest.raises(Conflict, match="person:wang has accepted"):
                desk.accept(book, visit.id, "person:zhao", "zhao", world.now)
        assert (world.alert().status, world.alert().held_by) == (Status.ACKNOWLEDGED, "person:wang")
        world.wait(DAY)
        assert world.sent()[-1] == (900, "wang", "sms")

    def test_a_closed_door_calls_the_duty_officer_and_sends_again(self, world: World) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.accept(book, visit.id, "person:wang", "wang", world.now)
        world.wait(20 * MINUTE)
        with world.books() as book:
            done = desk.record_outcome(book, visit.id, "person:wang", Outcome.NOT_AT_HOME, "dark", world.now)
        assert (done.status, done.outcome) == (TaskStatus.DONE, Outcome.NOT_AT_HOME)
        assert world.alert().status is Status.UNACKNOWLEDGED
        left = world.now
        world.wait(30 * MINUTE)
        assert world.sent(left)[0] == (35 * 60, "zhao", "call")
        _, again = world.shelves.all_tasks()
        assert (again.kind, again.created_at) == (TaskKind.VISIT, left + 30 * MINUTE)
        with world.books() as book:
            desk.record_outcome(book, again.id, "person:wang", Outcome.FOUND_WELL, "asleep", world.now)
            with pytest.raises(Conflict, match="found_well already"):
                desk.record_outcome(book, again.id, "person:wang", Outcome.HELPED, "", world.now)
            repeated = desk.record_outcome(book, again.id, "person:wang", Outcome.FOUND_WELL, "asleep", world.now + 9)
        assert repeated.done_at == world.now
        assert (world.alert().status, world.alert().outcome) == (Status.CLOSED, Outcome.FOUND_WELL)

    def test_the_system_alone_says_over_before_arrival(self, world: World) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            with pytest.raises(Invalid):
                desk.record_outcome(book, visit.id, "person:wang", Outcome.OVER_BEFORE_ARRIVAL, "", world.now)
            with pytest.raises(Invalid):
                desk.close(book, world.alert().id, OFFICER, Outcome.OVER_BEFORE_ARRIVAL, "", world.now)
            with pytest.raises(Invalid, match="closes nothing"):
                desk.close(book, world.alert().id, OFFICER, Outcome.NOT_AT_HOME, "", world.now)

    # closing and shelving -------------------------------------------------------------------------------------

    def test_closing_twice(self, world: World) -> None:
        world.take(finding())
        world.run()
        alert = world.alert().id
        with world.books() as book:
            closed = desk.close(book, alert, OFFICER, Outcome.FALSE_ALARM, "", world.now)
            assert desk.close(book, alert, OFFICER, Outcome.FALSE_ALARM, "", world.now + 1) == closed
            with pytest.raises(Conflict):
                desk.close(book, alert, OFFICER, Outcome.HELPED, "", world.now)
            with pytest.raises(Conflict):
                desk.close(book, alert, "token:other", Outcome.FALSE_ALARM, "", world.now)
            with pytest.raises(Conflict, match="closed"):
                desk.acknowledge(book, alert, OFFICER, world.now)
            with pytest.raises(Conflict, match="closed"):
                desk.shelve(book, alert, OFFICER, world.now + HOUR, "builders", world.now)

    def test_what_is_not_there_is_not_found(self, world: World) -> None:
        nothing = episode_id("nowhere", Kind.LEAK, 0)
        with world.books() as book:
            with pytest.raises(NotFound):
                desk.acknowledge(book, nothing, OFFICER, world.now)
            with pytest.raises(NotFound):
                desk.accept(book, nothing, OFFICER, "wang", world.now)
            with pytest.raises(NotFound):
                desk.answer(book, nothing, "1", world.now)

    def test_a_shelved_alert_comes_back(self, world: World) -> None:
        world.take(finding())
        world.wait(MINUTE)
        before = world.sent()
        with world.books() as book:
            with pytest.raises(Invalid, match="reason"):
                desk.shelve(book, world.alert().id, OFFICER, world.now + HOUR, " ", world.now)
            with pytest.raises(Invalid, match="7 days"):
                desk.shelve(book, world.alert().id, OFFICER, world.now + 8 * DAY, "builders", world.now)
            desk.shelve(book, world.alert().id, OFFICER, world.now + HOUR, "builders", world.now)
        world.wait(59 * MINUTE)
        assert world.sent() == before
        world.wait(MINUTE)
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert world.sent()[len(before) :] == [(3660, "li", "call"), (3660, "li", "sms")]

    def test_an_alert_that_ended_on_the_shelf_is_reviewed(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + HOUR, "builders", world.now)
        world.take(finding(cleared=True))
        with world.books() as book:
            desk.unshelve(book, world.alert().id, OFFICER, world.now)
            with pytest.raises(Conflict, match="not shelved"):
                desk.unshelve(book, world.alert().id, OFFICER, world.now)
        world.run()
        assert world.alert().status is Status.RETURNED
        assert [task.kind for task in world.shelves.all_tasks()] == [TaskKind.REVIEW]

    # conditions end and begin again -----------------------------------------------------------------------------

    def test_a_condition_that_ends_leaves_a_review(self, world: World) -> None:
        world.take(finding())
        world.wait(16 * MINUTE)
        world.take(replace(finding(cleared=True), time=world.now))
        world.run()
        assert world.alert().status is Status.RETURNED
        visit, review = world.shelves.all_tasks()
        assert (visit.status, review.kind, review.status) == (
            TaskStatus.CANCELLED,
            TaskKind.REVIEW,
            TaskStatus.OPEN,
        )
        world.wait(3 * HOUR)
        assert "zhao" not in [person for _, person, _ in world.sent()]
        with world.books() as book:
            desk.record_outcome(book, review.id, "person:wang", Outcome.FALSE_ALARM, "slept long", world.now)
        assert world.alert().status is Status.CLOSED

    def test_raised_again_the_ladder_starts_anew_under_new_numbers(self, world: World) -> None:
        world.take(finding())
        world.wait(MINUTE)
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(MINUTE)
        again = finding(at=world.now, onset=world.now - HOUR)
        world.take(again)
        world.wait(MINUTE)
        alert = world.alert()
        assert alert.status is Status.UNACKNOWLEDGED
        assert world.sent(world.now - MINUTE) == [(120, "li", "call"), (120, "li", "sms")]
        assert [step.no for step in world.steps()] == list(range(1, 15))
        assert world.story().count("raised_again") == 1
        (review,) = world.shelves.all_tasks()
        assert review.status is TaskStatus.CANCELLED

    def test_held_alerts_stay_held_when_the_condition_ends(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(finding(cleared=True))
        alert = world.alert()
        assert (alert.status, alert.held_by, alert.returned_at) == (Status.ACKNOWLEDGED, OFFICER, world.now)

    def test_one_of_two_sources_ends(self, world: World) -> None:
        world.take(
            finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm"),
            finding(Kind.SMOKE, onset=NOON, source="hall/alarm", severity=Severity.URGENT),
        )
        world.take(finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm", cleared=True))
        alert = world.alert()
        assert alert.status is Status.UNACKNOWLEDGED
        assert list(alert.sources.values()) == [NOON]
        assert alert.severity is Severity.URGENT
        assert world.story() == ["raised", "joined", "cleared"]

    def test_a_second_rule_with_the_same_onset_after_a_close_is_an_alert_of_its_own(self, world: World) -> None:
        world.take(finding(rule="12 h"))
        world.run()
        world.answers("li", "1")
        world.wait(5 * HOUR)
        world.take(finding(rule="24 h", at=world.now, onset=NOON - 12 * HOUR))
        first, second = world.shelves.all_alerts()
        assert first.id != second.id
        assert (first.status, second.status) == (Status.CLOSED, Status.UNACKNOWLEDGED)

    # what had ended begins again, whoever dealt with it -----------------------------------------------------------

    def test_who_held_an_alert_that_ended_does_not_hold_what_begins_again(self, world: World) -> None:
        world.take(finding())
        world.wait(10 * MINUTE)
        world.answers("son", "4")
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(3 * DAY)
        thursday = world.now
        world.take(finding(at=thursday, onset=thursday - HOUR))
        assert world.story()[-2:] == ["raised_again", "ladder_started"]
        alert = world.alert()
        assert (alert.status, alert.held_by, alert.returned_at, alert.acknowledged_at) == (
            Status.UNACKNOWLEDGED,
            None,
            None,
            None,
        )
        world.wait(11 * MINUTE)
        assert [person for _, person, _ in world.sent(thursday)] == ["li", "li", "li", "son"]

    def test_one_more_source_of_what_somebody_deals_with_wakes_nobody(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(finding(rule="second"))
        assert (world.alert().status, world.alert().held_by) == (Status.ACKNOWLEDGED, OFFICER)
        assert world.story()[-1] == "joined"

    def test_late_news_waits_before_it_takes_an_alert_from_its_holder(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(2 * DAY)
        world.reads(HOME, world.now)
        late = finding(at=world.now - 2 * HOUR, onset=world.now - 3 * HOUR)
        world.take(late)
        assert world.alert().held_by == OFFICER
        world.take(replace(finding(cleared=True, at=world.now - HOUR), onset=late.onset))
        world.wait(HOUR)
        assert (world.alert().status, world.alert().held_by) == (Status.ACKNOWLEDGED, OFFICER)
        before = len(world.sent())
        world.reads(HOME, world.now)
        world.take(finding(at=world.now - HOUR, onset=world.now - 2 * HOUR))
        world.wait(2 * MINUTE - SECOND)
        assert len(world.sent()) == before
        world.wait(SECOND)
        assert (world.alert().status, world.alert().held_by) == (Status.UNACKNOWLEDGED, None)
        assert len(world.sent()) == before + 2

    def test_silence_in_an_absence_is_not_taken_from_its_holder_before_its_end(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(replace(finding(cleared=True), time=world.now))
        world.leaves(HOME, NOON, NOON + 2 * DAY)
        world.wait(DAY)
        world.reads(HOME, world.now)
        world.take(finding(at=world.now))
        world.wait(DAY - SECOND)
        assert world.alert().held_by == OFFICER
        world.reads(HOME, world.now)
        world.wait(SECOND)
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_what_begins_again_comes_off_the_shelf(self, world: World) -> None:
        world.take(finding(Kind.LEAK))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "plumber comes", world.now)
        world.take(finding(Kind.LEAK, cleared=True))
        world.wait(2 * DAY)
        before = len(world.sent())
        world.take(finding(Kind.LEAK, at=world.now))
        world.run()
        alert = world.alert()
        assert (alert.status, alert.held_by, alert.shelved_until) == (Status.UNACKNOWLEDGED, None, None)
        assert len(world.sent()) == before + 1
        assert [kind for kind in world.story() if kind not in ("notified", "sent")][-3:] == [
            "raised_again",
            "unshelved",
            "ladder_started",
        ]

    def test_more_of_the_same_stays_on_the_shelf_until_it_is_worse(self, world: World) -> None:
        world.take(finding(Kind.LEAK))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "plumber comes", world.now)
        world.wait(DAY)
        world.take(finding(Kind.LEAK, at=world.now, rule="second"))
        assert world.alert().status is Status.SHELVED
        world.take(finding(Kind.LEAK, at=world.now, rule="third", severity=Severity.URGENT))
        assert (world.alert().status, world.alert().severity) == (Status.UNACKNOWLEDGED, Severity.URGENT)

    def test_no_smoke_is_swallowed_by_the_shelf(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm"))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "battery", world.now)
        world.wait(2 * DAY)
        fire = world.now
        world.take(finding(Kind.SMOKE, at=fire, onset=fire, source="hall/alarm"))
        world.wait(MINUTE)
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert [person for _, person, _ in world.sent(fire)] == ["li", "son", "zhao"]

    def test_smoke_that_is_told_late_stays_on_the_shelf_while_it_may_be_over(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm"))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "battery", world.now)
        world.wait(DAY)
        world.reads(HOME, world.now)
        world.take(finding(Kind.SMOKE, at=world.now - HOUR, onset=world.now - HOUR, source="hall/alarm"))
        assert world.alert().status is Status.SHELVED
        world.wait(2 * MINUTE)
        assert world.alert().status is Status.UNACKNOWLEDGED

    # what grows worse ---------------------------------------------------------------------------------------------

    def test_a_silence_longer_than_usual_is_on_the_board_and_disturbs_nobody(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(12 * HOUR - SECOND)
        assert (world.alert().status, world.alert().severity) == (Status.UNACKNOWLEDGED, Severity.LOW)
        assert world.sent() == []
        assert world.shelves.all_tasks() == []
        world.wait(SECOND)
        (review,) = world.shelves.all_tasks()
        assert (review.kind, review.assignee) == (TaskKind.REVIEW, "wang")
        assert world.sent() == []

    def test_one_that_ends_by_itself_is_closed_and_asks_nothing_of_anybody(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(13 * HOUR)
        world.take(replace(finding(cleared=True, severity=Severity.LOW), time=world.now))
        world.wait(2 * DAY)
        alert = world.alert()
        assert (alert.status, alert.outcome, alert.held_by) == (Status.CLOSED, Outcome.ENDED_BY_ITSELF, None)
        assert [task.status for task in world.shelves.all_tasks()] == [TaskStatus.CANCELLED]
        assert world.sent() == []

    def test_grown_worse_the_ladder_it_had_not_begins(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(2 * HOUR)
        worse = replace(finding(), time=world.now, score=2.0, facts={"window": 50_400, "limit": 10.0})
        world.take(worse)
        world.wait(16 * MINUTE)
        assert world.sent() == [
            (7200, "li", "call"),
            (7200, "li", "sms"),
            (7500, "li", "call"),
            (7800, "son", "call"),
            (8100, "wang", "sms"),
        ]
        alert = world.alert()
        assert (alert.severity, alert.score, alert.facts) == (Severity.MEDIUM, 2.0, worse.facts)
        assert (alert.onset, alert.sources) == (worse.onset, {"rule meter/volume": worse.onset})
        [grew] = [one for one in world.shelves.all_events(alert.id) if one.kind.value == "grew_worse"]
        assert (grew.detail["before"], grew.detail["severity"], grew.at) == ("low", "medium", NOON + 2 * HOUR)
        world.take(replace(worse, phase=Phase.CLEARED, time=world.now))
        assert world.alert().status is Status.RETURNED, "it ends once"

    def test_grown_worse_a_running_ladder_goes_on(self, world: World) -> None:
        world.take(finding())
        world.wait(11 * MINUTE)
        world.take(replace(finding(severity=Severity.HIGH), time=world.now))
        world.wait(20 * MINUTE)
        assert [at for at, _, _ in world.sent()] == [0, 0, 300, 600, 900, 1800]
        assert (world.alert().severity, world.alert().policy.name) == (Severity.HIGH, "inactivity")
        assert "ladder_started" not in world.story()

    def test_grown_worse_twice_at_once_is_told_in_order(self, world: World) -> None:
        grown = [finding(severity=one) for one in (Severity.URGENT, Severity.LOW, Severity.MEDIUM)]
        world.take(*grown)
        assert world.story().count("grew_worse") == 2
        assert (world.alert().severity, world.alert().policy.name) == (Severity.URGENT, "inactivity")
        before = world.story()
        assert world.take(*grown) == []
        assert world.story() == before

    def test_less_than_is_known_changes_nothing(self, world: World) -> None:
        world.take(finding(severity=Severity.HIGH))
        story = world.story()
        assert world.take(finding(severity=Severity.LOW)) == []
        assert (world.story(), world.alert().severity) == (story, Severity.HIGH)

    def test_who_holds_a_silence_that_rang_keeps_it_when_it_grows(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(replace(finding(severity=Severity.URGENT), time=world.now + 1))
        alert = world.alert()
        assert (alert.status, alert.held_by, alert.severity) == (Status.ACKNOWLEDGED, OFFICER, Severity.URGENT)
        assert world.story()[-1] == "grew_worse"

    def test_who_holds_what_disturbed_nobody_does_not_hold_what_it_grows_into(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.wait(HOUR)
        world.take(replace(finding(), time=world.now))
        world.run()
        assert (world.alert().status, world.alert().held_by) == (Status.UNACKNOWLEDGED, None)
        assert world.sent() == [(3600, "li", "call"), (3600, "li", "sms")]

    def test_what_grows_comes_off_the_shelf(self, world: World) -> None:
        world.take(finding(Kind.LEAK))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "plumber comes", world.now)
        world.take(replace(finding(Kind.LEAK, severity=Severity.HIGH), time=world.now))
        assert (world.alert().status, world.alert().severity) == (Status.UNACKNOWLEDGED, Severity.HIGH)

    def test_what_grows_in_an_absence_waits_for_its_end_and_climbs_the_higher_ladder(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding(severity=Severity.LOW))
        world.wait(HOUR)
        world.take(replace(finding(), time=world.now))
        assert (world.alert().status, world.alert().suppressed_why) == (Status.SUPPRESSED, Suppression.ABSENCE)
        world.wait(2 * HOUR - SECOND)
        assert world.sent() == []
        world.wait(SECOND)
        assert len(world.sent()) == 2

    def test_growth_that_is_told_late_waits_before_it_wakes(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(2 * HOUR)
        world.reads(HOME, world.now)
        world.take(replace(finding(), time=world.now - HOUR))
        world.wait(2 * MINUTE - SECOND)
        assert world.sent() == []
        world.wait(SECOND)
        assert len(world.sent()) == 2

    def test_growth_that_is_over_before_anybody_heard_of_it_asks_nothing_of_anybody(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(2 * HOUR)
        world.reads(HOME, world.now)
        world.take(replace(finding(), time=world.now - HOUR))
        assert (world.alert().status, world.alert().suppressed_why) == (Status.SUPPRESSED, Suppression.BACKLOG)
        world.take(replace(finding(cleared=True), time=world.now - MINUTE))
        world.wait(DAY)
        assert (world.alert().status, world.alert().outcome) == (Status.CLOSED, Outcome.OVER_BEFORE_ARRIVAL)
        assert (world.sent(), world.shelves.all_tasks()) == ([], [])

    @pytest.mark.parametrize("reason", ["joined", "incident"])
    def test_what_something_else_tells_of_by_now_is_closed(self, world: World, reason: str) -> None:
        world.take(finding(Kind.TAP))
        world.run()
        world.take(replace(finding(Kind.TAP, cleared=True), time=world.now, facts={"reason": reason}))
        world.wait(2 * DAY)
        assert (world.alert().status, world.alert().outcome) == (Status.CLOSED, Outcome.PART_OF_ANOTHER)
        assert world.shelves.all_tasks() == []

    def test_who_deals_with_what_is_part_of_something_else_keeps_it(self, world: World) -> None:
        world.take(finding(Kind.TAP))
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(replace(finding(Kind.TAP, cleared=True), facts={"reason": "joined"}))
        assert (world.alert().status, world.alert().held_by) == (Status.ACKNOWLEDGED, OFFICER)

    def test_who_said_fine_is_not_asked_again_at_every_level(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        closed = world.alert()
        world.wait(2 * HOUR)
        told = len(world.sent())
        worse = replace(finding(severity=Severity.URGENT), time=world.now, facts={"window": 99_999})
        assert world.take(worse) == []
        world.wait(4 * HOUR - SECOND)
        assert (len(world.sent()), world.alert().severity) == (told, closed.severity)
        world.wait(SECOND)
        _, again = world.shelves.all_alerts()
        assert (again.severity, again.facts) == (Severity.URGENT, worse.facts)
        assert len(world.sent()) == told + 2

    def test_what_was_tidied_off_the_board_still_rings_when_it_grows(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.OTHER, "", world.now)
        world.wait(HOUR)
        world.take(replace(finding(), time=world.now))
        world.run()
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.UNACKNOWLEDGED]
        assert len(world.sent()) == 2

    def test_a_tap_that_runs_on_sends_somebody(self, world: World) -> None:
        world.take(finding(Kind.TAP))
        world.wait(40 * MINUTE)
        assert [person for _, person, _ in world.sent()] == ["li", "li", "li", "son"]
        world.take(replace(finding(Kind.TAP, severity=Severity.HIGH), time=world.now))
        world.wait(20 * MINUTE)
        assert [task.kind for task in world.shelves.all_tasks()] == [TaskKind.VISIT]

    # more visits than a day has -------------------------------------------------------------------------------------

    def test_beyond_the_days_limit_the_weakest_waits_and_it_is_said(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        weak = replace(finding(household=MUTE), score=1.2)
        world.take(weak)
        world.run()  # nobody there has a telephone: the visit is planned at once
        world.take(replace(finding(), score=1.5))
        world.wait(16 * MINUTE)
        waits, goes = sorted(world.shelves.all_alerts(), key=lambda one: one.score)
        assert (waits.status, waits.suppressed_why) == (Status.SUPPRESSED, Suppression.CAP)
        assert goes.status is Status.UNACKNOWLEDGED
        assert [(task.alert, task.status) for task in world.shelves.all_tasks()] == [
            (waits.id, TaskStatus.CANCELLED),
            (goes.id, TaskStatus.OPEN),
        ]
        [said] = [one for one in world.shelves.all_events(waits.id) if one.kind.value == "suppressed"]
        assert said.detail == {"why": "cap", "until": NOON + DAY}
        notices = [one for one in world.shelves.all_notifications() if one.person == "zhao"]
        assert [(one.alert, one.medium.value) for one in notices] == [(waits.id, "sms")]

    def test_the_weaker_does_not_push_the_stronger_aside(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=1.5))
        world.run()
        world.take(replace(finding(), score=1.2))
        world.wait(16 * MINUTE)
        stays, waits = sorted(world.shelves.all_alerts(), key=lambda one: -one.score)
        assert (stays.household, stays.status) == (MUTE, Status.UNACKNOWLEDGED)
        assert (waits.household, waits.suppressed_why) == (HOME, Suppression.CAP)

    def test_who_has_set_out_is_not_called_back(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=1.2))
        world.run()
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.accept(book, visit.id, "person:wang", "wang", world.now)
        world.take(replace(finding(), score=1.5))
        world.wait(16 * MINUTE)
        weak, strong = sorted(world.shelves.all_alerts(), key=lambda one: one.score)
        assert (weak.status, strong.suppressed_why) == (Status.ACKNOWLEDGED, Suppression.CAP)

    def test_who_has_been_there_goes_again_whoever_comes(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=1.2))
        world.run()
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.record_outcome(book, visit.id, "person:wang", Outcome.COULD_NOT_ENTER, "", world.now)
        world.take(replace(finding(), score=1.5))
        world.wait(16 * MINUTE)
        went, waits = sorted(world.shelves.all_alerts(), key=lambda one: one.score)
        assert (went.status, waits.suppressed_why) == (Status.UNACKNOWLEDGED, Suppression.CAP)

    def test_the_duty_officer_hears_of_the_first_that_waits_only(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(finding(), finding(Kind.TAP, severity=Severity.MEDIUM), finding(household=EMPTY))
        world.wait(20 * MINUTE)
        waiting = [one for one in world.shelves.all_alerts() if one.suppressed_why is Suppression.CAP]
        assert {one.household for one in waiting} == {HOME, EMPTY}
        notices = [step for one in waiting for step in world.shelves.all_steps(one.id) if step.action.message == "cap"]
        assert len(notices) == 1

    @pytest.mark.parametrize(
        "spared",
        [
            finding(Kind.SMOKE, onset=NOON, severity=Severity.LOW),
            finding(severity=Severity.HIGH),
            finding(Kind.BURST, severity=Severity.URGENT),
        ],
        ids=["smoke", "severe", "burst"],
    )
    def test_what_must_not_wait_does_not(self, world: World, spared: Finding) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(spared)
        world.wait(21 * MINUTE)
        assert {one.status for one in world.shelves.all_alerts()} == {Status.UNACKNOWLEDGED}
        assert {task.household for task in world.shelves.all_tasks()} == {HOME, MUTE}

    def test_help_does_not_wait(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(finding())
        world.wait(16 * MINUTE)
        sms = next(one for one in world.shelves.all_messages() if one.person == "li" and one.medium.value == "sms")
        with world.books() as book:
            desk.answer(book, sms.id, "2", world.now)
        world.run()
        helped = next(one for one in world.shelves.all_alerts() if one.household == HOME)
        assert (helped.status, helped.severity) == (Status.UNACKNOWLEDGED, Severity.URGENT)
        assert HOME in {task.household for task in world.shelves.all_tasks() if task.status is TaskStatus.OPEN}

    def test_what_waited_is_asked_anew_when_there_is_room(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=1.5))
        world.run()
        world.take(replace(finding(), score=1.2))
        world.wait(DAY - SECOND)
        before = [one for one in world.sent() if one[1] == "li"]
        world.wait(SECOND)
        assert [one for one in world.sent() if one[1] == "li"][len(before) :] == [
            (86400, "li", "call"),
            (86400, "li", "sms"),
        ]
        world.wait(15 * MINUTE)
        assert [task.household for task in world.shelves.all_tasks()] == [MUTE, HOME]

    def test_what_grows_while_it_waits_is_ranked_anew(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(finding())
        world.wait(16 * MINUTE)
        world.take(replace(finding(severity=Severity.HIGH), time=world.now))
        world.wait(16 * MINUTE)
        assert {one.status for one in world.shelves.all_alerts()} == {Status.UNACKNOWLEDGED}

    def test_what_ends_while_it_waits_is_reviewed_like_any_other(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(finding())
        world.wait(16 * MINUTE)
        world.take(replace(finding(cleared=True), time=world.now))
        world.run()
        ended = next(one for one in world.shelves.all_alerts() if one.household == HOME)
        assert (ended.status, ended.suppressed_why) == (Status.RETURNED, None)
        assert [task.kind for task in world.shelves.all_tasks() if task.household == HOME] == [TaskKind.REVIEW]

    def test_going_again_to_a_closed_door_counts_as_the_same_visit(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.record_outcome(book, visit.id, "person:wang", Outcome.NOT_AT_HOME, "dark", world.now)
        world.wait(30 * MINUTE)
        assert len(world.shelves.all_tasks()) == 2

    # what is learned ------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("outcome", "real"),
        [
            (Outcome.HELPED, True),
            (Outcome.EMERGENCY_SERVICES, True),
            (Outcome.FOUND_WELL, False),
            (Outcome.FALSE_ALARM, False),
            (Outcome.RESIDENT_FINE, False),
            (Outcome.OTHER, None),
        ],
    )
    def test_how_an_alert_ends_is_what_detectors_learn(
        self,
        world: World,
        outcome: Outcome,
        real: bool | None,  # noqa: FBT001 - of a table
    ) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.accept(book, visit.id, "person:wang", "wang", world.now)
            desk.record_outcome(book, visit.id, "person:wang", outcome, "", world.now)
        expected = [] if real is None else [Verdict(HOME, Kind.INACTIVITY, world.now, real, visited=True)]
        assert world.shelves.all_verdicts() == expected
        world.wait(DAY)
        assert world.shelves.all_verdicts()[: len(expected)] == expected

    def test_an_answer_is_a_false_alarm_and_no_false_visit(self, world: World) -> None:
        world.take(finding())
        world.wait(20 * MINUTE)  # a visit is planned, but nobody has set out
        sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
        with world.books() as book:
            desk.answer(book, sms.id, "1", world.now)
        assert world.shelves.all_verdicts() == [Verdict(HOME, Kind.INACTIVITY, world.now, real=False, visited=False)]

    def test_a_closed_door_says_nothing_until_somebody_knows(self, world: World) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.record_outcome(book, visit.id, "person:wang", Outcome.NOT_AT_HOME, "dark", world.now)
        assert world.shelves.all_verdicts() == []
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FOUND_WELL, "at her daughter's", world.now)
        assert world.shelves.all_verdicts() == [Verdict(HOME, Kind.INACTIVITY, world.now, real=False, visited=True)]

    def test_what_the_system_closes_says_nothing(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.take(finding(severity=Severity.LOW, cleared=True))
        world.reads(EMPTY, NOON)
        world.take(finding(household=EMPTY, at=NOON - 6 * HOUR))
        world.take(finding(household=EMPTY, at=NOON - 2 * HOUR, onset=NOON - 18 * HOUR, cleared=True))
        assert {one.status for one in world.shelves.all_alerts()} == {Status.CLOSED}
        assert world.shelves.all_verdicts() == []

    def test_a_call_for_help_by_mistake_is_no_false_alarm_of_a_detector(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "2")
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FALSE_ALARM, "wrong key", world.now)
        assert world.shelves.all_verdicts() == []

    # closed while it is still so ----------------------------------------------------------------------------------

    def test_who_says_fine_and_uses_no_water_afterwards_is_asked_again(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.wait(MINUTE)
        sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
        with world.books() as book:
            desk.answer(book, sms.id, "1", world.now)
        closed = world.alert()
        assert closed.status is Status.CLOSED
        world.wait(6 * HOUR - SECOND)
        assert world.shelves.all_alerts() == [closed]
        world.wait(SECOND)
        assert world.shelves.all_alerts()[0] == closed
        _, again = world.shelves.all_alerts()
        assert again.id == episode_id(HOME, Kind.INACTIVITY, closed.onset, 1)
        assert (again.status, again.severity, again.rule, again.score) == (
            Status.UNACKNOWLEDGED,
            closed.severity,
            closed.rule,
            closed.score,
        )
        assert (again.onset, again.facts, again.sources, again.policy) == (
            closed.onset,
            closed.facts,
            closed.sources,
            closed.policy,
        )
        assert (again.raised_at, again.opened_at, again.held_by, again.outcome) == (world.now, world.now, None, None)
        assert world.sent(world.now) == [(6 * 3600 + 60, "li", "call"), (6 * 3600 + 60, "li", "sms")]
        raised = world.shelves.all_events(again.id)[0]
        assert (raised.kind.value, raised.actor, raised.at) == ("raised", "system", world.now)
        assert raised.detail["closed"] == str(closed.id)
        # The detector's word that it is over ends it, as it would have ended the first.
        world.take(replace(finding(cleared=True), time=world.now))
        assert world.shelves.all_alerts()[1].status is Status.RETURNED

    def test_who_says_fine_again_is_asked_again(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.wait(6 * HOUR)
        world.answers("li", "1")
        world.wait(6 * HOUR)
        first, second, third = world.shelves.all_alerts()
        assert [one.status for one in (first, second, third)] == [Status.CLOSED, Status.CLOSED, Status.UNACKNOWLEDGED]
        assert third.id == episode_id(HOME, Kind.INACTIVITY, first.onset, 2)

    def test_what_is_over_when_it_is_looked_at_again_wakes_nobody(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.wait(HOUR)
        world.take(replace(finding(cleared=True), time=world.now))
        before, story = world.sent(), world.story()
        world.wait(DAY)
        assert (world.sent(), world.story()) == (before, story)
        assert (world.steps()[-1].status, world.steps()[-1].result) == (StepStatus.DONE, "over")

    def test_only_what_is_still_reported_is_said_again(self, world: World) -> None:
        hall = finding(Kind.SMOKE, onset=NOON, source="hall/alarm")
        world.take(finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm"), hall)
        world.run()
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FALSE_ALARM, "toast", world.now)
        world.wait(5 * MINUTE)
        world.take(finding(Kind.SMOKE, at=world.now, onset=NOON, source="kitchen/alarm", cleared=True))
        world.wait(5 * MINUTE)
        _, again = world.shelves.all_alerts()
        assert again.sources == {"rule hall/alarm": NOON}
        assert again.status is Status.UNACKNOWLEDGED

    def test_an_outcome_of_a_visit_is_looked_at_again_too(self, world: World) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.record_outcome(book, visit.id, "person:wang", Outcome.FOUND_WELL, "", world.now)
        world.wait(6 * HOUR)
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.UNACKNOWLEDGED]

    def test_what_ended_before_it_was_closed_is_not_looked_at_again(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.take(replace(finding(cleared=True), time=world.now))
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FOUND_WELL, "", world.now)
        assert [step for step in world.steps() if step.status is StepStatus.PENDING] == []

    def test_what_is_still_so_joins_the_alert_that_was_opened_meanwhile(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.wait(5 * HOUR)
        second = finding(rule="second", at=world.now)
        world.take(second)
        world.run()
        world.take(replace(second, phase=Phase.CLEARED))
        world.wait(HOUR)
        first, current = world.shelves.all_alerts()
        assert first.status is Status.CLOSED
        assert current.status is Status.UNACKNOWLEDGED
        assert current.sources == first.sources
        assert "raised_again" in [event.kind.value for event in world.shelves.all_events(current.id)]

    def test_what_was_raised_anew_is_looked_at_once(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON))
        world.run()
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FALSE_ALARM, "", world.now)
        world.wait(MINUTE)
        # A detector that began anew: it will never say that what it said first is over.
        anew = finding(Kind.SMOKE, at=world.now, onset=world.now)
        world.take(anew)
        world.wait(15 * MINUTE)
        assert world.shelves.all_alerts()[1].sources == {"rule meter/volume": anew.onset}
        world.take(replace(anew, phase=Phase.CLEARED, time=world.now))
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.RETURNED]

    def test_silence_that_is_looked_at_again_during_an_absence_waits_for_its_end(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.leaves(HOME, NOON + HOUR, NOON + DAY)
        before = world.sent()
        world.wait(DAY - SECOND)
        _, again = world.shelves.all_alerts()
        assert (again.status, again.suppressed_why) == (Status.SUPPRESSED, Suppression.ABSENCE)
        assert world.sent() == before
        world.wait(SECOND)
        assert world.shelves.all_alerts()[1].status is Status.UNACKNOWLEDGED

    def test_a_recording_that_somebody_tidies_away_wakes_nobody(self, world: World) -> None:
        world.reads(HOME, NOON - 400 * DAY)
        world.take(finding(at=NOON - 400 * DAY))
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.OTHER, "a recording", world.now)
        world.wait(30 * HOUR)
        assert world.sent() == []
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.SUPPRESSED]

    def test_help_by_an_old_message_is_said_again_by_nobody(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(MINUTE)
        sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
        with world.books() as book:
            desk.answer(book, sms.id, "2", world.now)
        world.run()
        helped = world.shelves.all_alerts()[1]
        with world.books() as book:
            desk.close(book, helped.id, OFFICER, Outcome.HELPED, "", world.now)
        world.wait(7 * HOUR)
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.CLOSED]

    # what is urgent, and what cannot be done ----------------------------------------------------------------------

    def test_an_urgent_step_does_not_wait_behind_others(self, world: World) -> None:
        world.take(finding(household=MUTE, severity=Severity.LOW), finding(Kind.LEAK, severity=Severity.MEDIUM))
        world.now += HOUR
        world.take(finding(Kind.SMOKE, at=world.now, onset=world.now, severity=Severity.URGENT))
        with world.books() as book:
            assert run_due(book, world.now, 1) == 1
        (call,) = world.shelves.all_notifications()
        assert call.text.startswith("守望火警")

    def test_an_urgent_message_does_not_wait_behind_others(self, world: World) -> None:
        world.take(finding(Kind.LEAK, severity=Severity.LOW))
        with world.books() as book:
            run_due(book, world.now)
        world.now += MINUTE
        world.take(finding(Kind.SMOKE, at=world.now, onset=world.now, severity=Severity.URGENT))
        with world.books() as book:
            run_due(book, world.now)
        assert deliver_due(world.books, world.channels, world.now, 1) == 1
        assert world.sent() == [(60, "li", "call")]

    def test_a_step_that_was_put_aside_lets_others_pass_and_is_seen_as_overdue(self, world: World) -> None:
        world.take(finding(severity=Severity.URGENT))
        world.take(finding(Kind.LEAK))
        with world.books() as book:
            broken = book.next_due(world.now)
            assert broken is not None
            book.put_aside(broken, world.now + MINUTE)
        with world.books() as book:
            while run_due(book, world.now):
                pass
        stuck, other = sorted(world.shelves.all_alerts(), key=lambda one: one.kind is not Kind.INACTIVITY)
        assert broken.alert == stuck.id
        assert world.shelves.all_steps(other.id)[0].status is StepStatus.DONE
        pending = next(step for step in world.shelves.all_steps(stuck.id) if step.no == broken.no)
        assert (pending.status, pending.due) == (StepStatus.PENDING, NOON)
        with world.books() as book:
            assert audit(book.watched(), NOON + MINUTE) == []
            (violation,) = audit(book.watched(), NOON + MINUTE + SECOND)
        assert violation.alert == stuck.id
        world.now += MINUTE
        world.run()
        assert world.shelves.all_steps(stuck.id)[0].status is StepStatus.DONE

    # twice is once --------------------------------------------------------------------------------------------

    def test_the_same_findings_twice_change_nothing(self, world: World) -> None:
        told = [
            finding(),
            finding(rule="second"),
            finding(Kind.LEAK),
            replace(finding(cleared=True), time=NOON + 1),
            finding(Kind.SMOKE, onset=NOON - DAY, at=NOON - DAY),
            finding(Kind.SMOKE, onset=NOON - DAY, at=NOON - DAY + 1, cleared=True),
        ]
        assert len(world.take(*told)) == 3
        before = [(one, world.shelves.all_events(one.id)) for one in world.shelves.all_alerts()]
        assert world.take(*reversed(told)) == []
        world.now += HOUR
        assert world.take(*told) == []
        assert [(one, world.shelves.all_events(one.id)) for one in world.shelves.all_alerts()] == before

    def test_a_finding_told_again_after_its_alert_was_closed_opens_nothing(self, world: World) -> None:
        world.take(finding(), finding(rule="second", onset=NOON - 11 * HOUR))
        world.run()
        world.answers("li", "1")
        assert world.take(finding(), finding(rule="second", onset=NOON - 11 * HOUR)) == []
        assert world.alert().status is Status.CLOSED

    # backlog and absence --------------------------------------------------------------------------------------

    def test_what_came_late_and_is_over_wakes_nobody(self, world: World) -> None:
        raised, over = NOON - 6 * HOUR, NOON - 2 * HOUR
        world.reads(HOME, NOON)
        world.take(finding(at=raised))
        alert = world.alert()
        assert (alert.status, alert.suppressed_why) == (Status.SUPPRESSED, Suppression.BACKLOG)
        world.take(finding(at=over, onset=raised - 12 * HOUR, cleared=True))
        world.wait(HOUR)
        alert = world.alert()
        assert (alert.status, alert.outcome, alert.closed_at, alert.held_by) == (
            Status.CLOSED,
            Outcome.OVER_BEFORE_ARRIVAL,
            over,
            None,
        )
        assert world.sent() == []
        assert [
            (event.kind.value, event.at, event.actor)
            for event in world.shelves.all_events(alert.id)
        ] == [
            ("raised", raised, "sensor:meter/volume"),
            ("suppressed", raised, "system"),
            ("returned", over, "sensor:meter/volume"),
            ("closed", over, "system"),
        ]  # fmt: skip

    def test_what_came_late_and_is_not_over_starts_its_ladder(self, world: World) -> None:
        world.reads(HOME, NOON - HOUR)
        world.take(finding(at=NOON - 6 * HOUR))
        world.wait(119 * SECOND)
        assert world.sent() == []
        world.wait(SECOND)
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert world.sent() == [(120, "li", "call"), (120, "li", "sms")]
        assert "ladder_started" in world.story()

    def test_a_recording_stays_quiet_and_leaves_no_trace_of_waiting(self, world: World) -> None:
        world.reads(HOME, NOON - 24 * HOUR)
        world.take(finding(at=NOON - 400 * DAY))
        story = world.story()
        world.wait(30 * HOUR)
        assert world.alert().status is Status.SUPPRESSED
        assert world.story() == story == ["raised", "suppressed"]
        (timer,) = world.steps()
        assert (timer.status, timer.due) == (StepStatus.PENDING, NOON + 2 * MINUTE + 30 * HOUR)

    def test_a_fresh_finding_wakes_a_late_alert(self, world: World) -> None:
        world.take(finding(at=NOON - HOUR), finding(rule="second", at=NOON))
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_late_news_of_a_returned_alert_waits_before_it_wakes(self, world: World) -> None:
        world.take(finding())
        world.wait(MINUTE)
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(2 * HOUR)
        world.reads(HOME, world.now)
        before = len(world.sent())
        world.take(finding(at=world.now - HOUR, onset=NOON + MINUTE))
        assert world.alert().status is Status.RETURNED
        world.wait(MINUTE)
        assert len(world.sent()) == before
        world.wait(MINUTE)
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert len(world.sent()) == before + 2

    def test_nobody_is_woken_about_silence_in_a_registered_absence(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding())
        alert = world.alert()
        assert (alert.status, alert.suppressed_why) == (Status.SUPPRESSED, Suppression.ABSENCE)
        world.wait(3 * HOUR - SECOND)
        assert world.sent() == []
        world.wait(SECOND)
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert len(world.sent()) == 2

    def test_an_absence_that_was_extended_is_waited_for(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding())
        world.leaves(HOME, NOON + HOUR, NOON + 5 * HOUR)
        world.wait(5 * HOUR - SECOND)
        assert world.alert().status is Status.SUPPRESSED
        world.wait(SECOND)
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_use_during_an_absence_ends_the_silence(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding())
        world.take(replace(finding(cleared=True), time=NOON + 1))
        assert (world.alert().status, world.alert().outcome) == (Status.CLOSED, Outcome.OVER_BEFORE_ARRIVAL)
        world.wait(4 * HOUR)
        assert world.sent() == []

    def test_a_leak_in_an_absence_wakes(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding(Kind.LEAK))
        assert world.alert().status is Status.UNACKNOWLEDGED

    # channels fail --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("error", [ChannelError("wrong number"), RuntimeError("bug")])
    def test_a_failed_channel_never_blocks_the_next_step(self, world: World, error: Exception) -> None:
        world.channels = {"handset": Flaky(error)}
        world.take(finding())
        world.wait(35 * MINUTE)
        assert {one.status for one in world.shelves.all_notifications()} == {NotificationStatus.FAILED}
        assert [step.status for step in world.steps()][:6] == [StepStatus.DONE] * 6
        assert len(world.shelves.all_tasks()) == 1
        assert "send_failed" in world.story()

    def test_what_reaches_nobody_for_good_has_the_next_rung_climbed_at_once(self, world: World) -> None:
        world.channels = {"handset": Flaky(ChannelError("no such number"))}
        world.take(finding())
        world.run()
        told = [(one.created_at, one.person) for one in world.shelves.all_notifications()]
        assert told == [(NOON, person) for person in ("li", "li", "li", "son", "wang", "zhao")]
        # The last rung would fail again, and again: it keeps its time.
        (repeated,) = [step for step in world.steps() if step.status is StepStatus.PENDING]
        assert repeated.due == NOON + 15 * MINUTE

    def test_as_long_as_somebody_may_be_reached_the_ladder_keeps_its_time(self, world: World) -> None:
        world.policies = parse(_BOTH_CONTACTS, "both.toml")
        world.channels = {"handset": Deaf(SON.person, HandsetChannel(world.books))}
        world.take(finding())
        world.wait(4 * MINUTE)
        assert {one.person for one in world.shelves.all_notifications()} == {"son", "daughter"}
        assert [one.status.value for one in world.shelves.all_notifications()].count("failed") == 1
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
        sms, review = world.shelves.all_notifications()  # nobody was reached: the review does not wait for a day
        assert (sms.status, sms.attempts) == (NotificationStatus.FAILED, MOST_ATTEMPTS)
        assert (review.person, review.status, review.attempts) == ("wang", NotificationStatus.FAILED, MOST_ATTEMPTS)
        assert len(flaky.tried) == 2 * MOST_ATTEMPTS
        assert sms.error == "RuntimeError: down"

    def test_a_channel_nobody_configured_is_a_failure_with_a_reason(self, world: World) -> None:
        world.channels = {}
        world.take(finding(Kind.LEAK))
        world.run()
        sms = world.shelves.all_notifications()[0]
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
        assert (sms.status, sms.attempts) == (NotificationStatus.SENT, 2)
        assert len(world.sent()) == 1
        assert world.story().count("sent") == 1
