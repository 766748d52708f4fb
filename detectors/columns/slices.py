"""The rows of one quantity in a batch, grouped by sensor: worked out once, however many detectors ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.columns.runs import Positions, Runs, index
from registry.quantities import Quantity
from registry.readings import Flags, Observations, Sensors, SensorTable, Times, Values

SINGLE = "single"
"""Among what a batch shares: whether no sensor has two rows in it, where that is known already."""
_LABELS = tuple(quantity.label for quantity in Quantity)


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


def sensors_of(batch: Observations) -> Sensors:
    """Return the sensor of each row (n,) as NumPy indexes by it fastest; the same object whoever asks."""
    known: Sensors | None = batch.shared.get("sensors")
    if known is None:
        known = batch.shared["sensors"] = index(batch.sensor)
    return known


def slice_of(batch: Observations, sensors: SensorTable, quantity: Quantity) -> Slice:
    """Return the rows of a quantity; the same object whoever asks."""
    if quantity.label not in batch.shared:
        batch.shared.update(_slices(batch, sensors))
    known: Slice = batch.shared[quantity.label]
    return known


def _slices(batch: Observations, sensors: SensorTable) -> dict[str, Slice]:
    """Return the slices of all quantities by label: views of columns that are sorted once for all of them."""
    every = sensors_of(batch)
    quantity = sensors.quantity[every]
    single = batch.shared.get(SINGLE)
    if single is None:
        ascending = np.sort(batch.sensor)
        single = bool((ascending[1:] != ascending[:-1]).all())
    if single:
        rows = np.argsort(quantity, kind="stable")  # of single bytes: in one pass
    else:
        order = Runs.of(batch.sensor).order
        rows = order[np.argsort(quantity[order], kind="stable")]
    sensor, time, previous = every[rows], batch.time[rows], batch.previous[rows]
    value, use, total, flags = batch.value[rows], batch.use[rows], batch.total[rows], batch.flags[rows]
    household = sensors.household[sensor]
    bound = np.cumsum(np.bincount(quantity, minlength=len(Quantity) + 1)).tolist()
    alone = Runs.alone(sensor) if single else None
    slices = {}
    for number, label in enumerate(_LABELS):
        first, end = bound[number], bound[number + 1]
        part = slice(first, end)
        runs = Runs.grouped(sensor[part]) if alone is None else alone.part(first, end)
        slices[label] = Slice(
            rows[part], runs, time[part], previous[part], value[part], use[part],
            total[part], flags[part], household[part],
        )  # fmt: skip
    return slices
