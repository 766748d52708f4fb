"""The shape of a channel: it takes one message to one person, or says why it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from alerts.errors import AlertError
from alerts.model import Notification


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a channel says of a message it took; `reference` is its provider's id, '' where there is none."""

    reference: str = ""


class ChannelError(AlertError):
    """A channel could not take a message.

    `retry_at` is when it may be tried again (microseconds UTC); None means that trying again is of no use.
    """

    def __init__(self, message: str, retry_at: int | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class Channel(Protocol):
    """One way to reach a telephone.

    A message may be handed over more than once with the same `Notification.id`: when the process died between
    sending and writing that down, `attempts` is then above 1. A channel whose provider takes no idempotency key
    must look the message up before it sends it a second time.
    """

    name: str
    """What `Notification.channel` calls it."""

    def send(self, notification: Notification, now: int) -> Receipt:
        """Hand one message over.

        Raises:
            ChannelError: it was not taken, and whether to try again.
        """
        ...
