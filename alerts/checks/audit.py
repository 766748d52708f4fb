"""Is anybody forgotten, is anything stuck? What the auditor calls wrong with the service itself (promise 3).

Everything here is judged from what is stored, by nobody who had a part in it: it tells what should have happened from
what did. `docs/production.md` says what each flaw means and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from alerts.messages.limits import PATIENCE
from alerts.model import NotificationStatus, Status
from registry.instants import HOUR, MINUTE, SECOND

TOLERANCE = MINUTE
"""How late a step may run before the auditor calls it forgotten."""
LONGEST_QUEUED = 15 * MINUTE
"""How long a message may be tried again and again: the ladder has gone on, and somebody should look at the channel."""
GIVING_UP = 15 * MINUTE
"""After a provider's time to report (`Limits.patience`) delivery gives the message up; so long later it must have."""
SILENT_HOLD = HOUR
"""How long somebody may hold an alert and do nothing, before they are to be asked again."""
MOST_NAMED = 5


class Flaw(StrEnum):
    """What can be wrong with the service."""

    FORGOTTEN = "forgotten_alert"  # nobody holds it, and nothing is going to happen
    LATE_STEP = "late_step"  # a step ran, but too late
    STUCK_MESSAGE = "stuck_message"  # a message is neither delivered nor given up
    SILENT_HOLDER = "silent_holder"  # held, nothing done for an hour, and nothing planned that would ask
    OVERDUE_TASK = "overdue_task"  # a task is over its time, and nobody was or will be told


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
    """An alert that is being forgotten, or whatever else is wrong with it, and the sentence that says so."""

    alert: UUID
    household: str
    detail: str
    flaw: Flaw = Flaw.FORGOTTEN


@dataclass(frozen=True, slots=True)
class Ran:
    """A step that was carried out, and when it should have been."""

    alert: UUID
    household: str
    no: int
    due: int
    ran_at: int


@dataclass(frozen=True, slots=True)
class Underway:
    """A message that is neither delivered nor given up.

    `since` is when it was sent or, while it is queued, first tried: None while a limit per person holds it back.
    """

    alert: UUID
    household: str
    step: int
    status: NotificationStatus
    since: int | None
    next_attempt_at: int


@dataclass(frozen=True, slots=True)
class Held:
    """An alert that somebody holds, what last happened to it, and when something will (None: nothing is planned)."""

    alert: UUID
    household: str
    held_by: str
    last_at: int
    next_due: int | None


@dataclass(frozen=True, slots=True)
class Undone:
    """A task over its time; `told_at` is when a step or an event last concerned its alert, `next_due` when one will."""

    alert: UUID
    household: str
    kind: str
    due: int
    told_at: int | None
    next_due: int | None


@dataclass(frozen=True, slots=True)
class Looked:
    """All that one look of the auditor found in storage; of steps and messages what can matter, not all there are."""

    watched: Iterable[Watched] = ()
    ran: Iterable[Ran] = ()
    underway: Iterable[Underway] = ()
    held: Iterable[Held] = ()
    undone: Iterable[Undone] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """All violations of one flaw as one sentence, which names the first few."""

    flaw: Flaw
    count: int
    detail: str


def audit(watched: Iterable[Watched], now: int, tolerance: int = TOLERANCE) -> list[Violation]:
    """Return every open alert that nobody holds and whose next step is missing or overdue.

    Only an acknowledged alert counts as held: who shelves one goes away, so its timer must stand. Where a timer is to
    ask the holder again, it must not be overdue either.
    """
    violations = []
    for one in watched:
        held = one.status is Status.ACKNOWLEDGED and one.held_by
        if one.status is Status.CLOSED or (held and one.next_due is None):
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


def late_steps(ran: Iterable[Ran], tolerance: int = TOLERANCE) -> list[Violation]:
    """Return the steps that ran later than the tolerance allows."""
    return [
        Violation(
            one.alert, one.household, f"step {one.no} ran {(one.ran_at - one.due) // SECOND} s late", Flaw.LATE_STEP
        )
        for one in ran
        if one.ran_at - one.due > tolerance
    ]


def stuck_messages(
    underway: Iterable[Underway], now: int, scale: float = 1.0, patience: int = PATIENCE
) -> list[Violation]:
    """Return the messages that should have left, or of which a provider should have told, by now.

    A provider has `patience` microseconds to report. `scale` lengthens all other limits: a town's clock runs faster
    than channels do.
    """
    unreported = patience + GIVING_UP * scale
    violations = []
    for one in underway:
        age = 0 if one.since is None else now - one.since
        if one.status is NotificationStatus.QUEUED:
            overdue = now - one.next_attempt_at
            if overdue > TOLERANCE * scale:
                detail = f"a message of step {one.step} should have left {overdue // SECOND} s ago"
            elif age > LONGEST_QUEUED * scale:
                detail = f"a message of step {one.step} has been tried in vain for {age // MINUTE} min"
            else:
                continue
        elif one.status is NotificationStatus.SENT and age > unreported:
            detail = f"nothing was heard of a message of step {one.step} for {age // MINUTE} min"
        else:
            continue
        violations.append(Violation(one.alert, one.household, detail, Flaw.STUCK_MESSAGE))
    return violations


def silent_holders(held: Iterable[Held], now: int, tolerance: int = TOLERANCE) -> list[Violation]:
    """Return the alerts whose holder has been silent for too long with nothing planned that would ask them."""
    return [
        Violation(
            one.alert,
            one.household,
            f"{one.held_by} holds it and has done nothing for {(now - one.last_at) // MINUTE} min; nothing asks them",
            Flaw.SILENT_HOLDER,
        )
        for one in held
        if one.next_due is None and now - one.last_at > SILENT_HOLD + tolerance
    ]


def overdue_tasks(undone: Iterable[Undone], now: int, tolerance: int = TOLERANCE) -> list[Violation]:
    """Return the tasks that are over their time though nothing has happened since, and nothing will."""
    return [
        Violation(
            one.alert,
            one.household,
            f"its {one.kind} is {(now - one.due) // MINUTE} min over its time, and nobody is told",
            Flaw.OVERDUE_TASK,
        )
        for one in undone
        if now - one.due > tolerance and one.next_due is None and (one.told_at is None or one.told_at < one.due)
    ]


def examine(looked: Looked, now: int, speed: float = 1.0, patience: int = PATIENCE) -> list[Violation]:
    """Return all that is wrong; `speed` is how many seconds of the engine's clock pass in a real one.

    `patience` is how long a provider may take to say what became of a message (`Limits.patience`).
    """
    tolerance = int(TOLERANCE * speed)
    return [
        *audit(looked.watched, now, tolerance),
        *late_steps(looked.ran, tolerance),
        *stuck_messages(looked.underway, now, max(1.0, speed), patience),
        *silent_holders(looked.held, now, tolerance),
        *overdue_tasks(looked.undone, now, tolerance),
    ]


def summed_up(violations: Iterable[Violation]) -> list[Told]:
    """Return a sentence for each flaw there is, in the order of `Flaw`."""
    found: dict[Flaw, list[Violation]] = {flaw: [] for flaw in Flaw}
    for one in violations:
        found[one.flaw].append(one)
    return [Told(flaw, len(those), _sentence(those)) for flaw, those in found.items() if those]


def _sentence(those: list[Violation]) -> str:
    named = "; ".join(f"{one.household} ({one.alert}): {one.detail}" for one in those[:MOST_NAMED])
    more = len(those) - MOST_NAMED
    return f"{named}; and {more} more" if more > 0 else named
