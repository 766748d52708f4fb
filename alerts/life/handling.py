"""What people do with an alert as such: take it, give it back, put it aside for a while, close it with an outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from alerts.change import Change, Draft
from alerts.errors import Conflict, Invalid
from alerts.ladders.policy import Action, Do
from alerts.model import NOBODY_SEEN, SYSTEM, SYSTEMS_OWN, Alert, EventKind, FalseAlarm, Outcome, Status, Step, Task
from detectors.finding import Kind
from registry.instants import DAY

_HELP = Action(Do.CALL, who="duty_officer", message="help")
"""Somebody asked for help, and who had taken that gives it back."""

LONGEST_SHELF = 7 * DAY
"""ISA-18.2 asks for a limit to shelving; after a week somebody must decide anew."""


def acknowledge(alert: Alert, actor: str, now: int) -> Change:
    """Give the alert to an actor; everything pending stops at once.

    Raises:
        Conflict: it is closed, or somebody else holds it.
    """
    draft = Draft(alert, now)
    refuse_closed(alert)
    if alert.status is Status.ACKNOWLEDGED:
        if alert.held_by == actor:
            return draft.change()
        raise Conflict(f"{alert.held_by} holds this alert already; speak with them, or close it with an outcome")
    draft.hold(actor)
    draft.tell(EventKind.ACKNOWLEDGED, actor)
    return draft.change()


def give_back(alert: Alert, actor: str, tasks: Iterable[Task], now: int) -> Change:
    """Make an alert everybody's again that the actor had taken: its ladder goes on where it was stopped.

    What was climbed before is not climbed again; what came due meanwhile is due at once. One that ended meanwhile is
    reviewed. `tasks` are those of the alert that are not done.

    Raises:
        Conflict: it is not theirs, or they have accepted a task of it.
    """
    draft = Draft(alert, now)
    mine = [task for task in tasks if not task.apart]
    if alert.status is not Status.ACKNOWLEDGED or alert.held_by != actor:
        raise Conflict(f"this alert is {alert.status}, held by {alert.held_by}; only its holder gives it back")
    if any(task.accepted_by == actor for task in mine):
        raise Conflict("a task of this alert is accepted; refuse that task or hand it over, then nobody waits in vain")
    draft.tell(EventKind.GIVEN_BACK, actor)
    draft.stop()
    draft.wake()
    if not alert.sources:
        draft.alert = replace(draft.alert, status=Status.RETURNED, returned_at=alert.returned_at)
        draft.ask_for_review()
    else:
        _go_on(draft, alert)
    if mine and alert.sources:
        draft.watch_over(min(task.until(now) for task in mine))
    return draft.change()


def shelve(alert: Alert, actor: str, until: int, reason: str, now: int) -> Change:
    """Keep the alert quiet until a time; then it is everybody's again.

    Raises:
        Conflict: it is closed.
        Invalid: the time is past or more than a week ahead, or there is no reason.
    """
    draft = Draft(alert, now)
    refuse_closed(alert)
    if alert.status is Status.SHELVED and (alert.held_by, alert.shelved_until) == (actor, until):
        return draft.change()
    if not now < until <= now + LONGEST_SHELF:
        raise Invalid("an alert is shelved until a time that lies ahead, at most 7 days; choose another")
    if not reason.strip():
        raise Invalid("shelving keeps others from looking: give the reason")
    draft.stop()
    draft.alert = replace(alert, status=Status.SHELVED, held_by=actor, shelved_until=until, suppressed_why=None)
    draft.plan(Action(Do.UNSHELVE), until)
    draft.tell(EventKind.SHELVED, actor, until=until, reason=reason)
    return draft.change()


def unshelve(alert: Alert, actor: str, now: int, step: Step | None = None) -> Change:
    """Take the alert off the shelf: it climbs its ladder, or is reviewed if it ended meanwhile.

    `step` is the timer that does it, None when a person does.

    Raises:
        Conflict: it is not shelved.
    """
    draft = Draft(alert, now)
    if alert.status is not Status.SHELVED:
        raise Conflict(f"this alert is {alert.status}, not shelved; there is nothing to take back")
    returned_at = alert.returned_at
    if step is not None:
        draft.finish(step, "shelf time over")
    draft.tell(EventKind.UNSHELVED, actor)
    if alert.sources:
        draft.start_ladder()
    else:
        draft.wake()
        draft.alert = replace(draft.alert, status=Status.RETURNED, returned_at=returned_at)
        draft.ask_for_review()
    return draft.change()


def close(alert: Alert, actor: str, outcome: Outcome, note: str, now: int, why: FalseAlarm | None = None) -> Change:
    """End the alert with what was found, and `why` if it was a false alarm.

    Raises:
        Conflict: it is closed already, with something else or by somebody else.
        Invalid: the outcome says that nobody was seen, is the system's own, or does not go with `why`.
    """
    draft = Draft(alert, now)
    if alert.status is Status.CLOSED:
        if (alert.held_by, alert.outcome, alert.note, alert.why) == (actor, outcome, note, why):
            return draft.change()
        refuse_closed(alert)
    refuse_outcome(alert, outcome)
    refuse_why(outcome, why)
    if outcome in NOBODY_SEEN:
        raise Invalid(f"{outcome} closes nothing, nobody knows yet how they are; record it on the visit's task")
    draft.close(actor, outcome, note, why=why)
    return draft.change()


def _go_on(draft: Draft, taken: Alert) -> None:
    """Plan what was ahead when an alert was taken; where nothing was, what comes when all rungs are climbed."""
    since, until = taken.woken_at, taken.acknowledged_at or draft.now
    if taken.help_at is not None:
        draft.plan(_HELP, draft.now)
    elif since is None:
        draft.start_ladder()
    else:
        ahead = [rung for rung in taken.policy.rungs if since + rung.after > until]
        for rung in ahead:
            draft.plan(rung.action, max(draft.now, since + rung.after))
        if not ahead:
            draft.follow_up()


def refuse_closed(alert: Alert) -> None:
    """Raise `Conflict` if the alert is closed."""
    if alert.status is Status.CLOSED:
        by = alert.held_by or SYSTEM
        raise Conflict(f"this alert is closed: {alert.outcome}, by {by}; what happens next opens a new one")


def refuse_why(outcome: Outcome, why: FalseAlarm | None) -> None:
    """Raise `Invalid` for the reason of a false alarm where it was none."""
    if why is not None and outcome is not Outcome.FALSE_ALARM:
        raise Invalid(f"why an alarm was false goes with {Outcome.FALSE_ALARM}, not with {outcome}; leave it out")


def refuse_outcome(alert: Alert, outcome: Outcome) -> None:
    """Raise `Invalid` for what only the system may say, and for a resident's word against their own smoke or call."""
    if outcome in SYSTEMS_OWN:
        raise Invalid(f"{outcome} is what the system says of itself; write down what was found")
    if outcome is Outcome.RESIDENT_FINE and alert.kind is Kind.SMOKE and alert.sources:
        raise Invalid("smoke is still reported there, whatever the resident says; write down what somebody found")
    if outcome is Outcome.RESIDENT_FINE and alert.help_at is not None:
        raise Invalid("somebody there asked for help; write down what somebody found")
