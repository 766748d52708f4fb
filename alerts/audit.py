"""Is anybody forgotten? Every open alert has a step ahead of it or a person who holds it (promise 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from alerts.model import Status
from registry.instants import MINUTE

TOLERANCE = MINUTE
"""How late a step may run before the auditor calls it forgotten."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the auditor needs to know of an open alert; `next_due` is its earliest pending step's due time."""

    alert: UUID
    household: str
    status: Status
    held_by: str | None
    next_due: int | None


@dataclass(frozen=True, slots=True)
class Violation:
    """An alert that is being forgotten, and the sentence that says so."""

    alert: UUID
    household: str
    detail: str


def audit(watched: Iterable[Watched], now: int, tolerance: int = TOLERANCE) -> list[Violation]:
    """Return every open alert that nobody holds and whose next step is missing or overdue.

    Only an acknowledged alert counts as held: who shelves one goes away, so its timer must stand.
    """
    violations = []
    for one in watched:
        if one.status is Status.CLOSED or (one.status is Status.ACKNOWLEDGED and one.held_by):
            continue
        if one.next_due is None:
            detail = f"{one.status}, but no step is planned and nobody holds it"
        elif now - one.next_due > tolerance:
            late = (now - one.next_due) // MINUTE
            detail = f"{one.status}, and its next step is {late} min overdue: is the escalation loop running?"
        else:
            continue
        violations.append(Violation(one.alert, one.household, detail))
    return violations
