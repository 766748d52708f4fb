"""What people answer on telephones: residents, relatives and staff, in time and too late, by SMS and by call."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule

from alerts import desk
from alerts.model import MessageStatus, Status, TaskStatus
from alerts.people import Role
from detectors.finding import Kind
from tests.alerts_machine.street import PICK, Street, newest

_KEYS = st.sampled_from(["1", "2", "4", "4", "5", "6", "6", "*", "喂"])
_STAFF = (Role.CASEWORKER, Role.DUTY_OFFICER)


class PeopleAnswer(Street):
    """Answers to whatever was sent."""

    @rule(pick=PICK, said=_KEYS)
    def somebody_answers(self, pick: int, said: str) -> None:
        self._answer([one.id for one in self.book.outbox.values() if one.sent_at is not None], pick, said)

    @rule(pick=PICK, said=st.sampled_from(["1", "2"]))
    def a_resident_answers(self, pick: int, said: str) -> None:
        sent = [one for one in self.book.outbox.values() if one.sent_at is not None]
        self._answer([one.id for one in sent if one.role is Role.RESIDENT], pick, said)

    @rule(pick=PICK, said=st.sampled_from(["4", "5", "6"]))
    def a_call_is_picked_up(self, pick: int, said: str) -> None:
        self._answer([one.id for one in self.book.drawer.values() if one.status is MessageStatus.RINGING], pick, said)

    @rule(pick=PICK)
    def two_answer_in_the_same_instant(self, pick: int) -> None:
        """Two of the staff take the same alert: one has it."""
        sent = [one for one in self.book.outbox.values() if one.sent_at is not None and one.role in _STAFF]
        if not sent:
            return
        first = newest(sent, pick)
        others = [one for one in sent if one.alert == first.alert and one.person != first.person]
        before = self.book.by_id[first.alert]
        if not others or before.status in (Status.CLOSED, Status.ACKNOWLEDGED):
            return
        self._answer([first.id], 0, "4")
        held = self.book.by_id[first.alert]
        self._answer([others[0].id], 0, "4")
        after = self.book.by_id[first.alert]
        if held.status is Status.ACKNOWLEDGED:
            assert after.held_by == held.held_by, "two hold it"
            self.book.met["two answers at once"] += 1

    def _answer(self, messages: Sequence[UUID], pick: int, said: str) -> None:
        if not messages:
            return
        message = newest(messages, pick)
        still = [one for one in self.book.by_id.values() if one.status is not Status.CLOSED]
        smoke = {one.id for one in still if one.kind is Kind.SMOKE and one.sources}
        helped = {one.id for one in still if one.help_at is not None}
        now = self.world.now
        take = desk.answer if message in self.book.drawer else desk.answer_to
        heard = self.attempt(lambda: take(self.book, message, said, now))
        assert not smoke & self.closed(), "an answer closed smoke that is still reported"
        assert not helped & self.closed(), "an answer closed what somebody needs help in"
        if heard:
            self.book.met[f"answer {said} by {self.book.outbox[message].medium}"] += 1
            self._check_visits(message, said)

    def _check_visits(self, message: UUID, said: str) -> None:
        """Who takes an alert by a key has accepted the visit that is in their list."""
        one = self.book.outbox[message]
        alert = self.book.by_id[one.alert]
        if said == "4" and alert.held_by == f"person:{one.person}" and alert.status is Status.ACKNOWLEDGED:
            mine = [task for task in self.book.tasks(alert.id) if task.assignee == one.person and not task.apart]
            assert all(task.status is TaskStatus.ACCEPTED for task in mine)
