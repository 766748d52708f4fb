"""What becomes of an alert that somebody closed while its sensors still reported the condition.

A detector says nothing more until the condition ends, so a person who answers "fine" and falls an hour later would
never be heard of again. A timer on the closed alert (`Do.RECHECK`) looks whether it is still so, and says it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from alerts.change import Change, Draft
from alerts.life.lifecycle import begin, hear, told_as
from alerts.life.quiet import Quiet
from alerts.model import Alert, EventKind, Status, Suppression
from detectors.finding import Finding


def grown(closed: Alert, said: Finding | None) -> Alert:
    """Return a closed alert with what was `said` worst of its sources, if that was after it was closed."""
    if said is None or said.severity <= closed.severity:
        return closed
    return replace(closed, rule=said.rule, severity=said.severity, score=said.score, facts=dict(said.facts))


def open_again(closed: Alert, fresh: UUID, still: Mapping[str, int], quiet: Quiet | None, now: int) -> Change:
    """Open an alert under the id `fresh` for what is still reported.

    `still` holds those of the closed alert's sources, not empty; onset, severity and facts are as the closed alert
    has them. `quiet` is as for `alerts.life.lifecycle.open_alert`.
    """
    draft = Draft(replace(fresh_alert(closed, fresh, now), sources=dict(still)), now)
    draft.tell(EventKind.RAISED, **_about(closed))
    begin(draft, quiet, late=_nobody_was_woken(closed))
    return draft.change()


def join_again(alert: Alert, closed: Alert, still: Mapping[str, int], quiet: Quiet | None, now: int) -> Change:
    """Take what is still reported into the alert of that kind that the household has by now.

    Else the end of that alert's own sources would end it too early. It is news as any other finding is.
    """
    news = {source: onset for source, onset in still.items() if source not in alert.sources}
    draft = Draft(alert, now)
    if news:
        draft.tell(told_as(alert), **_about(closed))
        if closed.severity > alert.severity:
            draft.alert = replace(draft.alert, rule=closed.rule, score=closed.score, facts=closed.facts)
        hear(draft, news, closed.severity, closed.policy, quiet, late=_nobody_was_woken(closed))
    return draft.change()


def fresh_alert(closed: Alert, fresh: UUID, now: int) -> Alert:
    """Return an alert like a closed one under the id `fresh`, without anything that happened to that one."""
    return replace(
        closed,
        id=fresh,
        status=Status.UNACKNOWLEDGED,
        raised_at=now,
        opened_at=now,
        held_by=None,
        suppressed_why=None,
        returned_at=None,
        acknowledged_at=None,
        shelved_until=None,
        help_at=None,
        closed_at=None,
        outcome=None,
        note=None,
        event_count=0,
        step_count=0,
        woken_at=None,
        storm=None,
        flaps=(),
        part_of=None,
        incident=None,
    )


def _about(closed: Alert) -> dict[str, object]:
    return {
        "rule": closed.rule,
        "severity": closed.severity.label,
        "onset": closed.onset,
        "closed": str(closed.id),
    }


def _nobody_was_woken(closed: Alert) -> bool:
    """Say whether somebody tidied up what had come late and woken nobody: of a recording, perhaps."""
    return closed.suppressed_why is Suppression.BACKLOG
