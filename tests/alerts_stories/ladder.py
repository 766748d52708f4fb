"""How a ladder is climbed, and how an acknowledgement stops it."""

from __future__ import annotations

import pytest

from alerts import desk
from alerts.channels.port import ChannelError
from alerts.errors import Conflict
from alerts.ladders.policy import Do
from alerts.model import NotificationStatus, Status, StepStatus, TaskKind, TaskStatus
from detectors.finding import Kind
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.alerts_stories.failing_channels import Flaky
from tests.alerts_world import EMPTY, MUTE, NOON, OFFICER, World, finding


class Ladder:
    # the ladder --------------------------------------------------------------------------------------------------

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
            (2700, "wang", "sms"),  # two thirds of the time for the visit have passed
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
        assert world.sent()[1:] == [(1800, "zhao", "call"), (1800, "wang", "sms")]

    def test_a_household_without_anybody_is_never_let_go(self, world: World) -> None:
        world.take(finding(household=EMPTY))
        world.wait(2 * HOUR)
        assert world.sent() == []
        (visit,) = world.shelves.all_tasks()
        assert visit.assignee is None
        assert [step.due for step in world.steps() if step.status is StepStatus.PENDING] == [world.now + 30 * MINUTE]

    def test_maintenance_is_a_task_and_is_recalled_when_overdue(self, world: World) -> None:
        world.take(finding(Kind.OFFLINE, source="meter"))
        world.wait(HOUR)
        (ticket,) = world.shelves.all_tasks()
        assert ticket.kind is TaskKind.MAINTENANCE
        assert world.sent() == []
        world.wait(7 * DAY)
        assert world.shelves.all_tasks() == [ticket]
        assert world.story().count("task_recalled") == 1

    # acknowledging -----------------------------------------------------------------------------------------------

    def test_an_acknowledgement_stops_everything_at_once(self, world: World) -> None:
        world.take(finding())
        world.wait(2 * MINUTE)
        with world.books() as book:
            held = desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        assert (held.status, held.held_by) == (Status.ACKNOWLEDGED, OFFICER)
        before = world.sent()
        world.wait(45 * MINUTE - SECOND)
        assert world.sent() == before
        left = [step.action.do for step in world.steps() if step.status is StepStatus.PENDING]
        assert left == [Do.OVERDUE], "and whoever holds it is not let alone with it for ever"

    def test_an_acknowledgement_calls_queued_messages_back(self, world: World) -> None:
        world.channels = {"handset": Flaky(ChannelError("busy", NOON + MINUTE))}
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        assert {one.status for one in world.shelves.all_notifications()} == {NotificationStatus.CANCELLED}
        world.wait(HOUR)
        called_back = [one for one in world.shelves.all_notifications() if one.status is NotificationStatus.CANCELLED]
        assert {one.attempts for one in called_back} == {1}

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
        world.wait(30 * MINUTE - SECOND)
        assert world.sent() == before

    def test_taking_charge_of_what_another_holds_is_only_written_down(self, world: World) -> None:
        world.take(finding())
        world.wait(10 * MINUTE)
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.answers("son", "4")
        assert world.alert().held_by == OFFICER
        assert world.story()[-1] == "answered"
