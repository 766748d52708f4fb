"""How often does evidence reach so high by chance? Counted on the pauses that ended well, and extrapolated beyond."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.local_slots import SLOTS

_STEP = 0.05
_CELLS = 1600
_HALF_LIFE = 45.0
_ENOUGH = 30.0
_PRIOR_DAYS = 30.0
_PRIOR_RATE = 8.0
_PRIOR_WEIGHT = 30.0


class EvidenceTail:
    """The rate per household-day at which the highest evidence of a pause exceeds x, with a half-life of 45 days.

    Evidence is a cumulative hazard: were the model right, its value at the end of a pause would be exponential with
    mean 1 (Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, 2002, §5.2). Real pauses are not
    that obliging, so the rate is counted (pooled conformal, DESIGN §7); above the point that fewer than 30 counts
    reach it goes on as exp(-x / s), s the mean excess over that point, shrunk to 1 with the weight of 30. Until much
    is counted, 30 household-days at 8 exp(-x) a day stand in (46 homes of DAIAD: 12 a year at 5.5).
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_CELLS)
        self._days = 0.0
        self._new_counts = np.zeros(_CELLS)
        self._new_slots = 0
        self._above = np.zeros(_CELLS)
        self._bend = (0.0, 1.0, 1.0)
        self._read()

    def note(self, peaks: NDArray[np.float64]) -> None:
        """Count the highest evidence of pauses that have ended."""
        cells = np.clip(peaks / _STEP, 0, _CELLS - 1).astype(np.int64)
        self._new_counts += np.bincount(cells, minlength=_CELLS)

    def watched(self, slots: int) -> None:
        """Count quarters of an hour in which a pause would have been seen."""
        self._new_slots += slots

    def learn(self, days: float) -> None:
        """Take what was noted in so many days into the rates."""
        keep = 0.5 ** (days / _HALF_LIFE)
        self._counts = self._counts * keep + self._new_counts
        self._days = self._days * keep + self._new_slots / SLOTS
        self._new_counts[:] = 0.0
        self._new_slots = 0
        self._read()

    def rate(self, evidence: float) -> float:
        """Return how many pauses of a household-day exceed this evidence by chance."""
        point, rate, scale = self._bend
        if evidence >= point:
            return rate * float(np.exp((point - evidence) / scale))
        return float(np.interp(evidence / _STEP, np.arange(_CELLS), self._above))

    def threshold(self, rate: float) -> float:
        """Return the evidence that so many pauses of a household-day exceed by chance."""
        point, at_point, scale = self._bend
        if rate <= at_point:
            return point + scale * float(np.log(at_point / rate))
        # `_above` falls from cell to cell.
        return _STEP * float(np.interp(-rate, -self._above, np.arange(_CELLS)))

    def _read(self) -> None:
        level = _STEP * np.arange(_CELLS)
        counts = np.cumsum(self._counts[::-1])[::-1]
        total = self._days + _PRIOR_DAYS
        self._above = (counts + _PRIOR_DAYS * _PRIOR_RATE * np.exp(-level)) / total
        cell = int(np.searchsorted(-self._above, -_ENOUGH / total, side="right")) - 1
        cell = min(max(cell, 0), _CELLS - 1)
        excess = float(counts[cell + 1 :].sum()) * _STEP if cell + 1 < _CELLS else 0.0
        scale = (_PRIOR_WEIGHT + excess) / (_PRIOR_WEIGHT + float(counts[cell]))
        self._bend = (float(level[cell]), float(self._above[cell]), scale)

    def rows(self) -> dict[str, NDArray[Any]]:
        """Return the state, for `pack`."""
        return {
            "tail": np.stack([self._counts, self._new_counts]),
            "tail_days": np.array([self._days, self._new_slots]),
        }

    def take(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `rows` returned."""
        self._counts, self._new_counts = (column.copy() for column in rows["tail"])
        self._days, self._new_slots = float(rows["tail_days"][0]), int(rows["tail_days"][1])
        self._read()
