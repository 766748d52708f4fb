"""How an alert lives: each command takes the alert as it is and returns what changes. Nothing here does I/O.

States and their names follow ISA-18.2 (DESIGN §3). Instants are microseconds UTC; `now` is the engine's clock.
This is what findings do to it; what people do is in `alerts.life.handling`, answers from telephones in
`alerts.life.answers`, tasks in `alerts.tasks.visits`, and steps that are due in `alerts.ladders.rungs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from alerts.change import Change, Draft
from alerts.ladders.policy import Action, Do, OnReturn, Policy
from alerts.life.flapping import FLAPPING_WITHIN, count_flap, flapping
from alerts.life.quiet import SETTLE, Quiet, had_woken, keep_quiet, quiet_backlog
from alerts.model import (
    SYSTEM,
    Alert,
    EventKind,
    Outcome,
    Status,
    Suppression,
    TaskKind,
    episode_id,
)
from detectors.finding import Finding, Kind, Severity
from registry.instants import MINUTE

BACKLOG_AGE = 15 * MINUTE
"""A finding older than this when it is told came with a delivery that was late: it may be over already."""
_TAKEN_BACK = frozenset({"incident", "joined"})
"""The fact `reason` of a condition that did not end: something else tells of it now.

What that is the fact `into` names, a kind of alert, or `incident`, an id.
"""


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
    alert = replace(
        closed, status=Status.RETURNED, suppressed_why=None, closed_at=None, outcome=None, note=None, incident=None
    )
    draft = Draft(replace(alert, returned_at=closed.returned_at or closed.closed_at), now)
    about = {"rule": finding.rule, "severity": finding.severity.label, "onset": finding.onset}
    draft.tell(EventKind.REOPENED, f"sensor:{finding.source}", **about, outcome=str(closed.outcome))
    draft.alert = replace(
        draft.alert, rule=finding.rule, severity=finding.severity, score=finding.score, facts=dict(finding.facts),
        policy=policy, sources={source_of(finding): finding.onset},
    )  # fmt: skip
    late = _late(finding, now)
    count_flap(draft, closed)
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
        finding.time if quiet_backlog(alert) and late else None,
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
    at = finding.time if quiet_backlog(alert) else None
    if left:
        draft.tell(EventKind.CLEARED, actor, at, rule=finding.rule, still=sorted(left))
        return draft.change()
    draft.alert = replace(draft.alert, returned_at=now if at is None else at)
    taken_back = finding.facts.get("reason") in _TAKEN_BACK
    names = {"reason": "explained_by", "into": "into", "incident": "incident"} if taken_back else {}
    by = {name: finding.facts[fact] for fact, name in names.items() if fact in finding.facts}
    draft.alert = replace(draft.alert, incident=_incident(by) or alert.incident)
    draft.tell(EventKind.RETURNED, actor, at, rule=finding.rule, **by)
    waited = had_woken(alert)
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
            draft.ask_for_review()
    return draft.change()


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
        keep_quiet(draft, quiet)
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
        count_flap(draft, before)
    if further and waits and before.status is Status.UNACKNOWLEDGED and not reached:
        draft.stop()
        draft.cancel_tasks = frozenset({TaskKind.REVIEW})
        begin(draft, quiet, late=late)  # nobody was woken so far: it waits as if it were new
    elif quiet_backlog(before):
        if not waits:
            draft.climb_anew()
    elif flaps and not further and before.status is not Status.SUPPRESSED:
        draft.alert = replace(draft.alert, returned_at=None)  # it is what it was: its ladder runs, or somebody has it
    elif before.status is Status.RETURNED and before.policy.on_return is OnReturn.CONTINUE and not further:
        draft.alert = replace(draft.alert, status=Status.UNACKNOWLEDGED, returned_at=None)  # its ladder runs
    elif _is_news(before, draft.alert, further=further):
        if waits:
            # Perhaps over already, or known to be away: nothing else changes, and a timer looks again.
            draft.plan(Action(Do.SETTLE), quiet.until if quiet else draft.now + SETTLE)
        else:
            draft.climb_anew()


def _incident(by: Mapping[str, object]) -> UUID | None:
    return UUID(str(by["incident"])) if "incident" in by else None


def _late(finding: Finding, now: int) -> bool:
    return now - finding.time > BACKLOG_AGE


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
