"""The made-up map of a town: each area lies in the one above it, and together they fill it without a gap."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from registry.shapes import Ring, geometry, shapes_of
from simulators.outlines import outlines
from simulators.town import Town

START = datetime(2026, 11, 5, tzinfo=UTC)


def _area(ring: Ring) -> float:
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))) / 2


@pytest.mark.parametrize("households", [1, 60, 700])
def test_the_areas_below_fill_the_one_above(households: int) -> None:
    areas = Town(3, households, START).registry.areas
    shapes = {shape.area: shape.polygons[0][0] for shape in outlines(areas)}
    assert set(shapes) == {area.code for area in areas}
    length = {"city": 6, "district": 9, "street": 12}
    for area in areas:
        below = [other for other in shapes if other.startswith(area.code) and len(other) == length.get(area.level)]
        if below:
            assert sum(_area(shapes[code]) for code in below) == pytest.approx(_area(shapes[area.code]), rel=2e-3)


def test_they_are_what_an_import_takes_and_lie_where_nobody_lives() -> None:
    areas = Town(3, 60, START).registry.areas
    drawn = outlines(areas)
    features = [{"type": "Feature", "properties": {"code": one.area}, "geometry": geometry(one)} for one in drawn]
    content = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    assert shapes_of(content, {area.code for area in areas}) == drawn
    points = [point for one in drawn for point in one.polygons[0][0]]
    assert all(abs(longitude + 10) < 0.2 and abs(latitude) < 0.2 for longitude, latitude in points)
