"""A slice in pieces in which no sensor has readings of two days, for what is learned once a day.

What a day taught holds from the next day on. Within a piece every limit is therefore fixed, whole columns can be
judged at once, and the work in Python grows with the days of a batch, never with its readings. Days are those of
UTC: they only pace the learning, and need no zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.columns.runs import Mask, Positions, Runs
from detectors.columns.slices import Slice, slice_of
from registry.instants import DAY
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable

_T = TypeVar("_T", bound=np.generic)


def pieces_of(batch: Observations, sensors: SensorTable, quantity: Quantity) -> Sequence[Slice]:
    """Return the rows of a quantity in pieces, the first day of each sensor first; the same object whoever asks."""
    name = f"{quantity.label} by day"
    known: Sequence[Slice] | None = batch.shared.get(name)
    if known is None:
        known = _cut(slice_of(batch, sensors, quantity))
        batch.shared[name] = known
    return known


def narrowed(piece: Slice, at: Mask | Positions) -> Slice:
    """Return the rows of a slice that a mask or ascending positions choose, still grouped by sensor."""
    return Slice(
        piece.rows[at], Runs.grouped(piece.runs.key[at]), piece.time[at], piece.previous[at], piece.value[at],
        piece.use[at], piece.total[at], piece.flags[at], piece.household[at],
    )  # fmt: skip


def summed(runs: Runs, column: NDArray[np.int64], anew: Mask, before: NDArray[Any]) -> NDArray[np.int64]:
    """Return each run's sum so far, since its last row marked `anew`, with that row, or upon what was known before.

    Of integers, so that no cut changes it.
    """
    if runs.single:
        return np.where(anew, column, column + before)
    upto = np.cumsum(column)
    until = upto - column
    latest = runs.latest(anew)
    begun = latest >= 0
    total: NDArray[np.int64] = upto - until[np.where(begun, latest, runs.start)]
    total += np.where(begun, 0, before)
    return total


def ever(runs: Runs, marked: Mask) -> Mask:
    """Return whether a row is marked, or one before it in its run."""
    return marked if runs.single else runs.latest(marked) >= 0


def after(runs: Runs, marked: Mask) -> Mask:
    """Return whether neither a row is marked nor any that follows it in its run."""
    return ~marked if runs.single else np.arange(len(marked)) > told(runs, runs.latest(marked)[runs.tail])


def heads(runs: Runs) -> Positions | slice:
    """Return the places of each run's first row."""
    return slice(None) if runs.single else np.flatnonzero(runs.head)


def tails(runs: Runs) -> Positions | slice:
    """Return the places of each run's last row."""
    return slice(None) if runs.single else np.flatnonzero(runs.tail)


def gathered(runs: Runs, how: np.ufunc, column: NDArray[_T]) -> NDArray[_T]:
    """Return one value of each run: its rows put together by `np.add`, `np.minimum` or another."""
    together: NDArray[_T] = column if runs.single else how.reduceat(column, np.flatnonzero(runs.head))
    return together


def told(runs: Runs, column: NDArray[_T]) -> NDArray[_T]:
    """Return to each row what `column` says of its run."""
    return column if runs.single else column[np.cumsum(runs.head) - 1]


def _cut(whole: Slice) -> Sequence[Slice]:
    if not len(whole):
        return ()
    if whole.runs.single:
        return (whole,)
    day = whole.time // DAY
    turn = np.zeros(len(whole), np.int64)
    turn[1:] = (day[1:] != day[:-1]) & ~whole.runs.head[1:]
    if not turn.any():
        return (whole,)
    number = summed(whole.runs, turn, whole.runs.head, turn)
    return tuple(narrowed(whole, number == each) for each in range(int(number.max()) + 1))
