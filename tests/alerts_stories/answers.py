"""What becomes of an alert when a resident answers, or does not."""

from __future__ import annotations

import pytest

from alerts import desk
from alerts.errors import Conflict, Invalid
from alerts.ladders.policy import Do
from alerts.life.answers import Meaning
from alerts.model import MessageStatus, Outcome, Status, StepStatus, Task, TaskKind, TaskStatus
from detectors.finding import Kind, Severity
from registry.instants import HOUR, MINUTE, SECOND
from tests.alerts_world import HOME, NOON, OFFICER, World, finding


class Answers:
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

    def test_who_presses_4_about_a_visit_has_accepted_it(self, world: World) -> None:
        visit = _visit(world)
        assert (visit.assignee, visit.status) == ("wang", TaskStatus.OPEN)
        assert world.answers("wang", "4") == "acknowledge"
        [task] = world.shelves.all_tasks()
        assert (task.status, task.accepted_by, task.accepted_at) == (TaskStatus.ACCEPTED, "person:wang", world.now)
        assert world.alert().held_by == "person:wang"
        assert world.story()[-3:] == ["answered", "acknowledged", "task_accepted"]
        # It is theirs for as long as the visit may take, as if they had accepted it in their list.
        assert [step.due for step in world.steps() if step.action.do is Do.OVERDUE and step.due > world.now][-1] == max(
            task.due, world.now + (task.due - task.created_at) // 2
        )

    def test_who_presses_4_and_was_not_asked_to_go_leaves_the_visit_to_those_who_were(self, world: World) -> None:
        _visit(world)
        world.wait(14 * MINUTE)
        assert world.answers("zhao", "4") == "acknowledge"
        [task] = world.shelves.all_tasks()
        assert (task.status, task.assignee) == (TaskStatus.OPEN, "wang")
        assert world.alert().held_by == "person:zhao"
        # Whoever holds an alert keeps it: wang hears that somebody else has taken it.
        world.answers("wang", "4")
        assert world.alert().held_by == "person:zhao"
        assert world.shelves.all_tasks() == [task]

    def test_who_presses_4_about_what_is_handed_over_to_them_takes_it_over(self, world: World) -> None:
        visit = _visit(world)
        with world.books() as book:
            desk.accept(book, visit.id, "person:wang", "wang", world.now)
            desk.hand_over(book, visit.id, "person:wang", "wang", "qian", "", world.now)
        world.run()
        world.answers("qian", "4")
        [task] = world.shelves.all_tasks()
        assert (task.accepted_by, task.assignee, task.offered_to) == ("person:qian", "qian", None)
        assert world.alert().held_by == "person:qian"


def _visit(world: World) -> Task:
    """Let an alert climb until somebody is asked to go."""
    world.take(finding())
    world.wait(16 * MINUTE)
    [task] = world.shelves.all_tasks()
    return task
