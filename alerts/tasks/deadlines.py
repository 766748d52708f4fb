"""What was promised and is not done: a reminder before it is due, and those above hear of it when it is not.

Whoever holds an alert holds it for a time. When that is over and nothing was written down, it is everybody's again, and
the duty officers hear of it: those next to the household first, one level further up every time as much time has passed
again, until the city. So it is with a task that nobody has accepted.
"""

from __future__ import annotations

from dataclasses import replace

from alerts.change import Change, Draft
from alerts.ladders.policy import Action, Do
from alerts.ladders.rungs import Surroundings, keep_going, pull_forward, send
from alerts.model import Alert, EventKind, Status, Step, Task, TaskKind, TaskStatus
from alerts.people import ABOVE
from registry.instants import DAY

_EVERYBODYS = frozenset({Status.UNACKNOWLEDGED, Status.RETURNED})


def remind(alert: Alert, step: Step, around: Surroundings, now: int) -> Change:
    """Remind whoever holds the alert or, if nobody does, those who have a task of it that is not overdue yet."""
    draft = Draft(alert, now)
    if alert.status is Status.ACKNOWLEDGED:
        whom = [alert.held_by or ""]
    else:
        whom = [_holder(task) for task in _watched(around) if task.due > now]
    reminded = [who for who in dict.fromkeys(whom) if send(draft, step, Do.SMS, who, _words(who, around), around)]
    draft.finish(step, f"reminded {len(reminded)}" if reminded else "nobody to remind")
    for who in reminded:
        draft.tell(EventKind.TASK_REMINDED, step=step.no, by=who)
    return draft.change() if alert.status is Status.CLOSED else keep_going(draft, around.pending)


def tell(alert: Alert, step: Step, around: Surroundings, now: int) -> Change:
    """Tell somebody something about a task, also of a closed alert; if they cannot be reached the ladder goes on."""
    draft = Draft(alert, now)
    reached = send(draft, step, Do.SMS, step.action.who, step.action.message, around)
    draft.finish(step, f"reached {reached}" if reached else "reached nobody")
    if not reached:
        draft.tell(EventKind.REACHED_NOBODY, step=step.no, do=step.action.do.value, who=step.action.who)
        pull_forward(draft, around.pending)
    return draft.change() if alert.status is Status.CLOSED else keep_going(draft, around.pending)


def escalate(alert: Alert, step: Step, around: Surroundings, now: int) -> Change:
    """Tell those above of what is overdue, and plan that those above them hear of it."""
    draft = Draft(alert, now)
    held = alert.status is Status.ACKNOWLEDGED
    late = [task for task in _watched(around) if task.due <= now]
    if not held and not (late and alert.status in (*_EVERYBODYS, Status.CLOSED)):
        draft.finish(step, "nothing is overdue")
        return keep_going(draft, around.pending)
    promised = [alert.held_by] if held else [one for task in late if (one := _holder(task))]
    if held:
        _let_go(draft)
    draft.tell(
        EventKind.TASK_OVERDUE,
        step=step.no,
        **({"kind": late[0].kind.value} if late else {}),
        **({"by": promised[0]} if promised else {}),
    )
    _tell_above(draft, step, around)
    return draft.change() if alert.status is Status.CLOSED else keep_going(draft, around.pending)


def _tell_above(draft: Draft, step: Step, around: Surroundings) -> None:
    loud = draft.alert.policy.reach_at(draft.alert.severity) > 1 and draft.alert.status is Status.UNACKNOWLEDGED
    who: str | None = step.action.who
    reached = 0
    while who:
        following = _further_up(who, around)
        reached = send(draft, step, Do.CALL if loud else Do.SMS, who, "overdue", around)
        if reached:
            break
        who = following
    draft.finish(step, f"reached {reached}" if reached else "reached nobody")
    if step.action.who and not reached:
        draft.tell(EventKind.REACHED_NOBODY, step=step.no, do=step.action.do.value, who=step.action.who)
    within = step.action.within
    if who and following:
        draft.plan(Action(Do.OVERDUE, who=following, within=within), draft.now + within)
    elif who and draft.alert.status is Status.CLOSED:  # no ladder goes on beside it
        draft.plan(replace(step.action, who=who), draft.now + max(within, DAY))


def _words(who: str, around: Surroundings) -> str:
    """Return the message that reminds somebody; a contact has no list of tasks and writes no outcomes."""
    contact = any(f"person:{one.person}" == who for one in around.people.contacts)
    return "remind-contact" if contact else "remind"


def _watched(around: Surroundings) -> list[Task]:
    """Return the tasks that somebody waits for; a number to correct says nothing of the alert."""
    return [task for task in around.tasks if task.kind is not TaskKind.CONTACT]


def _further_up(who: str, around: Surroundings) -> str | None:
    above = f"{ABOVE}{int(who.removeprefix(ABOVE)) + 1 if who.startswith(ABOVE) else 1}"
    return above if around.people.named(above) else None


def _let_go(draft: Draft) -> None:
    """Make an alert everybody's again; one whose condition has ended waits for a review."""
    returned_at = draft.alert.returned_at
    draft.wake()
    if returned_at is not None:
        draft.alert = replace(draft.alert, status=Status.RETURNED, returned_at=returned_at)


def _holder(task: Task) -> str:
    """Return who has a task, as an actor; '' for nobody."""
    if task.status is TaskStatus.ACCEPTED:
        return task.accepted_by or ""
    return f"person:{task.assignee}" if task.assignee else ""
