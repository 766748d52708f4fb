"""What people do with tasks: accept, refuse, hand over, transfer, and write down what they found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from alerts import desk
from alerts.model import FalseAlarm, Outcome, Task, TaskStatus
from registry.instants import MINUTE, to_datetime
from tests.alerts_machine.street import ACTORS, PICK, Street, newest

_STAFF = st.sampled_from(["wang", "wang", "qian", "zhao"])


class TasksAreDone(Street):
    """Tasks in the hands of people."""

    @rule(pick=PICK, person=_STAFF)
    def somebody_accepts_a_task(self, pick: int, person: str) -> None:
        task = self._task(pick)
        if task is not None:
            self.attempt(lambda: desk.accept(self.book, task.id, f"person:{person}", person, self.world.now))

    @rule(
        pick=PICK,
        actor=ACTORS,
        outcome=st.sampled_from(Outcome),
        why=st.sampled_from([None, None, *FalseAlarm]),
        follow_up_in=st.sampled_from([None, None, None, 1, 3]),
    )
    def somebody_records_an_outcome(
        self, pick: int, actor: str, outcome: Outcome, why: FalseAlarm | None, follow_up_in: int | None
    ) -> None:
        task = self._task(pick)
        if task is not None:
            reason = why if outcome is Outcome.FALSE_ALARM else None
            today = to_datetime(self.world.now).date()
            day = None if follow_up_in is None else today + timedelta(days=follow_up_in)
            now = self.world.now
            self.attempt(lambda: desk.record_outcome(self.book, task.id, actor, outcome, "seen", now, reason, day))

    @rule(
        pick=PICK,
        person=_STAFF,
        told=st.sampled_from([desk.set_out, desk.arrive]),
        ago=st.sampled_from([0, 0, 10 * MINUTE]),
    )
    def somebody_is_on_the_way(self, pick: int, person: str, told: Callable[..., Task], ago: int) -> None:
        task = self._task(pick)
        if task is not None:
            now, ahead = self.world.now, self.book.pending(task.alert)
            self.attempt(lambda: told(self.book, task.id, f"person:{person}", now - ago, now))
            after = self.book.work[task.id]
            assert self.book.pending(task.alert) == ahead, "where somebody is moves no step"
            assert not after.arrived_at or (after.accepted_at or now) <= after.arrived_at <= now

    @rule(pick=PICK, person=_STAFF)
    def somebody_refuses_a_task(self, pick: int, person: str) -> None:
        task = self._task(pick)
        if task is not None:
            self.attempt(lambda: desk.refuse(self.book, task.id, f"person:{person}", person, "no", self.world.now))
            after = self.book.work[task.id]
            assert after.status is not TaskStatus.OPEN or after.assignee not in after.refused

    @rule(pick=PICK, person=_STAFF)
    def somebody_hands_a_task_over(self, pick: int, person: str) -> None:
        task = self._task(pick)
        if task is not None:
            now = self.world.now
            self.attempt(lambda: desk.hand_over(self.book, task.id, "token:desk", None, person, "", now))
            assert self.book.work[task.id].accepted_by == task.accepted_by

    @rule(pick=PICK)
    def a_task_goes_to_a_partner(self, pick: int) -> None:
        task = self._task(pick)
        if task is not None:
            now = self.world.now
            self.attempt(lambda: desk.transfer(self.book, task.id, "token:desk", "Red Cross", "", "", "", now))

    def _task(self, pick: int) -> Task | None:
        """Return a task, of those that are not done where there are any."""
        tasks = list(self.book.work.values())
        undone = [one for one in tasks if one.status in (TaskStatus.OPEN, TaskStatus.ACCEPTED)]
        return newest(undone if undone and pick else tasks, pick) if tasks else None
