"""Channels that fail, for the stories that need one."""

from __future__ import annotations

from collections.abc import Callable

from alerts.channels.handset import HandsetChannel
from alerts.channels.port import ChannelError, Receipt
from alerts.model import Notification
from alerts.people import Medium


class Flaky:
    """A channel that does what a test tells it to."""

    name = "handset"
    media = frozenset(Medium)

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
    media = frozenset(Medium)

    def __init__(self, person: str, inner: HandsetChannel) -> None:
        self._person = person
        self._inner = inner

    def send(self, notification: Notification, now: int) -> Receipt:
        if notification.person == self._person:
            raise ChannelError("no such number")
        return self._inner.send(notification, now)


class Provider:
    """A provider of telephony that takes what it is given, unless `says` objects, and tells later what became of it."""

    name = "provider"
    media = frozenset({Medium.SMS, Medium.CALL})

    def __init__(
        self, says: Callable[[Notification, int], ChannelError | None] = lambda *_: None, *, final: bool = False
    ) -> None:
        self.says = says
        self.final = final
        self.tried: list[tuple[int, Notification]] = []
        self.took: list[tuple[int, str, str]] = []

    def send(self, notification: Notification, now: int) -> Receipt:
        self.tried.append((now, notification))
        error = self.says(notification, now)
        if error is not None:
            raise error
        self.took.append((now, notification.person, notification.medium.value))
        return Receipt(f"ref-{len(self.took)}", final=self.final)
