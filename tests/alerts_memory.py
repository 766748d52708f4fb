"""An alert book in memory: as strict as PostgreSQL about what may be written, and quick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from alerts.book import AlertBook, Due
from alerts.change import Change
from alerts.channels.choice import HANDSET, Way
from alerts.checks.audit import Watched
from alerts.ladders.policy import Do
from alerts.life.lessons import was_real
from alerts.life.lifecycle import source_of
from alerts.model import (
    Alert,
    AlertEvent,
    Asked,
    HandsetMessage,
    Notification,
    NotificationStatus,
    Status,
    Step,
    StepStatus,
    Suppression,
    Task,
    TaskKind,
    TaskStatus,
)
from alerts.people import Medium, People, Place
from alerts.storms.storm import LONGEST, TELL_AGAIN, Around, Limits, Storm
from alerts.tasks.assignment import Candidate
from detectors.finding import Finding, Kind, Phase
from detectors.verdict import Verdict
from registry.instants import MINUTE

_NOT_SENT = frozenset({NotificationStatus.FAILED, NotificationStatus.CANCELLED})


@dataclass
class MemoryBook:
    """The port `AlertBook`, and the shelves to look into."""

    places: dict[str, Place] = field(default_factory=dict)
    neighbours: dict[str, People] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    absences: list[tuple[str, int, int]] = field(default_factory=list)
    work_announced: list[tuple[str, int, int]] = field(default_factory=list)
    tempests: dict[UUID, Storm] = field(default_factory=dict)
    levels: dict[str, str] = field(
        default_factory=lambda: {"4401": "city", "440103": "street", "440103001": "community"}
    )
    findings: dict[tuple[str, ...], Finding] = field(default_factory=dict)
    by_id: dict[UUID, Alert] = field(default_factory=dict)
    timeline: list[AlertEvent] = field(default_factory=list)
    ladder: dict[tuple[UUID, int], Step] = field(default_factory=dict)
    outbox: dict[UUID, Notification] = field(default_factory=dict)
    work: dict[UUID, Task] = field(default_factory=dict)
    answers_for: dict[str, str] = field(default_factory=dict)
    aside: dict[tuple[UUID, int], int] = field(default_factory=dict)
    drawer: dict[UUID, HandsetMessage] = field(default_factory=dict)
    verdicts: dict[UUID, Verdict] = field(default_factory=dict)
    forbidden: dict[str, set[Way]] = field(default_factory=dict)
    forbidden_since: dict[tuple[str, Way], int] = field(default_factory=dict)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)
    let_pass: dict[UUID, int] = field(default_factory=dict)

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
        undone = [one for one in self.work.values() if one.status in (TaskStatus.OPEN, TaskStatus.ACCEPTED)]
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

    def lately_closed(self, household: str, kind: Kind, since: int) -> Alert | None:
        closed = [
            one
            for one in self.by_id.values()
            if (one.household, one.kind) == (household, kind) and one.closed_at is not None and one.closed_at > since
        ]
        return max(closed, key=lambda one: one.closed_at or 0, default=None)

    def areas(self, area: str) -> Sequence[Around]:
        return [Around(code, level) for code, level in self.levels.items() if area.startswith(code)][::-1]

    def homes(self, area: str) -> int:
        return sum(one.area.startswith(area) for one in self.places.values())

    def woken(self, kinds: Sequence[Kind], area: str, since: int) -> Sequence[UUID]:
        return [
            one.id
            for one in self.by_id.values()
            if one.woken_at is not None
            and one.woken_at > since
            and one.storm is None
            and one.kind in kinds
            and self.places[one.household].area.startswith(area)
        ]

    def storms(self, family: str) -> Sequence[Storm]:
        return [one for one in self.tempests.values() if one.family == family and one.ended_at is None]

    def storm(self, storm: UUID) -> Storm | None:
        found = self.tempests.get(storm)
        return self.storm(found.part_of) if found is not None and found.part_of is not None else found

    def save_storm(self, storm: Storm) -> None:
        self.tempests[storm.id] = storm

    def storms_due(self, now: int, limits: Limits) -> Sequence[Storm]:
        return [
            one
            for one in self.tempests.values()
            if one.ended_at is None
            and (
                one.told_at is None
                or (one.held_by is None and one.told_at <= now - TELL_AGAIN)
                or one.heard_at <= now - limits.within
                or one.began_at <= now - LONGEST
            )
        ]

    def waiting_in(self, storm: UUID, limit: int) -> Sequence[UUID]:
        return [one.id for one in self._stormy(storm)][:limit]

    def crowd(self, storm: UUID) -> int:
        return len(self._stormy(storm))

    def line_up(self, storm: UUID, now: int, a_minute: int) -> None:
        for place, alert in enumerate(self._stormy(storm)):
            for step in self.pending(alert.id):
                if step.action.do is Do.STORM_ENDED:
                    due = now + place // a_minute * MINUTE
                    self.ladder[alert.id, step.no] = replace(step, due=due)

    def _stormy(self, storm: UUID) -> list[Alert]:
        parts = {storm}
        for _ in self.tempests:
            parts |= {one.id for one in self.tempests.values() if one.part_of in parts}
        held = [one for one in self.by_id.values() if one.storm in parts and one.status is Status.SUPPRESSED]
        return sorted(held, key=lambda one: (*self._rank(one), one.opened_at, one.id))

    def _rank(self, alert: Alert) -> tuple[int, bool, bool]:
        return (-alert.severity, alert.help_at is None, alert.kind is not Kind.SMOKE)

    def record(self, finding: Finding) -> bool:
        key = (
            finding.household, finding.kind, finding.rule, finding.source, str(finding.onset), finding.phase,
            finding.severity.label,
        )  # fmt: skip
        new = key not in self.findings
        self.findings.setdefault(key, finding)
        return new

    def still_so(self, alert: Alert) -> Mapping[str, int]:
        told = {
            (f"{rule} {source}", phase, int(onset))
            for household, kind, rule, source, onset, phase, _severity in self.findings
            if (household, kind) == (alert.household, alert.kind)
        }
        return {
            name: onset
            for name, onset in alert.sources.items()
            if (name, Phase.CLEARED, onset) not in told
            and onset == max((at for seen, phase, at in told if (seen, phase) == (name, Phase.RAISED)), default=None)
        }

    def worst(self, alert: Alert) -> Finding | None:
        told = [
            one
            for one in self.findings.values()
            if (one.household, one.kind, one.phase) == (alert.household, alert.kind, Phase.RAISED)
            and alert.sources.get(source_of(one)) == one.onset
        ]
        return min(told, key=lambda one: (-one.severity, one.time, one.rule, one.source), default=None)

    def put_to_rest(self, finding: Finding) -> Alert | None:
        resting = [
            one
            for one in self.by_id.values()
            if (one.household, one.kind, one.status) == (finding.household, finding.kind, Status.CLOSED)
            and one.sources.get(source_of(finding)) == finding.onset
            and any(step.action.do is Do.RECHECK for step in self.pending(one.id))
        ]
        return max(resting, key=lambda one: one.closed_at or 0, default=None)

    def open_alert(self, household: str, kind: Kind) -> Alert | None:
        found = [one for one in self.by_id.values() if (one.household, one.kind) == (household, kind)]
        return next((one for one in found if one.status is not Status.CLOSED), None)

    def find(self, alert: UUID) -> Alert | None:
        return self.by_id.get(alert)

    def find_free(self, alert: UUID) -> Alert | None:
        return self.by_id.get(alert)

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

    def known(self, alert: UUID) -> bool:
        return alert in self.by_id

    def save(self, change: Change) -> None:
        alert = change.alert
        other = self.open_alert(alert.household, alert.kind)
        alone = alert.status is Status.CLOSED or other is None or other.id == alert.id
        assert alone, "a second open alert of one kind in one household"
        assert (alert.status is Status.CLOSED) == (alert.closed_at is not None)
        assert alert.status is not Status.ACKNOWLEDGED or alert.held_by is not None
        self.by_id[alert.id] = alert
        kept = {step.no for step in change.steps}
        if change.cancel_steps:
            for step in self.pending(alert.id):
                if step.no not in kept:
                    self.ladder[alert.id, step.no] = replace(step, status=StepStatus.CANCELLED)
        if change.cancel_notifications:
            for one in self.outbox.values():
                if one.alert == alert.id and one.status is NotificationStatus.QUEUED:
                    self.outbox[one.id] = replace(one, status=NotificationStatus.CANCELLED)
        for task in self.tasks(alert.id):
            gone = task.kind is TaskKind.VISIT and task.status is TaskStatus.ACCEPTED  # somebody is on their way
            if task.kind in change.cancel_tasks and (alert.status is Status.CLOSED or not gone):
                self.work[task.id] = replace(task, status=TaskStatus.CANCELLED)
        for event in change.events:
            last = max((one.seq for one in self.timeline if one.alert == alert.id), default=0)
            assert event.seq == last + 1, "timeline numbers have no gaps"
            self.timeline.append(event)
        self.ladder |= {(alert.id, step.no): step for step in change.steps}
        self.work |= {task.id: task for task in change.tasks}
        if alert.status is Status.CLOSED and alert.closed_at is not None and (real := was_real(alert)) is not None:
            went = [task for task in self.work.values() if task.alert == alert.id and task.kind is TaskKind.VISIT]
            visited = any(task.accepted_at is not None or task.done_at is not None for task in went)
            verdict = Verdict(alert.household, alert.kind, alert.closed_at, real, visited)
            self.verdicts.setdefault(alert.id, verdict)
        for notification in change.notifications:
            known = self.outbox.get(notification.id)
            attempts = known.attempts if known else notification.attempts
            self.outbox[notification.id] = replace(notification, attempts=attempts)
        self.drawer |= {message.id: message for message in change.messages}

    def next_due(self, now: int) -> Due | None:
        due = [
            (self._rank(self.by_id[step.alert]), step.due, step.alert, step.no)
            for step in self.ladder.values()
            if step.status is StepStatus.PENDING
            and step.due <= now
            and self.aside.get((step.alert, step.no), now) <= now
        ]
        return Due(*min(due)[2:]) if due else None

    def put_aside(self, due: Due, until: int) -> None:
        self.aside[due] = until

    def pending(self, alert: UUID) -> Sequence[Step]:
        mine = [step for step in self.ladder.values() if step.alert == alert]
        return [step for step in mine if step.status is StepStatus.PENDING]

    def step(self, alert: UUID, no: int) -> Step | None:
        return self.ladder.get((alert, no))

    def tasks(self, alert: UUID) -> Sequence[Task]:
        mine = [task for task in self.work.values() if task.alert == alert]
        return [task for task in mine if task.status in (TaskStatus.OPEN, TaskStatus.ACCEPTED)]

    def task(self, task: UUID) -> Task | None:
        return self.work.get(task)

    def claim(self, now: int, lease_until: int) -> Notification | None:
        queued = [
            one
            for one in self.outbox.values()
            if one.status is NotificationStatus.QUEUED and one.next_attempt_at <= now
        ]
        if not queued:
            return None
        first = min(
            queued,
            key=lambda one: (self._rank(self.by_id[one.alert]), one.next_attempt_at, one.created_at, one.id),
        )
        claimed = replace(first, attempts=first.attempts + 1, next_attempt_at=lease_until)
        self.outbox[first.id] = claimed
        return claimed

    def sent_by(self, alert: UUID, step: int) -> Sequence[Notification]:
        return [one for one in self.outbox.values() if (one.alert, one.step) == (alert, step)]

    def notification(self, notification: UUID) -> Notification | None:
        return self.outbox.get(notification)

    def opted_out(self, people: Sequence[str]) -> Mapping[str, frozenset[Way]]:
        return {one: frozenset(self.forbidden[one]) for one in people if one in self.forbidden}

    def forbid(self, person: str, way: Way, now: int) -> bool:
        self.forbidden_since.setdefault((person, way), now)
        ways = self.forbidden.setdefault(person, set())
        new = way not in ways
        ways.add(way)
        return new

    def allow(self, person: str, way: Way) -> bool:
        known = way in self.forbidden.get(person, set())
        self.forbidden.get(person, set()).discard(way)
        return known

    def note_wrong(self, person: str, channel: str, address: str, now: int) -> bool:  # noqa: ARG002 - the port's own
        new = self.wrong.get((person, channel)) != address
        self.wrong[person, channel] = address
        return new

    def admit(self, notification: UUID, now: int) -> None:
        self.let_pass.setdefault(notification, now)

    def admitted(self, person: str, media: Iterable[Medium], since: int) -> Sequence[int]:
        media = set(media)
        counted = [self.outbox[one] for one, at in self.let_pass.items() if at > since]
        return sorted(
            self.let_pass[one.id]
            for one in counted
            if one.person == person and one.medium in media and one.status not in _NOT_SENT
        )

    def told_of(self, alert: UUID, person: str) -> bool:
        let_pass = [self.outbox[one] for one in self.let_pass]
        return any((one.alert, one.person) == (alert, person) and one.status not in _NOT_SENT for one in let_pass)

    def hold_back(self, notification: UUID) -> None:
        one = self.outbox[notification]
        self.outbox[notification] = replace(one, attempts=one.attempts - 1)

    def said_again(self, notification: Notification) -> bool:
        def words(one: Notification) -> tuple[object, ...]:
            return one.alert, one.person, one.medium, one.text

        others = [one for one in self.outbox.values() if one.status not in _NOT_SENT]
        mine = words(notification)
        return any(words(one) == mine and one.created_at > notification.created_at for one in others)

    def unreported(self, before: int) -> Sequence[UUID]:
        sent = [one for one in self.outbox.values() if one.status is NotificationStatus.SENT]
        return [one.id for one in sent if one.channel != HANDSET and (one.sent_at or 0) <= before]

    def lay(self, message: HandsetMessage) -> None:
        self.drawer.setdefault(message.id, message)

    def message(self, message: UUID) -> HandsetMessage | None:
        return self.drawer.get(message)

    def rung_out(self, now: int) -> Sequence[UUID]:
        return [
            one.id
            for one in self.drawer.values()
            if one.status.value == "ringing" and one.rings_until is not None and one.rings_until <= now
        ]

    def watched(self) -> Sequence[Watched]:
        return [
            Watched(
                one.id,
                one.household,
                one.status,
                one.held_by,
                min((step.due for step in self.pending(one.id)), default=None),
            )
            for one in self.by_id.values()
            if one.status is not Status.CLOSED
        ]

    # What a test looks at; PostgreSQL's twin reads the same from its tables.

    def all_alerts(self) -> list[Alert]:
        return sorted(self.by_id.values(), key=lambda one: (one.opened_at, one.raised_at))

    def all_events(self, alert: UUID) -> list[AlertEvent]:
        return [one for one in self.timeline if one.alert == alert]

    def all_steps(self, alert: UUID) -> list[Step]:
        return sorted((one for one in self.ladder.values() if one.alert == alert), key=lambda one: one.no)

    def all_notifications(self) -> list[Notification]:
        return sorted(self.outbox.values(), key=lambda one: (one.created_at, one.step, one.medium, one.person))

    def all_tasks(self) -> list[Task]:
        return sorted(self.work.values(), key=lambda one: (one.created_at, one.step))

    def all_verdicts(self) -> list[Verdict]:
        return sorted(self.verdicts.values(), key=lambda one: (one.time, one.household))

    def all_messages(self) -> list[HandsetMessage]:
        return sorted(self.drawer.values(), key=lambda one: (one.at, one.medium, one.person))
