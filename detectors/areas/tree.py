"""Which homes lie in which area, and which is the smallest area that holds what was found?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.columns.runs import Mask, Positions

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AreaTree:
    """Areas by code, one within another by prefix; `leaf` (h,) is each home's own area, -1 where it has none.

    `codes` (a,) are sorted, so an area comes before those within it; `parent` (a,) is the smallest area around
    each, -1 at the top. `within` and `around` (p,) pair every area with itself and with all those around it.
    """

    codes: tuple[str, ...]
    parent: Positions
    leaf: Positions
    within: Positions
    around: Positions

    @classmethod
    def of(cls, homes: Sequence[str], places: Sequence[str]) -> AreaTree:
        """Build the tree of the homes' own areas and of all other `places` that hold one of them."""
        own = set(homes) - {""}
        holding = {code[:length] for code in own for length in range(1, len(code) + 1)}
        codes = tuple(sorted(own | (set(places) & holding)))
        number = {code: at for at, code in enumerate(codes)}
        parent = np.array([_parent(code, number) for code in codes], np.intp)
        leaf = np.array([number[code] if code else -1 for code in homes], np.intp)
        pairs = []
        for at in range(len(codes)):
            above = at
            while above >= 0:
                pairs.append((at, above))
                above = int(parent[above])
        within, around = np.array(pairs, np.intp).reshape(-1, 2).T
        return cls(codes, parent, leaf, within, around)

    def total(self, leaf: Positions, weight: NDArray[np.floating] | None = None) -> _Floats:
        """Return the number or the weight (n,) of what each area (a,) holds; `leaf` (n,) is each one's own, or -1."""
        own = np.bincount(leaf + 1, weight, minlength=len(self.codes) + 1)[1:]
        total: _Floats = np.bincount(self.around, own[self.within], minlength=len(self.codes)).astype(np.float64)
        return total

    def holds(self, area: int, home: Positions) -> Mask:
        """Return which of some homes lie in an area."""
        inside = np.zeros(len(self.codes) + 1, np.bool_)  # the last is for homes without an area
        inside[self.within[self.around == area]] = True
        held: Mask = inside[self.leaf[home]]
        return held

    def tops(self, chosen: Mask) -> list[int]:
        """Return the chosen areas that lie in no other chosen one."""
        covered = chosen[self.around] & (self.within != self.around)
        below = np.zeros(len(self.codes), np.bool_)
        below[self.within[covered]] = True
        return [int(at) for at in np.flatnonzero(chosen & ~below)]

    def narrowed(self, area: int, found: _Floats) -> int:
        """Return the smallest area within one that still holds nearly all (95 %) of what was `found` (a,) in it."""
        while True:
            inner = np.flatnonzero((self.parent == area) & (found >= 0.95 * found[area]))
            if not inner.size:
                return area
            area = int(inner[0])

    def common(self, home: Positions) -> str:
        """Return the code of the smallest area that holds some homes, "" where there is none."""
        held = self.total(self.leaf[home])
        around = np.flatnonzero(held == len(home)) if len(home) else np.empty(0, np.intp)
        return self.codes[int(around[-1])] if around.size else ""


def _parent(code: str, number: dict[str, int]) -> int:
    return next((number[code[:length]] for length in range(len(code) - 1, 0, -1) if code[:length] in number), -1)
