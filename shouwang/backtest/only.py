"""What would be left of some readings, were there no other meters?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from registry.quantities import BY_LABEL, Quantity
from registry.readings import ReadingBatch
from shouwang.backtest.errors import BacktestError
from shouwang.backtest.roster import Numbers
from shouwang.backtest.run import Readings

_LEFT_OUT = 0  # no sensor has this number


def chosen(text: str) -> frozenset[Quantity]:
    """Return the quantities that `volume,smoke` names.

    Raises:
        BacktestError: there is no such quantity.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in BY_LABEL]
    if unknown:
        raise BacktestError(f"there is no quantity `{unknown[0]}`; there are {', '.join(BY_LABEL)}")
    return frozenset(BY_LABEL[name] for name in names)


class Only:
    """The readings of some quantities; sensors of the others are as if they had never been there."""

    def __init__(self, readings: Readings, quantities: frozenset[Quantity]) -> None:
        self._readings = readings
        self._quantities = quantities

    @property
    def by_home(self) -> bool:
        """As of the readings as a whole."""
        return self._readings.by_home

    def batches(self, roster: Numbers) -> Iterator[tuple[ReadingBatch, float]]:
        """Yield what is left of each batch, and how much has been read."""
        for batch, share in self._readings.batches(_Some(roster, self._quantities)):
            kept = np.flatnonzero(batch.sensor != _LEFT_OUT)
            yield (
                ReadingBatch(batch.sensor[kept], batch.time[kept], batch.value[kept], batch.received[kept]),
                share,
            )


class _Some:
    """Numbers for the sensors of some quantities."""

    def __init__(self, roster: Numbers, quantities: frozenset[Quantity]) -> None:
        self._roster = roster
        self._quantities = quantities

    def of(self, device: str, quantity: Quantity) -> int:
        return self._roster.of(device, quantity) if quantity in self._quantities else _LEFT_OUT
