"""What a due step does: messages into the outbox, a task into somebody's list, or a timer's decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alerts.change import Change, Draft
from alerts.channels.choice import Channels, Way
from alerts.ladders.conditions import Why, addressed, at_this_hour, beside_officers, for_nobody, local_time, reachable
from alerts.ladders.policy import DEADLINES, TASKS, TIMERS, Action, Do
from alerts.messages.wording import text_for
from alerts.model import (
    Alert,
    EventKind,
    Status,
    Step,
    StepStatus,
    Task,
    TaskKind,
    TaskStatus,
    task_id,
)
from alerts.people import ABOVE, Medium, People, Place, Recipient
from alerts.tasks.assignment import Candidate, choose

RECALL = "recall"
"""The message about a task that is planned already and still undone."""
UNREACHABLE = "unreachable"
"""The message to the duty officers of a household none of whose people can be told anything."""
_BESIDE = DEADLINES | {Do.FOLLOW_UP}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a step needs to know beside its alert.

    `pending` are the alert's other pending steps, `tasks` those of its tasks that are not done, `channels` what can
    carry messages, `opted_out` the ways that somebody has forbidden, by person. `answered` says that somebody has
    answered an earlier time of the same step.
    """

    place: Place
    people: People
    pending: Sequence[Step]
    tasks: Sequence[Task]
    channels: Channels
    opted_out: Mapping[str, frozenset[Way]] = field(default_factory=dict)
    answered: bool = False
    crew: Sequence[Candidate] = ()
    """Those who may be given a task."""


def climb(alert: Alert, step: Step, around: Surroundings, now: int) -> Change:
    """Carry out one rung of the ladder.

    A rung that reaches nobody is written down as such, and the next one is due at once. One whose conditions do not
    hold is written down as passed over, and the next one keeps its time. While nobody holds the alert there is always
    a next one.
    """
    draft = Draft(alert, now)
    about = {"step": step.no, "do": step.action.do.value, "who": step.action.who}
    if (why := _unwanted(alert, step, around, now)) is not None:
        draft.finish(step, f"passed over: {why}")
        draft.tell(EventKind.PASSED_OVER, **about, because=why.value)
    else:
        reached = _task(draft, step, around) if step.action.do in TASKS else _message(draft, step, around)
        draft.finish(step, f"reached {reached}" if reached else "reached nobody")
        if not reached:
            draft.tell(EventKind.REACHED_NOBODY, **about)
            pull_forward(draft, wanted(alert, around, now))
    if step.action.opens:
        _tell_of_the_unreachable(draft, step, around)
    return keep_going(draft, around.pending)


def keep_going(draft: Draft, pending: Iterable[Step]) -> Change:
    """Return the draft's change, with another step planned if nothing else would ever happen to the alert.

    That somebody will be reminded, told of what is overdue, or asked to call again on another day goes on beside the
    ladder and does not stand for it.
    """
    nobodys = draft.alert.status in (Status.UNACKNOWLEDGED, Status.RETURNED)
    climbing = [step for step in draft.steps.values() if step.action.do not in _BESIDE]
    waiting = [step for step in pending if step.action.do not in _BESIDE]
    planned = any(step.status is StepStatus.PENDING for step in climbing)
    left = not draft.cancel_steps and any(step.no not in draft.steps for step in waiting)
    if nobodys and not planned and not left:
        draft.follow_up()
    return draft.change()


def wanted(alert: Alert, around: Surroundings, now: int) -> list[Step]:
    """Return the alert's pending steps that would not be passed over, were they due now."""
    return [one for one in around.pending if _unwanted(alert, one, around, now) is None]


def pull_forward(draft: Draft, pending: Iterable[Step]) -> None:
    """Make the ladder's next rung due at once; timers keep their time.

    Only what is `wanted` now may be given: a step that is due before its hour would be passed over for good.
    """
    rungs = [step for step in pending if step.action.do not in TIMERS]
    following = min(rungs, key=lambda step: (step.due, step.no), default=None)
    if following is not None and following.due > draft.now:
        draft.steps[following.no] = replace(following, due=draft.now)


def follow_up(alert: Alert, step: Step, around: Surroundings, now: int) -> Change:
    """Plan the follow-up visit of a closed alert; one that is open again sees to the household anyway."""
    draft = Draft(alert, now)
    if alert.status is not Status.CLOSED:
        draft.finish(step, "the alert is open again")
        return keep_going(draft, around.pending)
    visit = replace(step, action=replace(step.action, do=Do.VISIT))
    reached = _task(draft, visit, around, follow_up=True)
    draft.finish(step, f"reached {reached}" if reached else "reached nobody")
    return draft.change()


def send(draft: Draft, step: Step, do: Do, who: str, message: str, around: Surroundings) -> int:
    """Queue a message of a step that is no rung of a ladder; return how many people it reaches."""
    return _message(draft, replace(step, action=Action(do, who=who, message=message)), around)


def _unwanted(alert: Alert, step: Step, around: Surroundings, now: int) -> Why | None:
    """Return why a step is to be passed over as things are, None if it is not."""
    action = step.action
    if action.earlier and around.answered:
        return Why.ANSWERED
    if not action.when:
        return None
    untimely = at_this_hour(action, alert.severity, local_time(now, around.place.zone))
    return untimely or for_nobody(action, around.people, around.channels, around.opted_out)


def _tell_of_the_unreachable(draft: Draft, step: Step, around: Surroundings) -> None:
    """Warn the duty officers, as a ladder begins that is to reach people, if none of the household's can be reached."""
    own = beside_officers(around.people)
    if not draft.alert.policy.reach_at(draft.alert.severity) or reachable(own, around.channels, around.opted_out):
        return
    draft.tell(EventKind.UNREACHABLE, people=[one.person for one in own])
    for officer in around.people.duty_officers:
        if all(told.person != officer.person for told in draft.notifications):
            _queue(draft, step, officer, officer.medium, UNREACHABLE, around)


def _message(draft: Draft, step: Step, around: Surroundings) -> int:
    """Queue the step's message to everybody it names who can be reached in any way; return how many that are."""
    people = addressed(step.action, around.people, around.channels, around.opted_out)
    return sum(_queue(draft, step, one, _medium(step.action.do, one), step.action.message, around) for one in people)


def _task(draft: Draft, step: Step, around: Surroundings, *, follow_up: bool = False) -> int:
    """Plan the step's task, or recall it if there is one already; return how many people were told or assigned."""
    action, alert = step.action, draft.alert
    kind = TaskKind(action.do.value)
    existing = next((task for task in around.tasks if task.kind is kind), None)
    assigned = addressed(action, around.people, around.channels, around.opted_out)[:1]
    if action.who == "caseworker" and around.crew and (assigned or not action.when):
        chosen = choose(around.crew)
        assigned = () if chosen is None else (chosen,)
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
            follow_up=follow_up,
        )
        draft.tasks[task.id] = task
        draft.tell(
            EventKind.TASK_PLANNED,
            task=str(task.id), kind=kind.value, assignee=task.assignee, due=task.due, step=step.no,
        )  # fmt: skip
        if action.within and alert.status is not Status.ACKNOWLEDGED and draft.disturbs:
            nearest = alert.status is Status.CLOSED or not alert.policy.calls_officers  # or else the ladder tells them
            draft.watch_over(task.due, "on_call" if nearest else f"{ABOVE}1")
    else:
        assigned = _responsible(existing, around) or assigned
        # A call for help stays a call for help, whoever is on the way.
        message = message if message == "help" else RECALL
        draft.tell(EventKind.TASK_RECALLED, task=str(existing.id), kind=kind.value, step=step.no)
    if not message:
        return len(assigned)
    return sum(_queue(draft, step, one, Medium.SMS, message, around) for one in assigned)


def _responsible(task: Task, around: Surroundings) -> tuple[Recipient, ...]:
    """Return who is asked for a task that is undone; the duty officers for one that no caseworker has."""
    if task.assignee is None and (task.refused or task.accepted_by):
        return around.people.named("on_call")
    return around.people.named(f"person:{task.assignee}")


def _queue(draft: Draft, step: Step, to: Recipient, medium: Medium, message: str, around: Surroundings) -> bool:
    """Queue a message by this medium, or by another where that reaches nobody; say whether there is a way at all."""
    way = around.channels.way(to, medium, around.opted_out.get(to.person, ()))
    if way is None:
        return False
    draft.queue(step.no, to, way, text_for(message, to, draft.alert, around.place), message)
    return True


def _medium(do: Do, recipient: Recipient) -> Medium:
    return recipient.medium if do is Do.PREFERRED else Medium(do.value)
