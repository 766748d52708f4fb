"""The outbox: queued messages leave through their channels, and what became of them is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from alerts.book import AlertBook, Books
from alerts.change import Draft
from alerts.channels.port import Channel, ChannelError, Receipt
from alerts.model import EventKind, MessageStatus, Notification, NotificationStatus
from registry.instants import MINUTE, SECOND

LEASE = MINUTE
"""How long a claimed message belongs to whoever claimed it; after a crash it is tried again then."""
MOST_ATTEMPTS = 5
FIRST_RETRY = 10 * SECOND
"""Doubled each time: 10, 20, 40, 80 s. By then the next rung of a ladder has been climbed anyway."""


@dataclass(frozen=True, slots=True)
class _Failure:
    error: str
    retry_at: int | None


def deliver_due(books: Books, channels: Mapping[str, Channel], now: int, limit: int = 100) -> int:
    """Send up to `limit` queued messages; return how many were tried.

    Each is claimed, sent and recorded in transactions of its own, so no lock is held while a channel works. A
    crash between sending and recording leads to a second sending with the same id, never to a loss; what that
    means is each channel's to say. Whatever a channel raises is that message's failure and nobody else's.
    """
    for done in range(limit):
        with books() as book:
            notification = book.claim(now, now + LEASE)
        if notification is None:
            return done
        result = _send(notification, channels, now)
        with books() as book:
            _record(book, notification.id, result, now)
    return limit


def expire_calls(books: Books, now: int) -> int:
    """Mark calls on handsets that rang out as missed; return how many."""
    with books() as book:
        rung_out = book.rung_out(now)
    missed = 0
    for call in rung_out:
        with books() as book:
            missed += _miss(book, call, now)
    return missed


def _send(notification: Notification, channels: Mapping[str, Channel], now: int) -> Receipt | _Failure:
    if notification.attempts > MOST_ATTEMPTS:
        return _Failure(f"given up after {MOST_ATTEMPTS} attempts: {notification.error or 'no answer'}", None)
    channel = channels.get(notification.channel)
    if channel is None:
        return _Failure(f"there is no channel {notification.channel!r}; configure it", None)
    try:
        return channel.send(notification, now)
    except ChannelError as error:
        return _Failure(str(error), _retry(notification, error.retry_at))
    except Exception as error:  # noqa: BLE001 - a channel's bug must not keep other people's messages back
        later = now + (FIRST_RETRY << (notification.attempts - 1))
        return _Failure(f"{type(error).__name__}: {error}", _retry(notification, later))


def _retry(notification: Notification, retry_at: int | None) -> int | None:
    return retry_at if notification.attempts < MOST_ATTEMPTS else None


def _record(book: AlertBook, claimed: UUID, result: Receipt | _Failure, now: int) -> None:
    notification = book.notification(claimed)
    if notification is None or notification.status not in (
        NotificationStatus.QUEUED,
        NotificationStatus.CANCELLED,
    ):
        return  # answered before this could be written down
    alert = book.find(notification.alert)
    if alert is None:
        return
    draft = Draft(alert, now)
    about = {"step": notification.step, "person": notification.person, "medium": notification.medium.value}
    if isinstance(result, Receipt):
        # Also when it was cancelled meanwhile: it did go out.
        draft.notifications.append(replace(notification, status=NotificationStatus.SENT, sent_at=now, error=None))
        draft.tell(EventKind.SENT, **about)
    elif notification.status is NotificationStatus.CANCELLED:
        return
    elif result.retry_at is None:
        draft.notifications.append(replace(notification, status=NotificationStatus.FAILED, error=result.error))
        draft.tell(EventKind.SEND_FAILED, **about, error=result.error)
    else:
        draft.notifications.append(replace(notification, next_attempt_at=result.retry_at, error=result.error))
    book.save(draft.change())


def _miss(book: AlertBook, call: UUID, now: int) -> bool:
    message, notification = book.message(call), book.notification(call)
    if message is None or notification is None or message.status is not MessageStatus.RINGING:
        return False
    alert = book.find(notification.alert)
    if alert is None:
        return False
    draft = Draft(alert, now)
    draft.messages.append(replace(message, status=MessageStatus.MISSED))
    draft.notifications.append(replace(notification, status=NotificationStatus.MISSED))
    draft.tell(EventKind.MISSED, step=notification.step, person=notification.person)
    book.save(draft.change())
    return True
