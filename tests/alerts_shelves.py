"""What an alert book in memory holds, in such order that each thing is found at once: ten thousand runs ask often."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from uuid import UUID

from alerts.model import (
    Alert,
    AlertEvent,
    HandsetMessage,
    MessageStatus,
    Notification,
    NotificationStatus,
    Step,
    StepStatus,
    Task,
)
from alerts.people import People, Place
from alerts.storms.storm import Storm
from detectors.finding import Finding, Kind
from detectors.verdict import Verdict

_UNDERWAY = frozenset({NotificationStatus.QUEUED, NotificationStatus.SENT})


@dataclass
class Shelves:
    """Alerts, whatever belongs to them, and what is known of the households around."""

    places: dict[str, Place] = field(default_factory=dict)
    neighbours: dict[str, People] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    absences: list[tuple[str, int, int]] = field(default_factory=list)
    work_announced: list[tuple[str, int, int]] = field(default_factory=list)
    levels: dict[str, str] = field(
        default_factory=lambda: {"4401": "city", "440103": "street", "440103001": "community"}
    )
    answers_for: dict[str, str] = field(default_factory=dict)
    tempests: dict[UUID, Storm] = field(default_factory=dict)
    findings: dict[tuple[str, Kind], dict[tuple[str, ...], Finding]] = field(default_factory=lambda: defaultdict(dict))
    by_id: dict[UUID, Alert] = field(default_factory=dict)
    kinds: dict[tuple[str, Kind], dict[UUID, None]] = field(default_factory=lambda: defaultdict(dict))
    """The alerts of a kind that a household has had."""
    timeline: dict[UUID, list[AlertEvent]] = field(default_factory=lambda: defaultdict(list))
    ladders: dict[UUID, dict[int, Step]] = field(default_factory=lambda: defaultdict(dict))
    planned: dict[UUID, dict[int, Step]] = field(default_factory=lambda: defaultdict(dict))
    """Those of the steps that are pending."""
    work: dict[UUID, Task] = field(default_factory=dict)
    work_of: dict[UUID, dict[UUID, None]] = field(default_factory=lambda: defaultdict(dict))
    outbox: dict[UUID, Notification] = field(default_factory=dict)
    sent_of: dict[UUID, dict[UUID, None]] = field(default_factory=lambda: defaultdict(dict))
    underway: dict[UUID, None] = field(default_factory=dict)
    """The messages that are queued, or of which a provider will tell."""
    drawer: dict[UUID, HandsetMessage] = field(default_factory=dict)
    ringing: dict[UUID, None] = field(default_factory=dict)
    verdicts: dict[UUID, Verdict] = field(default_factory=dict)

    def put_alert(self, alert: Alert) -> None:
        self.by_id[alert.id] = alert
        self.kinds[alert.household, alert.kind][alert.id] = None

    def put_step(self, step: Step) -> None:
        self.ladders[step.alert][step.no] = step
        if step.status is StepStatus.PENDING:
            self.planned[step.alert][step.no] = step
        else:
            self.planned[step.alert].pop(step.no, None)

    def put_task(self, task: Task) -> None:
        self.work[task.id] = task
        self.work_of[task.alert][task.id] = None

    def put_notification(self, notification: Notification) -> None:
        self.outbox[notification.id] = notification
        self.sent_of[notification.alert][notification.id] = None
        if notification.status in _UNDERWAY:
            self.underway[notification.id] = None
        else:
            self.underway.pop(notification.id, None)

    def put_message(self, message: HandsetMessage) -> None:
        self.drawer[message.id] = message
        if message.status is MessageStatus.RINGING:
            self.ringing[message.id] = None
        else:
            self.ringing.pop(message.id, None)

    def queued(self) -> list[Notification]:
        return [one for each in self.underway if (one := self.outbox[each]).status is NotificationStatus.QUEUED]

    def cancel_messages(self, alert: UUID) -> None:
        for one in [one for one in self.queued() if one.alert == alert]:
            self.put_notification(replace(one, status=NotificationStatus.CANCELLED))

    # What a test looks at; `tests.alerts_tables` reads the same from PostgreSQL.

    def all_alerts(self) -> list[Alert]:
        return sorted(self.by_id.values(), key=lambda one: (one.opened_at, one.raised_at))

    def all_events(self, alert: UUID) -> list[AlertEvent]:
        return list(self.timeline[alert])

    def all_steps(self, alert: UUID) -> list[Step]:
        return sorted(self.ladders[alert].values(), key=lambda one: one.no)

    def all_notifications(self) -> list[Notification]:
        return sorted(self.outbox.values(), key=lambda one: (one.created_at, one.step, one.medium, one.person))

    def all_tasks(self) -> list[Task]:
        return sorted(self.work.values(), key=lambda one: (one.created_at, one.step))

    def all_verdicts(self) -> list[Verdict]:
        return sorted(self.verdicts.values(), key=lambda one: (one.time, one.household))

    def all_messages(self) -> list[HandsetMessage]:
        return sorted(self.drawer.values(), key=lambda one: (one.at, one.medium, one.person))

    def awaited(self, patience: int) -> list[int]:
        """Return when each of what is planned, queued, ringing or to be given up is due."""
        dues = [step.due for steps in self.planned.values() for step in steps.values()]
        for each in self.underway:
            one = self.outbox[each]
            queued = one.status is NotificationStatus.QUEUED
            dues.append(one.next_attempt_at if queued else (one.sent_at or 0) + patience)
        dues += [self.drawer[each].rings_until or 0 for each in self.ringing]
        return dues
