"""The outbox: queued messages leave through their channels, and what became of them is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from alerts.book import AlertBook, Books
from alerts.change import Draft
from alerts.channels.choice import ONLY_HANDSETS, Channels
from alerts.channels.port import Channel, ChannelError, Receipt, Trouble
from alerts.errors import NotFound
from alerts.messages.fallback import fail, learn, try_beside
from alerts.messages.limits import WINDOW, Limits, counted_with, goes_at_once
from alerts.model import EventKind, MessageStatus, Notification, NotificationStatus
from alerts.people import Recipient
from registry.instants import HOUR, MINUTE, SECOND

LEASE = MINUTE
"""How long a claimed message belongs to whoever claimed it; after a crash it is tried again then."""
MOST_ATTEMPTS = 5
"""How often a message is tried that makes a channel fall over."""
FIRST_RETRY = 10 * SECOND
"""Doubled each time up to `LONGEST_RETRY`: 10, 20, 40 … s; the ladder goes on meanwhile."""
LONGEST_RETRY = 5 * MINUTE
GIVE_UP_AFTER = 2 * HOUR
"""How long a message waits for a provider that is busy or away."""
SAID_AGAIN = "not sent: a newer message says the same"
NO_REPORT = "no report: the provider took it and never told what became of it"

_OPEN = frozenset({NotificationStatus.QUEUED, NotificationStatus.CANCELLED, NotificationStatus.SENT})
"""Of a message that was cancelled while it left, there may be more to tell: it did go out."""


@dataclass(frozen=True, slots=True)
class _Failure:
    error: str
    trouble: Trouble
    retry_at: int | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that was claimed: as it is to be sent now, None if it is not; or what went wrong on the way there."""

    message: Notification
    leaving: Notification | None = None
    error: Exception | None = None


def claim(books: Books, channels: Mapping[str, Channel], now: int, limits: Limits | None = None) -> Claimed | None:
    """Take the message that is to leave next and let it pass; it must then be given to `deliver`."""
    taken: Notification | None = None
    try:
        with books() as book:
            taken = book.claim(now, now + LEASE)
            if taken is None:
                return None
            return Claimed(taken, _let_pass(book, taken, Channels.of(channels), now, limits or Limits()))
    except Exception as error:
        if taken is None:
            raise
        with books() as book:  # it must not stand in the way of others
            book.put_off(taken.id, now + LEASE)
        return Claimed(taken, error=error)


def deliver(books: Books, channels: Mapping[str, Channel], claimed: Claimed, now: int) -> None:
    """Send a claimed message and write down what became of it.

    It is claimed and recorded in transactions of its own, so no lock is held while a channel works. A crash between
    sending and recording leads to a second sending with the same id, never to a loss; what that means is each
    channel's to say. Whatever a channel raises is that message's failure and nobody else's.
    """
    if claimed.error is not None:
        raise claimed.error
    if claimed.leaving is None:
        return
    result = _send(claimed.leaving, channels, now)
    with books() as book:
        _record(book, claimed.leaving, result, Channels.of(channels), now)


def note_result(
    book: AlertBook,
    notification_id: UUID,
    status: NotificationStatus,
    now: int,
    error: str = "",
    trouble: Trouble | None = None,
    channels: Channels = ONLY_HANDSETS,
) -> bool:
    """Write down what a provider tells of a message later; False if that changes nothing.

    A final state stays, but an answer wins over everything: what is told twice, or too late, changes nothing. A failure
    does what a failed sending does; `channels` say whom the ladder's next rung could reach. Whoever forbids a way is
    heard in any case.

    Raises:
        NotFound: there is no such message.
    """
    notification = book.notification(notification_id)
    alert = None if notification is None else book.find(notification.alert)
    if notification is None or alert is None:
        raise NotFound(f"there is no message {notification_id}; nothing was sent under this id")
    draft = Draft(alert, now)
    about = {"step": notification.step, "person": notification.person}
    if not _goes_on(notification.status, status):
        if status is NotificationStatus.FAILED and trouble is not None:
            learn(book, draft, notification, trouble)
    elif status is NotificationStatus.FAILED:
        why = error or "the provider could not deliver it"
        fail(book, draft, notification, why, trouble or Trouble.REFUSED, channels)
    else:
        sent_at = notification.sent_at if notification.sent_at is not None else now
        draft.notifications.append(replace(notification, status=status, sent_at=sent_at, error=None))
        if status is NotificationStatus.DELIVERED:
            draft.tell(EventKind.DELIVERED, **about, medium=notification.medium.value)
        elif status is NotificationStatus.MISSED:
            draft.tell(EventKind.MISSED, **about)
    change = draft.change()
    if change.empty:
        return False
    book.save(change)
    return True


def rung_out(books: Books, now: int) -> Sequence[UUID]:
    """Return the calls that rang out; each must then be given to `miss`."""
    with books() as book:
        return book.rung_out(now)


def miss(books: Books, call: UUID, now: int) -> bool:
    """Mark a call as missed; False if it was answered meanwhile, or somebody is at work on its alert."""
    with books() as book:
        return _miss(book, call, now)


def unreported(books: Books, now: int, patience: int) -> Sequence[UUID]:
    """Return the messages of which no report came in time; each must then be given to `give_up`."""
    with books() as book:
        return book.unreported(now - patience)


def give_up(books: Books, notification: UUID, now: int, channels: Channels = ONLY_HANDSETS) -> bool:
    """Have a message fail whose provider never told of it; False if it just did."""
    with books() as book:
        return note_result(book, notification, NotificationStatus.FAILED, now, NO_REPORT, channels=channels)


def _let_pass(
    book: AlertBook, notification: Notification, channels: Channels, now: int, limits: Limits
) -> Notification | None:
    """Return a claimed message as it is to be sent now; None if it is not."""
    alert = book.find(notification.alert)
    if alert is None:  # it is locked, and alerts are never removed
        raise AssertionError(notification)
    draft = Draft(alert, now)
    leaving = _on_its_way(book, notification, channels)
    if leaving is None:
        why = f"no channel carries a {notification.medium.value} to them"
        fail(book, draft, notification, why, Trouble.REFUSED, channels)
    elif book.said_again(leaving):
        draft.notifications.append(replace(leaving, status=NotificationStatus.CANCELLED, error=SAID_AGAIN))
        draft.tell(EventKind.NOT_SENT, step=leaving.step, person=leaving.person, medium=leaving.medium.value)
    elif (until := _wait(book, draft, leaving, limits)) is not None:
        held = leaving.error is not None and leaving.attempts == 1
        book.hold_back(leaving.id)
        why = f"held back: {limits.of(leaving.medium)} in an hour is the most"
        draft.notifications.append(replace(leaving, next_attempt_at=until, error=why))
        if not held:
            about = {"step": leaving.step, "person": leaving.person, "medium": leaving.medium.value}
            draft.tell(EventKind.HELD_BACK, **about, until=until)
    else:
        book.admit(leaving.id, now)
        if leaving.channel == notification.channel:
            return leaving
        draft.notifications.append(leaving)
        book.save(draft.change())
        return leaving
    book.save(draft.change())
    return None


def _on_its_way(book: AlertBook, notification: Notification, channels: Channels) -> Notification | None:
    """Return the message with a channel that carries it: its own, unless its person has forbidden that since."""
    forbidden = book.opted_out([notification.person]).get(notification.person, frozenset())
    if notification.channel and (notification.channel, notification.medium) not in forbidden:
        return notification
    to = Recipient(
        notification.person,
        "",
        notification.role,
        notification.phone,
        notification.language,
        notification.medium,
        notification.address,
    )
    name = channels.for_(to, notification.medium, forbidden)
    return None if name is None else replace(notification, channel=name)


def _wait(book: AlertBook, draft: Draft, leaving: Notification, limits: Limits) -> int | None:
    """Return until when a message has to wait for room, None if it goes now."""
    if goes_at_once(leaving, draft.alert, first=not book.told_of(leaving.alert, leaving.person)):
        return None
    admitted = book.admitted(leaving.person, counted_with(leaving.medium), draft.now - WINDOW)
    return limits.wait(leaving.medium, admitted)


def _send(notification: Notification, channels: Mapping[str, Channel], now: int) -> Receipt | _Failure:
    channel = channels.get(notification.channel)
    if channel is None:
        why = f"there is no channel {notification.channel!r}; configure it"
        return _Failure(why, Trouble.REFUSED, None)
    try:
        return channel.send(notification, now)
    except ChannelError as error:
        again = error.retry_at is not None or error.trouble in (Trouble.LATER, Trouble.UNKNOWN)
        too_old = now - notification.created_at >= GIVE_UP_AFTER
        retry_at = _next_try(notification, now, error.retry_at) if again and not too_old else None
        return _Failure(str(error), error.trouble, retry_at)
    except Exception as error:  # noqa: BLE001 - a channel's bug must not keep other people's messages back
        retry_at = _next_try(notification, now) if notification.attempts < MOST_ATTEMPTS else None
        return _Failure(f"{type(error).__name__}: {error}", Trouble.UNKNOWN, retry_at)


def _next_try(notification: Notification, now: int, asked: int | None = None) -> int:
    """Return when to try again: when the provider said, or after a pause that grows."""
    pause = min(FIRST_RETRY << min(notification.attempts - 1, 10), LONGEST_RETRY)
    return asked if asked is not None and asked > now else now + pause


def _record(book: AlertBook, leaving: Notification, result: Receipt | _Failure, channels: Channels, now: int) -> None:
    notification = book.notification(leaving.id)
    alert = None if notification is None else book.find(notification.alert)
    if notification is None or alert is None:
        return
    draft = Draft(alert, now)
    if isinstance(result, Receipt):
        _record_receipt(draft, notification, result)
    elif notification.status is not NotificationStatus.QUEUED:
        return  # it went out after all, and was told of before this could be written down; or nobody wants it any more
    elif result.retry_at is None:
        fail(book, draft, notification, result.error, result.trouble, channels)
    else:
        draft.notifications.append(replace(notification, next_attempt_at=result.retry_at, error=result.error))
        try_beside(book, draft, notification)
    book.save(draft.change())


def _record_receipt(draft: Draft, notification: Notification, receipt: Receipt) -> None:
    """Write down that a message left: also one that was cancelled meanwhile, or was told of or answered already."""
    status = NotificationStatus.DELIVERED if receipt.final else NotificationStatus.SENT
    if not _goes_on(notification.status, status):
        status = notification.status
    error = None if status is not NotificationStatus.FAILED else notification.error
    draft.notifications.append(
        replace(notification, status=status, sent_at=draft.now, error=error, reference=receipt.reference)
    )
    draft.tell(
        EventKind.SENT,
        step=notification.step,
        person=notification.person,
        medium=notification.medium.value,
    )


def _goes_on(before: NotificationStatus, after: NotificationStatus) -> bool:
    """Say whether a message may go from one state to another: forward only, and an answer is the last."""
    if after is NotificationStatus.ANSWERED:
        return before is not NotificationStatus.ANSWERED
    if after is NotificationStatus.SENT:
        return before in (NotificationStatus.QUEUED, NotificationStatus.CANCELLED)
    return before in _OPEN and before is not after


def _miss(book: AlertBook, call: UUID, now: int) -> bool:
    message = book.message(call, wait=False)  # another loop may be at it
    notification = None if message is None else book.notification(call)
    if message is None or message.status is not MessageStatus.RINGING:
        return False
    if notification is None:
        return book.hang_up(call)
    alert = book.find(notification.alert)
    if alert is None:
        return False
    draft = Draft(alert, now)
    draft.messages.append(replace(message, status=MessageStatus.MISSED))
    draft.notifications.append(replace(notification, status=NotificationStatus.MISSED))
    draft.tell(EventKind.MISSED, step=notification.step, person=notification.person)
    book.save(draft.change())
    return True
