"""What a due step does: messages into the outbox, a task into somebody's list, or a timer's decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alerts.change import Change, Draft
from alerts.model import (
    Alert,
    EventKind,
    Medium,
    Notification,
    NotificationStatus,
    People,
    Place,
    Recipient,
    Status,
    Step,
    StepStatus,
    Task,
    TaskKind,
    TaskStatus,
    notification_id,
    task_id,
)
from alerts.policy import TASKS, TIMERS, Do
from alerts.wording import text_for

RECALL = "recall"
"""The message about a task that is planned already and still undone."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a step needs to know beside its alert.

    `pending` are the alert's other pending steps, `tasks` those of its tasks that are not done, `channel` the
    name of the channel that carries messages.
    """

    place: Place
    people: People
    pending: Sequence[Step]
    tasks: Sequence[Task]
    channel: str


def climb(alert: Alert, step: Step, around: Surroundings, now: int) -> Change:
    """Carry out one rung of the ladder.

    A rung that reaches nobody is written down as such, and the next one is due at once. While nobody holds the
    alert there is always a next one.
    """
    draft = Draft(alert, now)
    reached = _task(draft, step, around) if step.action.do in TASKS else _message(draft, step, around)
    draft.finish(step, f"reached {reached}" if reached else "reached nobody")
    if not reached:
        draft.tell(EventKind.REACHED_NOBODY, step=step.no, do=step.action.do.value, who=step.action.who)
        pull_forward(draft, around.pending)
    return keep_going(draft, around.pending)


def keep_going(draft: Draft, pending: Iterable[Step]) -> Change:
    """Return the draft's change, with another step planned if nothing else would ever happen to the alert."""
    nobodys = draft.alert.status in (Status.UNACKNOWLEDGED, Status.RETURNED)
    planned = any(step.status is StepStatus.PENDING for step in draft.steps.values())
    left = not draft.cancel_steps and any(step.no not in draft.steps for step in pending)
    if nobodys and not planned and not left:
        draft.follow_up()
    return draft.change()


def pull_forward(draft: Draft, pending: Iterable[Step]) -> None:
    """Make the ladder's next rung due at once; timers keep their time."""
    rungs = [step for step in pending if step.action.do not in TIMERS]
    following = min(rungs, key=lambda step: (step.due, step.no), default=None)
    if following is not None and following.due > draft.now:
        draft.steps[following.no] = replace(following, due=draft.now)


def _message(draft: Draft, step: Step, around: Surroundings) -> int:
    """Queue the step's message to everybody it names who has a telephone; return how many that are."""
    people = [one for one in around.people.named(step.action.who) if one.phone]
    for one in people:
        _queue(draft, step, one, _medium(step.action.do, one), step.action.message, around)
    return len(people)


def _task(draft: Draft, step: Step, around: Surroundings) -> int:
    """Plan the step's task, or recall it if there is one already; return how many people were told or assigned."""
    action, alert = step.action, draft.alert
    kind = TaskKind(action.do.value)
    existing = next((task for task in around.tasks if task.kind is kind), None)
    assigned = around.people.named(action.who)[:1]
    message = action.message
    if existing is None:
        task = Task(
            id=task_id(alert.id, step.no),
            alert=alert.id,
            step=step.no,
            kind=kind,
            household=alert.household,
            area=around.place.area,
            assignee=assigned[0].person if assigned else None,
            status=TaskStatus.OPEN,
            created_at=draft.now,
            due=draft.now + action.within,
        )
        draft.tasks[task.id] = task
        draft.tell(
            EventKind.TASK_PLANNED,
            task=str(task.id), kind=kind.value, assignee=task.assignee, due=task.due, step=step.no,
        )  # fmt: skip
    else:
        assigned = around.people.named(f"person:{existing.assignee}") or assigned
        # A call for help stays a call for help, whoever is on the way.
        message = message if message == "help" else RECALL
        draft.tell(EventKind.TASK_RECALLED, task=str(existing.id), kind=kind.value, step=step.no)
    told = [one for one in assigned if one.phone and message]
    for one in told:
        _queue(draft, step, one, Medium.SMS, message, around)
    return len(told) if message else len(assigned)


def _queue(draft: Draft, step: Step, to: Recipient, medium: Medium, message: str, around: Surroundings) -> None:
    draft.notifications.append(
        Notification(
            id=notification_id(draft.alert.id, step.no, to.person, medium),
            alert=draft.alert.id,
            step=step.no,
            person=to.person,
            role=to.role,
            phone=to.phone or "",
            channel=around.channel,
            medium=medium,
            language=to.language,
            text=text_for(message, to, draft.alert, around.place),
            status=NotificationStatus.QUEUED,
            next_attempt_at=draft.now,
            created_at=draft.now,
        )
    )
    draft.tell(
        EventKind.NOTIFIED, step=step.no, person=to.person, role=to.role.value, medium=medium.value, message=message
    )


def _medium(do: Do, recipient: Recipient) -> Medium:
    return recipient.medium if do is Do.PREFERRED else Medium(do.value)
