"""The shapes of a town's areas on a map: a made-up city on a river, in the open sea where nobody's home is drawn over.

The city is a square of plain boxes, divided along the tree of areas; one smooth deformation of the whole square then
makes borders as they grow, and whatever touched still touches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import cos, pi, sin
from typing import NamedTuple

from registry.model import LEVELS, Area
from registry.shapes import AreaShape, Point, Ring

_CENTRE = (-10.0, 0.0)
"""Longitude and latitude, degrees: the Gulf of Guinea."""
_RADIUS = 0.11
"""Degrees: some 12 km."""
_STEP = 1 / 64
"""How far apart the points of a border are in the square."""
_WAVES = ((0.030, 3.1, 0.4), (0.016, 7.3, 1.9), (0.008, 17.0, 0.7), (0.004, 37.0, 2.6))
"""Amplitude, angular frequency and phase of what bends borders, in sides of the square."""


class _Box(NamedTuple):
    """A part of the square: [left, right] × [low, high] within [0, 1]."""

    left: float
    low: float
    right: float
    high: float

    def halves(self, share: float) -> tuple[_Box, _Box]:
        """Return it cut across its longer side, the first with this share of it."""
        if self.right - self.left >= self.high - self.low:
            cut = self.left + share * (self.right - self.left)
            return self._replace(right=cut), self._replace(left=cut)
        cut = self.low + share * (self.high - self.low)
        return self._replace(high=cut), self._replace(low=cut)


def outlines(areas: Sequence[Area]) -> tuple[AreaShape, ...]:
    """Return a shape for each area of a city, such as `simulators.census` makes; each holds those whose code it begins.

    What a town has is drawn the same whenever it is asked: by the order of the codes alone.
    """
    boxes = {area.code: _Box(0.0, 0.0, 1.0, 1.0) for area in areas if area.level == LEVELS[0]}
    for level in LEVELS[1:]:
        below: dict[str, list[str]] = {}
        for code in sorted(area.code for area in areas if area.level == level):
            around = [other for other in boxes if code.startswith(other)]
            if around:
                below.setdefault(max(around, key=len), []).append(code)
        for above, codes in below.items():
            boxes.update(zip(codes, _parts(boxes[above], len(codes)), strict=True))
    return tuple(AreaShape(code, ((_outline(box),),)) for code, box in sorted(boxes.items()))


def _parts(box: _Box, count: int) -> Iterator[_Box]:
    """Yield a box in so many parts of one size, cut into halves again and again."""
    if count == 1:
        yield box
        return
    first = count // 2
    one, other = box.halves(first / count)
    yield from _parts(one, first)
    yield from _parts(other, count - first)


def _outline(box: _Box) -> Ring:
    """Return the border of a box, counter-clockwise, where the deformation puts it."""
    corners = ((box.left, box.low), (box.right, box.low), (box.right, box.high), (box.left, box.high))
    sides = zip(corners, (*corners[1:], corners[0]), strict=True)
    points = [_placed(*point) for start, end in sides for point in _side(start, end)]
    return (*points, points[0])


def _side(start: Point, end: Point) -> Iterator[Point]:
    """Yield the points from one corner up to the next: on the same places whichever box the side is of."""
    along = 0 if start[0] != end[0] else 1
    low, high = sorted((start[along], end[along]))
    ticks = [low, *(n * _STEP for n in range(int(low / _STEP) + 1, int(high / _STEP) + 1) if low < n * _STEP < high)]
    if start[along] > end[along]:
        ticks = [high, *reversed(ticks[1:])]
    for tick in ticks:
        yield (tick, start[1]) if along == 0 else (start[0], tick)


def _placed(x: float, y: float) -> Point:
    """Return longitude and latitude of a point of the square: bent, and rounded as towns are."""
    bent_x = x + sum(size * sin(often * y * 2 + phase) for size, often, phase in _WAVES)
    bent_y = y + sum(size * cos(often * x * 2 + phase) for size, often, phase in _WAVES)
    east, north = 2 * bent_x - 1, 2 * bent_y - 1
    # A square to a disc (elliptical grid mapping), but not all the way: corners stay to be seen.
    round_x, round_y = east * (1 - north**2 / 3), north * (1 - east**2 / 3)
    wide = 1 + 0.12 * sin(2 * pi * bent_y)
    return (
        round(_CENTRE[0] + _RADIUS * wide * round_x, 6),
        round(_CENTRE[1] + _RADIUS * 0.8 * round_y, 6),
    )
