"""The outbox: queued messages leave through their channels, and what became of them is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from alerts.book import AlertBook, Books
from alerts.change import Draft
from alerts.channels.port import Channel, ChannelError, Receipt
from alerts.model import EventKind, MessageStatus, Notification, NotificationStatus
from alerts.rungs import pull_forward
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


def claim(books: Books, now: int) -> Notification | None:
    """Take the message that is to leave next; it must then be given to `deliver`."""
    with books() as book:
        return book.claim(now, now + LEASE)


def deliver(books: Books, channels: Mapping[str, Channel], claimed: Notification, now: int) -> None:
    """Send a claimed message and write down what became of it.

    It is claimed, sent and recorded in transactions of its own, so no lock is held while a channel works. A
    crash between sending and recording leads to a second sending with the same id, never to a loss; what that
    means is each channel's to say. Whatever a channel raises is that message's failure and nobody else's.
    """
    result = _send(claimed, channels, now)
    with books() as book:
        _record(book, claimed.id, result, now)


def rung_out(books: Books, now: int) -> Sequence[UUID]:
    """Return the calls that rang out; each must then be given to `miss`."""
    with books() as book:
        return book.rung_out(now)


def miss(books: Books, call: UUID, now: int) -> bool:
    """Mark a call as missed; False if it was answered meanwhile."""
    with books() as book:
        return _miss(book, call, now)


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
        _go_on(book, draft, notification)
    else:
        draft.notifications.append(replace(notification, next_attempt_at=result.retry_at, error=result.error))
    book.save(draft.change())


def _go_on(book: AlertBook, draft: Draft, failed: Notification) -> None:
    """Have the ladder's next rung climbed at once if a step has reached nobody.

    The same rung once more would fail the same way, at once and for ever: it keeps its time.
    """
    others = [one for one in book.sent_by(failed.alert, failed.step) if one.id != failed.id]
    step = book.step(failed.alert, failed.step)
    if step is not None and all(one.status is NotificationStatus.FAILED for one in others):
        pull_forward(draft, [one for one in book.pending(failed.alert) if one.action != step.action])


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
