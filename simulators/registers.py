"""Uses of water or electricity, and what a register shows of them: exact integers, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulators.chance import Ints
from simulators.days import BINS, DAY_SECONDS, WIDTH
from simulators.residents import Bools

_SPAN = 4 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Uses:
    """Uses within one day, m rows.

    `row` of the household, `start` and `duration` in seconds of the day, `amount` in the register's smallest
    unit (millilitres, milliwatt-hours), drawn evenly.
    """

    row: Ints
    start: Ints
    duration: Ints
    amount: Ints

    def __len__(self) -> int:
        return len(self.row)

    def only(self, rows: Bools) -> Uses:
        """Return the chosen rows."""
        return Uses(self.row[rows], self.start[rows], self.duration[rows], self.amount[rows])

    def until(self, row: int, begin: int, end: int) -> Uses:
        """Return the uses with supply to `row` cut in seconds [begin, end): what runs then stops at `begin`."""
        hit = (self.row == row) & (self.start < end) & (self.start + self.duration > begin)
        if not hit.any():
            return self
        lasts = np.where(hit, np.clip(begin - self.start, 0, self.duration), self.duration)
        amount = np.where(hit, self.amount * lasts // self.duration, self.amount)
        left = lasts > 0
        return Uses(self.row[left], self.start[left], lasts[left], amount[left])

    def without(self, row: int, begin: int, end: int) -> Uses:
        """Return the uses without those that `row` would have begun in seconds [begin, end)."""
        return self.only(~((self.row == row) & (self.start >= begin) & (self.start < end)))


def joined(parts: Sequence[Uses]) -> Uses:
    """Return all uses of several lists."""
    return Uses(*(np.concatenate([getattr(part, name) for part in parts]) for name in Uses.__slots__))


def used(start: Ints, duration: Ints, amount: Ints, happens: Bools) -> Uses:
    """Return uses from (n, k) columns, those that happen, kept within their day and at least a second long."""
    row, column = np.nonzero(happens)
    lasts = np.clip(duration[row, column], 1, DAY_SECONDS)
    return Uses(row, np.clip(start[row, column], 0, DAY_SECONDS - lasts), lasts, amount[row, column])


def totals(uses: Uses, rows: int) -> Ints:
    """Return the amount each household uses in the day, (rows,)."""
    # Sums stay far below 2^53, so that float64 weights add exactly.
    return np.bincount(uses.row, weights=uses.amount, minlength=rows).astype(np.int64)


def accumulated(uses: Uses, times: Ints) -> Ints:
    """Return the amount used since midnight at `times` (n, k), seconds of the day ascending in each row."""
    n, k = times.shape
    flat = (times + np.arange(n)[:, None] * _SPAN).ravel()
    end = uses.start + uses.duration
    begun = np.searchsorted(flat, uses.start + uses.row * _SPAN, side="right") - uses.row * k
    over = np.searchsorted(flat, end + uses.row * _SPAN, side="left") - uses.row * k
    full = np.bincount(uses.row * (k + 1) + over, weights=uses.amount, minlength=n * (k + 1))
    result = np.cumsum(full.astype(np.int64).reshape(n, k + 1)[:, :k], axis=1)
    running = np.flatnonzero(over > begun)
    step = 0
    while len(running):
        row, at = uses.row[running], begun[running] + step
        part = uses.amount[running] * (times[row, at] - uses.start[running]) // uses.duration[running]
        np.add.at(result, (row, at), part)
        step += 1
        running = running[over[running] > begun[running] + step]
    return result


def metered(bins: Ints, times: Ints) -> Ints:
    """Return the amount used since midnight at `times` (n, k) where each five minutes (n, 288) use evenly."""
    n = len(bins)
    reached = np.concatenate([np.zeros((n, 1), np.int64), np.cumsum(bins, axis=1)], axis=1)
    at = np.clip(times // WIDTH, 0, BINS - 1)
    inside = np.take_along_axis(bins, at, axis=1) * (times - at * WIDTH) // WIDTH
    amount: Ints = np.take_along_axis(reached, at, axis=1) + inside
    return amount
