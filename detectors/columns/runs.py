"""Which rows belong together: a batch grouped by sensor, and what a row inherits from those before it.

A sensor's rows may be one among ten thousand sensors or a year of one sensor; both are answered by a few
operations over whole columns, so that neither shape of batch is slow. The commonest shape, every sensor at most
once, needs no grouping at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T", bound=np.generic)
Mask = NDArray[np.bool_]
Positions = NDArray[np.intp]
_BITS = 31
"""For positions: a batch has fewer rows than that."""


@dataclass(frozen=True, slots=True)
class Runs:
    """n rows brought together by key (a sensor, a device); a run is the rows of one key in their given order.

    `order` (n,) brings rows run by run; every other column, and every argument of the methods, is in that
    order. `key` (n,), `start` (n,) position of the run's first row, `head` and `tail` (n,) mark a run's first and
    last row; `single` says that no key has a second row, and the rows are then left as they were. An argument
    `before` (n,) is what the run's key knew before this batch.
    """

    order: Positions
    key: NDArray[np.int32]
    start: Positions
    head: Mask
    tail: Mask
    single: bool = False

    @classmethod
    def of(cls, keys: NDArray[np.int32]) -> Runs:
        """Group rows by key, keeping the order within each."""
        # Key and position in one number: sorted several times faster than by a stable argsort.
        wide = keys.astype(np.int64) << _BITS
        wide |= np.arange(len(keys))
        wide.sort()
        ascending = wide >> _BITS
        if (ascending[1:] != ascending[:-1]).all():
            return cls.alone(keys)
        return cls._grouped(wide & ((1 << _BITS) - 1), ascending)

    @classmethod
    def grouped(cls, keys: NDArray[np.int32]) -> Runs:
        """Take rows that are together by key already, such as some rows of other runs."""
        if (keys[1:] != keys[:-1]).all():
            return cls.alone(keys)
        return cls._grouped(np.arange(len(keys)), keys)

    @classmethod
    def alone(cls, keys: NDArray[np.int32]) -> Runs:
        """Take rows of which no two have the same key."""
        at = np.arange(len(keys))
        ends = np.ones(len(keys), np.bool_)
        return cls(at, index(keys), at, ends, ends, single=True)

    def part(self, first: int, end: int) -> Runs:
        """Return some of the rows, of which no two have the same key."""
        ends = self.head[: end - first]
        at = self.order[: end - first]
        return Runs(at, self.key[first:end], at, ends, ends, single=True)

    @classmethod
    def _grouped(cls, order: Positions, key: NDArray[Any]) -> Runs:
        head = np.ones(len(key), np.bool_)
        np.not_equal(key[1:], key[:-1], out=head[1:])
        tail = np.ones(len(key), np.bool_)
        tail[:-1] = head[1:]
        start = np.maximum.accumulate(np.where(head, np.arange(len(key)), 0))
        return cls(order, index(key), start, head, tail)

    def previous(self, column: NDArray[_T], before: NDArray[Any]) -> NDArray[_T]:
        """Return each row's predecessor in its run; a run's first row has what was known before."""
        if self.single:
            return before.astype(column.dtype)
        shifted = np.empty_like(column)
        shifted[1:] = column[:-1]
        np.copyto(shifted, before, where=self.head, casting="unsafe")
        return shifted

    def latest(self, marked: Mask) -> Positions:
        """Return the position of the last marked row at or before each row of its run, -1 where there is none."""
        own = np.where(marked, np.arange(len(marked)), -1)
        if self.single:
            return own
        at = np.maximum.accumulate(own)
        at[at < self.start] = -1
        return at

    def filled(self, column: NDArray[_T], marked: Mask, before: NDArray[Any]) -> NDArray[_T]:
        """Return the column's value at the last marked row, or what was known before where there is none."""
        if self.single:
            return np.where(marked, column, before).astype(column.dtype, copy=False)
        at = self.latest(marked)
        return np.where(at >= 0, column[at], before).astype(column.dtype, copy=False)

    def switch(self, on: Mask, off: Mask, before: Mask) -> Mask:
        """Return whether a switch is on after each row: rows turn it on or off (on wins) or leave it."""
        if self.single:
            return on | (before & ~off)
        return self.filled(on, on | off, before)

    def peak(self, column: NDArray[_T]) -> NDArray[_T]:
        """Return the largest value of each run so far.

        Ranks among (run, value) grow from run to run, so their running maximum never looks across runs.
        """
        values: Any = column  # of a type that has an order
        if self.single or ((values[1:] >= values[:-1]) | self.head[1:]).all():
            return column.copy()
        among = np.flatnonzero(~(self.head & self.tail))  # a row alone in its run is its peak
        some = column[among]
        run = np.cumsum(self.head[among])
        ascending = np.lexsort((some, run))
        rank = np.empty(len(some), np.intp)
        rank[ascending] = np.arange(len(some))
        highest = column.copy()
        highest[among] = some[ascending[np.maximum.accumulate(rank)]]
        return highest


def index(keys: NDArray[Any]) -> NDArray[np.int32]:
    """Return keys as NumPy indexes by them twice as fast; to the reader they are ids as before."""
    return cast("NDArray[np.int32]", keys.astype(np.intp, copy=False))
