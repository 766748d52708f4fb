"""What ends and begins again all the time: when that is so, and when it is over."""

from __future__ import annotations

from dataclasses import replace

from alerts.change import Change, Draft
from alerts.ladders.policy import OnReturn
from alerts.model import SYSTEM, Alert, EventKind, Outcome, Status, Step
from detectors.finding import Kind
from registry.instants import HOUR

FLAPS = 3
FLAPPING_WITHIN = HOUR
"""What begins again more often than so many times within that span is flapping, until it is quiet for as long."""


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
        draft.ask_for_review()
    return draft.change()


def count_flap(draft: Draft, before: Alert) -> None:
    """Count that something begins again that had ended; say so when it begins to flap."""
    lately = tuple(at for at in before.flaps if draft.now - at < FLAPPING_WITHIN)[-FLAPS:]
    draft.alert = replace(draft.alert, flaps=(*lately, draft.now))
    if len(draft.alert.flaps) > FLAPS and not flapping(before, draft.now) and before.kind is not Kind.SMOKE:
        draft.tell(EventKind.FLAPPING, times=len(draft.alert.flaps))
