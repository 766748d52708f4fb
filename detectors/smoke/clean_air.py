"""What does this smoke detector show in clean air? Haze, dust and drift, learned from its own readings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns.runs import Runs
from registry.instants import DAY, HOUR
from registry.readings import Times

UNIT = 1000
"""Levels are whole thousandths of a %/m, so that sums do not depend on how a stream is cut."""
UNKNOWN = -1
"""The air of a detector not heard of yet; it is taken to be perfectly clean until it is."""

_RISE = 0.5
_PER_UNIT = round(DAY / (_RISE * UNIT))
_LONGEST = HOUR

Levels = NDArray[np.int64]


def levels(obscuration: NDArray[np.float64]) -> Levels:
    """Return obscuration (n,) in %/m as whole `UNIT`s."""
    whole: Levels = np.rint(obscuration * UNIT).astype(np.int64)
    return whole


def follow(runs: Runs, level: Levels, time: Times, previous: Times, before: Levels) -> Levels:
    """Return the state of clean air after each row (n,); `before` (n,) is what its sensor's was before the batch.

    A leaky minimum: a lower reading is clean air at once, and between readings clean air may rise by at most
    0.5 %/m a day (an hour at most for each gap: nothing is learned from silence). So dust that settles over
    months and haze that stays for days are followed, while three hours of smouldering move it by 0.06 %/m.
    b_i = min(level_i, b_{i-1} + rise · gap_i), whose closed form is a running minimum; a state is clean air
    times the microseconds in which it may rise by one `UNIT`, all in whole numbers.
    """
    rise = np.clip(np.where(previous > 0, time - previous, 0), 0, _LONGEST)
    start = np.where(before == UNKNOWN, 0, before)
    own = level * _PER_UNIT
    if runs.single:
        return np.asarray(np.minimum(own, start + rise), np.int64)
    risen = np.cumsum(rise)
    lowest = -runs.peak(risen - own)
    first = risen[runs.start] - rise[runs.start]
    air: Levels = risen + np.minimum(lowest, start - first)
    return air


def clean(air: Levels) -> Levels:
    """Return what states of clean air mean, in `UNIT`s."""
    return air // _PER_UNIT
