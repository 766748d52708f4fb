"""An alert book in memory: as strict as PostgreSQL about what may be written, and quick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from alerts.book import AlertBook, Due
from alerts.change import Change
from alerts.checks.audit import Watched
from alerts.ladders.policy import Do
from alerts.life.lessons import was_real
from alerts.life.lifecycle import source_of
from alerts.model import Alert, Asked, Status, Step, StepStatus, Suppression, Task, TaskKind, TaskStatus
from alerts.people import People, Place
from alerts.tasks.assignment import Candidate
from detectors.finding import Finding, Kind, Phase
from detectors.verdict import Verdict
from tests.alerts_memory_outbox import MemoryOutbox, rank
from tests.alerts_memory_storms import MemoryStorms

_UNDONE = (TaskStatus.OPEN, TaskStatus.ACCEPTED)


@dataclass
class MemoryBook(MemoryOutbox, MemoryStorms):
    """The port `AlertBook`, and the shelves to look into."""

    aside: dict[tuple[UUID, int], int] = field(default_factory=dict)

    @contextmanager
    def opened(self) -> Iterator[AlertBook]:
        yield self

    def place(self, household: str) -> Place:
        return self.places[household]

    def people(self, household: str, at: int) -> People:  # noqa: ARG002 - no schedules here
        return self.neighbours[household]

    def crew(self, household: str) -> Sequence[Candidate]:
        around = self.people(household, 0)
        own = around.caseworker
        undone = [one for one in self.work.values() if one.status in _UNDONE]
        return [
            Candidate(
                one,
                self.answers_for.get(one.person, ""),
                one is own,
                sum(task.assignee == one.person and task.kind in (TaskKind.VISIT, TaskKind.CALL) for task in undone),
                sum(task.assignee == one.person for task in undone),
            )
            for one in ((own,) if own else ()) + around.colleagues
        ]

    def newest_reading(self, household: str) -> int | None:
        return self.newest.get(household)

    def absence_end(self, household: str, at: int) -> int | None:
        ends = [end for who, start, end in self.absences if who == household and start <= at < end]
        return max(ends, default=None)

    def maintenance_end(self, household: str, kind: Kind, at: int) -> int | None:  # noqa: ARG002 - of every kind here
        ends = [end for who, start, end in self.work_announced if who == household and start <= at < end]
        return max(ends, default=None)

    @contextmanager
    def together(self, findings: Sequence[Finding], now: int) -> Iterator[AlertBook]:  # noqa: ARG002 - nothing to read
        yield self

    def record(self, finding: Finding) -> bool:
        key = (finding.rule, finding.source, str(finding.onset), finding.phase, finding.severity.label)
        told = self.findings[finding.household, finding.kind]
        new = key not in told
        told.setdefault(key, finding)
        return new

    def still_so(self, alert: Alert) -> Mapping[str, int]:
        told = {(source_of(one), one.phase, one.onset) for one in self._told(alert)}
        return {
            name: onset
            for name, onset in alert.sources.items()
            if (name, Phase.CLEARED, onset) not in told
            and onset == max((at for seen, phase, at in told if (seen, phase) == (name, Phase.RAISED)), default=None)
        }

    def worst(self, alert: Alert) -> Finding | None:
        told = [
            one
            for one in self._told(alert)
            if one.phase is Phase.RAISED and alert.sources.get(source_of(one)) == one.onset
        ]
        return min(told, key=lambda one: (-one.severity, one.time, one.rule, one.source), default=None)

    def put_to_rest(self, finding: Finding) -> Alert | None:
        resting = [
            one
            for one in self._of_kind(finding.household, finding.kind)
            if one.status is Status.CLOSED
            and one.sources.get(source_of(finding)) == finding.onset
            and any(step.action.do is Do.RECHECK for step in self.pending(one.id))
        ]
        return max(resting, key=lambda one: one.closed_at or 0, default=None)

    def lately_closed(self, household: str, kind: Kind, since: int) -> Alert | None:
        closed = [one for one in self._of_kind(household, kind) if one.closed_at is not None and one.closed_at > since]
        return max(closed, key=lambda one: one.closed_at or 0, default=None)

    def open_alert(self, household: str, kind: Kind) -> Alert | None:
        return next((one for one in self._of_kind(household, kind) if one.status is not Status.CLOSED), None)

    def find(self, alert: UUID) -> Alert | None:
        return self.by_id.get(alert)

    def find_free(self, alert: UUID) -> Alert | None:
        return self.by_id.get(alert)

    def known(self, alert: UUID) -> bool:
        return alert in self.by_id

    def households(self) -> int:
        return len(self.places)

    def visits(self, since: int) -> Sequence[Asked]:
        first: dict[UUID, Asked] = {}
        for task in sorted(self.work.values(), key=lambda one: one.created_at):
            asks = task.kind is TaskKind.VISIT and not task.follow_up and task.status is not TaskStatus.CANCELLED
            if asks and task.created_at > since:
                alert = self.by_id[task.alert]
                waiting = task.status is TaskStatus.OPEN
                asked = Asked(alert.id, alert.kind, alert.severity, alert.score, task.created_at, waiting)
                first.setdefault(alert.id, asked)
        return list(first.values())

    def waiting_for_room(self) -> int:
        return sum(one.suppressed_why is Suppression.CAP for one in self.by_id.values() if not one.closed_at)

    def save(self, change: Change) -> None:
        alert = change.alert
        other = self.open_alert(alert.household, alert.kind)
        alone = alert.status is Status.CLOSED or other is None or other.id == alert.id
        assert alone, "a second open alert of one kind in one household"
        assert (alert.status is Status.CLOSED) == (alert.closed_at is not None)
        assert alert.status is not Status.ACKNOWLEDGED or alert.held_by is not None
        self.put_alert(alert)
        if change.cancel_steps:
            kept = {step.no for step in change.steps}
            for step in self.pending(alert.id):
                if step.no not in kept and step.action.do is not Do.FOLLOW_UP:
                    self.put_step(replace(step, status=StepStatus.CANCELLED))
        if change.cancel_notifications:
            self.cancel_messages(alert.id)
        for task in self.tasks(alert.id):
            gone = task.kind is TaskKind.VISIT and task.status is TaskStatus.ACCEPTED  # somebody is on their way
            if task.kind in change.cancel_tasks and (alert.status is Status.CLOSED or not gone):
                self.put_task(replace(task, status=TaskStatus.CANCELLED))
        for event in change.events:
            assert event.seq == len(self.timeline[alert.id]) + 1, "timeline numbers have no gaps"
            self.timeline[alert.id].append(event)
        for step in change.steps:
            self.put_step(step)
        for task in change.tasks:
            self.put_task(task)
        self._learn(alert)
        for notification in change.notifications:
            known = self.outbox.get(notification.id)
            attempts = known.attempts if known else notification.attempts
            self.put_notification(replace(notification, attempts=attempts))
        for message in change.messages:
            self.put_message(message)

    def next_due(self, now: int) -> Due | None:
        due = [
            (rank(self.by_id[alert]), step.due, alert.int, step.no, alert)
            for alert, steps in self.planned.items()
            for step in steps.values()
            if step.due <= now and self.aside.get((alert, step.no), now) <= now
        ]
        if not due:
            return None
        *_, no, alert = min(due)
        return Due(alert, no)

    def put_aside(self, due: Due, until: int) -> None:
        self.aside[due] = until

    def pending(self, alert: UUID) -> Sequence[Step]:
        return list(self.planned[alert].values())

    def step(self, alert: UUID, no: int) -> Step | None:
        return self.ladders[alert].get(no)

    def tasks(self, alert: UUID) -> Sequence[Task]:
        return [task for each in self.work_of[alert] if (task := self.work[each]).status in _UNDONE]

    def task(self, task: UUID) -> Task | None:
        return self.work.get(task)

    def watched(self) -> Sequence[Watched]:
        return [
            Watched(
                one.id,
                one.household,
                one.status,
                one.held_by,
                min((step.due for step in self.planned[one.id].values()), default=None),
            )
            for one in self.by_id.values()
            if one.status is not Status.CLOSED
        ]

    def _of_kind(self, household: str, kind: Kind) -> list[Alert]:
        return [self.by_id[each] for each in self.kinds[household, kind]]

    def _told(self, alert: Alert) -> Sequence[Finding]:
        return list(self.findings[alert.household, alert.kind].values())

    def _learn(self, alert: Alert) -> None:
        """Write down what a closed alert was, once."""
        if alert.status is Status.CLOSED and alert.closed_at is not None and (real := was_real(alert)) is not None:
            went = [self.work[each] for each in self.work_of[alert.id] if self.work[each].kind is TaskKind.VISIT]
            visited = any(task.accepted_at is not None or task.done_at is not None for task in went)
            verdict = Verdict(alert.household, alert.kind, alert.closed_at, real, visited)
            self.verdicts.setdefault(alert.id, verdict)
