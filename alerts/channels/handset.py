"""A simulated telephone: messages land in a drawer where a person, or a test, finds and answers them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from alerts.channels.choice import HANDSET
from alerts.channels.port import Receipt
from alerts.model import HandsetMessage, MessageStatus, Notification
from alerts.people import Medium
from registry.instants import SECOND

RINGS = 30 * SECOND
"""How long a call rings, by the engine's clock, before it is missed."""


class Handsets(Protocol):
    """Where messages on simulated telephones lie."""

    def lay(self, message: HandsetMessage) -> None:
        """Lay a message on a telephone; the same id twice is laid once."""
        ...


class HandsetChannel:
    """Delivers to simulated telephones; handing a message over twice delivers it once."""

    name = HANDSET

    def __init__(
        self,
        handsets: Callable[[], AbstractContextManager[Handsets]],
        rings: int = RINGS,
        media: frozenset[Medium] = frozenset(Medium),
    ) -> None:
        """`rings` is how long a call rings, in microseconds of the engine's clock."""
        self._handsets = handsets
        self._rings = rings
        self.media = media

    def send(self, notification: Notification, now: int) -> Receipt:
        """Lay an SMS on the telephone, or let it ring."""
        rings = notification.medium is Medium.CALL
        message = HandsetMessage(
            id=notification.id,
            phone=notification.phone,
            person=notification.person,
            medium=notification.medium,
            text=notification.text,
            at=now,
            status=MessageStatus.RINGING if rings else MessageStatus.DELIVERED,
            rings_until=now + self._rings if rings else None,
        )
        with self._handsets() as handsets:
            handsets.lay(message)
        return Receipt(str(notification.id), final=not rings)
