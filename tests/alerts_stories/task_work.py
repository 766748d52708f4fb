"""Tasks that find somebody: assigned, refused, handed over, transferred, overdue, and followed up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from alerts import desk
from alerts.channels.port import Trouble
from alerts.errors import Conflict, Invalid
from alerts.ladders.policy import Do
from alerts.messages.delivery import note_result
from alerts.model import AlertEvent, FalseAlarm, NotificationStatus, Outcome, Status, Task, TaskKind, TaskStatus
from alerts.people import Medium
from alerts.tasks.assignment import MOST_AT_ONCE
from detectors.finding import Kind, Severity
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.alerts_world import HOME, MUTE, NOON, OFFICER, World, finding


class TaskWork:
    # assignment --------------------------------------------------------------------------------------------------

    def test_a_visit_is_the_households_own_caseworkers(self, world: World) -> None:
        assert _visit(world).assignee == "wang"

    def test_who_has_too_many_doors_to_knock_at_is_spared_the_next(self, world: World) -> None:
        for no in range(MOST_AT_ONCE):
            home = (HOME, MUTE)[no % 2]
            kind = (Kind.INACTIVITY, Kind.INACTIVITY, Kind.BURST)[no]
            world.take(finding(kind, household=home, at=world.now, severity=Severity.URGENT))
            world.wait(20 * MINUTE)
        world.take(finding(Kind.SMOKE, household=MUTE, at=world.now, onset=world.now, severity=Severity.URGENT))
        world.wait(3 * MINUTE)
        given = [(task.assignee, task.household) for task in world.shelves.all_tasks() if task.kind is TaskKind.VISIT]
        assert given == [("wang", HOME), ("wang", MUTE), ("wang", HOME), ("qian", MUTE)]

    # refusing ----------------------------------------------------------------------------------------------------

    def test_a_refused_visit_goes_to_the_next_in_line_at_once_and_never_back(self, world: World) -> None:
        visit = _visit(world)
        with world.books() as book:
            with pytest.raises(Invalid, match="reason"):
                desk.refuse(book, visit.id, "person:wang", "wang", " ", world.now)
            with pytest.raises(Conflict, match="only who has a task"):
                desk.refuse(book, visit.id, "person:sun", "sun", "not mine", world.now)
            given = desk.refuse(book, visit.id, "person:wang", "wang", "at another door", world.now)
            assert desk.refuse(book, visit.id, "person:wang", "wang", "at another door", world.now) == given
        assert (given.assignee, given.status, given.due) == ("qian", TaskStatus.OPEN, visit.due)
        asked = world.now
        world.run()
        assert world.sent(asked)[1:] == [(900, "wang", "sms")], "qian is asked beside the SMS that wang had"
        assert world.sent(asked)[0] == (900, "qian", "sms")
        with world.books() as book:
            assert desk.refuse(book, visit.id, "person:qian", "qian", "ill", world.now).assignee == "sun"
            left = desk.refuse(book, visit.id, "person:sun", "sun", "too far", world.now)
        assert (left.assignee, left.status, left.refused) == (None, TaskStatus.OPEN, ("wang", "qian", "sun"))
        world.run()
        assert world.last_message("zhao").text.startswith("守望：任务被拒绝")
        reasons = [one.detail["reason"] for one in _events(world, "task_refused")]
        assert reasons == ["at another door", "ill", "too far"]

    def test_who_has_accepted_and_gives_it_back_holds_the_alert_no_more(self, world: World) -> None:
        visit = _visit(world)
        _accept(world, visit, "wang")
        with world.books() as book:
            desk.refuse(book, visit.id, "person:wang", "wang", "the car broke down", world.now)
        assert (world.alert().status, world.alert().held_by) == (Status.UNACKNOWLEDGED, None)
        asked = world.now
        world.wait(45 * MINUTE)
        assert ("qian", "sms") in {one[1:] for one in world.sent(asked)}
        assert "zhao" in {one[1] for one in world.sent(asked)}, "nobody went: the duty officer is called"

    def test_a_visit_nobody_wants_is_recalled_to_the_duty_officer(self, world: World) -> None:
        visit = _visit(world)
        with world.books() as book:
            for person in ("wang", "qian", "sun"):
                desk.refuse(book, visit.id, f"person:{person}", person, "no", world.now)
        world.run()
        heard = world.now
        world.wait(2 * HOUR)
        assert {one[1] for one in world.sent(heard + SECOND)} == {"zhao", "farther"}

    # handing over ------------------------------------------------------------------------------------------------

    def test_what_is_handed_over_is_the_givers_until_it_is_accepted(self, world: World) -> None:
        visit = _visit(world)
        _accept(world, visit, "wang")
        with world.books() as book:
            offered = desk.hand_over(book, visit.id, "person:wang", "wang", "sun", "knows the family", world.now)
            again = desk.hand_over(book, visit.id, "person:wang", "wang", "sun", "knows the family", world.now)
        assert (offered.accepted_by, offered.offered_to) == ("person:wang", "sun")
        assert again == offered
        assert world.alert().held_by == "person:wang"
        world.run()
        assert "take over" in world.last_message("sun").text
        _accept(world, visit, "sun")
        (task,) = world.shelves.all_tasks()
        assert (task.accepted_by, task.assignee, task.offered_to) == ("person:sun", "sun", None)
        assert world.alert().held_by == "person:sun"
        with world.books() as book, pytest.raises(Conflict, match="person:sun has accepted"):
            desk.accept(book, visit.id, "person:wang", "wang", world.now)

    def test_who_does_not_take_it_over_leaves_it_with_the_giver_who_hears_of_it(self, world: World) -> None:
        visit = _visit(world)
        _accept(world, visit, "wang")
        with world.books() as book:
            desk.hand_over(book, visit.id, "person:wang", "wang", "qian", "", world.now)
            left = desk.refuse(book, visit.id, "person:qian", "qian", "busy", world.now)
        assert (left.accepted_by, left.offered_to) == ("person:wang", None)
        assert world.alert().held_by == "person:wang"
        world.run()
        assert world.last_message("wang").text.startswith("守望：同事未能接手")
        with world.books() as book, pytest.raises(Conflict, match="qian has refused"):
            desk.hand_over(book, visit.id, "person:wang", "wang", "qian", "please", world.now)

    def test_only_who_has_a_task_hands_it_over_and_only_to_staff_of_the_area(self, world: World) -> None:
        visit = _visit(world)
        with world.books() as book:
            with pytest.raises(Conflict, match="only who has"):
                desk.hand_over(book, visit.id, "person:qian", "qian", "sun", "", world.now)
            for nobody in ("son", "li", "stranger"):
                with pytest.raises(Invalid, match="caseworker or duty officer"):
                    desk.hand_over(book, visit.id, OFFICER, None, nobody, "", world.now)
            with pytest.raises(Invalid, match="already"):
                desk.hand_over(book, visit.id, OFFICER, None, "wang", "", world.now)

    # partners ----------------------------------------------------------------------------------------------------

    def test_a_partner_organisation_holds_what_is_transferred_and_its_time_goes_on(self, world: World) -> None:
        visit = _visit(world)
        with world.books() as book:
            given = desk.transfer(book, visit.id, OFFICER, "Red Cross", "RC-1", "lives next door", "", world.now)
            again = desk.transfer(book, visit.id, OFFICER, "Red Cross", "RC-1", "lives next door", "", world.now)
        assert again == given
        assert (given.accepted_by, given.reference, given.due) == ("partner:Red Cross", "RC-1", visit.due)
        assert world.alert().held_by == "partner:Red Cross"
        given_at = world.now
        world.wait(45 * MINUTE - SECOND)
        assert [one for one in world.sent(given_at) if one[0] > 900] == []
        world.wait(SECOND)
        assert [one for one in world.sent(given_at) if one[0] > 900] == [(3600, "zhao", "call")]
        with world.books() as book:
            desk.record_outcome(book, visit.id, OFFICER, Outcome.FOUND_WELL, "they rang us", world.now)
        assert world.alert().status is Status.CLOSED

    # the way there -----------------------------------------------------------------------------------------------

    def test_the_way_to_a_visit_is_told_and_changes_nothing_of_what_is_due(self, world: World) -> None:
        visit = _visit(world)
        with world.books() as book, pytest.raises(Conflict, match="accept it before you go"):
            desk.set_out(book, visit.id, "person:wang", world.now, world.now)
        _accept(world, visit, "wang")
        planned = [(step.action.do, step.due) for step in world.shelves.all_steps(world.alert().id)]
        accepted = world.now
        world.wait(2 * MINUTE)
        with world.books() as book:
            out = desk.set_out(book, visit.id, "person:wang", world.now, world.now)
            assert desk.set_out(book, visit.id, "person:wang", world.now, world.now) == out, "twice is once"
            with pytest.raises(Conflict, match="this task is with person:wang"):
                desk.arrive(book, visit.id, "person:qian", world.now, world.now)
        world.wait(8 * MINUTE)
        with world.books() as book:
            there = desk.arrive(book, visit.id, "person:wang", world.now, world.now)
            assert desk.set_out(book, visit.id, "person:wang", world.now, world.now) == there, "they are there"
        assert (there.set_out_at, there.arrived_at) == (accepted + 2 * MINUTE, accepted + 10 * MINUTE)
        assert [(step.action.do, step.due) for step in world.shelves.all_steps(world.alert().id)] == planned
        assert world.story()[-2:] == ["task_set_out", "task_arrived"]
        (kept,) = world.shelves.all_tasks()
        assert (kept.set_out_at, kept.arrived_at) == (there.set_out_at, there.arrived_at)

    def test_a_telephone_without_a_network_tells_late_of_what_was_then(self, world: World) -> None:
        visit = _visit(world)
        _accept(world, visit, "wang")
        accepted = world.now
        world.wait(20 * MINUTE)
        with world.books() as book:
            out = desk.set_out(book, visit.id, "person:wang", world.now - 15 * MINUTE, world.now)
            there = desk.arrive(book, visit.id, "person:wang", world.now - DAY, world.now)
        assert (out.set_out_at, there.arrived_at) == (accepted + 5 * MINUTE, accepted + 5 * MINUTE)
        assert [one.at for one in _events(world, "task_arrived")] == [accepted + 5 * MINUTE]

    def test_who_takes_over_is_not_there_yet_and_who_holds_anew_still_is(self, world: World) -> None:
        visit = _visit(world)
        _accept(world, visit, "wang")
        with world.books() as book:
            desk.arrive(book, visit.id, "person:wang", world.now, world.now)
        world.wait(2 * HOUR)
        _accept(world, visit, "wang")
        (held,) = world.shelves.all_tasks()
        assert held.arrived_at is not None, "overdue and taken on once more, at the same door"
        with world.books() as book:
            desk.hand_over(book, visit.id, "person:wang", "wang", "qian", "", world.now)
        _accept(world, visit, "qian")
        (taken,) = world.shelves.all_tasks()
        assert (taken.accepted_by, taken.set_out_at, taken.arrived_at) == ("person:qian", None, None)

    def test_nobody_sets_out_for_what_is_done_at_a_desk(self, world: World) -> None:
        world.take(finding())
        world.take(finding(cleared=True))
        world.run()
        (review,) = [task for task in world.shelves.all_tasks() if task.kind is TaskKind.REVIEW]
        _accept(world, review, "wang")
        with world.books() as book, pytest.raises(Invalid, match="nobody goes anywhere"):
            desk.set_out(book, review.id, "person:wang", world.now, world.now)

    # overdue -----------------------------------------------------------------------------------------------------

    def test_accepted_then_silent_is_reminded_and_then_climbs_from_street_to_city(self, world: World) -> None:
        visit = _visit(world)
        _accept(world, visit, "wang")
        accepted = world.now
        world.wait(HOUR)
        heard = [one for one in world.sent(accepted) if one[0] > 900]
        assert heard == [(2700, "wang", "sms"), (3600, "zhao", "call"), (4500, "zhao", "call")]
        assert world.alert().status is Status.UNACKNOWLEDGED, "and the alert is everybody's again"
        (late,) = _events(world, "task_overdue")
        assert late.detail["by"] == "person:wang"
        world.wait(30 * MINUTE)
        assert (6300, "farther", "call") in world.sent(accepted), "one level up when as much time has passed again"
        assert world.shelves.all_tasks()[0].status is TaskStatus.ACCEPTED, "wang may still come to write it down"
        with world.books() as book:
            desk.record_outcome(book, visit.id, "person:wang", Outcome.FOUND_WELL, "no signal in there", world.now)
        assert world.alert().status is Status.CLOSED
        world.take(replace(finding(cleared=True), time=world.now))
        closed = world.now
        world.wait(DAY)
        assert world.sent(closed + 1) == [], "after the end nobody hears of it"

    def test_acknowledged_then_silent_ends_in_somebody_being_told(self, world: World) -> None:
        world.take(finding())
        world.wait(5 * MINUTE)
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        taken = world.now
        world.wait(HOUR)
        assert world.sent(taken)[-1][1:] == ("zhao", "call")
        assert (world.alert().status, world.alert().held_by) == (Status.UNACKNOWLEDGED, None)

    def test_an_officer_who_takes_over_what_is_overdue_stops_the_climb(self, world: World) -> None:
        visit = _visit(world)
        _accept(world, visit, "wang")
        world.wait(45 * MINUTE)
        world.answers("zhao", "4")
        assert world.alert().held_by == "person:zhao"
        taken = world.now
        world.wait(45 * MINUTE - SECOND)
        assert {one[1] for one in world.sent(taken + SECOND)} == {"zhao"}, "reminded, and nobody above was told"

    def test_who_says_again_that_they_are_at_it_holds_it_anew(self, world: World) -> None:
        visit = _visit(world)
        _accept(world, visit, "wang")
        world.wait(46 * MINUTE)
        _accept(world, visit, "wang")
        assert world.alert().held_by == "person:wang"
        accepted = world.now
        world.wait(22 * MINUTE)
        assert {one[1] for one in world.sent(accepted)} == {"wang"}, "half of the time is theirs once more"

    def test_a_visit_nobody_accepts_reaches_those_above_the_ladder(self, world: World) -> None:
        visit = _visit(world)
        world.wait(45 * MINUTE + SECOND)
        assert (3600, "farther", "call") in world.sent(), "the ladder has called zhao before"
        assert visit.due == NOON + HOUR
        times = [one.detail["step"] for one in _events(world, "task_overdue")]
        assert len(times) == len(set(times)) == 1

    def test_a_list_nobody_is_told_of_disturbs_no_officer_when_it_is_overdue(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(12 * HOUR)
        (review,) = world.shelves.all_tasks()
        _accept(world, review, "wang")
        world.wait(3 * DAY)
        assert {one[1] for one in world.sent()} <= {"wang"}
        assert world.alert().status is Status.UNACKNOWLEDGED, "but it is back on the board"

    def test_somebody_on_their_way_is_not_called_back_when_the_condition_ends(self, world: World) -> None:
        visit = _visit(world)
        _accept(world, visit, "wang")
        world.wait(46 * MINUTE)
        world.take(replace(finding(cleared=True), time=world.now))
        world.run()
        tasks = {task.kind: task.status for task in world.shelves.all_tasks()}
        assert tasks == {TaskKind.VISIT: TaskStatus.ACCEPTED, TaskKind.REVIEW: TaskStatus.OPEN}

    # outcomes ----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("why", "taught"),
        [
            (FalseAlarm.AT_HOME_NOT_USING, [False]),
            (FalseAlarm.AWAY_UNREGISTERED, [False]),
            (FalseAlarm.OTHER, [False]),
            (FalseAlarm.DEVICE_FAULT, []),
            (FalseAlarm.WRONG_HOUSEHOLD, []),
        ],
    )
    def test_why_an_alarm_was_false_decides_what_it_teaches(
        self, world: World, why: FalseAlarm, taught: list[bool]
    ) -> None:
        visit = _visit(world)
        with world.books() as book:
            with pytest.raises(Invalid, match="goes with false_alarm"):
                desk.record_outcome(book, visit.id, "person:wang", Outcome.HELPED, "", world.now, why)
            done = desk.record_outcome(book, visit.id, "person:wang", Outcome.FALSE_ALARM, "", world.now, why)
            assert desk.record_outcome(book, visit.id, "person:wang", Outcome.FALSE_ALARM, "", world.now, why) == done
        assert (done.why, world.alert().why) == (why, why)
        assert [verdict.real for verdict in world.shelves.all_verdicts()] == taught

    # following up ------------------------------------------------------------------------------------------------

    def test_a_follow_up_visit_is_planned_for_its_day_though_the_alert_is_closed(self, world: World) -> None:
        visit = _visit(world)
        day = date(2026, 3, 17)
        with world.books() as book:
            with pytest.raises(Invalid, match="goes again anyway"):
                desk.record_outcome(book, visit.id, "person:wang", Outcome.NOT_AT_HOME, "", world.now, follow_up_on=day)
            with pytest.raises(Invalid, match="lies ahead"):
                desk.record_outcome(
                    book, visit.id, "person:wang", Outcome.HELPED, "", world.now, follow_up_on=date(2026, 3, 9)
                )
            desk.record_outcome(book, visit.id, "person:wang", Outcome.HELPED, "fell", world.now, follow_up_on=day)
        world.take(replace(finding(cleared=True), time=world.now))
        nine = NOON + 7 * DAY - 3 * HOUR
        world.wait(nine - SECOND - world.now)
        assert len(world.shelves.all_tasks()) == 1
        world.wait(SECOND)
        first, again = world.shelves.all_tasks()
        assert (again.kind, again.assignee, again.due, again.follow_up) == (
            TaskKind.VISIT,
            "wang",
            nine + 8 * HOUR,
            True,
        )
        assert (again.alert, world.alert().status) == (first.alert, Status.CLOSED)
        assert world.last_message("wang").text.startswith("守望：请回访")
        assert [verdict.real for verdict in world.shelves.all_verdicts()] == [True]
        with world.books() as book:
            assert [asked.at for asked in book.visits(NOON)] == [first.created_at], "it is no alarm's visit"
        _accept(world, again, "wang")
        assert world.alert().status is Status.CLOSED
        with world.books() as book:
            desk.record_outcome(book, again.id, "person:wang", Outcome.NOT_AT_HOME, "out", world.now)
        world.wait(DAY)
        assert [task.follow_up for task in world.shelves.all_tasks()] == [False, True, True]

    def test_a_follow_up_that_is_planned_does_not_stand_for_the_ladder(self, world: World) -> None:
        world.take(finding(severity=Severity.HIGH))
        world.run()
        sms = next(one for one in world.shelves.all_notifications() if one.medium is Medium.SMS)
        with world.books() as book:
            note_result(book, sms.id, NotificationStatus.FAILED, world.now, trouble=Trouble.BAD_ADDRESS)
        (correct,) = world.shelves.all_tasks()
        day = date(2026, 3, 17)
        with world.books() as book:
            desk.record_outcome(book, correct.id, "person:wang", Outcome.OTHER, "", world.now, follow_up_on=day)
        world.wait(90 * MINUTE)
        calls = [person for _, person, medium in world.sent() if (person, medium) == ("zhao", "call")]
        assert len(calls) > 2, "the ladder's end is repeated until somebody holds the alert"

    def test_a_promised_follow_up_outlasts_whatever_becomes_of_the_alert(self, world: World) -> None:
        alert = world.take(finding(severity=Severity.HIGH))[0]
        world.run()
        sms = next(one for one in world.shelves.all_notifications() if one.medium is Medium.SMS)
        with world.books() as book:
            note_result(book, sms.id, NotificationStatus.FAILED, world.now, trouble=Trouble.BAD_ADDRESS)
        (correct,) = world.shelves.all_tasks()
        day = date(2026, 3, 17)
        with world.books() as book:
            desk.record_outcome(book, correct.id, "person:wang", Outcome.OTHER, "", world.now, follow_up_on=day)
            desk.acknowledge(book, alert, "person:zhao", world.now)
            desk.close(book, alert, "person:zhao", Outcome.FOUND_WELL, "on the telephone", world.now)
        world.take(replace(finding(severity=Severity.HIGH, cleared=True), time=world.now))
        world.wait(NOON + 7 * DAY - 3 * HOUR - world.now)
        assert [task.follow_up for task in world.shelves.all_tasks()] == [False, True]

    def test_a_follow_up_that_nobody_makes_is_heard_of_up_to_the_city(self, world: World) -> None:
        visit = _visit(world)
        with world.books() as book:
            desk.record_outcome(
                book, visit.id, "person:wang", Outcome.HELPED, "", world.now, follow_up_on=date(2026, 3, 11)
            )
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(DAY - 3 * HOUR - world.now + NOON)
        again = world.now
        world.wait(17 * HOUR)
        heard = [one[1:] for one in world.sent(again) if one[0] >= (again - NOON) // SECOND]
        assert heard == [("wang", "sms"), ("wang", "sms"), ("zhao", "sms"), ("farther", "sms")]

    def test_a_follow_up_can_be_refused_like_any_other_task(self, world: World) -> None:
        visit = _visit(world)
        with world.books() as book:
            desk.record_outcome(
                book, visit.id, "person:wang", Outcome.HELPED, "", world.now, follow_up_on=date(2026, 3, 11)
            )
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(DAY)
        again = world.shelves.all_tasks()[-1]
        with world.books() as book:
            given = desk.refuse(book, again.id, "person:wang", "wang", "on leave", world.now)
        assert given.assignee == "qian"
        world.run()
        assert world.last_message("qian").text.startswith("守望：请回访")
        assert Do.CALL not in {step.action.do for step in world.steps()[-2:]}


def _visit(world: World) -> Task:
    """Raise an alert, let it climb to its visit, and return that."""
    world.take(finding())
    world.wait(15 * MINUTE)
    (visit,) = world.shelves.all_tasks()
    return visit


def _accept(world: World, task: Task, person: str) -> None:
    with world.books() as book:
        desk.accept(book, task.id, f"person:{person}", person, world.now)


def _events(world: World, kind: str) -> list[AlertEvent]:
    return [one for one in world.shelves.all_events(world.alert().id) if one.kind.value == kind]
