"""What meters have said of the quarters of an hour that have not closed yet.

Every household has a ring of `RING` slots; slot s lies in its lane s modulo `RING`, so that nothing is moved when
slots close. A lane whose slot is not open is blank. A household with more open slots is kept by itself. A lane lies
together for all households: they are nearly all in the same quarter of an hour, and what is asked for lies close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import Column, StateError
from detectors.columns.runs import Positions

RING = 16
KNOWN, USED, SPENT = 1, 2, 4
"""Flags of a slot: a water meter knows of it; there was use; the reading that ended it brought use as well."""

Ints = NDArray[np.int64]
_COLUMNS = (Column("said", "u1", 0), Column("watts", "f4", np.nan), Column("told", "u4", 0))


class Slots(NamedTuple):
    """n slots: `said` flags, `watts` the highest mean power (NaN unknown), `told` seconds since 1970 (0: by nobody)."""

    said: NDArray[np.uint8]
    watts: NDArray[np.float32]
    told: NDArray[np.uint32]

    @classmethod
    def blank(cls, count: int) -> Slots:
        """Return slots of which nothing is known."""
        return cls(*(np.full(count, column.empty, column.dtype) for column in _COLUMNS))

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return the three columns."""
        return self.said, self.watts, self.told

    def take(self, at: Any) -> Slots:
        """Return what is known of the slots at some positions, and forget it."""
        taken = Slots(*(np.array(column[at]) for column in self.columns()))
        self.said[at], self.watts[at], self.told[at] = (column.empty for column in _COLUMNS)
        return taken

    def put(self, at: Any, slots: Slots) -> None:
        """Write slots to some positions."""
        self.said[at], self.watts[at], self.told[at] = slots


@dataclass(frozen=True, slots=True)
class Places:
    """Where slots of m households lie: slot s of household i at `base[i] + stride * (s & mask)` of `slots`."""

    slots: Slots
    base: Ints
    mask: int = -1
    stride: int = 1

    def at(self, row: Positions, slot: Ints) -> Ints:
        """Return the positions of slots (n,), each of the household in its `row` (n,)."""
        at = slot & self.mask
        at *= self.stride
        at += self.base[row]
        return at


class OpenSlots:
    """The open slots of all households; 144 bytes for each."""

    def __init__(self) -> None:
        self._room = 0
        self._ring = Slots.blank(0)
        self._aside: dict[int, Slots] = {}

    def reach(self, size: int) -> None:
        """Make room for household numbers below `size`."""
        if size > self._room:
            room = max(size, 9 * self._room // 8)
            grown = Slots.blank(RING * room)
            for mine, new in zip(self._ring.columns(), grown.columns(), strict=True):
                new.reshape(RING, room)[:, : self._room] = mine.reshape(RING, self._room)
            self._room, self._ring = room, grown

    def ring(self, households: Ints) -> Places:
        """Return where the slots of households (m,) lie that have at most `RING` open."""
        return Places(self._ring, households, RING - 1, self._room)

    def take_aside(self, households: Ints, rows: Positions, begin: Ints, length: Ints, following: Ints) -> Places:
        """Lay out `length` slots from `begin` on for those households (m,) that stand in `rows`, one after another.

        They hold what is known of open slots, which began at `following`; of these, those before `begin` are given up.
        """
        size = length[rows]
        base = np.zeros(len(households), np.int64)
        base[rows] = np.cumsum(size) - size - begin[rows]
        places = Places(Slots.blank(int(size.sum())), base)
        waiting = np.array([int(households[row]) in self._aside for row in rows.tolist()], np.bool_)
        most = np.minimum(begin + length - following, RING)
        self._move(self.ring(households), places, rows[~waiting], begin, following, most)
        for row in rows[waiting].tolist():
            first = max(int(begin[row]), int(following[row]))
            known = self._aside.pop(int(households[row])).take(slice(first - int(following[row]), None))
            at = int(base[row]) + first
            places.slots.put(slice(at, at + len(known.said)), known)
        return places

    def put_back(self, places: Places, households: Ints, rows: Positions, following: Ints, opened: Ints) -> None:
        """Keep the `opened` slots from `following` on of what `take_aside` laid out."""
        self._move(places, self.ring(households), rows[opened[rows] <= RING], following, following, opened)
        for row in rows[opened[rows] > RING].tolist():
            at = int(places.base[row] + following[row])
            self._aside[int(households[row])] = places.slots.take(slice(at, at + int(opened[row])))

    @staticmethod
    def _move(source: Places, target: Places, rows: Positions, begin: Ints, following: Ints, opened: Ints) -> None:
        slot, row = spans(following[rows], opened[rows])
        known = source.slots.take(source.at(rows[row], slot))
        kept = slot >= begin[rows[row]]
        target.slots.put(target.at(rows[row][kept], slot[kept]), known.take(kept))

    def rows(self, size: int) -> dict[str, NDArray[Any]]:
        """Return the state of households below `size`, for `pack`."""
        aside = sorted(self._aside)
        ring = zip(Slots._fields, self._ring.columns(), strict=True)
        state = {f"open_{name}": column.reshape(RING, -1)[:, :size].T.copy() for name, column in ring}
        state["aside"] = np.array(aside, np.int64)
        state["aside_length"] = np.array([len(self._aside[at].said) for at in aside], np.int64)
        for name, blank in Slots.blank(0)._asdict().items():
            state[f"aside_{name}"] = np.concatenate([blank, *(getattr(self._aside[at], name) for at in aside)])
        return state

    def take_rows(self, state: Mapping[str, NDArray[Any]], old: Ints, new: Ints, size: int) -> None:
        """Continue from what `rows` returned: saved households `old` (n,) are now numbers `new` (n,) below `size`.

        Raises:
            StateError: it is of another version.
        """
        self._room, self._ring = 0, Slots.blank(0)
        self.reach(size)
        for name, column in zip(Slots._fields, self._ring.columns(), strict=True):
            saved = state[f"open_{name}"]
            if saved.dtype != column.dtype or saved.shape[1:] != (RING,):
                raise StateError("a saved state has other columns than this version of the rule")
            column.reshape(RING, -1)[:, new] = saved[old].T
        number = dict(zip(old.tolist(), new.tolist(), strict=True))
        columns = [state[f"aside_{name}"] for name in Slots._fields]
        ends = np.cumsum(state["aside_length"])
        self._aside = {
            number[at]: Slots(*(column[end - length : end].copy() for column in columns))
            for at, end, length in zip(state["aside"].tolist(), ends, state["aside_length"], strict=True)
            if at in number
        }


def spans(first: Ints, count: Ints) -> tuple[Ints, Positions]:
    """Return for every row (m,) the numbers first, first + 1, … (`count` of them, none below 1), and whose they are."""
    count = np.maximum(count, 0)
    row = np.repeat(np.arange(len(count)), count)
    number = (first - (np.cumsum(count) - count))[row]
    number += np.arange(len(row))
    return number, row
