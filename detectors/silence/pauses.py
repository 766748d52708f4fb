"""How long has a pause lasted at each slot, and how unlikely has it become?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.columns.runs import Mask, Positions, Runs

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pauses:
    """Slots (n,) of households, run by run; a pause goes from the slot after one with use up to the next with use.

    `age` (n,) counts the silent slots of the pause before each slot. `start` (n,) is the position where the pause
    begins within these rows, `first` marks it, and `continued` says that it began before them, with `held` (n,)
    silent slots (0 where it did not).
    """

    age: Ints
    start: Positions
    first: Mask
    continued: Mask
    held: Ints
    silent: Mask

    @classmethod
    def of(cls, runs: Runs, silent: Mask, used: Mask, held: Ints) -> Pauses:
        """Divide rows into pauses; `held` (n,) is how many silent slots the household's pause had before them."""
        after = np.zeros(len(used), np.bool_)
        after[1:] = used[:-1]
        after &= ~runs.head
        ended = runs.latest(after)
        continued = ended < 0
        start = np.where(continued, runs.start, ended)
        count: Ints = np.cumsum(silent) - silent
        held = np.where(continued, held, 0)
        age = count - count[start] + held
        return cls(age, start, start == np.arange(len(start)), continued, held, silent)

    def evidence(self, due: Floats, before: Floats, fall: float) -> Floats:
        """Return ln R after each slot, `R ← (R + fall) · exp(due)` where silent; `before` is ln R of a continued one.

        In closed form: with P the sum of `due` since the pause began, R = exp(P) · (R₀ + fall · Σ exp(-P before)).
        """
        step = np.where(self.silent, due, 0.0)
        total = np.cumsum(step)
        since = total - step
        reached = total - since[self.start]
        weight = np.where(self.silent, np.exp(-(reached - step)), 0.0)
        weights = np.cumsum(weight)
        weighed = weights - (weights - weight)[self.start]
        opening = np.where(self.continued, np.exp(np.minimum(before, 600.0)), 1.0)
        evidence: Floats = reached + np.log(opening + fall * weighed)
        return evidence
