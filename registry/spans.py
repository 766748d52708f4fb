"""Spans of time in which something was so of a household: away, or without electricity."""

from __future__ import annotations

from bisect import insort

import numpy as np
from numpy.typing import NDArray

_Times = NDArray[np.int64]
_END = 2**62


class Spans:
    """Spans [begin, end) in microseconds UTC by household number; few households have any."""

    def __init__(self) -> None:
        self._of: dict[int, list[tuple[int, int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._of)

    def add(self, household: int, begin: int, end: int = _END) -> None:
        """Enter a span; one without an end lasts until it is ended."""
        if (begin, end) not in self._of.get(household, ()):
            insort(self._of.setdefault(household, []), (begin, end))

    def end(self, household: int, moment: int) -> None:
        """End the spans that have no end yet."""
        self._of[household] = [
            (begin, moment if end == _END else end) for begin, end in self._of.get(household, []) if begin < moment
        ]

    def replace(self, spans: dict[int, list[tuple[int, int]]]) -> None:
        """Take over what is so now, for all households at once."""
        self._of = {household: sorted(set(own)) for household, own in spans.items() if own}

    def of(self, household: int) -> tuple[tuple[int, int], ...]:
        """Return a household's spans in order."""
        return tuple(self._of.get(household, ()))

    def touch(self, household: NDArray[np.int32], begin: _Times, end: _Times) -> NDArray[np.bool_]:
        """Return of each row (n,) whether [begin, end) of its household and a span share any time."""
        touched = np.zeros(len(household), np.bool_)
        if not self._of:
            return touched
        concerned = np.flatnonzero(np.isin(household, np.fromiter(self._of, np.int64, len(self._of))))
        for row in concerned:
            first, last = int(begin[row]), int(end[row])
            touched[row] = any(a < last and b > first for a, b in self._of[int(household[row])])
        return touched

    def state(self) -> dict[int, list[tuple[int, int]]]:
        """Return everything, for `replace`."""
        return {household: list(own) for household, own in self._of.items()}
