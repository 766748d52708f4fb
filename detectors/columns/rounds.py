"""Rows that follow from one another within a sensor, all sensors at once: first rows, second rows, and so on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detectors.columns.runs import Positions, Runs


def rounds(rows: Positions, key: NDArray[np.int32]) -> Iterator[Positions]:
    """Yield the first of some rows of every key, then the second, until there are none.

    `rows` (n,) ascend; `key` (m,) of all rows, grouped. Live there is one round; a recorded year has one for each
    day or week of it in a batch, whatever the number of sensors.
    """
    if not len(rows):
        return
    runs = Runs.grouped(key[rows])
    number = np.arange(len(rows)) - runs.start
    for turn in range(int(number.max()) + 1):
        yield rows[number == turn]
