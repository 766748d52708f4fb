"""Two alerts of one household with one cause: one of them goes on, and the other can be taken out of it again."""

from __future__ import annotations

from dataclasses import replace

from alerts.change import Change, Draft
from alerts.errors import Conflict, Invalid
from alerts.ladders.policy import Policy
from alerts.life.handling import refuse_closed
from alerts.life.lifecycle import raise_severity
from alerts.model import Alert, EventKind, Outcome, Status

_RUNNING = (Status.UNACKNOWLEDGED, Status.RETURNED)


def merge(alert: Alert, into: Alert, actor: str, now: int) -> tuple[Change, Change]:
    """Close an alert as part of another, which is at least as severe from then on; return both changes.

    Its sources are written down at the other. While that is open nothing is asked about them; once it is closed, what
    they still report is looked at again, as after any closing. If its ladder reaches further, or as far for what is
    graver, the other takes that one. If the other waits although this one is graver, or does not wait, or goes on more
    gently than this one would, it climbs from the foot: nobody is silenced by a merging.

    Raises:
        Conflict: one of them is closed.
        Invalid: they are of two households, or the same.
    """
    part, whole = Draft(alert, now), Draft(into, now)
    if alert.status is Status.CLOSED and alert.part_of == into.id:
        return part.change(), whole.change()
    refuse_closed(alert)
    refuse_closed(into)
    if alert.id == into.id or alert.household != into.household:
        raise Invalid("only another alert of the same household can tell of the same cause; choose one of those")
    if alert.help_at is not None and into.help_at is None:
        raise Invalid("somebody asked for help in this alert; merge the other one into it")
    about = {"kind": alert.kind.value, "sources": sorted(alert.sources), "alert": str(alert.id)}
    whole.tell(EventKind.MERGED, actor, **about, severity=alert.severity.label)
    raise_severity(whole, alert.severity)
    heard, ladder = _must_be_heard(alert, into, actor), _ladder(alert, into)
    if heard or into.status not in _RUNNING:  # a running ladder stays what it is (`alerts.life.lifecycle.hear`)
        whole.alert = replace(whole.alert, policy=ladder)
    if heard:
        whole.climb_anew()
    part.alert = replace(alert, part_of=into.id)
    part.tell(EventKind.MERGED, actor, into=str(into.id))
    part.close(actor, Outcome.PART_OF_ANOTHER)
    return part.change(), whole.change()


def split(alert: Alert, whole: Alert | None, current: Alert | None, actor: str, now: int) -> list[Change]:
    """Take an alert out of the one it was merged into: it climbs its ladder anew, and both say so.

    `whole` is the other one, `current` the alert of that kind that the household has by now, if it has one.

    Raises:
        Conflict: it was not merged, or there is another alert of its kind by now.
    """
    if alert.status is not Status.CLOSED or alert.part_of is None:
        raise Conflict("this alert was not merged into another; there is nothing to take apart")
    if current is not None:
        raise Conflict(f"the household has another open alert of this kind by now, {current.id}; go on with that one")
    part = Draft(replace(alert, part_of=None, closed_at=None, outcome=None, note=None), now)
    part.tell(EventKind.SPLIT, actor, out_of=str(alert.part_of))
    part.start_ladder()
    part.tell(EventKind.LADDER_STARTED)
    changes = [part.change()]
    if whole is not None:
        other = Draft(whole, now)
        other.tell(EventKind.SPLIT, actor, alert=str(alert.id), kind=alert.kind.value)
        changes.append(other.change())
    return changes


def _ladder(alert: Alert, into: Alert) -> Policy:
    """Return the ladder that is due to both."""
    severity = max(alert.severity, into.severity)
    reach, reached = alert.policy.reach_at(severity), into.policy.reach_at(into.severity)
    graver = severity > into.severity
    return alert.policy if reach > reached or (graver and reach == reached) else into.policy


def _must_be_heard(alert: Alert, into: Alert, actor: str) -> bool:
    """Say whether an alert climbs from the foot of its ladder because of what is merged into it."""
    graver = alert.severity > into.severity
    if into.status is Status.SUPPRESSED:
        return graver or alert.status is not Status.SUPPRESSED
    if into.status is Status.SHELVED:
        return graver
    if into.status is Status.RETURNED and alert.status is Status.UNACKNOWLEDGED:
        return True
    if into.help_at is not None or _ladder(alert, into) == into.policy or alert.status is Status.SUPPRESSED:
        return False
    if into.status is Status.ACKNOWLEDGED:  # whoever holds it knows, if they merge; else somebody holds the other one
        return actor != into.held_by and alert.status is not Status.ACKNOWLEDGED
    return True
