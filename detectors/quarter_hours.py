"""What households did in each quarter of an hour: water and electricity meters brought together, slot by slot.

A slot is 15 min of UTC, numbered from 1970. It closes when every meter of the household that is being heard has
reported beyond it; then it is told once, with what each meter says of it: nothing known, no use, or use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bank import NEVER, Bank, Column
from detectors.records import Records, read, write
from detectors.slices import Slice, slice_of
from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable

SLOT = 15 * MINUTE
PATIENCE = 3 * HOUR
"""A meter not heard for so long is no longer waited for."""
_LOOK = 5 * MINUTE
_COARSE = 130 * MINUTE
"""Use between readings further apart than this happened somewhere between: only its last slot is told as use."""
_LONGEST = 10 * DAY // SLOT
"""After so many slots without a reading nothing is known of the time between, whatever the register says."""
_RING = 8
WATER, ELECTRICITY = 0, 1
_METER = {Quantity.VOLUME: WATER, Quantity.ENERGY: ELECTRICITY, Quantity.POWER: ELECTRICITY}


class Closed(NamedTuple):
    """Slots that closed, for m households; each has `length` (m,) slots in a row from its slot `first` (m,).

    Household i's slots lie at `start[i]` and after in the columns: `water` int8 (-1 unknown, 0 no use, 1 use),
    `watts` float32 (the highest mean power of a reading in the slot, NaN unknown), `told` int64 microseconds UTC
    (the event time, in whole seconds, at which the slot could be judged; 0 where no reading told of it), `spent` bool
    (the reading that ended it brought use as well: too late to call it silence).
    """

    household: NDArray[np.int64]
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    start: NDArray[np.int64]
    water: NDArray[np.int8]
    watts: NDArray[np.float32]
    told: NDArray[np.int64]
    spent: NDArray[np.bool_]


@dataclass(slots=True)
class _Slots:
    """Open slots of some households, household by household: what meters said of them so far."""

    known: NDArray[np.bool_]
    used: NDArray[np.bool_]
    metered: NDArray[np.bool_]
    spent: NDArray[np.bool_]
    watts: NDArray[np.float32]
    told: NDArray[np.int64]

    @classmethod
    def blank(cls, count: int) -> _Slots:
        known, used, metered, spent = np.zeros((4, count), np.bool_)
        return cls(known, used, metered, spent, np.full(count, np.nan, np.float32), np.zeros(count, np.int64))

    def columns(self) -> tuple[NDArray[Any], ...]:
        return self.known, self.used, self.metered, self.spent, self.watts, self.told


_NAMES = tuple(each.name for each in fields(_Slots))


class QuarterHours:
    """Turns readings into closed slots; 120 bytes a household.

    A meter counts as heard until `tick` finds that nothing of it was received for `PATIENCE`; nothing else depends
    on a clock, so that slots are the same however readings are cut into batches.
    """

    def __init__(self, sensors: SensorTable) -> None:
        self._sensors = sensors
        self._has = np.zeros((0, 2), np.bool_)
        self._meter = np.zeros(0, np.int64)
        self._counted = 0
        self._looked = NEVER
        self._bank = Bank(
            Column("next", "i4", -1),  # the first slot that has not closed
            Column("closed", "?", 0),  # whether any has: until then an earlier one may still be told of
            Column("seen", "i4", -1, 2),  # by meter: the first slot it has not reported beyond
            Column("heard", "i8", NEVER, 2),  # by meter: last reception
            Column("deaf", "?", 0, 2),  # by meter: no longer waited for
            Column("open", "u1", 0),  # how many slots of the ring below are in use
            Column("known", "u1", 0),  # bits, from `next` on
            Column("used", "u1", 0),
            Column("metered", "u1", 0),
            Column("spent", "u1", 0),
            Column("watts", "f4", np.nan, _RING),
            Column("told", "i4", 0, _RING),  # seconds from the slot's begin
        )
        self._overflow: dict[int, _Slots] = {}

    def take(self, batch: Observations) -> Closed | None:
        """Return the slots that readings close; None where there are none."""
        slices = [(quantity, rows) for quantity in _METER if len(rows := slice_of(batch, self._sensors, quantity))]
        if not slices:
            return None
        self._reach()
        concerned = np.zeros(len(self._has), np.bool_)
        for _, rows in slices:
            concerned[rows.household] = True
        households = np.flatnonzero(concerned)
        position = np.cumsum(concerned) - 1
        homes = read(self._bank, households)

        # Where each household's open slots begin and end.
        begin = homes["next"].astype(np.int64)
        new = ~homes["closed"]
        first = np.full(len(households), np.iinfo(np.int64).max)
        last = begin + homes["open"] - 1
        for at, own in self._overflow.items():
            if concerned[at]:
                last[position[at]] = begin[position[at]] + len(own.known) - 1
        for _, rows in slices:
            np.minimum.at(first, position[rows.household], rows.time // SLOT)
            np.maximum.at(last, position[rows.household], rows.time // SLOT)
        begin[new] = np.where(begin[new] < 0, first[new], np.minimum(begin[new], first[new]))
        lost = last - begin > _LONGEST
        begin[lost] = last[lost] - _LONGEST
        length = last - begin + 1
        start = np.cumsum(length) - length
        slots = _Slots.blank(int(length.sum()))
        self._unpack(households, homes, begin, start, slots)

        for quantity, rows in slices:
            _mark(quantity, rows, batch.received[rows.rows], position[rows.household], homes, begin, start, slots)
        return self._close(households, homes, begin, start, length, slots)

    def tick(self, now: int) -> Closed | None:
        """Stop waiting for meters that have fallen silent; looked at every 5 min of `now`, the clock of reception."""
        if now // _LOOK == self._looked:
            return None
        self._looked = now // _LOOK
        self._reach()
        bank = self._bank
        silent = (bank["heard"] != NEVER) & ~bank["deaf"] & (now - bank["heard"] > PATIENCE)
        if not silent.any():
            return None
        households = np.flatnonzero(silent.any(axis=1)[: len(self._has)])
        bank["deaf"][: len(silent)] |= silent
        homes = read(bank, households)
        begin = homes["next"].astype(np.int64)
        length = homes["open"].astype(np.int64)
        for row, at in enumerate(households.tolist()):
            if at in self._overflow:
                length[row] = len(self._overflow[at].known)
        start = np.cumsum(length) - length
        slots = _Slots.blank(int(length.sum()))
        self._unpack(households, homes, begin, start, slots)
        return self._close(households, homes, begin, start, length, slots)

    def meter_of(self, household: int) -> int:
        """Return a sensor that stands for a household: its first water meter, or else electricity meter."""
        return int(self._meter[household])

    def _close(
        self, households: NDArray[np.int64], homes: Records, begin: NDArray[np.int64], start: NDArray[np.int64],
        length: NDArray[np.int64], slots: _Slots,
    ) -> Closed | None:  # fmt: skip
        """Take what has closed out of open slots, and keep the rest."""
        seen = homes["seen"].astype(np.int64)
        waited = self._has[households] & ~homes["deaf"]
        end = np.where(waited, seen, np.iinfo(np.int64).max).min(axis=1)
        end = np.where(waited.any(axis=1), end, seen.max(axis=1))
        count = np.clip(end - begin, 0, length)
        # What waits too long for a meter that is heard but says nothing new is told without it.
        count = np.maximum(count, length - _LONGEST)
        homes["next"] = begin + count
        homes["closed"] |= count > 0
        self._pack(households, homes, start + count, length - count, slots)
        write(self._bank, households, homes)
        if not count.any():
            return None
        some = count > 0
        water = np.where(slots.used, 1, np.where(slots.known, 0, -1)).astype(np.int8)
        return Closed(
            households[some], begin[some], count[some], start[some], water, slots.watts, slots.told, slots.spent
        )

    def _unpack(
        self, households: NDArray[np.int64], homes: Records, begin: NDArray[np.int64], start: NDArray[np.int64],
        slots: _Slots,
    ) -> None:  # fmt: skip
        kept = homes["open"]
        skipped = begin - homes["next"]  # slots given up after a long gap
        for lane in range(int(kept.max(initial=0))):
            rows = np.flatnonzero((lane < kept) & (skipped <= lane))
            if not len(rows):
                continue
            own, at = homes.take(rows), start[rows] + lane - skipped[rows]
            slots.known[at] = own["known"] >> lane & 1
            slots.used[at] = own["used"] >> lane & 1
            slots.metered[at] = own["metered"] >> lane & 1
            slots.spent[at] = own["spent"] >> lane & 1
            slots.watts[at] = own["watts"][:, lane]
            told = own["told"][:, lane]
            slots.told[at] = np.where(told > 0, (begin[rows] + lane - skipped[rows]) * SLOT + told * SECOND, 0)
        rows = np.searchsorted(households, sorted(self._overflow))
        for row, at in zip(rows.tolist(), sorted(self._overflow), strict=True):
            if row < len(households) and households[row] == at:
                waiting = self._overflow.pop(at)
                skip, ahead = max(int(skipped[row]), 0), max(-int(skipped[row]), 0)
                left = max(len(waiting.known) - skip, 0)
                for mine, theirs in zip(slots.columns(), waiting.columns(), strict=True):
                    mine[start[row] + ahead : start[row] + ahead + left] = theirs[skip:]

    def _pack(
        self, households: NDArray[np.int64], homes: Records, start: NDArray[np.int64], length: NDArray[np.int64],
        slots: _Slots,
    ) -> None:  # fmt: skip
        long = length > _RING
        homes["open"] = np.where(long, 0, length)
        for name, empty in (("known", 0), ("used", 0), ("metered", 0), ("spent", 0), ("watts", np.nan), ("told", 0)):
            homes[name] = empty
        first = homes["next"].astype(np.int64)
        for lane in range(int(np.where(long, 0, length).max(initial=0))):
            rows = np.flatnonzero((lane < length) & ~long)
            at, bit = start[rows] + lane, np.uint8(lane)
            homes["known"][rows] |= slots.known[at].astype(np.uint8) << bit
            homes["used"][rows] |= slots.used[at].astype(np.uint8) << bit
            homes["metered"][rows] |= slots.metered[at].astype(np.uint8) << bit
            homes["spent"][rows] |= slots.spent[at].astype(np.uint8) << bit
            homes["watts"][rows, lane] = slots.watts[at]
            since = (slots.told[at] - (first[rows] + lane) * SLOT) // SECOND
            homes["told"][rows, lane] = np.where(slots.told[at] > 0, np.maximum(since, 1), 0)
        for row in np.flatnonzero(long):
            cut = slice(int(start[row]), int(start[row] + length[row]))
            self._overflow[int(households[row])] = _Slots(*(column[cut].copy() for column in slots.columns()))

    def _reach(self) -> None:
        """Learn which meters households have; the table only grows."""
        sensors = self._sensors
        if (len(sensors), len(sensors.households)) != (self._counted, len(self._has)) or len(self._has) == 0:
            self._counted = len(sensors)
            self._has = np.zeros((len(sensors.households), 2), np.bool_)
            self._meter = np.zeros(len(sensors.households), np.int64)
            for quantity, meter in reversed(_METER.items()):
                own = np.flatnonzero(sensors.quantity == quantity)[::-1]
                self._has[sensors.household[own], meter] = True
                self._meter[sensors.household[own]] = own  # the first of the best kind is written last
        self._bank.reach(len(self._has))

    def rows(self) -> dict[str, NDArray[Any]]:
        """Return the state, for `pack`; row i is household i's."""
        self._reach()
        waiting = sorted(self._overflow)
        state = {"slots": self._bank.rows()[: len(self._has)].copy(), "waiting": np.array(waiting, np.int64)}
        state["waiting_length"] = np.array([len(self._overflow[at].known) for at in waiting], np.int64)
        blank = _Slots.blank(0)
        for name, column in zip(_NAMES, blank.columns(), strict=True):
            own = [getattr(self._overflow[at], name) for at in waiting]
            state[f"waiting_{name}"] = np.concatenate(own) if own else column
        return state

    def take_rows(self, state: Mapping[str, NDArray[Any]], number: Mapping[int, int]) -> None:
        """Continue from what `rows` returned; `number` gives a saved household's number in today's table."""
        self._overflow = {}
        self._bank.take(state["slots"][:0])
        self._has = np.zeros((0, 2), np.bool_)
        self._reach()
        for old, new in number.items():
            self._bank.rows()[new] = state["slots"][old]
        ends = np.cumsum(state["waiting_length"])
        for at, end, length in zip(state["waiting"].tolist(), ends, state["waiting_length"], strict=True):
            if at in number:
                names = _NAMES
                own = (state[f"waiting_{name}"][end - length : end].copy() for name in names)
                self._overflow[number[at]] = _Slots(*own)


def _mark(
    quantity: Quantity, rows: Slice, received: NDArray[np.int64], home: NDArray[np.int64], homes: Records,
    begin: NDArray[np.int64], start: NDArray[np.int64], slots: _Slots,
) -> None:  # fmt: skip
    """Write into open slots what the rows of one meter say of them."""
    meter = _METER[quantity]
    np.maximum.at(homes["seen"][:, meter], home, (rows.time // SLOT).astype(np.int32))
    np.maximum.at(homes["heard"][:, meter], home, received)
    homes["deaf"][home, meter] = False
    other = homes["heard"][:, 1 - meter]
    if (other == NEVER).any():  # one that never spoke is waited for from now on, not for ever
        first = np.full(len(other), np.iinfo(np.int64).max)
        np.minimum.at(first, home, received)
        unheard = (other == NEVER) & (first < np.iinfo(np.int64).max)
        other[unheard] = first[unheard]

    # What a power sensor says is taken to hold since its last reading.
    said = rows.use if quantity.cumulative else rows.value
    told = np.flatnonzero((rows.previous > 0) & np.isfinite(said) & (rows.time - rows.previous < _LONGEST * SLOT))
    home = home[told]
    since, until, use = rows.previous[told], rows.time[told], said[told]
    low = np.maximum(since // SLOT, begin[home])
    high = until // SLOT  # slots below have ended
    at, row = _stretch(start[home] + low - begin[home], high - low)
    close = until - since <= _COARSE
    if meter == WATER:
        silent = close | (use <= 0)
        kept = silent[row]
        slots.known[at[kept]] = True
    else:
        kept = close[row]
        slots.metered[at[kept]] = True
    np.maximum.at(slots.told, at[kept], (until // SECOND * SECOND)[row[kept]])

    # The last slot, which may not have ended, is told as well: use in it is use.
    final = (until - 1) // SLOT
    low = np.where(close, low, np.maximum(final, low))
    if meter == WATER:
        some = use > 0
        # Its first slot began with the reading before, which told of it: this use was most likely later.
        split = some & close & (since % SLOT > 0) & (since // SLOT == low) & (final > low)
        slots.spent[(start[home] + low - begin[home])[split]] = True
        low = low + split
        at, _ = _stretch((start[home] + low - begin[home])[some], (final - low + 1)[some])
        slots.used[at] = True
    else:
        some = close
        watts = use / ((until - since) / HOUR) if quantity.cumulative else use
        at, row = _stretch((start[home] + low - begin[home])[some], (final - low + 1)[some])
        np.fmax.at(slots.watts, at, watts[some][row].astype(np.float32))


def _stretch(first: NDArray[np.int64], count: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return for every row the positions first, first + 1, … (`count` of them, none below 1), and whose they are."""
    count = np.maximum(count, 0)
    row = np.repeat(np.arange(len(count)), count)
    at = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + first[row]
    return at, row
