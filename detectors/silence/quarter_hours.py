"""What households did in each quarter of an hour: water and electricity meters brought together, slot by slot.

A slot is 15 min of UTC, numbered from 1970. It closes when every meter of the household that is being heard has
reported beyond it; then it is told once, with what each meter says of it: nothing known, no use, or use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import NEVER, Bank, Column
from detectors.columns.runs import Mask, Positions
from detectors.columns.slices import Slice, slice_of
from detectors.silence.open_slots import KNOWN, RING, SPENT, USED, OpenSlots, Places, Slots, spans
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
_EVER = np.iinfo(np.int64).max
_NO_SLOT = np.iinfo(np.int32).max
WATER, ELECTRICITY = 0, 1
_METER = {Quantity.VOLUME: WATER, Quantity.ENERGY: ELECTRICITY, Quantity.POWER: ELECTRICITY}
_WATER = np.array([1 if said & USED else 0 if said & KNOWN else -1 for said in range(8)], np.int8)

Ints = NDArray[np.int64]
_COLUMNS = (
    Column("next", "i4", -1),  # the first slot that has not closed
    Column("closed", "?", 0),  # whether any has closed: until then an earlier one may still be told of
    Column("seen", "i4", -1, 2),  # by meter: the first slot it has not reported beyond; the later one is the last open
    Column("heard", "i8", NEVER, 2),  # by meter: last reception
    Column("deaf", "?", 0, 2),  # by meter: no longer waited for
)


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


class QuarterHours:
    """Turns readings into closed slots; 179 bytes a household.

    A meter counts as heard until `tick` finds that nothing of it was received for `PATIENCE`; nothing else depends
    on a clock, so that slots are the same however readings are cut into batches.
    """

    def __init__(self, sensors: SensorTable) -> None:
        self._sensors = sensors
        self._has = np.zeros((0, 2), np.bool_)
        self._meter = np.zeros(0, np.int64)
        self._row = np.zeros(0, np.intp)  # by household: its row among those of a batch, while that is taken
        self._counted = 0
        self._looked = NEVER
        # One bank for each column: some thousand households are asked for each, and a column lies close together.
        self._banks = {column.name: Bank(column) for column in _COLUMNS}
        self._open = OpenSlots()

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
        self._row[households] = np.arange(len(households))

        new = np.flatnonzero(~self._column("closed")[households])
        first = np.full(len(households), _EVER)
        said = []
        for quantity, rows in slices:
            row, slot = self._row[rows.household], rows.time // SLOT
            self._hear(_METER[quantity], rows.household, slot, batch.received[rows.rows], known=not len(new))
            if len(new):
                np.minimum.at(first, row, slot)
            said.append(_Said.of(quantity, rows, row))
        begin = self._column("next")[households].astype(np.int64)
        begin[new] = np.where(begin[new] < 0, first[new], np.minimum(begin[new], first[new]))
        return self._close(households, begin, said)

    def tick(self, now: int) -> Closed | None:
        """Stop waiting for meters that have fallen silent; looked at every 5 min of `now`, the clock of reception."""
        if now // _LOOK == self._looked:
            return None
        self._looked = now // _LOOK
        self._reach()
        heard, deaf = self._column("heard"), self._column("deaf")
        silent = heard < now - PATIENCE
        silent &= heard != NEVER
        silent &= ~deaf
        meters = np.flatnonzero(silent)
        if not len(meters):
            return None
        deaf[meters] = True
        households = np.flatnonzero(silent.reshape(-1, 2).any(axis=1))
        return self._close(households, self._column("next")[households].astype(np.int64), [])

    def meter_of(self, household: int) -> int:
        """Return a sensor that stands for a household: its first water meter, or else electricity meter."""
        return int(self._meter[household])

    def _hear(self, meter: int, household: NDArray[np.int32], slot: Ints, received: Ints, *, known: bool) -> None:
        """Note what a meter has reported beyond, and when it was heard; `known` are homes that were heard before."""
        own = household * np.int64(2) + meter
        np.maximum.at(self._column("seen"), own, slot.astype(np.int32))
        heard = self._column("heard")
        np.maximum.at(heard, own, received)
        self._column("deaf")[own] = False
        if known:
            return
        other = own ^ 1
        unheard = np.flatnonzero(heard[other] == NEVER)
        if len(unheard):  # one that never spoke is waited for from now on, not for ever
            heard[other[unheard]] = _EVER
            np.minimum.at(heard, other[unheard], received[unheard])

    def _close(self, households: Ints, begin: Ints, said: Sequence[_Said]) -> Closed | None:
        """Write into open slots what meters said of them, take out those that have closed, and keep the rest."""
        begin, length, count = self._ended(households, begin)
        following = self._column("next")[households]
        self._column("next")[households] = begin + count
        some = np.flatnonzero(count)
        self._column("closed")[households[some]] = True

        near = length <= RING
        if near.all():
            ring = self._open.ring(households)
            for one in said:
                one.write(ring, begin)
            return _closed(households, begin, count, [(ring, some)])
        rows = np.flatnonzero(~near)
        aside = self._open.take_aside(households, rows, begin, length, following)
        ring = self._open.ring(households)
        for one in said:
            within = near[one.row]
            one.part(within).write(ring, begin)
            one.part(~within).write(aside, begin)
        closed = _closed(households, begin, count, [(ring, some[near[some]]), (aside, some[~near[some]])])
        self._open.put_back(aside, households, rows, begin + count, length - count)
        return closed

    def _ended(self, households: Ints, begin: Ints) -> tuple[Ints, Ints, Ints]:
        """Return where open slots (from `begin` on, if those are not too many) begin, their number, and of the ended.

        A slot has ended when every meter that is waited for has reported beyond.
        """
        seen, deaf, has = self._column("seen"), self._column("deaf"), self._has.reshape(-1)
        water = households * 2
        electricity = water + 1
        by_water, by_electricity = has[water] & ~deaf[water], has[electricity] & ~deaf[electricity]
        one, two = seen[water], seen[electricity]
        last = np.maximum(one, two)
        end = np.minimum(np.where(by_water, one, _NO_SLOT), np.where(by_electricity, two, _NO_SLOT))
        end = np.where(by_water | by_electricity, end, last)
        begin = np.maximum(begin, last - _LONGEST)
        length = last - begin + 1
        count: Ints = np.maximum(end - begin, 0)
        # What waits too long for a meter that is heard but says nothing new is told without it.
        return begin, length, np.maximum(count, length - _LONGEST)

    def _column(self, name: str) -> NDArray[Any]:
        """Return a column as a view: by household, or by twice the household plus the meter."""
        return self._banks[name][name].reshape(-1)

    def _reach(self) -> None:
        """Learn which meters households have; the table only grows."""
        sensors, size = self._sensors, len(self._sensors.households)
        if (len(sensors), size) != (self._counted, len(self._has)) or size == 0:
            self._counted = len(sensors)
            self._has = np.zeros((size, 2), np.bool_)
            self._meter = np.zeros(size, np.int64)
            self._row = np.zeros(size, np.intp)
            for quantity, meter in reversed(_METER.items()):
                own = np.flatnonzero(sensors.quantity == quantity)[::-1]
                self._has[sensors.household[own], meter] = True
                self._meter[sensors.household[own]] = own  # the first of the best kind is written last
        for bank in self._banks.values():
            bank.reach(size)
        self._open.reach(size)

    def rows(self) -> dict[str, NDArray[Any]]:
        """Return the state, for `pack`; row i is household i's."""
        self._reach()
        size = len(self._has)
        own = {f"slots_{name}": bank.rows()[:size].copy() for name, bank in self._banks.items()}
        return own | self._open.rows(size)

    def take_rows(self, state: Mapping[str, NDArray[Any]], number: Mapping[int, int]) -> None:
        """Continue from what `rows` returned; `number` gives a saved household's number in today's table."""
        old, new = np.array(list(number), np.int64), np.array(list(number.values()), np.int64)
        size = len(self._sensors.households)
        for name, bank in self._banks.items():
            bank.take(state[f"slots_{name}"][:0])
            bank.reach(size)
            bank.rows()[new] = state[f"slots_{name}"][old]
        self._open.take_rows(state, old, new, size)


@dataclass(frozen=True, slots=True)
class _Said:
    """What n readings of one meter say of the time since those before; `row` (n,) is whose of m households they are.

    `use` (n,) is what a register counted between, or the power that held: what is said is taken to hold since then.
    """

    quantity: Quantity
    row: Positions
    since: Ints
    until: Ints
    use: NDArray[np.float64]

    @classmethod
    def of(cls, quantity: Quantity, rows: Slice, row: Positions) -> _Said:
        """Return what a meter's rows say."""
        use = rows.use if quantity.cumulative else rows.value
        told = (rows.previous > 0) & np.isfinite(use) & (rows.time - rows.previous < _LONGEST * SLOT)
        return cls(quantity, row, rows.previous, rows.time, use).part(told)

    def part(self, some: Mask) -> _Said:
        """Return what some of the readings say."""
        if some.all():
            return self
        at = np.flatnonzero(some)
        return _Said(self.quantity, self.row[at], self.since[at], self.until[at], self.use[at])

    def write(self, places: Places, begin: Ints) -> None:
        """Write it into the open slots of the households (m,), which begin at `begin` (m,)."""
        low, high = np.maximum(self.since // SLOT, begin[self.row]), self.until // SLOT
        final = (self.until - 1) // SLOT
        close = self.until - self.since <= _COARSE
        water = self.quantity is Quantity.VOLUME
        ended = close | (self.use <= 0) if water else close
        slot, row = spans(low, np.where(ended, high - low, 0))
        at = places.at(self.row[row], slot)
        np.maximum.at(places.slots.told, at, (self.until // SECOND).astype(np.uint32)[row])

        # The last slot, which may not have ended, is told as well: use in it is use.
        if water:
            places.slots.said[at] |= np.uint8(KNOWN)
            used = self.use > 0
            self.part(used).write_use(places, np.where(close, low, np.maximum(final, low))[used])
        else:
            watts = self.use / ((self.until - self.since) / HOUR) if self.quantity.cumulative else self.use
            slot, row = spans(low, np.where(close, final - low + 1, 0))
            np.fmax.at(places.slots.watts, places.at(self.row[row], slot), watts.astype(np.float32)[row])

    def write_use(self, places: Places, low: Ints) -> None:
        """Write use into slots from `low` (n,) on."""
        final = (self.until - 1) // SLOT
        # Its first slot began with the reading before, which told of it: this use was most likely later.
        split = (self.until - self.since <= _COARSE) & (self.since % SLOT > 0)
        split &= (self.since // SLOT == low) & (final > low)
        places.slots.said[places.at(self.row[split], low[split])] |= np.uint8(SPENT)
        low = low + split
        slot, row = spans(low, final - low + 1)
        places.slots.said[places.at(self.row[row], slot)] |= np.uint8(USED)


def _closed(households: Ints, first: Ints, length: Ints, parts: Sequence[tuple[Places, Positions]]) -> Closed | None:
    """Take out the `length` slots from `first` on of households (m,); each part is where some rows have theirs."""
    start, size, columns = np.zeros(len(households), np.int64), 0, []
    for places, rows in parts:
        count = length[rows]
        slot, row = spans(first[rows], count)
        columns.append(places.slots.take(places.at(rows[row], slot)))
        start[rows] = size + np.cumsum(count) - count
        size += len(slot)
    if not size:
        return None
    slots = columns[0] if len(columns) == 1 else Slots(*map(np.concatenate, zip(*columns, strict=True)))
    some = np.flatnonzero(length)
    told = slots.told.astype(np.int64) * SECOND
    return Closed(
        households[some], first[some], length[some], start[some],
        _WATER[slots.said], slots.watts, told, slots.said >= SPENT,
    )  # fmt: skip
