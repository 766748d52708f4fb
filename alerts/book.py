"""The port to whatever remembers alerts: one book is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol
from uuid import UUID

from alerts.change import Change
from alerts.checks.audit import Watched
from alerts.messages.outbox import Outbox
from alerts.model import Alert, Asked, HandsetMessage, Notification, Step, Task
from alerts.people import People, Place
from alerts.storms.storm import StormBook
from alerts.tasks.assignment import Candidate
from detectors.finding import Finding, Kind


class Due(NamedTuple):
    """Which step is due. No more: what cannot even be read must still have a name to be put aside by."""

    alert: UUID
    no: int


class AlertBook(Outbox, StormBook, Protocol):
    """Everything alerts ask of storage. Instants are microseconds UTC.

    `find` and `open_alert` lock the alert until the transaction ends; whatever belongs to an alert (steps,
    tasks, messages) is read and written only while it is locked, so that nobody waits in a circle.
    """

    def place(self, household: str) -> Place:
        """Return where a registered household is."""
        ...

    def people(self, household: str, at: int) -> People:
        """Return whom to tell about a household at an instant.

        Duty officers are those of the nearest area that has any, on call are those whom the schedules of the nearest
        area with somebody on call name at that instant.
        """
        ...

    def crew(self, household: str) -> Sequence[Candidate]:
        """Return the caseworkers of the areas around a household, its own among them, and what each has in hand."""
        ...

    def newest_reading(self, household: str) -> int | None:
        """Return the time of the household's newest reading, None if it has none."""
        ...

    def absence_end(self, household: str, at: int) -> int | None:
        """Return when the registered absence that covers an instant ends, None if they are at home."""
        ...

    def maintenance_end(self, household: str, kind: Kind, at: int) -> int | None:
        """Return when the announced work ends that covers a household's alerts of a kind, None if there is none."""
        ...

    def together(self, findings: Sequence[Finding], now: int) -> AbstractContextManager[AlertBook]:
        """Open a book, of the same transaction, for taking many findings: it may read and write them all at once."""
        ...

    def record(self, finding: Finding) -> bool:
        """Write a finding down; False if it was there already."""
        ...

    def still_so(self, alert: Alert) -> Mapping[str, int]:
        """Return those of an alert's sources that were neither cleared nor raised anew since they were raised."""
        ...

    def worst(self, alert: Alert) -> Finding | None:
        """Return the most severe of what an alert's sources were raised with, the first of those; None if unknown."""
        ...

    def put_to_rest(self, finding: Finding) -> Alert | None:
        """Return the closed alert that has a finding's condition among its sources and will be looked at again.

        The household is locked by whoever asks.
        """
        ...

    def lately_closed(self, household: str, kind: Kind, since: int) -> Alert | None:
        """Return the alert of a kind that was closed last in a household, if that was after an instant.

        The household is locked by whoever asks.
        """
        ...

    def open_alert(self, household: str, kind: Kind) -> Alert | None:
        """Lock a household for new alerts and return its open alert of a kind, locked."""
        ...

    def find(self, alert: UUID) -> Alert | None:
        """Return an alert, locked."""
        ...

    def find_free(self, alert: UUID) -> Alert | None:
        """Return an alert, locked, unless somebody else works on it: who holds one may ask, and never waits."""
        ...

    def households(self) -> int:
        """Return how many households are watched."""
        ...

    def visits(self, since: int) -> Sequence[Asked]:
        """Return the first visit each alert asked for since an instant; those called off do not count."""
        ...

    def waiting_for_room(self) -> int:
        """Return how many open alerts wait because of the limit of visits (`alerts.tasks.cap`)."""
        ...

    def known(self, alert: UUID) -> bool:
        """Say whether there is such an alert, without locking it: whoever asks holds its household."""
        ...

    def save(self, change: Change) -> None:
        """Write a change down and tell whoever listens."""
        ...

    def next_due(self, now: int) -> Due | None:
        """Return the pending step of the most severe alert that has been due longest, both locked.

        Steps that others work on, and those put aside until later, are skipped.
        """
        ...

    def put_aside(self, due: Due, until: int) -> None:
        """Keep a step that could not be carried out from `next_due` for a while.

        It stays pending and due when it was, so that the auditor sees that it is overdue.
        """
        ...

    def pending(self, alert: UUID) -> Sequence[Step]:
        """Return the pending steps of a locked alert."""
        ...

    def tasks(self, alert: UUID) -> Sequence[Task]:
        """Return the open and accepted tasks of a locked alert."""
        ...

    def task(self, task: UUID) -> Task | None:
        """Return a task, its alert locked."""
        ...

    def step(self, alert: UUID, no: int) -> Step | None:
        """Return one step of a locked alert."""
        ...

    def claim(self, now: int, lease_until: int) -> Notification | None:
        """Take the queued notification of the most severe alert that has waited longest, for one lease.

        It stays queued with one attempt more, so that a crash before its result is saved leads to a retry. It is locked
        with its alert; what others are at work on is skipped.
        """
        ...

    def put_off(self, notification: UUID, until: int) -> None:
        """Keep a queued notification from `claim` for a while; that counts as an attempt."""
        ...

    def sent_by(self, alert: UUID, step: int) -> Sequence[Notification]:
        """Return the messages of one step of a locked alert."""
        ...

    def notification(self, notification: UUID) -> Notification | None:
        """Return a notification, its alert locked."""
        ...

    def lay(self, message: HandsetMessage) -> None:
        """Lay a message on a simulated telephone; the same id twice is laid once."""
        ...

    def message(self, message: UUID, *, wait: bool = True) -> HandsetMessage | None:
        """Return what lies on a simulated telephone, its alert locked.

        Where nobody is to `wait` for an alert that others are at work on, None.
        """
        ...

    def hang_up(self, message: UUID) -> bool:
        """End a call on a simulated telephone that rings for the service itself and no alert; False if it is over."""
        ...

    def rung_out(self, now: int) -> Sequence[UUID]:
        """Return the ids of calls that still ring and should not any more."""
        ...

    def watched(self) -> Sequence[Watched]:
        """Return what the auditor needs to know of every alert that is not closed."""
        ...


Books = Callable[[], AbstractContextManager[AlertBook]]
"""Opens a book; leaving it commits, leaving it by an exception leaves nothing."""
