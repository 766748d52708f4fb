"""How unusual is a score among its own past? Conformal p-values, whatever the score's scale or distribution."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque


class Conformal:
    """The last `memory` scores of one stream; about 64 bytes each.

    p is the share of remembered scores that are at least as high, the new one counted. If scores come in no
    particular order, P(p ≤ α) ≤ α whatever they are (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random
    World, 2005, proposition 2.8): no Gaussian tail is assumed, and a score that saturates is never unusual, since
    its equals count against it. Scores of an anomaly may be withheld until it is over, so that a long one does not
    make itself usual.
    """

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self._ascending: list[float] = []
        self._oldest: deque[float] = deque()
        self._withheld: deque[float] = deque(maxlen=memory)

    def __len__(self) -> int:
        """How many scores are remembered."""
        return len(self._ascending)

    def p_value(self, score: float) -> float:
        """Return the share of scores as high as this one, within (0, 1]; 1 where none is remembered."""
        above = len(self._ascending) - bisect_left(self._ascending, score)
        return (1 + above) / (1 + len(self._ascending))

    def remember(self, score: float) -> None:
        """Take a score among the remembered, and forget the oldest where there are too many."""
        self._oldest.append(score)
        insort(self._ascending, score)
        if len(self._oldest) > self.memory:
            del self._ascending[bisect_left(self._ascending, self._oldest.popleft())]

    def withhold(self, score: float) -> None:
        """Keep a score apart until `release`."""
        self._withheld.append(score)

    def release(self) -> None:
        """Take what was withheld among the remembered."""
        while self._withheld:
            self.remember(self._withheld.popleft())
