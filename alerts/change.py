"""What a command changes: one value that is saved whole, and the draft it is composed on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID

from alerts.channels.choice import Way
from alerts.ladders.policy import Action, Do, OnReturn
from alerts.model import (
    SYSTEM,
    Alert,
    AlertEvent,
    EventKind,
    FalseAlarm,
    HandsetMessage,
    Notification,
    NotificationStatus,
    Outcome,
    Status,
    Step,
    StepStatus,
    Task,
    TaskKind,
    TaskStatus,
    notification_id,
)
from alerts.people import Medium, Recipient
from registry.instants import DAY

REVIEW = Action(Do.REVIEW, who="caseworker", message="review", within=DAY)
"""Somebody writes down within a day what an alert that ended by itself was about."""


@dataclass(frozen=True, slots=True)
class Change:
    """All that one command does to one alert; saved in one transaction or not at all.

    `steps`, `tasks`, `notifications` and `messages` are new or altered. `cancel_steps` cancels every pending step
    that is not among `steps`, but for follow-ups, which somebody was promised; `cancel_notifications` cancels every
    queued notification, `cancel_tasks` every task of
    these kinds that is neither done nor among `tasks`. `at` is the engine's clock.
    """

    at: int
    alert: Alert
    events: tuple[AlertEvent, ...] = ()
    steps: tuple[Step, ...] = ()
    tasks: tuple[Task, ...] = ()
    notifications: tuple[Notification, ...] = ()
    messages: tuple[HandsetMessage, ...] = ()
    cancel_steps: bool = False
    cancel_notifications: bool = False
    cancel_tasks: frozenset[TaskKind] = frozenset()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to save: the command repeated what had already been done."""
        return not (self.events or self.steps or self.tasks or self.notifications or self.messages)


@dataclass(slots=True)
class Draft:
    """A change being composed; `alert` is replaced as it goes, the rest only grows."""

    alert: Alert
    now: int
    events: list[AlertEvent] = field(default_factory=list)
    steps: dict[int, Step] = field(default_factory=dict)
    tasks: dict[UUID, Task] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    messages: list[HandsetMessage] = field(default_factory=list)
    cancel_steps: bool = False
    cancel_notifications: bool = False
    cancel_tasks: frozenset[TaskKind] = frozenset()

    @classmethod
    def of(cls, change: Change) -> Draft:
        """Return a draft that goes on from a change."""
        return cls(
            change.alert,
            change.at,
            list(change.events),
            {step.no: step for step in change.steps},
            {task.id: task for task in change.tasks},
            list(change.notifications),
            list(change.messages),
            cancel_steps=change.cancel_steps,
            cancel_notifications=change.cancel_notifications,
            cancel_tasks=change.cancel_tasks,
        )

    def tell(self, kind: EventKind, actor: str = SYSTEM, at: int | None = None, /, **detail: object) -> None:
        """Add a line to the timeline, at `now` unless an event time is given."""
        seq = self.alert.event_count + 1
        moment = self.now if at is None else at
        self.events.append(AlertEvent(self.alert.id, seq, moment, actor, kind, detail))
        self.alert = replace(self.alert, event_count=seq)

    def queue(self, step: int, to: Recipient, way: Way, text: str, message: str) -> None:
        """Queue what a step tells somebody, and write it down by the key of the message; "" leaves the channel open."""
        channel, medium = way
        self.notifications.append(
            Notification(
                id=notification_id(self.alert.id, step, to.person, medium),
                alert=self.alert.id,
                step=step,
                person=to.person,
                role=to.role,
                phone=to.phone or "",
                channel=channel,
                medium=medium,
                language=to.language,
                text=text,
                status=NotificationStatus.QUEUED,
                next_attempt_at=self.now,
                created_at=self.now,
                address=(to.address or "") if medium is Medium.MESSAGE else "",
            )
        )
        self.tell(
            EventKind.NOTIFIED, step=step, person=to.person, role=to.role.value, medium=medium.value, message=message
        )

    def plan(self, action: Action, due: int) -> None:
        """Plan one more step."""
        no = self.alert.step_count + 1
        self.steps[no] = Step(self.alert.id, no, due, action)
        self.alert = replace(self.alert, step_count=no)

    def finish(self, step: Step, result: str) -> None:
        """Mark a step as run."""
        self.steps[step.no] = replace(step, status=StepStatus.DONE, ran_at=self.now, result=result)

    def postpone(self, step: Step, due: int) -> None:
        """Set a pending step to another time."""
        self.steps[step.no] = replace(step, due=due)

    def wake(self) -> None:
        """Make the alert everybody's again: nobody holds it, nothing keeps it quiet."""
        self.alert = replace(
            self.alert,
            status=Status.UNACKNOWLEDGED,
            held_by=None,
            suppressed_why=None,
            returned_at=None,
            acknowledged_at=None,
            shelved_until=None,
        )

    def start_ladder(self) -> None:
        """Wake the alert and plan every rung of its policy, counted from now."""
        self.stop()
        self.wake()
        no = self.alert.step_count
        for at, rung in enumerate(self.alert.policy.rungs):
            no += 1
            action = rung.action if at else replace(rung.action, opens=True)
            self.steps[no] = Step(self.alert.id, no, self.now + rung.after, action)
        self.alert = replace(self.alert, woken_at=self.now, step_count=no)

    def climb_anew(self) -> None:
        """Start the ladder of an alert that others had dealt with, put aside, or kept quiet, and say so."""
        was = self.alert.status
        self.cancel_tasks = frozenset({TaskKind.REVIEW})
        self.start_ladder()
        if was is Status.SHELVED:
            self.tell(EventKind.UNSHELVED)
        self.tell(EventKind.LADDER_STARTED)

    def ask_for_review(self) -> None:
        """Cancel the ladder and any visit nobody set out for; ask somebody to write down what happened."""
        self.stop()
        self.cancel_tasks = frozenset({TaskKind.VISIT})
        self.plan(REVIEW, self.now)

    def follow_up(self) -> None:
        """Plan what comes after the last rung while nobody holds the alert."""
        policy = self.alert.policy
        if self.alert.status is Status.RETURNED and policy.on_return is OnReturn.REVIEW:
            self.plan(REVIEW, self.now + REVIEW.within)
            return
        last = policy.rungs[-1].action
        times = 1 + max(
            (step.action.times for step in self.steps.values() if step.status is StepStatus.DONE), default=0
        )
        self.plan(last.again(times), self.now + (last.within or policy.pause(times)))

    def stop(self) -> None:
        """Cancel every pending step and every queued message."""
        self.cancel_steps = True
        self.cancel_notifications = True

    def hold(self, actor: str, until: int | None = None) -> None:
        """Give the alert to somebody and stop everything that was to wake others.

        By `until`, or when the policy's patience is over, they must have written down what they found; if not, others
        hear of it. `returned_at` stays only where the condition has ended: who takes what was raised again knows.
        """
        self.stop()
        since = self.now if self.alert.acknowledged_at is None else self.alert.acknowledged_at
        self.alert = replace(
            self.alert,
            status=Status.ACKNOWLEDGED,
            held_by=actor,
            acknowledged_at=since,
            returned_at=None if self.alert.sources else self.alert.returned_at,
            suppressed_why=None,
            shelved_until=None,
        )
        self.watch_over(self.now + self.alert.policy.patience if until is None else until)

    def accept(self, task: Task, actor: str, by: str, person: str | None) -> None:
        """Put a task into somebody's hands, as the `actor` says: `by` is who has it, `person` whose list it is in."""
        self.tell(EventKind.TASK_ACCEPTED, actor, task=str(task.id), kind=task.kind.value, by=by)
        self.tasks[task.id] = replace(
            task,
            status=TaskStatus.ACCEPTED,
            accepted_at=self.now,
            accepted_by=by,
            assignee=person or task.assignee,
            offered_to=None,
            # Who holds it anew is where they were; who takes it over is not there yet.
            set_out_at=task.set_out_at if by == task.accepted_by else None,
            arrived_at=task.arrived_at if by == task.accepted_by else None,
        )

    @property
    def disturbs(self) -> bool:
        """Whether anybody may be told of what is not done: not on a ladder that only fills a list."""
        return self.alert.status is Status.CLOSED or self.alert.policy.reach_at(self.alert.severity) > 0

    def watch_over(self, due: int, who: str = "on_call") -> None:
        """Have whoever promised something reminded before it is due, and `who` told if it is not done by then.

        A ladder that disturbs nobody stays like that: what somebody holds for too long is back on the board, no more.
        """
        if self.disturbs:
            self.plan(Action(Do.REMIND), self.now + int((due - self.now) * self.alert.policy.remind))
        self.plan(Action(Do.OVERDUE, who=who if self.disturbs else "", within=due - self.now), due)

    def close(
        self, actor: str, outcome: Outcome, note: str = "", at: int | None = None, *, why: FalseAlarm | None = None
    ) -> None:
        """End the alert: steps, messages and tasks that are not done are cancelled.

        A person may close what is still reported. Detectors say nothing more until it ends, so a timer looks again.
        """
        self.stop()
        if actor != SYSTEM and self.alert.sources and self.alert.policy.recheck:
            self.plan(Action(Do.RECHECK), self.now + self.alert.policy.recheck)
        self.cancel_tasks = frozenset(TaskKind) - {TaskKind.CONTACT}
        self.alert = replace(
            self.alert,
            status=Status.CLOSED,
            held_by=None if actor == SYSTEM else actor,
            shelved_until=None,
            closed_at=self.now if at is None else at,
            outcome=outcome,
            note=note,
            why=why,
        )
        because = {} if why is None else {"why_false": why.value}
        self.tell(EventKind.CLOSED, actor, at, outcome=outcome.value, note=note, **because)

    def change(self) -> Change:
        """Return what was composed."""
        return Change(
            self.now,
            self.alert,
            tuple(self.events),
            tuple(self.steps.values()),
            tuple(self.tasks.values()),
            tuple(self.notifications),
            tuple(self.messages),
            self.cancel_steps,
            self.cancel_notifications,
            self.cancel_tasks,
        )
