"""What caseworkers do with tasks: accept them, and write down what they found."""

from __future__ import annotations

from dataclasses import replace

from alerts.change import Change, Draft
from alerts.errors import Conflict
from alerts.lifecycle import refuse_closed, refuse_outcome
from alerts.model import NOBODY_SEEN, Alert, EventKind, Outcome, Task, TaskKind, TaskStatus
from alerts.policy import Action, Do
from registry.instants import MINUTE

REVISIT_AFTER = 30 * MINUTE
"""After nobody opened the door: long enough to ask neighbours and relatives, short enough to matter."""
CALL_OFFICER = Action(Do.CALL, who="duty_officer", message="not-seen")


def accept(alert: Alert, task: Task, actor: str, person: str | None, now: int) -> Change:
    """Take a task on; whoever does holds the alert, and everything that was to wake others stops.

    `person` is who goes; `actor` says so (a duty officer may enter it for them).

    Raises:
        Conflict: the task is done, cancelled, or somebody else's by now; or the alert is closed.
    """
    draft = Draft(alert, now)
    by = actor if person is None else f"person:{person}"
    if task.status is TaskStatus.ACCEPTED:
        if task.accepted_by == by:
            return draft.change()
        raise Conflict(f"{task.accepted_by} has accepted this task already; speak with them")
    if task.status is not TaskStatus.OPEN:
        raise Conflict(f"this task is {task.status}; look at the alert for what is left to do")
    refuse_closed(alert)
    draft.hold(by)
    draft.tell(EventKind.TASK_ACCEPTED, actor, task=str(task.id), kind=task.kind.value, by=by)
    draft.tasks[task.id] = replace(
        task, status=TaskStatus.ACCEPTED, accepted_at=now, accepted_by=by, assignee=person or task.assignee
    )
    return draft.change()


def record_outcome(alert: Alert, task: Task, actor: str, outcome: Outcome, note: str, now: int) -> Change:
    """Write down what was found.

    When somebody was seen the alert closes. When nobody was, it is everybody's again: after a visit the duty officer is
    called at once and another visit is planned; any other task is planned once more.

    Raises:
        Conflict: the task is cancelled, or done with another outcome or by somebody else.
        Invalid: the outcome is the system's own.
    """
    draft = Draft(alert, now)
    if task.status is TaskStatus.DONE:
        if (task.done_by, task.outcome, task.note) == (actor, outcome, note):
            return draft.change()
        raise Conflict(f"{task.done_by} has recorded {task.outcome} already; add a note to the alert instead")
    if task.status is TaskStatus.CANCELLED:
        raise Conflict("this task was cancelled; look at the alert for what is left to do")
    refuse_closed(alert)
    refuse_outcome(alert, outcome)
    draft.tasks[task.id] = replace(task, status=TaskStatus.DONE, done_at=now, done_by=actor, outcome=outcome, note=note)
    draft.tell(EventKind.TASK_OUTCOME, actor, task=str(task.id), kind=task.kind.value, outcome=outcome.value, note=note)
    if outcome in NOBODY_SEEN:
        draft.stop()
        draft.wake()
        _go_again(draft, task)
    else:
        draft.close(actor, outcome, note)
    return draft.change()


def _go_again(draft: Draft, task: Task) -> None:
    again = Action(Do(task.kind.value), who="caseworker", message=task.kind.value, within=task.due - task.created_at)
    if task.kind is TaskKind.VISIT:
        draft.plan(CALL_OFFICER, draft.now)
        draft.plan(again, draft.now + REVISIT_AFTER)
    else:
        draft.plan(again, draft.now + again.within)
