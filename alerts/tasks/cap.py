"""How many visits may be asked for in a day? Beyond the limit the weakest alarms wait, and it is said that they do.

A flood of false alarms (a rule gone wrong, a fault nobody thought of) must not empty the street office: then nobody is
left for the one who lies on the floor. The limit counts what detectors ask for, over the last 24 hours; fires, calls
for help and what is severe enough are neither counted nor kept waiting. DESIGN §7: a hard daily cap ranked by evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from alerts.book import AlertBook
from alerts.change import Change, Draft
from alerts.ladders.policy import Action, Do
from alerts.model import Alert, Asked, EventKind, Status, Step, Suppression, TaskKind
from detectors.finding import Kind, Severity
from registry.instants import DAY

WINDOW = DAY
_NEVER_WAIT = frozenset({Kind.SMOKE, Kind.OUTAGE})
NOTICE = Action(Do.SMS, who="duty_officer", message="cap")
"""Tells the duty officer of the first alert that has to wait; the others are on the board."""


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `per_1000` visits for each 1,000 households in 24 h, but `fewest` in any case.

    Alerts of `always_from` or above, urgent ones, smoke and outages ask for a visit whatever the limit.
    """

    per_1000: float = 5.0
    fewest: int = 3
    always_from: Severity = Severity.HIGH

    def limit(self, households: int) -> int:
        """Return how many visits may be asked for in 24 h."""
        return max(self.fewest, math.ceil(self.per_1000 * households / 1000))

    def spares(self, kind: Kind, severity: Severity) -> bool:
        """Say whether such an alert never waits."""
        return kind in _NEVER_WAIT or severity >= min(self.always_from, Severity.URGENT)


def make_room(book: AlertBook, alert: Alert, cap: Cap, now: int) -> int | None:
    """Make room for a locked alert's visit; return None if there is, or else when there may be some, microseconds UTC.

    If the limit is reached, the weakest alert gives way whose visit nobody has accepted yet, if it is weaker than this
    one; one that somebody is at work on at this very moment is passed over. Two loops at once may each let one through.
    """
    if cap.spares(alert.kind, alert.severity):
        return None
    asked = [one for one in book.visits(now - WINDOW) if not cap.spares(one.kind, one.severity)]
    if len(asked) < cap.limit(book.households()) or any(one.alert == alert.id for one in asked):
        return None
    until = min(one.at for one in asked) + WINDOW
    for other in _weaker(asked, alert):
        locked = book.find_free(other)
        if locked is not None and locked.status is Status.UNACKNOWLEDGED:
            book.save(wait_for_room(Draft(locked, now), book.waiting_for_room(), until))
            return None
    return until


def wait_for_room(draft: Draft, others: int, until: int, step: Step | None = None) -> Change:
    """Keep an alert quiet until there may be room for its visit, and say so; `others` wait already.

    `step` is the one that asked for the visit, None if the visit stood in somebody's list already.
    """
    draft.stop()
    if step is not None:
        draft.finish(step, "the limit of today's visits is reached")
    draft.cancel_tasks = frozenset({TaskKind.VISIT})
    draft.alert = replace(draft.alert, status=Status.SUPPRESSED, suppressed_why=Suppression.CAP)
    draft.tell(EventKind.SUPPRESSED, why=Suppression.CAP.value, until=until)
    draft.plan(Action(Do.CAP_ENDED), until)
    if not others:
        draft.plan(NOTICE, draft.now)
    return draft.change()


def _weaker(asked: Sequence[Asked], alert: Alert) -> list[UUID]:
    """Return the alerts whose visit nobody has set out for and that are weaker than one, the weakest first."""
    mine = (alert.severity, alert.score)
    waiting = [one for one in asked if one.waiting and (one.severity, one.score) < mine]
    return [one.alert for one in sorted(waiting, key=lambda one: (one.severity, one.score, -one.at))]
