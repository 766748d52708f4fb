"""What power does a home draw when nobody switches anything on? What is well above it was somebody."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.bank import Bank, Column
from detectors.local_slots import SLOTS
from detectors.runs import Runs

MARGIN = 1.05
WATTS = 10.0
"""Power above `MARGIN` times the quiet level plus `WATTS` was switched on by somebody."""
_BLOCKS = 6
_FIRST = 4
_STEP = 0.2

POWER_COLUMNS = (
    Column("high_watts", "f4", np.nan, _BLOCKS),
    Column("second_watts", "f4", np.nan, _BLOCKS),
    Column("usual_watts", "f4", np.nan, _BLOCKS),
    Column("quiet_watts", "f4", np.nan),
)
"""Of each block of four hours (the first begins at 01 h): today's highest and second highest slot, and the usual
second highest, a running mean with steps of 0.2; `quiet_watts` is the least of the usual ones.

The second highest of sixteen slots is about their 0.9 quantile: a refrigerator's cycles stay below it, one visit to
the kitchen at night does not move it. The quietest block is the night in most homes, and the day where heating is
stored at night. 76 bytes a household.
"""


def learn_power(bank: Bank, home: NDArray[np.int64], quarter: NDArray[np.int64], watts: NDArray[np.float32]) -> None:
    """Take slots (n,), by household and block together, into today's highest and second highest."""
    block = (quarter - _FIRST) % SLOTS // (SLOTS // _BLOCKS)
    place = home * _BLOCKS + block
    order = np.lexsort((watts, place)) if len(place) > 1 else np.zeros(len(place), np.int64)
    place, watts = place[order], watts[order]
    runs = Runs.grouped(place.astype(np.int32))
    last = np.flatnonzero(runs.tail)
    home, block = place[last] // _BLOCKS, place[last] % _BLOCKS
    highest = watts[last]
    next_one = np.where(last > runs.start[last], watts[np.maximum(last - 1, 0)], np.float32(np.nan))
    high, second = bank["high_watts"][home, block], bank["second_watts"][home, block]
    bank["high_watts"][home, block] = np.fmax(high, highest)
    bank["second_watts"][home, block] = np.fmax(np.fmin(high, highest), np.fmax(second, next_one))


def settle_power(bank: Bank, home: NDArray[np.int64]) -> None:
    """Take the day that has ended into what is usual, of households (n,) each once."""
    day = bank["second_watts"][home]
    usual = bank["usual_watts"][home]
    usual = np.where(np.isnan(usual), day, np.where(np.isnan(day), usual, usual + _STEP * (day - usual)))
    bank["usual_watts"][home] = usual
    bank["quiet_watts"][home] = np.fmin.reduce(usual, axis=1)
    bank["high_watts"][home] = np.nan
    bank["second_watts"][home] = np.nan
