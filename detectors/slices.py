"""The rows of one quantity in a batch, grouped by sensor: worked out once, however many detectors ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.runs import Positions, Runs
from registry.quantities import Quantity
from registry.readings import Flags, Observations, SensorTable, Times, Values


@dataclass(frozen=True, slots=True)
class Slice:
    """n rows of one quantity, sensor by sensor, each sensor's in event-time order; columns as in `Observations`.

    `rows` (n,) are their positions in the batch; `runs.key` is the sensor of each.
    """

    rows: Positions
    runs: Runs
    time: Times
    previous: Times
    value: Values
    use: Values
    total: Values
    flags: Flags
    household: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)


def slice_of(batch: Observations, sensors: SensorTable, quantity: Quantity) -> Slice:
    """Return the rows of a quantity; the same object whoever asks."""
    known: Slice | None = batch.shared.get(quantity.label)
    if known is None:
        rows = np.flatnonzero(sensors.quantity[batch.sensor] == quantity)
        runs = Runs.of(batch.sensor[rows])
        rows = rows[runs.order]
        known = Slice(
            rows, runs, batch.time[rows], batch.previous[rows], batch.value[rows], batch.use[rows],
            batch.total[rows], batch.flags[rows], sensors.household[runs.key],
        )  # fmt: skip
        batch.shared[quantity.label] = known
    return known
