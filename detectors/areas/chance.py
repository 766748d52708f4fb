"""How likely is it that so many homes show a sign together by chance?"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.columns.runs import Mask

_MOOD = math.e
_RAREST = 0.005
_Floats = NDArray[np.float64]


def swayed(chance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return chances with their odds multiplied by e: a holiday or the weather moves all homes at once."""
    least = np.maximum(chance, np.float32(_RAREST))
    moved: NDArray[np.float32] = least * np.float32(_MOOD) / (1 + least * np.float32(_MOOD - 1))
    return moved


def tail(n: _Floats, k: _Floats, p: _Floats) -> _Floats:
    """Return a bound of ln P(k or more of n show a sign whose mean chance is p).

    exp(-n KL(k/n | p)): no sum of independent signs with that mean has a heavier tail (Hoeffding 1963, theorem 1).
    """
    share = k / np.maximum(n, 1)
    p = p.clip(1e-9, 1 - 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - p)), 0.0)
        bound: _Floats = -n * (np.where(share > 0, share * np.log(share / p), 0.0) + rest)
    return np.where(share > p, bound, 0.0)


def silent_for(known: Mask, missed: _Floats, chance: NDArray[np.float32]) -> _Floats:
    """Return ln P that each device (n,) lets pass so many of its usual gaps, each by its own chance to be silent.

    A device of which no usual gap is known says nothing: its factor is 1.
    """
    ln: _Floats = np.where(known, missed * np.log(swayed(chance)), 0.0)
    return ln
