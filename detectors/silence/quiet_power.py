"""Did somebody switch something on? A rise of power above those that come by themselves in this home.

Not the power itself: a television, a lamp or a stove that was left on draws power whether or not anybody is well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.local_slots import SLOTS
from detectors.columns.bank import Bank, Column
from detectors.columns.runs import Runs

_MARGIN = 1.3
_WATTS = 20.0
_BLOCKS = 6
_FIRST = 4
_BLOCK = (np.arange(SLOTS) - _FIRST) % SLOTS // (SLOTS // _BLOCKS)
_STEP = 0.2

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

POWER_COLUMNS = (
    Column("usual_rise", "f4", np.nan, _BLOCKS),
    Column("high_rise", "f4", np.nan, _BLOCKS),
    Column("second_rise", "f4", np.nan, _BLOCKS),
    Column("quiet_rise", "f4", np.nan),
    Column("last_watts", "f4", np.nan, 2),
)
"""Of each block of four hours (the first begins at 01 h) the usual second highest rise, a running mean with steps of
0.2, and today's highest and second highest; `quiet_rise` is the least of the usual; the power of the last two slots.
What every slot asks for stands last, beside what follows in the bank.

The second highest of sixteen slots is about their 0.9 quantile: a refrigerator's cycles stay below it, one visit to
the kitchen at night does not move it. The quietest block is the night in most homes, and the day where heating is
stored at night. 84 bytes a household.
"""


def rises(bank: Bank, runs: Runs, home: NDArray[np.int64], watts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far each slot's power (n,) lies above the lower of the two slots before it; NaN where unknown."""
    last = bank["last_watts"][home]
    one = runs.previous(watts, last[:, 0])
    two = runs.previous(one, last[:, 1])
    tail = np.flatnonzero(runs.tail)
    bank["last_watts"][home[tail]] = np.stack((watts[tail], one[tail]), axis=1)
    rise: NDArray[np.float32] = watts - np.fmin(one, two)
    return rise


def switched_on(bank: Bank, home: NDArray[np.int64], rise: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return whether a rise is more than 1.3 times the quiet one plus 20 W; False where either is unknown."""
    on: NDArray[np.bool_] = rise > bank["quiet_rise"][home] * _MARGIN + _WATTS
    return on


def learn_rises(bank: Bank, home: NDArray[np.int64], quarter: NDArray[np.int64], rise: NDArray[np.float32]) -> None:
    """Take slots (n,), by household and block together, into today's highest and second highest."""
    block = _BLOCK[quarter]
    telling = np.flatnonzero(~(rise <= bank["second_rise"][home, block]))  # others change neither of the two
    home, block, rise = home[telling], block[telling], rise[telling]
    again = np.zeros(len(home) + 1, np.bool_)
    np.equal(home[1:], home[:-1], out=again[1:-1])
    several = again[:-1] | again[1:]
    if several.any():
        _learn_several(bank, home[several], block[several], rise[several])
        home, block, rise = home[~several], block[~several], rise[~several]
    _learn_highest(bank, home, block, rise, np.float32(np.nan))


def _learn_several(bank: Bank, home: Ints, block: Ints, rise: Floats) -> None:
    """Take rises (n,) of households of which several may be of the same block."""
    place = home * _BLOCKS + block
    order = np.lexsort((rise, place))
    place, rise = place[order], rise[order]
    runs = Runs.grouped(place.astype(np.int32))
    last = np.flatnonzero(runs.tail)
    next_one = np.where(last > runs.start[last], rise[np.maximum(last - 1, 0)], np.float32(np.nan))
    _learn_highest(bank, place[last] // _BLOCKS, place[last] % _BLOCKS, rise[last], next_one)


def _learn_highest(bank: Bank, home: Ints, block: Ints, highest: Floats, next_one: Floats | np.float32) -> None:
    """Take the highest and the next highest (NaN: none) of new rises into blocks, each there once."""
    high, second = bank["high_rise"][home, block], bank["second_rise"][home, block]
    bank["high_rise"][home, block] = np.fmax(high, highest)
    # The lower of two highest; before there are two (NaN) there is none.
    bank["second_rise"][home, block] = np.fmax(np.minimum(high, highest), np.fmax(second, next_one))


def settle_rises(bank: Bank, home: NDArray[np.int64]) -> None:
    """Take the day that has ended into what is usual, of households (n,) each once."""
    day = bank["second_rise"][home]
    usual = bank["usual_rise"][home]
    usual = np.where(np.isnan(usual), day, np.where(np.isnan(day), usual, usual + _STEP * (day - usual)))
    bank["usual_rise"][home] = usual
    bank["quiet_rise"][home] = np.fmin.reduce(usual, axis=1)
    bank["high_rise"][home] = np.nan
    bank["second_rise"][home] = np.nan
