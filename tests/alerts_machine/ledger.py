"""A book in memory that lets nothing be written which would drop a step, run it twice, or lower an alert unseen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from alerts.change import Change
from alerts.ladders.policy import SENDS, TASKS, Do
from alerts.model import Alert, EventKind, NotificationStatus, Status, Step, StepStatus
from tests.alerts_memory import MemoryBook

_TAKES_BACK = frozenset(
    {
        EventKind.ACKNOWLEDGED, EventKind.SHELVED, EventKind.UNSHELVED, EventKind.CLOSED, EventKind.RETURNED,
        EventKind.SETTLED, EventKind.SUPPRESSED, EventKind.LADDER_STARTED, EventKind.HELP_ASKED,
        EventKind.TASK_ACCEPTED, EventKind.TASK_TRANSFERRED, EventKind.TASK_REFUSED, EventKind.TASK_OUTCOME,
        EventKind.GIVEN_BACK,
    }
)  # fmt: skip
"""What is written on a timeline when steps that were planned are not wanted any more: nothing else may cancel any."""
_FINAL = frozenset(NotificationStatus) - {NotificationStatus.QUEUED, NotificationStatus.SENT}


@dataclass
class Ledger(MemoryBook):
    """The book, and a count of what has been met and written."""

    met: Counter[str] = field(default_factory=Counter)
    writes: int = 0

    def save(self, change: Change) -> None:
        before = self.by_id.get(change.alert.id)
        known = dict(self.ladders[change.alert.id])
        self._check_steps(change, known)
        if before is not None:
            self._check_alert(before, change)
        super().save(change)
        self.writes += 1
        assert change.alert.step_count == len(self.ladders[change.alert.id]), "steps are counted without gaps"
        assert change.alert.event_count == len(self.timeline[change.alert.id])
        self._count(change)

    def _check_steps(self, change: Change, known: dict[int, Step]) -> None:
        kept = set()
        for step in change.steps:
            before = known.get(step.no)
            kept.add(step.no)
            if before is None:
                assert step.no > len(known), "a new step has a number of its own"
            else:
                assert before.status is StepStatus.PENDING, "what is over does not come back, nor runs again"
                assert replace(step, due=before.due, status=before.status, ran_at=None, result=None) == before
                assert step.due <= before.due or step.status is StepStatus.PENDING
            if step.status is StepStatus.DONE:
                assert step.ran_at == step.due == change.at, f"a step runs when it is due: {step}"
                assert step.result, "a step says what came of it"
                self._check_effect(change, step)
        taken_back = [
            no
            for no, step in known.items()
            if step.status is StepStatus.PENDING and no not in kept and step.action.do is not Do.FOLLOW_UP
        ]
        if change.cancel_steps and taken_back:
            self.met.update(f"cancelled {known[no].action.do}" for no in taken_back)
            assert {event.kind for event in change.events} & _TAKES_BACK, "who cancels a step says why"

    def _check_effect(self, change: Change, step: Step) -> None:
        """What a step says it did is in the very same change."""
        sent = {one.person for one in change.notifications if one.step == step.no}
        tasks = [one for one in change.tasks if one.step == step.no]
        if step.action.do in SENDS and (step.result or "").startswith("reached "):
            reached = 0 if step.result == "reached nobody" else int((step.result or "").removeprefix("reached "))
            assert len(sent) >= reached, "whoever was reached has a message"
        if step.action.do not in TASKS | {Do.FOLLOW_UP} and step.action.message != "correct-contact":
            assert tasks == []
        assert len(tasks) <= 1

    def _check_alert(self, before: Alert, change: Change) -> None:
        after = change.alert
        told = {event.kind for event in change.events}
        assert (after.household, after.kind, after.id) == (before.household, before.kind, before.id)
        if EventKind.REOPENED in told:
            return
        if after.severity < before.severity:
            assert EventKind.EASED in told
            assert after.status is Status.ACKNOWLEDGED, "nothing is taken as less severe before somebody holds it"
        if after.policy != before.policy:
            news = after.severity > before.severity or EventKind.MERGED in told
            assert news, "a running alert keeps the ladder it began with"
            assert after.policy.reach_at(after.severity) >= before.policy.reach_at(before.severity)
        if after.help_at is None:
            assert before.help_at is None, "a call for help stays one"

    def _count(self, change: Change) -> None:
        self.met.update(f"event {event.kind}" for event in change.events)
        alert = change.alert
        self.met[f"kind {alert.kind}"] += 1
        self.met[f"status {alert.status}"] += 1
        self.met[f"severity {alert.severity.label}"] += 1
        if alert.status is Status.SUPPRESSED:
            self.met[f"suppressed {alert.suppressed_why}"] += 1
        if alert.outcome is not None:
            self.met[f"outcome {alert.outcome}"] += 1
        self.met.update(f"done {step.action.do}" for step in change.steps if step.status is StepStatus.DONE)
        self.met.update(f"message {one.status}" for one in change.notifications)


def final(status: NotificationStatus) -> bool:
    """Say whether nothing more will become of a message by itself."""
    return status in _FINAL
