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
    if quantity.label not in batch.shared:
        batch.shared.update(_slices(batch, sensors))
    known: Slice = batch.shared[quantity.label]
    return known


def _slices(batch: Observations, sensors: SensorTable) -> dict[str, Slice]:
    """Return the slices of all quantities by label: views of columns that are sorted once for all of them."""
    quantity = sensors.quantity[batch.sensor]
    ascending = np.sort(batch.sensor)
    single = bool((ascending[1:] != ascending[:-1]).all())
    if single:
        rows = np.argsort(quantity, kind="stable")  # of single bytes: in one pass
    else:
        runs = Runs.of(batch.sensor)
        rows = runs.order[np.argsort(quantity[runs.order], kind="stable")]
    sensor, time, previous = batch.sensor[rows], batch.time[rows], batch.previous[rows]
    value, use, total, flags = batch.value[rows], batch.use[rows], batch.total[rows], batch.flags[rows]
    household = sensors.household[sensor]
    bound = np.searchsorted(quantity[rows], np.arange(1, len(Quantity) + 2)).tolist()
    slices = {}
    for one in Quantity:
        part = slice(bound[one - 1], bound[one])
        runs = Runs.alone(sensor[part]) if single else Runs.grouped(sensor[part])
        slices[one.label] = Slice(
            rows[part], runs, time[part], previous[part], value[part], use[part],
            total[part], flags[part], household[part],
        )  # fmt: skip
    return slices
