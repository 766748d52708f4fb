"""Where do more homes, or devices behind one gateway, show a sign together than chance explains?"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.areas.chance import silent_for, swayed, tail
from detectors.areas.evidence import Evidence, Signs
from detectors.areas.layout import Layout
from detectors.columns.runs import Positions
from detectors.incident import Cause
from registry.instants import SECOND

_SHARES = {Cause.POWER: 0.8, Cause.RADIO: 0.9, Cause.WATER: 0.95}


class Candidate(NamedTuple):
    """What was found: where, at whom, since when (microseconds), of how many, and a bound of its chance (ln)."""

    cause: Cause
    area: str
    source: str
    homes: Positions
    devices: Positions
    onset: int
    of: int
    ln_chance: float


class Search:
    """Looks for incidents in the evidence; remembers only at how many looks each place was beyond chance."""

    def __init__(self, evidence: Evidence, homes: int, chance: float) -> None:
        """Take what an incident needs: so many homes, and a chance below that of the signs together."""
        self._evidence = evidence
        self._least = homes
        self._ln_chance = math.log(chance)
        self._waiting: dict[tuple[Cause, str], int] = {}

    def areas(self, cause: Cause, layout: Layout, signs: Signs) -> list[Candidate]:
        """Return the areas in which a sign is beyond chance now and was at the look before."""
        waiting = self._taken(cause)
        tree = layout.tree
        shown = np.flatnonzero(signs.shown)
        if len(shown) < self._least:
            return []
        leaf = layout.leaf if cause is Cause.RADIO else tree.leaf
        k = tree.total(leaf[shown])
        if k.max(initial=0) < self._least:
            return []
        if cause is Cause.RADIO:
            n = self._evidence.known(layout).by_area
        else:
            n = layout.within - tree.total(leaf[np.flatnonzero(~signs.known)])
        many = (k >= self._least) & (k >= _SHARES[cause] * n)
        if not many.any():
            return []
        known = np.flatnonzero(signs.known)
        p = tree.total(leaf[known], swayed(signs.chance[known])) / np.maximum(n, 1)
        tests = math.log(_tests(layout))
        bound = tail(n, k, p)
        beyond = many & (bound + tests < self._ln_chance)
        home = layout.home if cause is Cause.RADIO else np.arange(layout.homes)
        found = []
        for at in tree.tops(beyond):
            area = tree.narrowed(at, k)
            looks = waiting.get(tree.codes[area], 0) + 1
            self._waiting[cause, tree.codes[area]] = looks
            inside = shown[tree.holds(area, home[shown])]
            homes = np.unique(home[inside])
            if len(homes) < self._least or (looks < 2 and cause is not Cause.WATER):
                continue
            if cause is Cause.RADIO and len(np.unique(layout.gateway[inside])) == 1 and layout.gateway[inside[0]] >= 0:
                continue  # one gateway: that is told as such
            of = len(np.unique(home[known[tree.holds(area, home[known])]])) if cause is Cause.RADIO else int(n[area])
            devices = inside if cause is Cause.RADIO else layout.meter[:0]
            onset = _last_usual(self._usual(cause, inside))
            found.append(
                Candidate(cause, tree.codes[area], "", homes, devices, onset, of, float(bound[at] + tests))
            )  # fmt: skip
        return found

    def gateways(self, layout: Layout, silence: Signs, now: int) -> list[Candidate]:
        """Return the gateways of which nothing is heard any more."""
        waiting = self._taken(Cause.GATEWAY)
        silent = np.flatnonzero(silence.shown)
        if not len(layout.devices) or not len(silent):
            return []
        shown, known = layout.by_gateway(silent), self._evidence.known(layout).by_gateway
        likely = (known >= 2) & (shown >= 0.9 * known)
        if not likely.any():
            return []
        devices, first = layout.devices, layout.first
        which = layout.gateway[devices]
        latest = np.maximum.reduceat(self._evidence.heard()[devices], first)
        missed = self._evidence.missed(latest[layout.gateway], now)[devices]
        ln = silent_for(silence.known[devices], missed, silence.chance[devices])
        bound = np.add.reduceat(ln, first) + math.log(_tests(layout))
        found = []
        for at in np.flatnonzero(likely & (bound < self._ln_chance)):
            source = layout.gateways[int(at)]
            looks = waiting.get(source, 0) + 1
            self._waiting[Cause.GATEWAY, source] = looks
            if looks < 2:  # a whole area may be silent: that is seen a look later
                continue
            own = devices[which == at]
            homes = np.unique(layout.home[own])
            quiet = own[silence.shown[own]]
            area = layout.tree.common(homes)
            onset = int(latest[at]) * SECOND
            found.append(Candidate(Cause.GATEWAY, area, source, homes, quiet, onset, len(homes), float(bound[at])))
        return found

    def state(self) -> list[tuple[Cause, str, int]]:
        """Return what is remembered, for `restore`."""
        return [(*key, looks) for key, looks in self._waiting.items()]

    def restore(self, waiting: list[tuple[Cause, str, int]]) -> None:
        """Take what `state` returned."""
        self._waiting = {(cause, place): looks for cause, place, looks in waiting}

    def _taken(self, cause: Cause) -> dict[str, int]:
        """Return at how many looks each place was beyond chance for a cause, and forget it: what still is, is noted."""
        waiting = {place: looks for (of, place), looks in self._waiting.items() if of is cause}
        for place in waiting:
            del self._waiting[cause, place]
        return waiting

    def _usual(self, cause: Cause, shown: Positions) -> NDArray[Any]:
        """Return when each of those affected was last as usual, seconds."""
        evidence = self._evidence
        if cause is Cause.RADIO:
            return evidence.devices["heard"][shown]
        column: NDArray[Any] = evidence.homes["lit" if cause is Cause.POWER else "drawn"][shown]
        return column


def _tests(layout: Layout) -> int:
    """Return how many chances a look gives to chance."""
    return len(layout.tree.codes) * len(Cause) + len(layout.gateways)


def _last_usual(seconds: NDArray[Any]) -> int:
    """Return the moment (microseconds) by which 95 % of the affected had been as usual for the last time."""
    at = min(len(seconds) - 1, round(0.95 * (len(seconds) - 1)))
    return int(np.partition(seconds.astype(np.int64), at)[at]) * SECOND
