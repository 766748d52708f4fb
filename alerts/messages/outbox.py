"""The part of the port `alerts.book.AlertBook` that knows what may leave, and by which way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from alerts.channels.choice import Way
from alerts.model import Notification
from alerts.people import Medium


class Outbox(Protocol):
    """What delivery asks of storage beside the messages themselves. Instants are microseconds UTC."""

    def opted_out(self, people: Sequence[str]) -> Mapping[str, frozenset[Way]]:
        """Return the ways that each of these people has forbidden; who has forbidden none may be missing."""
        ...

    def forbid(self, person: str, way: Way, now: int) -> bool:
        """Write down that somebody has forbidden a way to reach them; False if that was known."""
        ...

    def allow(self, person: str, way: Way) -> bool:
        """Write down that somebody allows again what they had forbidden; False if they had not."""
        ...

    def note_wrong(self, person: str, channel: str, address: str, now: int) -> bool:
        """Write down that a channel found somebody's number or address wrong; False if it was known of this one."""
        ...

    def admit(self, notification: UUID, now: int) -> None:
        """Write down that a claimed message was let pass: from now on it counts."""
        ...

    def admitted(self, person: str, media: Iterable[Medium], since: int) -> Sequence[int]:
        """Return when messages to a person were let pass after an instant, in order; failed ones do not count.

        Until the transaction ends nobody else is told how many there are: two loops let no more pass than one.
        """
        ...

    def told_of(self, alert: UUID, person: str) -> bool:
        """Say whether a message of an alert to a person was let pass and has not failed."""
        ...

    def hold_back(self, notification: UUID) -> None:
        """Take back the attempt that claiming a message counted: it was not let pass."""
        ...

    def said_again(self, notification: Notification) -> bool:
        """Say whether a newer message of the alert says, or said, the same to the same person by the same medium."""
        ...

    def unreported(self, before: int) -> Sequence[UUID]:
        """Return the messages that were handed to a provider by an instant, and of which nothing is known since."""
        ...
