"""What people do with tasks: accept, refuse, hand over, transfer; set out, arrive, and write down what they found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from alerts.change import Change, Draft
from alerts.errors import Conflict, Invalid
from alerts.ladders.policy import Action, Do
from alerts.life.handling import refuse_closed, refuse_outcome, refuse_why
from alerts.model import (
    NOBODY_SEEN,
    SYSTEMS_OWN,
    Alert,
    EventKind,
    FalseAlarm,
    Outcome,
    Status,
    Task,
    TaskKind,
    TaskStatus,
)
from alerts.people import Recipient, Role
from alerts.tasks.assignment import Candidate, choose
from registry.instants import DAY, HOUR, MINUTE

REVISIT_AFTER = 30 * MINUTE
"""After nobody opened the door: long enough to ask neighbours and relatives, short enough to matter."""
CALL_OFFICER = Action(Do.CALL, who="duty_officer", message="not-seen")
FOLLOW_UP = Action(Do.FOLLOW_UP, who="caseworker", message="follow_up", within=8 * HOUR)
"""A follow-up visit is due by the end of the day's work."""
LATEST_FOLLOW_UP = 366 * DAY
PARTNER = "partner:"
"""Begins the actor of an organisation that a task was transferred to."""
_ON_SITE = frozenset({TaskKind.VISIT, TaskKind.MAINTENANCE})
"""Tasks for which somebody goes to the household."""
_STAFF = frozenset({Role.CASEWORKER, Role.DUTY_OFFICER})


def accept(alert: Alert, task: Task, actor: str, person: str | None, now: int) -> Change:
    """Take a task on; whoever does holds the alert, and everything that was to wake others stops.

    `person` is who goes; `actor` says so (a duty officer may enter it for them). Whom it was handed over to takes it
    from who had it. Who accepts once more what they let become overdue holds it anew.

    Raises:
        Conflict: the task is done, cancelled, or somebody else's by now; or the alert is closed.
    """
    draft = Draft(alert, now)
    by = actor if person is None else f"person:{person}"
    offered = task.offered_to is not None and by == f"person:{task.offered_to}"
    if task.status is TaskStatus.ACCEPTED and not offered:
        if task.accepted_by != by:
            raise Conflict(f"{task.accepted_by} has accepted this task already; speak with them")
        if task.apart or alert.status is Status.ACKNOWLEDGED:
            return draft.change()
    _refuse_over(task)
    _hold(draft, task, by)
    draft.accept(task, actor, by, person)
    return draft.change()


def set_out(alert: Alert, task: Task, actor: str, at: int, now: int) -> Change:
    """Note that whoever has accepted a visit is on the way since `at`; what is due stays as it is.

    Raises:
        Conflict: the task is over, or not theirs.
        Invalid: nobody goes anywhere for it.
    """
    draft = Draft(alert, now)
    _refuse_traveller(task, actor)
    if task.set_out_at is None and task.arrived_at is None:
        since = _since_accepted(task, at, now)
        draft.tasks[task.id] = replace(task, set_out_at=since)
        draft.tell(EventKind.TASK_SET_OUT, actor, since, task=str(task.id), kind=task.kind.value, by=actor)
    return draft.change()


def arrive(alert: Alert, task: Task, actor: str, at: int, now: int) -> Change:
    """Note that whoever has accepted a visit is at the door since `at`; what is due stays as it is.

    Raises:
        Conflict: the task is over, or not theirs.
        Invalid: nobody goes anywhere for it.
    """
    draft = Draft(alert, now)
    _refuse_traveller(task, actor)
    if task.arrived_at is None:
        since = max(_since_accepted(task, at, now), task.set_out_at or 0)
        draft.tasks[task.id] = replace(task, arrived_at=since)
        draft.tell(EventKind.TASK_ARRIVED, actor, since, task=str(task.id), kind=task.kind.value, by=actor)
    return draft.change()


def refuse(
    alert: Alert, task: Task, actor: str, person: str | None, reason: str, crew: Iterable[Candidate], now: int
) -> Change:
    """Give a task back with a reason; it goes to the next in line at once, and never to who has refused it.

    `person` is who refuses, None whoever has it. When nobody is left the duty officer is called. Who refuses what was
    handed over to them leaves it with the giver.

    Raises:
        Conflict: the task is over, or not theirs to refuse.
        Invalid: there is no reason.
    """
    draft = Draft(alert, now)
    who = person or _person(_holder(task)) or task.assignee
    offered = who is not None and who == task.offered_to
    if who in task.refused and not offered and _holder(task) != f"person:{who}":
        return draft.change()
    _refuse_over(task)
    if not reason.strip():
        raise Invalid("who is asked next wants to know why: give the reason")
    by = f"person:{who}" if who else _holder(task)
    told = {"task": str(task.id), "kind": task.kind.value, "by": by, "reason": reason}
    if offered:
        draft.tell(EventKind.TASK_REFUSED, actor, **told)
        draft.tasks[task.id] = replace(task, offered_to=None, refused=(*task.refused, who or ""))
        _tell(draft, _holder(task), "kept")
        return draft.change()
    if not by or by != _holder(task):
        raise Conflict(f"this task is with {_holder(task) or 'nobody'}; only who has a task can refuse it")
    draft.tell(EventKind.TASK_REFUSED, actor, **told)
    refused = (*task.refused, who) if who else task.refused
    following = choose(crew, refused)
    if not task.apart and alert.status is Status.ACKNOWLEDGED and alert.held_by == by:
        draft.stop()
        draft.wake()
        draft.watch_over(task.until(now))
    draft.tasks[task.id] = replace(
        task,
        status=TaskStatus.OPEN,
        assignee=None if following is None else following.person,
        accepted_at=None,
        accepted_by=None,
        offered_to=None,
        refused=refused,
        reference=None,
        partner_address=None,
        set_out_at=None,
        arrived_at=None,
    )
    _ask_next(draft, task, following)
    return draft.change()


def hand_over(
    alert: Alert, task: Task, actor: str, giver: str | None, to: Recipient | None, note: str, now: int
) -> Change:
    """Offer a task to another person of the area, who is told; until they accept, the giver still has it.

    `giver` is who hands it over, None if the actor may do so for anybody.

    Raises:
        Conflict: the task is over, not theirs to give, or was refused by that person.
        Invalid: `to` is nobody of the staff around, or has it already.
    """
    draft = Draft(alert, now)
    _refuse_over(task)
    if to is None or to.role not in _STAFF:
        raise Invalid("a task is handed over to a caseworker or duty officer of the area; name one of them")
    if giver is not None and f"person:{giver}" != _holder(task):
        raise Conflict(f"this task is with {_holder(task) or 'nobody'}; only who has a task can hand it over")
    if _holder(task) == f"person:{to.person}":
        raise Invalid(f"person:{to.person} has this task already; name somebody else")
    if task.offered_to == to.person:
        return draft.change()
    if to.person in task.refused:
        raise Conflict(f"person:{to.person} has refused this task; name somebody else")
    draft.tasks[task.id] = replace(task, offered_to=to.person)
    draft.tell(
        EventKind.TASK_OFFERED, actor, task=str(task.id), kind=task.kind.value, by=f"person:{to.person}", note=note
    )
    _tell(draft, f"person:{to.person}", "take-over")
    return draft.change()


def transfer(
    alert: Alert, task: Task, actor: str, organisation: str, reference: str, note: str, address: str, now: int
) -> Change:
    """Give a task to a partner organisation, which then holds the alert; its due time goes on.

    Raises:
        Conflict: the task is over, or the alert is closed.
        Invalid: the organisation has no name.
    """
    draft = Draft(alert, now)
    name = organisation.strip()
    if not name:
        raise Invalid("somebody must be able to ask them: name the organisation")
    by = f"{PARTNER}{name}"
    if task.accepted_by == by and (task.reference or "") == reference and task.status is not TaskStatus.DONE:
        return draft.change()
    _refuse_over(task)
    _hold(draft, task, by)
    told = {"reference": reference, "note": note}  # how to reach them stands with the task alone, where it is sealed
    draft.tell(
        EventKind.TASK_TRANSFERRED,
        actor,
        task=str(task.id), kind=task.kind.value, by=by, **{key: said for key, said in told.items() if said},
    )  # fmt: skip
    draft.tasks[task.id] = replace(
        task,
        status=TaskStatus.ACCEPTED,
        accepted_at=now,
        accepted_by=by,
        assignee=None,
        offered_to=None,
        reference=reference or None,
        partner_address=address or None,
        set_out_at=None,
        arrived_at=None,
    )
    return draft.change()


def record_outcome(
    alert: Alert,
    task: Task,
    actor: str,
    outcome: Outcome,
    note: str,
    now: int,
    why: FalseAlarm | None = None,
    follow_up_at: int | None = None,
) -> Change:
    """Write down what was found, `why` if it was a false alarm, and when somebody should call again.

    When somebody was seen the alert closes. When nobody was, it is everybody's again: after a visit the duty officer is
    called at once and another visit is planned; any other task is planned once more. The outcome of a task that goes on
    beside its alert changes nothing of it.

    Raises:
        Conflict: the task is cancelled, or done with another outcome or by somebody else.
        Invalid: the outcome is the system's own, or does not go with the rest.
    """
    draft = Draft(alert, now)
    if task.status is TaskStatus.DONE:
        if (task.done_by, task.outcome, task.note, task.why) == (actor, outcome, note, why):
            return draft.change()
        raise Conflict(f"{task.done_by} has recorded {task.outcome} already; add a note to the alert instead")
    _refuse_over(task)
    if not task.apart:
        refuse_closed(alert)
    _refuse_form(alert, task, outcome, why, follow_up_at, now)
    draft.tasks[task.id] = replace(
        task,
        status=TaskStatus.DONE,
        done_at=now,
        done_by=actor,
        outcome=outcome,
        note=note,
        why=why,
        offered_to=None,
    )
    reason = {"why_false": why.value} if why else {}
    draft.tell(
        EventKind.TASK_OUTCOME,
        actor,
        task=str(task.id), kind=task.kind.value, outcome=outcome.value, note=note, **reason,
    )  # fmt: skip
    if task.apart:
        if task.follow_up and outcome in NOBODY_SEEN:
            follow_up_at = now + DAY
    elif outcome in NOBODY_SEEN:
        draft.stop()
        draft.wake()
        _go_again(draft, task)
    else:
        draft.close(actor, outcome, note, why=why)
    if follow_up_at is not None:
        draft.plan(FOLLOW_UP, follow_up_at)
        draft.tell(EventKind.FOLLOW_UP_PLANNED, actor, due=follow_up_at)
    return draft.change()


def _refuse_over(task: Task) -> None:
    if task.status in (TaskStatus.DONE, TaskStatus.CANCELLED):
        raise Conflict(f"this task is {task.status}; look at the alert for what is left to do")


def _refuse_traveller(task: Task, actor: str) -> None:
    _refuse_over(task)
    if task.kind not in _ON_SITE:
        raise Invalid("nobody goes anywhere for this task; write down its outcome instead")
    if task.status is not TaskStatus.ACCEPTED or task.accepted_by != actor:
        raise Conflict(f"this task is with {_holder(task) or 'nobody'}; accept it before you go")


def _since_accepted(task: Task, at: int, now: int) -> int:
    """Return an instant told by a telephone that may have been without a network, no earlier than it can be."""
    return min(now, max(at, task.accepted_at or 0))


def _refuse_form(
    alert: Alert, task: Task, outcome: Outcome, why: FalseAlarm | None, follow_up_at: int | None, now: int
) -> None:
    if not task.apart:
        refuse_outcome(alert, outcome)
    elif outcome in SYSTEMS_OWN:
        raise Invalid(f"{outcome} is what the system says of itself; write down what was found")
    refuse_why(outcome, why)
    if follow_up_at is None:
        return
    if outcome in NOBODY_SEEN:
        raise Invalid(f"after {outcome} somebody goes again anyway; leave the follow-up out")
    if not now < follow_up_at <= now + LATEST_FOLLOW_UP:
        raise Invalid("a follow-up visit is planned for a day that lies ahead, at most a year; choose another")


def _hold(draft: Draft, task: Task, by: str) -> None:
    """Give the alert to who takes its task; what goes on beside it changes nothing of it."""
    if not task.apart:
        refuse_closed(draft.alert)
        draft.hold(by, task.until(draft.now))


def _ask_next(draft: Draft, task: Task, following: Recipient | None) -> None:
    if following is not None:
        who = f"person:{following.person}"
        draft.tell(EventKind.TASK_ASSIGNED, task=str(task.id), kind=task.kind.value, by=who)
        _tell(draft, who, _asking_for(task))
        return
    draft.tell(EventKind.TASK_UNASSIGNED, task=str(task.id), kind=task.kind.value)
    if draft.alert.status is not Status.CLOSED and task.kind in (TaskKind.VISIT, TaskKind.CALL):
        draft.plan(Action(Do.CALL, who="on_call", message="refused"), draft.now)
    else:
        _tell(draft, "on_call", "refused")


def _asking_for(task: Task) -> str:
    """Return the message that asks somebody to do a task."""
    if task.kind is TaskKind.CONTACT:
        return "correct-contact"
    return "follow_up" if task.follow_up else task.kind.value


def _tell(draft: Draft, who: str, message: str) -> None:
    if who and draft.disturbs and not who.startswith((PARTNER, "token:", "account:")):
        draft.plan(Action(Do.TELL, who=who, message=message), draft.now)


def _holder(task: Task) -> str:
    """Return who has a task, as an actor; '' for nobody."""
    if task.status is TaskStatus.ACCEPTED:
        return task.accepted_by or ""
    return f"person:{task.assignee}" if task.assignee else ""


def _person(actor: str) -> str | None:
    return actor.removeprefix("person:") if actor.startswith("person:") else None


def _go_again(draft: Draft, task: Task) -> None:
    again = Action(Do(task.kind.value), who="caseworker", message=task.kind.value, within=task.due - task.created_at)
    if task.kind is TaskKind.VISIT:
        draft.plan(CALL_OFFICER, draft.now)
        draft.plan(again, draft.now + REVISIT_AFTER)
    else:
        draft.plan(again, draft.now + again.within)
