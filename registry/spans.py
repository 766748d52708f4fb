"""Spans of time in which something was so of a household: away, or without electricity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from registry.instants import SECOND

_OPEN = 2**62
_LAST = 2**32 - 1


class Spans:
    """Spans [begin, end) in microseconds UTC by household number; asked for to the second."""

    def __init__(self) -> None:
        self._of: dict[int, list[tuple[int, int]]] = {}
        self._key: NDArray[np.int64] | None = None
        self._until: NDArray[np.int64] = np.empty(0, np.int64)

    def __bool__(self) -> bool:
        return bool(self._of)

    def add(self, household: int, begin: int, end: int = _OPEN) -> None:
        """Enter a span; one without an end lasts until it is ended."""
        own = self._of.setdefault(household, [])
        if (begin, end) not in own:
            own.append((begin, end))
            own.sort()
            self._key = None

    def end(self, household: int, moment: int) -> None:
        """End the spans that have no end yet."""
        own = [(begin, moment if end == _OPEN else end) for begin, end in self._of.pop(household, ())]
        if kept := [(begin, end) for begin, end in own if begin < end]:
            self._of[household] = kept
        self._key = None

    def replace(self, spans: Mapping[int, Sequence[tuple[int, int]]]) -> None:
        """Take over what is so now, for all households at once."""
        self._of = {household: sorted(set(own)) for household, own in spans.items() if own}
        self._key = None

    def of(self, household: int) -> tuple[tuple[int, int], ...]:
        """Return a household's spans in order."""
        return tuple(self._of.get(household, ()))

    def touch(
        self, household: NDArray[np.int32], begin: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return of each row (n,) whether [begin, end) of its household and a span share any time."""
        if not self._of:
            return np.zeros(len(household), np.bool_)
        key = self._index()
        # The last of the household's spans that begins before the row ends; `until` is the latest end up to it.
        at = np.searchsorted(key, _keys(household, -(-end // SECOND)), side="left") - 1
        touched: NDArray[np.bool_] = (at >= 0) & (key[at] >> 32 == household) & (self._until[at] > begin)
        return touched

    def state(self) -> dict[int, list[tuple[int, int]]]:
        """Return everything, for `replace`."""
        return {household: list(own) for household, own in self._of.items()}

    def _index(self) -> NDArray[np.int64]:
        if self._key is None:
            rows = [(household, begin, end) for household in sorted(self._of) for begin, end in self._of[household]]
            columns = np.array(rows, np.int64)
            self._key = _keys(columns[:, 0], columns[:, 1] // SECOND)
            self._until = columns[:, 2]
            for row in range(1, len(rows)):
                if rows[row][0] == rows[row - 1][0]:
                    self._until[row] = max(self._until[row], self._until[row - 1])
        return self._key


def _keys(household: NDArray[np.integer], second: NDArray[np.int64]) -> NDArray[np.int64]:
    return (household.astype(np.int64) << 32) | np.clip(second, 0, _LAST)
