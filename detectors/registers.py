"""What a cumulative register says was used: differences, steps back, rollovers and resets, here and nowhere else.

Thresholds and their sources:

- A step back of up to 1 % of the register, at least 2 and at most 50 units (litres, watt-hours), is a stale or
  jittering copy. In 46 DAIAD home-years 19 of 21 drops were 1 to 45 L and the register went on from where it had
  been within hours, mostly because two radio paths delivered out of step. A meter swapped while it stands below
  200 L is still told from that, its drop being more than 1 %.
- A rollover leaves the last hundredth below a power of ten and lands in the first hundredth: registers have at
  least five digits of litres or six of watt-hours, and a decimal register passes zero at a power of ten in any
  decimal unit.
- Every other drop is a reset. If the very next reading is back at the old register or above, the low one was a
  corrupted copy (DAIAD saw -12,288 and -3,076 L for one reading each) and its recovery is not counted as use.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import NEVER, Bank, Column, pack, unpack
from detectors.columns.records import read, write
from detectors.columns.runs import Mask, Positions, Runs, index
from detectors.columns.slices import SINGLE
from registry.quantities import Quantity
from registry.readings import Flag, Flags, Observations, ReadingBatch, Sensors, SensorTable, Times, Values

_T = TypeVar("_T", bound=np.generic)
_ABOUT = "registers 2"
_CUMULATIVE = np.array([False, *(quantity.cumulative for quantity in Quantity)])
_LEAST_MODULUS = np.where(np.arange(len(Quantity) + 1) == Quantity.ENERGY, 1e6, 1e5)
_LEAST_STEP = 2.0
_STANDING = np.array([Flag.LATE, 0, Flag.FIRST], np.int16)  # of a late row, a fresh one, a sensor's first
_PLAIN, _STEP_BACK = np.int16(0), np.int16(Flag.STEP_BACK)
_MODULI = np.append(10.0 ** np.arange(5, 13), np.inf)
_PART = 128
"""Rows of one sensor read together; bounds the work that a register gone mad can cause."""
_NONE = np.empty(0, np.intp)
_LAST = np.iinfo(np.int64).max
_ODDITIES = 0.25
"""The share of rows out of the ordinary from which on it is cheaper to read all rows as such."""


@dataclass(frozen=True, slots=True)
class Interpreted:
    """What the readings of a batch mean, n rows in the batch's own order.

    `use` and `total` (n,) float64 and `previous` (n,) int64 as in `Observations`, NaN and 0 for late rows;
    `flags` (n,) int16 of `Flag`; `fresh` (n,) marks rows newer than their sensor's last. `single` says that no
    sensor has two of those.
    """

    batch: ReadingBatch
    use: Values
    total: Values
    previous: Times
    flags: Flags
    fresh: Mask
    single: bool

    @property
    def late(self) -> Mask:
        """Rows as old as their sensor's last or older: the database decides by its key which of them are new."""
        return ~self.fresh

    def ignore(self, rows: Positions) -> None:
        """Mark some rows as late."""
        self.use[rows] = self.total[rows] = np.nan
        self.previous[rows], self.flags[rows], self.fresh[rows] = 0, Flag.LATE, False

    def put(self, rows: Positions, meant: Interpreted) -> None:
        """Write into some rows what they mean after all."""
        self.use[rows], self.total[rows], self.previous[rows] = meant.use, meant.total, meant.previous
        self.flags[rows], self.fresh[rows] = meant.flags, meant.fresh

    def observations(self) -> Observations:
        """Return the rows that may be scored, by time and then by sensor."""
        batch = self.batch
        rows = _by_time_then_sensor(batch.time, batch.sensor, self.fresh)
        shared = {SINGLE: self.single}
        if rows is None:
            return Observations(
                batch.sensor, batch.time, batch.value, batch.received,
                self.use, self.previous, self.total, self.flags, shared,
            )  # fmt: skip
        return Observations(
            _taken(batch.sensor, rows), _taken(batch.time, rows), _taken(batch.value, rows),
            _taken(batch.received, rows), _taken(self.use, rows), _taken(self.previous, rows),
            _taken(self.total, rows), _taken(self.flags, rows), shared,
        )  # fmt: skip


class Registers:
    """Interprets readings in the order they arrive, sensor by sensor; 32 bytes a sensor.

    The answer depends on each sensor's readings alone, never on how they were cut into batches.
    """

    def __init__(self) -> None:
        self._bank = Bank(
            Column("last", "i8", NEVER),  # time of the newest reading
            Column("mark", "f8", np.nan),  # high-water mark of the register; of a gauge there is none
            Column("offset", "f8", 0.0),  # total = mark + offset; changes at irregular readings only
            Column("lost", "f8", np.nan),  # the mark that the last reading, a reset, abandoned
        )

    def interpret(self, batch: ReadingBatch, sensors: SensorTable) -> Interpreted:
        """Take the readings of a batch in arrival order and say what each of them means.

        Every sensor of the batch must be in the table. Linear in the rows, but for a register that steps
        back again and again.
        """
        bank = self._bank
        bank.reach(len(sensors))
        sensor = index(batch.sensor)
        again = _again(np.sort(batch.sensor))
        if again.size > _ODDITIES * len(batch):
            return self._unlike(batch, sensors)
        leading, more = _repeats(sensor, again, len(sensors))
        known = read(bank, sensor)
        last, mark = known["last"], known["mark"]
        back = mark - batch.value
        fresh = batch.time > last
        plain = fresh & (last != NEVER)
        plain &= ~(back > _LEAST_STEP)
        plain &= np.isnan(known["lost"])
        plain[more] = False
        if np.count_nonzero(fresh) - np.count_nonzero(plain) > _ODDITIES * len(batch):
            return self._unlike(batch, sensors)

        # Where a sensor has one row and its register goes on, that row needs nothing but what is known of it. All
        # rows are read as if they were of that kind; then what is not is taken back and read as what it is.
        reached = np.maximum(batch.value, mark)
        use = np.maximum(-back, 0.0)
        total = reached + known["offset"]
        previous = last.copy()
        flags = np.where(back > 0, _STEP_BACK, _PLAIN)
        bank["last"][sensor] = batch.time
        bank["mark"][sensor] = reached
        meant = Interpreted(batch, use, total, previous, flags, fresh, single=True)
        odd = np.flatnonzero(~plain)
        if not odd.size:
            return meant
        write(bank, sensor[odd], known.take(odd))
        usual = leading[plain[leading]]
        bank["last"][sensor[usual]], bank["mark"][sensor[usual]] = batch.time[usual], reached[usual]
        meant.ignore(odd[~fresh[odd]])
        other = fresh[odd]
        other[np.searchsorted(odd, more)] = False
        if other.any():
            meant.put(odd[other], self._unlike(_rows(batch, odd[other]), sensors))
        if more.size:
            late = batch.time[more] <= bank["last"][sensor[more]]  # of a sensor's copies, whatever else comes between
            meant.ignore(more[late])
            more = more[~late]
        if not more.size:
            return meant
        rest = self.interpret(_rows(batch, more), sensors)
        meant.put(more, rest)
        return replace(meant, single=not rest.fresh.any())

    def _unlike(self, batch: ReadingBatch, sensors: SensorTable) -> Interpreted:
        """Interpret rows of any kind: several of a sensor, late or first ones, registers that fell."""
        bank = self._bank
        runs = Runs.of(batch.sensor)
        key, order = runs.key, runs.order
        time, value = (batch.time, batch.value) if runs.single else (batch.time[order], batch.value[order])
        last = bank["last"][key]
        newest = np.maximum(runs.peak(time), last)
        previous = runs.previous(newest, last)
        fresh = time > previous
        first = fresh & (previous == NEVER)
        flags = _STANDING[fresh.view(np.int8) + first.view(np.int8)]
        use = np.full(len(key), np.nan)
        total = np.full(len(key), np.nan)

        quantity = sensors.quantity[key]
        rows = np.flatnonzero(fresh & _CUMULATIVE[quantity])
        use[rows], total[rows], meant = self._read(key[rows], value[rows], first[rows], _LEAST_MODULUS[quantity[rows]])
        flags[rows] |= meant
        bank["last"][key[runs.tail]] = newest[runs.tail]

        known = np.where(fresh & ~first, previous, 0)
        single = runs.single or not _again(key[fresh]).size
        if not runs.single:
            use, total, known = _unsorted(use, order), _unsorted(total, order), _unsorted(known, order)
            flags, fresh = _unsorted(flags, order), _unsorted(fresh, order)
        return Interpreted(batch, use, total, known, flags, fresh, single)

    def _read(self, key: Sensors, value: Values, first: Mask, least_modulus: Values) -> tuple[Values, Values, Flags]:
        """Read registers; rows come sensor by sensor in time order."""
        runs = Runs.grouped(key)
        part = 0 if runs.single else (np.arange(len(key)) - runs.start) // _PART
        if np.any(part):
            use, total, flags = np.empty(len(key)), np.empty(len(key)), np.empty(len(key), np.int16)
            for number in range(np.max(part) + 1):
                rows = np.flatnonzero(part == number)
                use[rows], total[rows], flags[rows] = self._read(
                    key[rows], value[rows], first[rows], least_modulus[rows]
                )
            return use, total, flags
        self._begin(runs.key[runs.head], value[runs.head], first[runs.head])
        read, use, total, flags = self._pass(runs, value, least_modulus)
        rest = np.flatnonzero(~read)
        if rest.size:
            use[rest], total[rest], flags[rest] = self._read(key[rest], value[rest], first[rest], least_modulus[rest])
        use[first] = np.nan
        return use, total, flags

    def _pass(self, runs: Runs, now: Values, least_modulus: Values) -> tuple[Mask, Values, Values, Flags]:
        """Read each sensor's rows up to its first irregular one; return which rows that were, use, total, flags."""
        mark, offset, lost = self._bank["mark"], self._bank["offset"], self._bank["lost"]
        marked = mark[runs.key]
        reached = np.maximum(runs.peak(now), marked)
        high = runs.previous(reached, marked)
        back = high - now
        use = np.maximum(-back, 0.0)
        total = reached + offset[runs.key]
        flags = np.where(back > 0, _STEP_BACK, _PLAIN)
        odd = back > _LEAST_STEP
        if odd.any():
            odd &= back > np.clip(0.01 * high, _LEAST_STEP, 50.0)
        plain = runs.latest(odd) < 0
        mark[runs.key[plain]] = reached[plain]
        if plain.all():
            return plain, use, total, flags

        turn = np.flatnonzero(odd & runs.previous(plain, np.ones(len(now), np.bool_)))
        sensor, low, old = runs.key[turn], now[turn], high[turn]
        modulus = _MODULI[np.searchsorted(_MODULI, old, side="right")]
        rolled = (modulus >= least_modulus[turn]) & (old >= 0.99 * modulus) & (low <= 0.01 * modulus)
        use[turn] = np.where(rolled, modulus - old + low, np.nan)
        offset[sensor] += np.where(rolled, modulus, old - low)
        mark[sensor] = low
        lost[sensor] = np.where(rolled, np.nan, old)
        total[turn] = low + offset[sensor]
        flags[turn] = np.where(rolled, Flag.ROLLOVER, Flag.RESET)
        plain[turn] = True
        return plain, use, total, flags

    def _begin(self, sensor: Sensors, value: Values, first: Mask) -> None:
        """Start a new register at zero use, and take back a reset that its next reading shows to be none."""
        mark, offset, lost = self._bank["mark"], self._bank["offset"], self._bank["lost"]
        new = sensor[first]
        mark[new] = value[first]
        offset[new] = -value[first]
        abandoned = lost[sensor]
        after_reset = np.flatnonzero(~np.isnan(abandoned))
        if after_reset.size:
            lost[sensor[after_reset]] = np.nan
            recovered = after_reset[value[after_reset] >= abandoned[after_reset]]
            sensor, old = sensor[recovered], abandoned[recovered]
            offset[sensor] += mark[sensor] - old
            mark[sensor] = old

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(_ABOUT, {"registers": self._bank.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned.

        Raises:
            StateError: it is none.
        """
        self._bank.take(unpack(state, _ABOUT)["registers"])


def _again(ascending: NDArray[Any]) -> NDArray[Any]:
    """Return those of some keys that equal the one before."""
    same: Mask = ascending[1:] == ascending[:-1]
    return ascending[1:][same]


def _repeats(sensor: Sensors, again: Sensors, sensors: int) -> tuple[Positions, Positions]:
    """Return the first row of every sensor that is there `again`, and all other rows of these, ascending."""
    if not again.size:
        return _NONE, _NONE
    chosen = np.zeros(sensors, np.bool_)
    chosen[again] = True
    rows = np.flatnonzero(chosen[sensor])
    _, at = np.unique(sensor[rows], return_index=True)
    more = np.ones(len(rows), np.bool_)
    more[at] = False
    return rows[at], rows[more]


def _rows(batch: ReadingBatch, rows: Positions) -> ReadingBatch:
    return ReadingBatch(batch.sensor[rows], batch.time[rows], batch.value[rows], batch.received[rows])


def _taken(column: NDArray[_T], rows: Positions) -> NDArray[_T]:
    """Return some rows, all of which there are: to clip costs less than to check."""
    return column.take(rows, mode="clip")


def _unsorted(column: NDArray[_T], order: Positions) -> NDArray[_T]:
    """Return a column in the order it had before it was brought into `order`."""
    back = np.empty_like(column)
    back[order] = column
    return back


def _by_time_then_sensor(time: Times, sensor: Sensors, fresh: Mask) -> Positions | None:
    """Return the order of fresh rows, None if that is all rows as they are.

    As one number each, where 63 bits are enough for it, they sort ten times faster.
    """
    count, late = len(time), np.flatnonzero(~fresh)
    if late.size == count:
        return _NONE
    if late.size:  # they come last, and their times may not take bits
        time = time.copy()
        time[late] = time[np.argmax(fresh)]
    elif (time[1:] >= time[:-1]).all() and ((time[1:] > time[:-1]) | (sensor[1:] > sensor[:-1])).all():
        return None
    begin = int(time.min())
    for_row, for_sensor = count.bit_length(), int(sensor.max()).bit_length()
    if (int(time.max()) - begin).bit_length() + for_sensor + for_row > 63:
        order = np.lexsort((sensor, time))
        return order[fresh[order]]
    rank = time - begin
    rank <<= for_sensor
    rank |= sensor
    rank <<= for_row
    rank |= np.arange(count)
    rank[late] = _LAST
    rank.sort()
    rank = rank[: count - late.size]
    rank &= (1 << for_row) - 1
    return rank
