"""How an alert lives: each command takes the alert as it is and returns what changes. Nothing here does I/O.

States and their names follow ISA-18.2 (DESIGN §3). Instants are microseconds UTC; `now` is the engine's clock.
Answers from handsets are in `alerts.answers`, tasks in `alerts.visits`, steps that are due in `alerts.rungs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from alerts.change import REVIEW, Change, Draft
from alerts.errors import Conflict, Invalid
from alerts.model import (
    NOBODY_SEEN,
    SYSTEM,
    SYSTEMS_OWN,
    Alert,
    EventKind,
    Outcome,
    Quiet,
    Status,
    Step,
    Suppression,
    TaskKind,
    episode_id,
)
from alerts.policy import Action, Do, OnReturn, Policy
from detectors.finding import Finding, Kind, Severity
from registry.instants import DAY, HOUR, MINUTE

BACKLOG_AGE = 15 * MINUTE
"""A finding older than this when it is told came with a delivery that was late: it may be over already."""
SETTLE = 2 * MINUTE
"""How long a late delivery gets to tell whether it is over."""
SETTLE_AGAIN = HOUR
RECORDING_AGE = DAY
"""A household whose newest reading is older than this is a recording being replayed, not somebody in need."""
_TAKEN_BACK = frozenset({"incident", "joined"})
"""The fact `reason` of a condition that did not end: something else tells of it from now on."""
FLAPS = 3
FLAPPING_WITHIN = HOUR
"""What begins again more often than so many times within that span is flapping, until it is quiet for as long."""
LONGEST_SHELF = 7 * DAY
"""ISA-18.2 asks for a limit to shelving; after a week somebody must decide anew."""


def source_of(finding: Finding) -> str:
    """Return the key of `Alert.sources`: two rules on one sensor are two sources, and end separately."""
    return f"{finding.rule} {finding.source}"


def open_alert(finding: Finding, policy: Policy, quiet: Quiet | None, now: int, *, again: int = 0) -> Change:
    """Open an alert for a finding that belongs to none.

    `quiet` is why it must wake nobody at that moment (a registered absence, announced work), None if nothing speaks
    against it. `again` is how many closed alerts of the very same onset there are.
    """
    alert = Alert(
        id=episode_id(finding.household, finding.kind, finding.onset, again),
        household=finding.household,
        kind=finding.kind,
        rule=finding.rule,
        severity=finding.severity,
        status=Status.UNACKNOWLEDGED,
        onset=finding.onset,
        raised_at=finding.time,
        opened_at=now,
        score=finding.score,
        facts=dict(finding.facts),
        sources={source_of(finding): finding.onset},
        policy=policy,
    )
    draft = Draft(alert, now)
    late = _late(finding, now)
    draft.tell(
        EventKind.RAISED,
        f"sensor:{finding.source}",
        finding.time if late else None,
        rule=finding.rule,
        severity=finding.severity.label,
        onset=finding.onset,
    )
    begin(draft, quiet, late=late, at=finding.time if late else None)
    return draft.change()


def reopen(closed: Alert, finding: Finding, policy: Policy, quiet: Quiet | None, now: int) -> Change:
    """Go on with an episode that the system closed a moment ago, because it had ended, and that begins again.

    It climbs a ladder anew, unless it flaps or has to be quiet: whoever knew of the last time does not know of this.
    """
    alert = replace(closed, status=Status.RETURNED, suppressed_why=None, closed_at=None, outcome=None, note=None)
    draft = Draft(replace(alert, returned_at=closed.returned_at or closed.closed_at), now)
    about = {"rule": finding.rule, "severity": finding.severity.label, "onset": finding.onset}
    draft.tell(EventKind.REOPENED, f"sensor:{finding.source}", **about, outcome=str(closed.outcome))
    draft.alert = replace(
        draft.alert, rule=finding.rule, severity=finding.severity, score=finding.score, facts=dict(finding.facts),
        policy=policy, sources={source_of(finding): finding.onset},
    )  # fmt: skip
    late = _late(finding, now)
    _count_flap(draft, closed)
    draft.alert = replace(draft.alert, returned_at=None)
    begin(draft, quiet, late=late, at=finding.time if late else None)
    return draft.change()


def join(alert: Alert, finding: Finding, policy: Policy, quiet: Quiet | None, now: int) -> Change:
    """Take one more finding of the kind into the household's open alert: another source, or one that grew worse.

    What tells of the most severe is what the alert says. Whatever had ended climbs its ladder anew, whoever held it:
    they know of the last time, not of this one; unless it is flapping. A shelved one comes off the shelf for what its
    shelver could not know of: a new beginning, a higher severity, any smoke. One that was suppressed as backlog wakes
    up if this finding is fresh. `quiet` is as for `open_alert`; of `policy`, the ladder for what was found, see `hear`.
    """
    known = alert.sources.get(source_of(finding)) == finding.onset
    if known and finding.severity < alert.severity and finding.time > alert.raised_at:
        return _ease(alert, finding, now)
    if known and finding.severity <= alert.severity:
        return Draft(alert, now).change()
    late = _late(finding, now)
    draft = Draft(alert, now)
    draft.tell(
        EventKind.GREW_WORSE if known else told_as(alert),
        f"sensor:{finding.source}",
        finding.time if _quiet_backlog(alert) and late else None,
        rule=finding.rule,
        **({"before": alert.severity.label} if known else {}),
        severity=finding.severity.label,
        onset=finding.onset,
    )
    if finding.severity > alert.severity:
        draft.alert = replace(draft.alert, rule=finding.rule, score=finding.score, facts=dict(finding.facts))
    hear(draft, {source_of(finding): finding.onset}, finding.severity, policy, quiet, late=late)
    return draft.change()


def clear(alert: Alert, finding: Finding, now: int) -> Change:
    """Take the end of a condition as one source saw it; the alert returns when no source is left.

    What was taken back, because an incident or a graver alert tells of it, closes the alert unless somebody holds it.
    While it flaps an alert stays what it is, and a timer looks whether it was quiet long enough.
    """
    draft = Draft(alert, now)
    source = source_of(finding)
    if alert.sources.get(source) != finding.onset:
        return draft.change()
    left = {name: onset for name, onset in alert.sources.items() if name != source}
    draft.alert = replace(alert, sources=left)
    actor = f"sensor:{finding.source}"
    at = finding.time if _quiet_backlog(alert) else None
    if left:
        draft.tell(EventKind.CLEARED, actor, at, rule=finding.rule, still=sorted(left))
        return draft.change()
    draft.alert = replace(draft.alert, returned_at=now if at is None else at)
    draft.tell(EventKind.RETURNED, actor, at, rule=finding.rule)
    taken_back = finding.facts.get("reason") in _TAKEN_BACK
    waited = _waited(alert)
    if alert.suppressed_why is not None and alert.suppressed_why.unheard and alert.status is Status.SUPPRESSED:
        draft.close(SYSTEM, Outcome.OVER_BEFORE_ARRIVAL, at=at)
    elif taken_back and alert.status in (Status.UNACKNOWLEDGED, Status.SUPPRESSED):
        draft.close(SYSTEM, Outcome.PART_OF_ANOTHER)
    elif alert.status is Status.SUPPRESSED and not waited:
        draft.close(SYSTEM, Outcome.ENDED_BY_ITSELF)
    elif alert.status is Status.UNACKNOWLEDGED and flapping(alert, now):
        draft.plan(Action(Do.FLAPPING_ENDED), now + FLAPPING_WITHIN)
    elif alert.status is Status.UNACKNOWLEDGED and alert.policy.on_return is OnReturn.CLOSE:
        draft.close(SYSTEM, Outcome.ENDED_BY_ITSELF)
    elif alert.status is Status.UNACKNOWLEDGED or waited:  # one that had to wait has rung before
        draft.alert = replace(draft.alert, status=Status.RETURNED, suppressed_why=None)
        if alert.policy.on_return is OnReturn.REVIEW:
            _ask_for_review(draft)
    return draft.change()


def settle(alert: Alert, step: Step, newest: int | None, quiet: Quiet | None, now: int) -> Change:
    """Decide what to do about news that came late, or in a time to be quiet, and is not over.

    `newest` is the time of the household's newest reading. While that is old (a recording) the timer is set
    again and nothing is told.
    """
    draft = Draft(alert, now)
    # Of an alert that is not suppressed, only news that may wake somebody sets this timer.
    waiting = _quiet_backlog(alert) or (alert.status is not Status.SUPPRESSED and alert.sources)
    if not waiting:
        draft.finish(step, "nothing to settle")
    elif newest is None or now - newest >= RECORDING_AGE:
        draft.postpone(step, now + SETTLE_AGAIN)
    elif quiet is not None:
        if _quiet_backlog(alert):
            draft.finish(step, "away" if quiet.why is Suppression.ABSENCE else quiet.why.value)
            _keep_quiet(draft, quiet)
        else:
            draft.postpone(step, quiet.until)
    else:
        draft.finish(step, "still so")
        _climb_anew(draft)
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
        draft.start_ladder()
        draft.tell(EventKind.LADDER_STARTED)
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


def end_storm(alert: Alert, step: Step, now: int) -> Change:
    """Start the ladder of an alert that outlasted a storm and whose turn it is."""
    draft = Draft(alert, now)
    if alert.status is Status.SUPPRESSED and alert.suppressed_why is Suppression.STORM:
        draft.finish(step, "the storm is over")
        draft.start_ladder()
        draft.tell(EventKind.LADDER_STARTED)
    else:
        draft.finish(step, "nothing to wait for")
    return draft.change()


def flapping(alert: Alert, now: int) -> bool:
    """Say whether an alert begins and ends too often for each beginning to be news. Smoke never does."""
    if len(alert.flaps) <= FLAPS or alert.kind is Kind.SMOKE:
        return False
    return now - max(alert.flaps[-1], alert.returned_at or 0) < FLAPPING_WITHIN


def end_flapping(alert: Alert, step: Step, now: int) -> Change:
    """Let an alert return that has been quiet since it flapped; what began again meanwhile is left as it is."""
    draft = Draft(alert, now)
    if alert.status is not Status.UNACKNOWLEDGED or alert.sources or flapping(alert, now):
        draft.finish(step, "it goes on")
        return draft.change()
    draft.finish(step, "quiet since")
    draft.tell(EventKind.SETTLED)
    if alert.policy.on_return is OnReturn.CLOSE:
        draft.close(SYSTEM, Outcome.ENDED_BY_ITSELF)
        return draft.change()
    draft.alert = replace(draft.alert, status=Status.RETURNED)
    if alert.policy.on_return is OnReturn.REVIEW:
        _ask_for_review(draft)
    return draft.change()


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
        _ask_for_review(draft)
    return draft.change()


def close(alert: Alert, actor: str, outcome: Outcome, note: str, now: int) -> Change:
    """End the alert with what was found.

    Raises:
        Conflict: it is closed already, with something else or by somebody else.
        Invalid: the outcome says that nobody was seen, or is the system's own.
    """
    draft = Draft(alert, now)
    if alert.status is Status.CLOSED:
        if (alert.held_by, alert.outcome, alert.note) == (actor, outcome, note):
            return draft.change()
        refuse_closed(alert)
    refuse_outcome(alert, outcome)
    if outcome in NOBODY_SEEN:
        raise Invalid(f"{outcome} closes nothing, nobody knows yet how they are; record it on the visit's task")
    draft.close(actor, outcome, note)
    return draft.change()


def refuse_closed(alert: Alert) -> None:
    """Raise `Conflict` if the alert is closed."""
    if alert.status is Status.CLOSED:
        by = alert.held_by or SYSTEM
        raise Conflict(f"this alert is closed: {alert.outcome}, by {by}; what happens next opens a new one")


def refuse_outcome(alert: Alert, outcome: Outcome) -> None:
    """Raise `Invalid` for what only the system may say, and for a resident's word against their own smoke or call."""
    if outcome in SYSTEMS_OWN:
        raise Invalid(f"{outcome} is what the system says of itself; write down what was found")
    if outcome is Outcome.RESIDENT_FINE and alert.kind is Kind.SMOKE and alert.sources:
        raise Invalid("smoke is still reported there, whatever the resident says; write down what somebody found")
    if outcome is Outcome.RESIDENT_FINE and alert.help_at is not None:
        raise Invalid("somebody there asked for help; write down what somebody found")


def raise_severity(draft: Draft, severity: Severity) -> None:
    """Make the alert at least as severe."""
    draft.alert = replace(draft.alert, severity=max(draft.alert.severity, severity))


def begin(draft: Draft, quiet: Quiet | None, *, late: bool, at: int | None = None) -> None:
    """Start the ladder of a new alert, or keep it quiet: for what came late, told as of `at`, or as `quiet` says."""
    if late:
        draft.alert = replace(draft.alert, status=Status.SUPPRESSED, suppressed_why=Suppression.BACKLOG)
        draft.tell(EventKind.SUPPRESSED, SYSTEM, at, why=Suppression.BACKLOG.value)
        draft.plan(Action(Do.SETTLE), draft.now + SETTLE)
    elif quiet is not None:
        _keep_quiet(draft, quiet)
    else:
        draft.start_ladder()


def told_as(alert: Alert) -> EventKind:
    """Return what one more source is to an alert."""
    return EventKind.JOINED if alert.returned_at is None else EventKind.RAISED_AGAIN


def hear(
    draft: Draft,
    news: Mapping[str, int],
    severity: Severity,
    policy: Policy,
    quiet: Quiet | None,
    *,
    late: bool,
) -> None:
    """Add sources that report the condition too, and decide who must hear of it.

    A running alert keeps the ladder it began with, so that it never starts lower again, unless `policy`, the one for
    what is heard, reaches further: it sends messages where nobody was told, or somebody where nobody went. Then the
    alert takes that one from its foot, whoever held it. An alert that waits to climb takes it for when it does.
    """
    before = draft.alert
    draft.alert = replace(before, sources={**before.sources, **news})
    raise_severity(draft, severity)
    worse = draft.alert.severity > before.severity
    reach, reached = policy.reach_at(draft.alert.severity), before.policy.reach_at(before.severity)
    further = worse and reach > reached
    if further or (worse and before.status is Status.SUPPRESSED and reach == reached):
        draft.alert = replace(draft.alert, policy=policy)
    waits = late or quiet is not None
    flaps = flapping(before, draft.now)
    if before.returned_at is not None:
        _count_flap(draft, before)
    if further and waits and before.status is Status.UNACKNOWLEDGED and not reached:
        draft.stop()
        draft.cancel_tasks = frozenset({TaskKind.REVIEW})
        begin(draft, quiet, late=late)  # nobody was woken so far: it waits as if it were new
    elif _quiet_backlog(before):
        if not waits:
            _climb_anew(draft)
    elif flaps and not further:
        draft.alert = replace(draft.alert, returned_at=None)  # it is what it was: its ladder runs, or somebody has it
    elif before.status is Status.RETURNED and before.policy.on_return is OnReturn.CONTINUE and not further:
        draft.alert = replace(draft.alert, status=Status.UNACKNOWLEDGED, returned_at=None)  # its ladder runs
    elif _is_news(before, draft.alert, further=further):
        if waits:
            # Perhaps over already, or known to be away: nothing else changes, and a timer looks again.
            draft.plan(Action(Do.SETTLE), quiet.until if quiet else draft.now + SETTLE)
        else:
            _climb_anew(draft)


def _late(finding: Finding, now: int) -> bool:
    return now - finding.time > BACKLOG_AGE


def _quiet_backlog(alert: Alert) -> bool:
    return alert.status is Status.SUPPRESSED and alert.suppressed_why is Suppression.BACKLOG


def _keep_quiet(draft: Draft, quiet: Quiet) -> None:
    draft.alert = replace(draft.alert, status=Status.SUPPRESSED, suppressed_why=quiet.why)
    draft.tell(EventKind.SUPPRESSED, why=quiet.why.value, until=quiet.until)
    away = quiet.why is Suppression.ABSENCE
    draft.plan(Action(Do.ABSENCE_ENDED if away else Do.MAINTENANCE_ENDED), quiet.until)


def _waited(alert: Alert) -> bool:
    """Say whether a suppressed alert had woken somebody before it had to wait."""
    told = alert.suppressed_why is Suppression.STORM and alert.woken_at is not None
    return alert.status is Status.SUPPRESSED and (told or alert.suppressed_why is Suppression.CAP)


def _ease(alert: Alert, finding: Finding, now: int) -> Change:
    """Take evidence that has grown weaker: it is shown, and the alert is less severe only once somebody holds it."""
    draft = Draft(alert, now)
    draft.tell(
        EventKind.EASED,
        f"sensor:{finding.source}",
        rule=finding.rule,
        before=alert.severity.label,
        severity=finding.severity.label,
        onset=finding.onset,
    )
    if alert.status is Status.ACKNOWLEDGED and alert.help_at is None and len(alert.sources) == 1:
        draft.alert = replace(
            draft.alert, severity=finding.severity, score=finding.score, facts=dict(finding.facts), rule=finding.rule
        )
    return draft.change()


def _count_flap(draft: Draft, before: Alert) -> None:
    """Count that something begins again that had ended; say so when it begins to flap."""
    lately = tuple(at for at in before.flaps if draft.now - at < FLAPPING_WITHIN)[-FLAPS:]
    draft.alert = replace(draft.alert, flaps=(*lately, draft.now))
    if len(draft.alert.flaps) > FLAPS and not flapping(before, draft.now) and before.kind is not Kind.SMOKE:
        draft.tell(EventKind.FLAPPING, times=len(draft.alert.flaps))


def _ask_for_review(draft: Draft) -> None:
    """Cancel the ladder and any visit nobody set out for; ask somebody to write down what happened."""
    draft.stop()
    draft.cancel_tasks = frozenset({TaskKind.VISIT})
    draft.plan(REVIEW, draft.now)


def _is_news(before: Alert, after: Alert, *, further: bool) -> bool:
    """Say whether somebody who dealt with an alert, or put it aside, must hear of what changed."""
    ended = before.returned_at is not None
    worse = after.severity > before.severity
    if before.status is Status.SHELVED:
        return ended or worse or after.kind is Kind.SMOKE
    if before.status is Status.SUPPRESSED:
        urgent = before.suppressed_why is Suppression.STORM and after.severity is Severity.URGENT
        return worse and (before.suppressed_why is Suppression.CAP or urgent)  # it is ranked anew
    return ended or further


def _climb_anew(draft: Draft) -> None:
    was = draft.alert.status
    draft.cancel_tasks = frozenset({TaskKind.REVIEW})
    draft.start_ladder()
    if was is Status.SHELVED:
        draft.tell(EventKind.UNSHELVED)
    draft.tell(EventKind.LADDER_STARTED)
