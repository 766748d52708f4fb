"""Tasks that are accepted and done, alerts that are closed and shelved."""

from __future__ import annotations

import pytest

from alerts import desk
from alerts.errors import Conflict, Invalid, NotFound
from alerts.model import Outcome, Status, TaskKind, TaskStatus, episode_id
from detectors.finding import Kind
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.alerts_world import OFFICER, World, finding


class DeskWork:
    # tasks -------------------------------------------------------------------------------------------------------

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
        world.wait(30 * MINUTE - SECOND)
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

    # giving back, and having the next in line told ---------------------------------------------------------------

    def test_what_is_given_back_goes_on_where_it_was_stopped(self, world: World) -> None:
        world.take(finding())
        world.wait(2 * MINUTE)
        asked = world.sent()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.wait(10 * SECOND)
        with world.books() as book:
            with pytest.raises(Conflict, match="only its holder"):
                desk.give_back(book, world.alert().id, "token:other", world.now)
            given = desk.give_back(book, world.alert().id, OFFICER, world.now)
            with pytest.raises(Conflict, match="only its holder"):
                desk.give_back(book, world.alert().id, OFFICER, world.now)
        assert (given.status, given.held_by, given.acknowledged_at) == (Status.UNACKNOWLEDGED, None, None)
        world.wait(30 * MINUTE)
        times = [(at, who) for at, who, _ in world.sent()[len(asked) :]]
        assert times == [(300, "li"), (600, "son"), (900, "wang"), (1800, "zhao")], "as if nobody had taken it"

    def test_what_came_due_while_somebody_held_it_is_due_at_once(self, world: World) -> None:
        world.take(finding())
        world.wait(2 * MINUTE)
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.wait(10 * MINUTE)
        left = world.now
        with world.books() as book:
            desk.give_back(book, world.alert().id, OFFICER, world.now)
        world.run()
        assert {who for _, who, _ in world.sent(left)} == {"li", "son"}

    def test_what_ended_while_somebody_held_it_is_reviewed_when_given_back(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(finding(cleared=True))
        with world.books() as book:
            assert desk.give_back(book, world.alert().id, OFFICER, world.now).status is Status.RETURNED
        world.run()
        assert [task.kind for task in world.shelves.all_tasks()] == [TaskKind.REVIEW]

    def test_who_has_accepted_a_visit_refuses_that_instead(self, world: World) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.accept(book, visit.id, "person:wang", "wang", world.now)
            with pytest.raises(Conflict, match="refuse that task"):
                desk.give_back(book, world.alert().id, "person:wang", world.now)

    def test_the_next_in_line_can_be_told_at_once(self, world: World) -> None:
        world.take(finding())
        world.wait(MINUTE)
        before = len(world.sent())
        with world.books() as book:
            desk.escalate(book, world.alert().id, OFFICER, world.now)
        world.run()
        assert [(at, who) for at, who, _ in world.sent()[before:]] == [(60, "li")]
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
            desk.escalate(book, world.alert().id, OFFICER, world.now)
        world.run()
        assert world.sent()[-1] == (60, "zhao", "call"), "nothing is ahead of who holds it but the duty officer"
        assert world.alert().held_by == OFFICER
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FOUND_WELL, "", world.now)
            with pytest.raises(Conflict, match="closed"):
                desk.escalate(book, world.alert().id, OFFICER, world.now)
        assert "escalated" in world.story()

    # closing and shelving ----------------------------------------------------------------------------------------

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
