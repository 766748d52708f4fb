"""Chance that can be repeated: any household-day, any single reading, on its own and in any order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_UNIFORMS = 400
_NORMALS = 112
_MASK = (1 << 64) - 1


class Dice:
    """Blocks of random numbers, one row per household, handed out column by column.

    Row i comes from a `numpy.random.Generator` keyed by (seed, stream, who[i], day) alone, so a row does not
    depend on which other households are generated with it, nor on what was generated before. Philox is used
    because its key needs no seeding pass.
    """

    def __init__(self, seed: int, stream: int, who: Sequence[int] | Ints, day: int) -> None:
        self._uniform = np.empty((len(who), _UNIFORMS))
        self._normal = np.empty((len(who), _NORMALS))
        self._uniforms_used = 0
        self._normals_used = 0
        for row, household in enumerate(who):
            key = (seed & _MASK) << 64 | stream << 56 | int(household) << 24 | day
            generator = np.random.Generator(np.random.Philox(key=key))
            generator.random(out=self._uniform[row])
            generator.standard_normal(out=self._normal[row])

    def uniform(self, columns: int) -> Floats:
        """Return the next (n, columns) numbers in [0, 1)."""
        begin, self._uniforms_used = self._uniforms_used, self._uniforms_used + columns
        return _taken(self._uniform, begin, self._uniforms_used)

    def normal(self, columns: int) -> Floats:
        """Return the next (n, columns) standard normal numbers."""
        begin, self._normals_used = self._normals_used, self._normals_used + columns
        return _taken(self._normal, begin, self._normals_used)


def _taken(block: Floats, begin: int, end: int) -> Floats:
    if end > block.shape[1]:
        raise IndexError(f"a day's block holds {block.shape[1]} numbers and {end} were asked for; enlarge it")
    return block[:, begin:end]


def scattered(seed: int, stream: int, *keys: Ints | int) -> Floats:
    """Return a number in [0, 1) for each combination of integer keys, broadcast together.

    For single readings and packs, where a generator each would be too dear. The mixing function is the
    finalizer of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    """
    state = np.array([(seed ^ stream * 0x9E3779B97F4A7C15) & _MASK], np.uint64)
    for key in keys:
        column = np.atleast_1d(np.asarray(key, np.int64)).view(np.uint64)
        state = _mixed(state + _mixed(column + np.uint64(0x9E3779B97F4A7C15)))
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return mixed


def poisson(chance: Floats, mean: Floats | float, most: int) -> Ints:
    """Return Poisson counts, at most `most`, by inverting the distribution at `chance` in [0, 1)."""
    counts = np.arange(1, most + 1)
    ratio = np.asarray(mean, np.float64)[..., None] / counts
    first = np.exp(-np.asarray(mean, np.float64))[..., None]
    return _inverted(chance, first, ratio)


def negative_binomial(chance: Floats, mean: Floats, deviation: Floats, most: int) -> Ints:
    """Return negative binomial counts of that mean and standard deviation, at most `most`."""
    success = mean / deviation**2
    failures = mean * success / (1 - success)
    counts = np.arange(1, most + 1)
    ratio = (counts - 1 + failures[..., None]) / counts * (1 - success[..., None])
    return _inverted(chance, (success**failures)[..., None], ratio)


def _inverted(chance: Floats, first: Floats, ratio: Floats) -> Ints:
    terms = first * np.cumprod(ratio, axis=-1)
    below = np.cumsum(np.concatenate([np.broadcast_to(first, (*terms.shape[:-1], 1)), terms], axis=-1), axis=-1)
    counts: Ints = (below[..., :-1] <= chance[..., None]).sum(axis=-1, dtype=np.int64)
    return counts


def chi_square(normal: Floats, freedom: float) -> Floats:
    """Return chi-square numbers from standard normal ones (Wilson and Hilferty, PNAS 17, 1931)."""
    share = 2 / (9 * freedom)
    result: Floats = freedom * np.maximum(1 - share + normal * np.sqrt(share), 0.05) ** 3
    return result


def placed(weight: Floats, chance: Floats, width: int) -> Ints:
    """Return where in a day events fall, in seconds: `weight` (n, bins) of `width` seconds, `chance` (n, k).

    Continuous inverse of the cumulative weight. A row without any weight puts everything at its last second;
    its caller drops those events.
    """
    rows, bins = weight.shape
    reached = np.cumsum(weight, axis=1)
    total = reached[:, -1:]
    reached = reached / np.where(total > 0, total, 1.0)
    row = np.arange(rows)[:, None]
    at = np.searchsorted((reached + row).ravel(), (chance + row).ravel(), side="right").reshape(chance.shape)
    at = np.clip(at - row * bins, 0, bins - 1)
    above = np.take_along_axis(reached, at, axis=1)
    share = np.take_along_axis(weight / np.where(total > 0, total, 1.0), at, axis=1)
    inside = np.clip(1 - (above - chance) / np.where(share > 0, share, 1.0), 0.0, 1.0)
    seconds: Ints = np.minimum((at + inside) * width, bins * width - 1).astype(np.int64)
    within: Ints = np.minimum(seconds, at * width + width - 1)
    return within
