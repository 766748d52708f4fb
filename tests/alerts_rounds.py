"""What the escalation loop does in one round, without its clock and without passing over errors: for tests.

`shouwang.escalating` calls the same functions, each step and message in a transaction of its own; here whatever goes
wrong is the test's to see.
"""

from __future__ import annotations

from collections.abc import Mapping

from alerts.book import AlertBook, Books
from alerts.cap import Cap
from alerts.channels.port import Channel
from alerts.delivery import claim, deliver, miss, rung_out
from alerts.escalation import carry_out


def run_due(book: AlertBook, now: int, limit: int = 100, cap: Cap | None = None) -> int:
    """Carry out up to `limit` due steps within the caller's transaction; return how many there were."""
    for done in range(limit):
        due = book.next_due(now)
        if due is None:
            return done
        carry_out(book, due, now, cap=cap)
    return limit


def deliver_due(books: Books, channels: Mapping[str, Channel], now: int, limit: int = 100) -> int:
    """Send up to `limit` queued messages; return how many were tried."""
    for done in range(limit):
        notification = claim(books, now)
        if notification is None:
            return done
        deliver(books, channels, notification, now)
    return limit


def miss_calls(books: Books, now: int) -> int:
    """Mark calls on handsets that rang out as missed; return how many."""
    return sum(miss(books, call, now) for call in rung_out(books, now))
