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

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.bank import NEVER, Bank, Column, pack, unpack
from detectors.runs import Mask, Positions, Runs
from registry.quantities import Quantity
from registry.readings import Flag, Flags, Observations, ReadingBatch, Sensors, SensorTable, Times, Values

_T = TypeVar("_T", bound=np.generic)
_ABOUT = "registers 1"
_CUMULATIVE = np.array([False, *(quantity.cumulative for quantity in Quantity)])
_LEAST_MODULUS = np.where(np.arange(len(Quantity) + 1) == Quantity.ENERGY, 1e6, 1e5)
_LEAST_STEP = 2.0
_STANDING = np.array([Flag.LATE, 0, Flag.FIRST], np.int16)  # of a late row, a fresh one, a sensor's first
_PLAIN, _STEP_BACK = np.int16(0), np.int16(Flag.STEP_BACK)
_MODULI = np.append(10.0 ** np.arange(5, 13), np.inf)
_PART = 128
"""Rows of one sensor read together; bounds the work that a register gone mad can cause."""


@dataclass(frozen=True, slots=True)
class Interpreted:
    """What the readings of a batch mean, n rows in the batch's own order.

    `use` and `total` (n,) float64 and `previous` (n,) int64 as in `Observations`, NaN and 0 for late rows;
    `flags` (n,) int16 of `Flag`; `fresh` (n,) marks rows newer than their sensor's last.
    """

    batch: ReadingBatch
    use: Values
    total: Values
    previous: Times
    flags: Flags
    fresh: Mask

    @property
    def late(self) -> Mask:
        """Rows as old as their sensor's last or older: the database decides by its key which of them are new."""
        return ~self.fresh

    def observations(self) -> Observations:
        """Return the rows that may be scored, by time and then by sensor."""
        rows = np.flatnonzero(self.fresh)
        rows = rows[_by_time_then_sensor(self.batch.time[rows], self.batch.sensor[rows])]
        batch = self.batch
        return Observations(
            batch.sensor[rows], batch.time[rows], batch.value[rows], batch.received[rows],
            self.use[rows], self.previous[rows], self.total[rows], self.flags[rows],
        )  # fmt: skip


class Registers:
    """Interprets readings in the order they arrive, sensor by sensor; 32 bytes a sensor.

    The answer depends on each sensor's readings alone, never on how they were cut into batches.
    """

    def __init__(self) -> None:
        self._bank = Bank(
            Column("last", "i8", NEVER),  # time of the newest reading
            Column("mark", "f8", 0.0),  # high-water mark of the register
            Column("offset", "f8", 0.0),  # total = mark + offset; changes at irregular readings only
            Column("lost", "f8", np.nan),  # the mark that the last reading, a reset, abandoned
        )

    def last_time(self, sensor: Sensors) -> Times:
        """Return the time of each sensor's newest reading, microseconds UTC, `NEVER` where there is none."""
        if len(sensor):
            self._bank.reach(int(sensor.max()) + 1)
        newest: Times = self._bank["last"][sensor]
        return newest

    def interpret(self, batch: ReadingBatch, sensors: SensorTable) -> Interpreted:
        """Take the readings of a batch in arrival order and say what each of them means.

        Every sensor of the batch must be in the table. Linear in the rows, but for a register that steps
        back again and again.
        """
        bank = self._bank
        bank.reach(len(sensors))
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
        if not runs.single:
            use, total, known = _unsorted(use, order), _unsorted(total, order), _unsorted(known, order)
            flags, fresh = _unsorted(flags, order), _unsorted(fresh, order)
        return Interpreted(batch, use, total, known, flags, fresh)

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


def _unsorted(column: NDArray[_T], order: Positions) -> NDArray[_T]:
    """Return a column in the order it had before it was brought into `order`."""
    back = np.empty_like(column)
    back[order] = column
    return back


def _by_time_then_sensor(time: Times, sensor: Sensors) -> Positions:
    """Return the order of rows; as one number each, where 63 bits are enough for it, they sort ten times faster."""
    count = len(time)
    if not count:
        return np.empty(0, np.intp)
    begin = int(time.min())
    for_row, for_sensor = count.bit_length(), int(sensor.max()).bit_length()
    if (int(time.max()) - begin).bit_length() + for_sensor + for_row > 63:
        return np.lexsort((sensor, time))
    rank = (((time - begin) << for_sensor | sensor) << for_row) | np.arange(count)
    rank.sort()
    return rank & ((1 << for_row) - 1)
