"""Channels that fail, for the stories that need one."""

from __future__ import annotations

from alerts.channels.handset import HandsetChannel
from alerts.channels.port import ChannelError, Receipt
from alerts.model import Notification


class Flaky:
    """A channel that does what a test tells it to."""

    name = "handset"

    def __init__(self, error: BaseException | None, inner: HandsetChannel | None = None) -> None:
        self.error = error
        self.inner = inner
        self.tried: list[Notification] = []

    def send(self, notification: Notification, now: int) -> Receipt:
        self.tried.append(notification)
        if self.inner is not None:
            self.inner.send(notification, now)
        if self.error is not None:
            raise self.error
        return Receipt("flaky")


class Deaf:
    """A handset channel that never gets through to one person."""

    name = "handset"

    def __init__(self, person: str, inner: HandsetChannel) -> None:
        self._person = person
        self._inner = inner

    def send(self, notification: Notification, now: int) -> Receipt:
        if notification.person == self._person:
            raise ChannelError("no such number")
        return self._inner.send(notification, now)
