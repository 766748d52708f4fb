"""`areas.geojson` is read all or nothing, and every error names the feature, the place and what to write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.refusals import RegistryFileError
from registry.shapes import MOST_POINTS, AreaShape, geometry, of_geometry, shapes_of, write_shapes

AREAS = {"50", "500103"}
SQUARE: Any = [[106.5, 29.5], [106.6, 29.5], [106.6, 29.6], [106.5, 29.6], [106.5, 29.5]]


def feature(code: Any = "50", kind: str = "Polygon", coordinates: Any = None, **more: Any) -> dict[str, Any]:
    shape = {"type": kind, "coordinates": [SQUARE] if coordinates is None else coordinates}
    return {"type": "Feature", "properties": {"code": code, "name": "A"}, "geometry": shape, **more}


def collection(*features: Any, **more: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features, **more}).encode()


def refused(content: bytes) -> list[str]:
    with pytest.raises(RegistryFileError) as error:
        shapes_of(content, AREAS)
    return [str(problem) for problem in error.value.problems]


def test_shapes_are_read_by_code() -> None:
    hole = [[106.54, 29.54], [106.56, 29.54], [106.56, 29.56], [106.54, 29.54]]
    second = feature(500103, "MultiPolygon", [[SQUARE, hole], [[[1, 2, 99], [3, 2], [3, 4], [1, 2]]]])
    first, city = feature("50"), shapes_of(b"\xef\xbb\xbf" + collection(second, feature("50")), AREAS)
    assert [shape.area for shape in city] == ["50", "500103"]
    assert [len(polygon) for polygon in city[1].polygons] == [2, 1]
    assert city[1].polygons[1][0][0] == (1.0, 2.0), "heights are left aside"
    assert city[0] == shapes_of(collection(first), AREAS)[0]


def test_what_is_written_is_what_was_read(tmp_path: Any) -> None:
    shapes = shapes_of(collection(feature("50"), feature("500103")), AREAS)
    write_shapes(shapes, {"50": "重庆"}, tmp_path)
    written = (tmp_path / "areas.geojson").read_bytes()
    assert shapes_of(written, AREAS) == shapes
    assert "重庆".encode() in written
    assert of_geometry("50", json.loads(json.dumps(geometry(shapes[0])))) == shapes[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff", "areas.geojson: is not UTF-8 (byte 0xFF); save it as UTF-8"),
        (b"{", "areas.geojson: is no JSON (Expecting property name enclosed in double quotes at line 1, column 2)"),
        (b"[]", 'areas.geojson: type: is not "FeatureCollection"'),
        (b"[" * 99_999, "areas.geojson: nests too deeply"),
        (collection(crs={"properties": {"name": "EPSG:3857"}}), "areas.geojson: crs: names another reference system"),
        (collection(3), 'areas.geojson: features[0] type: is not "Feature"'),
        (collection(feature(None)), "areas.geojson: features[0] (A) properties.code: is missing; write the code"),
        (collection(feature("51")), 'areas.geojson: features[0] (51) properties.code: "51" is not a known area'),
        (collection(feature(), feature()), 'areas.geojson: features[1] (50) properties.code: "50" is there twice'),
        (
            collection(feature(kind="Point")),
            'features[0] (50) geometry.type: is "Point"; write Polygon or MultiPolygon',
        ),
        (collection(feature(coordinates=[])), "features[0] (50) geometry.coordinates: is empty; write a list of rings"),
        (collection(feature(coordinates=[SQUARE[:4]])), "geometry.coordinates[0][3]: is not the ring's first position"),
        (collection(feature(coordinates=[SQUARE[:2] + SQUARE[:1]])), "geometry.coordinates[0]: has 3 positions"),
        (collection(feature(coordinates=[[[1, 1]] * 4])), "geometry.coordinates[0]: encloses nothing"),
        (collection(feature(coordinates=[[["1", 2]] * 4])), 'geometry.coordinates[0][0]: holds "1"; write longitude'),
        (
            collection(feature(coordinates=[[[29.5, 106.5]] * 4])),
            "[0][0]: has the latitude 106.5; write the longitude first",
        ),
        (
            collection(feature(coordinates=[[[1.2e7, 3.4e6]] * 4])),
            "which is nowhere on earth; export degrees of WGS 84",
        ),
        (collection(feature(kind="MultiPolygon", coordinates=[[SQUARE], [3]])), "geometry.coordinates[1][0]: is 3;"),
    ],
)
def test_every_error_names_its_place_and_what_to_write(content: bytes, told: str) -> None:
    [problem] = refused(content)
    assert told in problem


def test_adcode_is_known_for_what_it_is() -> None:
    [problem] = refused(collection(feature(None) | {"properties": {"adcode": 500103}}))
    assert 'its "adcode" may be it' in problem


def test_all_features_are_told_at_once_and_none_may_be_endless() -> None:
    many = [[x / 1e5, x * x / 1e10] for x in range(MOST_POINTS + 1)]
    problems = refused(collection(feature("51"), feature("50", coordinates=[[*many, many[0]]])))
    assert len(problems) == 2
    assert f"simplify the shape until it has at most {MOST_POINTS:,}" in problems[1]
    assert AreaShape("50", ()) != AreaShape("51", ())
