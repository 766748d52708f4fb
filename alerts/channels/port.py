"""The shape of a channel: it takes one message to one person, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from alerts.errors import AlertError
from alerts.model import Notification
from alerts.people import Medium


class Trouble(StrEnum):
    """Why a message did not get through, as far as it matters for what is done next (docs/channels.md)."""

    BAD_ADDRESS = "bad_address"  # no such number or address, or it cannot receive this: somebody must correct it
    OPTED_OUT = "opted_out"  # they have forbidden it: never again this way
    LATER = "later"  # a rate limit, or the provider is busy or away: it did not go out
    UNKNOWN = "unknown"  # a timeout: it may or may not have gone out; look it up before sending it again
    REFUSED = "refused"  # anything else: trying again is of no use


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a channel says of a message it took; `reference` is its provider's id, '' where there is none.

    `final` says that nothing more will be heard of it: it counts as delivered. Otherwise the provider will tell what
    became of it (`alerts.messages.delivery.note_result`), and a message it never tells of has failed.
    """

    reference: str = ""
    final: bool = True


class ChannelError(AlertError):
    """A channel could not take a message.

    `retry_at` is when it may be tried again (microseconds UTC); None leaves that to `trouble`: LATER and UNKNOWN are
    tried again after a pause that grows, everything else is not.
    """

    def __init__(self, message: str, retry_at: int | None = None, trouble: Trouble = Trouble.REFUSED) -> None:
        super().__init__(message)
        self.retry_at = retry_at
        self.trouble = trouble


Link = Callable[[UUID, int], str]
"""Makes the link by which a message can be answered, from its id and the present (`alerts.messages.links`)."""


class Channel(Protocol):
    """One way to reach people.

    A message may be handed over more than once with the same `Notification.id`: after `Trouble.UNKNOWN`, and when the
    process died between sending and writing that down. `attempts` is then above 1, and a channel whose provider takes
    no idempotency key must look the message up before it sends it a second time.
    """

    @property
    def name(self) -> str:
        """What `Notification.channel` calls it."""
        ...

    @property
    def media(self) -> frozenset[Medium]:
        """What it can carry."""
        ...

    def send(self, notification: Notification, now: int) -> Receipt:
        """Hand one message over.

        Raises:
            ChannelError: it was not taken, why, and when it may be tried again.
        """
        ...
