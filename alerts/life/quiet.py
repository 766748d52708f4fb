"""What has to wait before it wakes anybody (late news, absences, announced work, storms), and what comes after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from alerts.change import Change, Draft
from alerts.ladders.policy import Action, Do
from alerts.model import Alert, EventKind, Status, Step, Suppression, TaskKind
from registry.instants import DAY, HOUR, MINUTE

SETTLE = 2 * MINUTE
"""How long a late delivery gets to tell whether it is over."""
SETTLE_AGAIN = HOUR
RECORDING_AGE = DAY
"""A household whose newest reading is older than this is a recording being replayed, not somebody in need."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Why what is raised now wakes nobody for the time being, and until when (microseconds UTC)."""

    until: int
    why: Suppression


def keep_quiet(draft: Draft, quiet: Quiet) -> None:
    """Wake nobody for the time being; a timer looks again."""
    draft.alert = replace(draft.alert, status=Status.SUPPRESSED, suppressed_why=quiet.why)
    draft.tell(EventKind.SUPPRESSED, why=quiet.why.value, until=quiet.until)
    away = quiet.why is Suppression.ABSENCE
    draft.plan(Action(Do.ABSENCE_ENDED if away else Do.MAINTENANCE_ENDED), quiet.until)


def settle(alert: Alert, step: Step, newest: int | None, quiet: Quiet | None, now: int) -> Change:
    """Decide what to do about news that came late, or in a time to be quiet, and is not over.

    `newest` is the time of the household's newest reading. While that is old (a recording) the timer is set
    again and nothing is told.
    """
    draft = Draft(alert, now)
    # Of any other alert only news that may wake somebody sets this timer: where a storm or the limit of visits keeps it
    # quiet too, it has outgrown that.
    outgrown = alert.status is not Status.SUPPRESSED or alert.suppressed_why in (Suppression.STORM, Suppression.CAP)
    if not (quiet_backlog(alert) or (outgrown and alert.sources)):
        draft.finish(step, "nothing to settle")
    elif newest is None or now - newest >= RECORDING_AGE:
        draft.postpone(step, now + SETTLE_AGAIN)
    elif quiet is not None:
        if quiet_backlog(alert):
            draft.finish(step, "away" if quiet.why is Suppression.ABSENCE else quiet.why.value)
            keep_quiet(draft, quiet)
        else:
            draft.postpone(step, quiet.until)
    else:
        draft.finish(step, "still so")
        draft.climb_anew()
    return draft.change()


def end_quiet(alert: Alert, step: Step, quiet: Quiet | None, now: int) -> Change:
    """Start the ladder of an alert that outlasted an absence or announced work; longer ones are waited for."""
    draft = Draft(alert, now)
    waits = alert.suppressed_why in (Suppression.ABSENCE, Suppression.MAINTENANCE)
    if alert.status is not Status.SUPPRESSED or not waits:
        draft.finish(step, "nothing to wait for")
    elif quiet is not None and quiet.until > now:
        draft.postpone(step, quiet.until)
    else:
        draft.finish(step, f"{alert.suppressed_why} over")
        draft.climb_anew()
    return draft.change()


def keep_for_storm(draft: Draft, before: Alert | None, storm: UUID, until: int) -> None:
    """Keep an alert quiet that a draft has just woken, or that climbs already: a storm's one call list stands for it.

    `before` is the alert as it was before the draft, None of a new one: the rungs planned since are taken back.
    """
    planned, told = (0, 0) if before is None else (before.step_count, before.event_count)
    if draft.events and draft.events[-1].kind is EventKind.LADDER_STARTED and draft.events[-1].seq > told:
        draft.events.pop()
        draft.alert = replace(draft.alert, event_count=draft.alert.event_count - 1)
    draft.steps = {no: step for no, step in draft.steps.items() if no <= planned}
    draft.stop()
    draft.cancel_tasks |= {TaskKind.VISIT}
    woken = None if before is None else before.woken_at
    draft.alert = replace(
        draft.alert, status=Status.SUPPRESSED, suppressed_why=Suppression.STORM, storm=storm, held_by=None,
        shelved_until=None, returned_at=None, acknowledged_at=None, step_count=planned, woken_at=woken,
    )  # fmt: skip
    draft.tell(EventKind.SUPPRESSED, why=Suppression.STORM.value, storm=str(storm))
    draft.plan(Action(Do.STORM_ENDED), until)


def end_storm(alert: Alert, step: Step, quiet: Quiet | None, now: int) -> Change:
    """Start the ladder, from its foot, of an alert whose turn it is after a storm.

    One that has woken nobody yet waits on if there is something else to wait for.
    """
    draft = Draft(alert, now)
    if not (alert.status is Status.SUPPRESSED and alert.suppressed_why is Suppression.STORM):
        draft.finish(step, "nothing to wait for")
    elif quiet is not None and not had_woken(alert):
        draft.finish(step, f"{alert.suppressed_why} over")
        keep_quiet(draft, quiet)
    else:
        draft.finish(step, f"{alert.suppressed_why} over")
        draft.climb_anew()
    return draft.change()


def end_cap(alert: Alert, step: Step, now: int) -> Change:
    """Start the ladder, from its foot, of an alert that waited for room for its visit."""
    draft = Draft(alert, now)
    if alert.status is Status.SUPPRESSED and alert.suppressed_why is Suppression.CAP:
        draft.finish(step, f"{alert.suppressed_why} over")
        draft.climb_anew()
    else:
        draft.finish(step, "nothing to wait for")
    return draft.change()


def quiet_backlog(alert: Alert) -> bool:
    """Say whether an alert wakes nobody because it came late."""
    return alert.status is Status.SUPPRESSED and alert.suppressed_why is Suppression.BACKLOG


def had_woken(alert: Alert) -> bool:
    """Say whether a suppressed alert had woken somebody before it had to wait."""
    told = alert.suppressed_why is Suppression.STORM and alert.woken_at is not None
    return alert.status is Status.SUPPRESSED and (told or alert.suppressed_why is Suppression.CAP)
