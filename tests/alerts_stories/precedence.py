"""Who goes first, and what must not keep others waiting."""

from __future__ import annotations

from alerts.checks.audit import audit
from alerts.model import StepStatus
from detectors.finding import Kind, Severity
from registry.instants import HOUR, MINUTE, SECOND
from tests.alerts_rounds import deliver_due, run_due
from tests.alerts_world import MUTE, NOON, World, finding


class Precedence:
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
