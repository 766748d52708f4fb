"""What the escalation loop does in one round, without its clock and without passing over errors: for tests.

`shouwang.escalating` calls the same functions, each step and message in a transaction of its own; here whatever goes
wrong is the test's to see.
"""

from __future__ import annotations

from collections.abc import Mapping

from alerts.book import AlertBook, Books
from alerts.channels.choice import ONLY_HANDSETS, Channels
from alerts.channels.port import Channel
from alerts.escalation import STORMS, carry_out
from alerts.messages.delivery import claim, deliver, give_up, miss, rung_out, unreported
from alerts.messages.limits import Limits
from alerts.storms.gate import look
from alerts.storms.storm import Limits as StormLimits
from alerts.tasks.cap import Cap


def run_due(
    book: AlertBook,
    now: int,
    limit: int = 100,
    cap: Cap | None = None,
    channels: Channels = ONLY_HANDSETS,
    storms: StormLimits = STORMS,
) -> int:
    """Carry out up to `limit` due steps within the caller's transaction; return how many there were."""
    look(book, now, storms)
    for done in range(limit):
        due = book.next_due(now)
        if due is None:
            return done
        carry_out(book, due, now, channels, cap, storms)
    return limit


def deliver_due(
    books: Books, channels: Mapping[str, Channel], now: int, limit: int = 100, limits: Limits | None = None
) -> int:
    """Send up to `limit` queued messages; return how many were tried."""
    for done in range(limit):
        claimed = claim(books, channels, now, limits)
        if claimed is None:
            return done
        deliver(books, channels, claimed, now)
    return limit


def miss_calls(books: Books, now: int) -> int:
    """Mark calls on handsets that rang out as missed; return how many."""
    return sum(miss(books, call, now) for call in rung_out(books, now))


def give_up_silent(books: Books, now: int, limits: Limits) -> int:
    """Have messages fail that their provider told nothing of in time; return how many."""
    return sum(give_up(books, one, now) for one in unreported(books, now, limits.patience))
