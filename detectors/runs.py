"""Which rows belong together: a batch grouped by sensor, and what a row inherits from those before it.

A sensor's rows may be one among ten thousand sensors or a year of one sensor; both are answered by a few
operations over whole columns, so that neither shape of batch is slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T", bound=np.generic)
Mask = NDArray[np.bool_]
Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Runs:
    """n rows brought together by key (a sensor, a device); a run is the rows of one key in their given order.

    `order` (n,) brings rows run by run; every other column, and every argument of the methods, is in that
    order. `key` (n,), `start` (n,) position of the run's first row, `head` and `tail` (n,) mark a run's
    first and last row. An argument `before` (n,) is what the run's key knew before this batch.
    """

    order: Positions
    key: NDArray[np.int32]
    start: Positions
    head: Mask
    tail: Mask

    @classmethod
    def of(cls, keys: NDArray[np.int32]) -> Runs:
        """Group rows by key, keeping the order within each."""
        order = np.argsort(keys, kind="stable")
        key = keys[order]
        head = np.ones(len(key), np.bool_)
        head[1:] = key[1:] != key[:-1]
        tail = np.ones(len(key), np.bool_)
        tail[:-1] = head[1:]
        start = np.maximum.accumulate(np.where(head, np.arange(len(key)), 0))
        return cls(order, key, start, head, tail)

    def previous(self, column: NDArray[_T], before: NDArray[Any]) -> NDArray[_T]:
        """Return each row's predecessor in its run; a run's first row has what was known before."""
        shifted = np.empty_like(column)
        shifted[1:] = column[:-1]
        shifted[self.head] = before[self.head]
        return shifted

    def latest(self, marked: Mask) -> Positions:
        """Return the position of the last marked row at or before each row of its run, -1 where there is none."""
        at = np.maximum.accumulate(np.where(marked, np.arange(len(marked)), -1))
        return np.where(at >= self.start, at, -1)

    def filled(self, column: NDArray[_T], marked: Mask, before: NDArray[Any]) -> NDArray[_T]:
        """Return the column's value at the last marked row, or what was known before where there is none."""
        at = self.latest(marked)
        return np.where(at >= 0, column[at], before).astype(column.dtype, copy=False)

    def switch(self, on: Mask, off: Mask, before: Mask) -> Mask:
        """Return whether a switch is on after each row: rows turn it on or off (on wins) or leave it."""
        return self.filled(on, on | off, before)

    def peak(self, column: NDArray[_T]) -> NDArray[_T]:
        """Return the largest value of each run so far.

        Ranks among (run, value) grow from run to run, so their running maximum never looks across runs.
        """
        ascending = np.lexsort((column, self.start))
        rank = np.empty(len(column), np.intp)
        rank[ascending] = np.arange(len(column))
        return column[ascending[np.maximum.accumulate(rank)]]
