"""`areas.geojson`: the shapes of areas on a map, read all or nothing, with every error at its feature and place."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from registry.refusals import Problem, RegistryFileError

FILE: Final = "areas.geojson"
MOST_BYTES: Final = 64 * 1024 * 1024
MOST_POINTS: Final = 20_000
"""Of one shape: a district with a river for a border has a tenth of it, and a browser draws forty at once."""
_DECIMALS: Final = 6
"""A tenth of a metre: more is noise, and makes every page larger."""
_FEWEST: Final = 4
_LEAST_ACROSS: Final = 1e-12
_SAMENESS: Final = 1e-9

Point = tuple[float, float]
Ring = tuple[Point, ...]
Polygon = tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class AreaShape:
    """Where an area lies: polygons of rings, the first its outline and the others holes, of (longitude, latitude)."""

    area: str
    polygons: tuple[Polygon, ...]


class _WrongError(ValueError):
    """Something in a feature is not what it must be: `place` is where, the message what to write."""

    def __init__(self, place: str, advice: str) -> None:
        super().__init__(advice)
        self.place = place


def read_shapes(directory: Path, areas: Collection[str]) -> tuple[AreaShape, ...] | None:
    """Return the shapes in a directory's `areas.geojson`, None if it has no such file.

    `areas` are the codes of the areas that are registered, those of the same import among them.

    Raises:
        RegistryFileError: with every problem of the file.
    """
    path = directory / FILE
    try:
        if not path.is_file():
            return None
        content = path.read_bytes()
    except OSError as error:
        raise RegistryFileError([Problem(FILE, 0, "", f"cannot be read ({error.strerror}); let us read it")]) from error
    return shapes_of(content, areas)


def shapes_of(content: bytes, areas: Collection[str]) -> tuple[AreaShape, ...]:
    """Return the shapes that a GeoJSON FeatureCollection (RFC 7946) holds; otherwise as `read_shapes`."""
    problems: list[Problem] = []
    shapes: dict[str, AreaShape] = {}
    try:
        for place, feature in _features(content):
            try:
                shape = _shape(feature, areas)
                if shape.area in shapes:
                    raise _WrongError("properties.code", f'"{shape.area}" is there twice; keep one of them')  # noqa: TRY301 - told with its feature, as all the others
                shapes[shape.area] = shape
            except _WrongError as wrong:
                problems.append(Problem(FILE, 0, f"{place}{_named(feature)} {wrong.place}".strip(), str(wrong)))
    except _WrongError as wrong:
        problems.append(Problem(FILE, 0, wrong.place, str(wrong)))
    if problems:
        raise RegistryFileError(problems)
    return tuple(shapes[code] for code in sorted(shapes))


def write_shapes(shapes: Iterable[AreaShape], names: Mapping[str, str], directory: Path) -> None:
    """Write shapes into a directory's `areas.geojson`, each with the name of its area; importing it changes nothing."""
    features = [
        {
            "type": "Feature",
            "properties": {"code": shape.area, "name": names.get(shape.area, "")},
            "geometry": geometry(shape),
        }
        for shape in shapes
    ]
    # A line for each area: two versions of the file can be compared.
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    unfinished = directory / f"{FILE}.part"
    unfinished.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', encoding="utf-8")
    unfinished.replace(directory / FILE)


def geometry(shape: AreaShape) -> dict[str, Any]:
    """Return a shape as a GeoJSON geometry."""
    return {"type": "MultiPolygon", "coordinates": shape.polygons}


def of_geometry(area: str, stored: Mapping[str, Any]) -> AreaShape:
    """Return the shape that `geometry` made a geometry of."""
    polygons = tuple(
        tuple(tuple((float(lon), float(lat)) for lon, lat in ring) for ring in polygon)
        for polygon in stored["coordinates"]
    )
    return AreaShape(area, polygons)


def _features(content: bytes) -> Iterator[tuple[str, object]]:
    if len(content) > MOST_BYTES:
        raise _WrongError("", f"has {len(content):,} bytes; simplify the shapes until it has at most {MOST_BYTES:,}")
    try:
        told = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _WrongError("", f"is not UTF-8 (byte 0x{content[error.start]:02X}); save it as UTF-8") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _WrongError("", f"is no JSON ({error.msg} at {where}); export it as GeoJSON again") from error
    except RecursionError as error:
        raise _WrongError("", "nests too deeply; export it as GeoJSON again") from error
    if not isinstance(told, dict) or told.get("type") != "FeatureCollection":
        raise _WrongError("type", 'is not "FeatureCollection"; export a GeoJSON FeatureCollection, one feature an area')
    features = told.get("features")
    if not isinstance(features, list):
        raise _WrongError("features", "is not a list; write one feature for each area")
    if (system := told.get("crs")) is not None and "CRS84" not in json.dumps(system):
        raise _WrongError("crs", "names another reference system; export longitude and latitude in WGS 84 (EPSG:4326)")
    yield from ((f"features[{at}]", feature) for at, feature in enumerate(features))


def _named(feature: object) -> str:
    """Return which area a feature is of, as far as it tells."""
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict):
        return ""
    told = next((properties[key] for key in ("code", "name") if isinstance(properties.get(key), str | int)), "")
    return f" ({str(told)[:40]})" if told != "" else ""


def _shape(feature: object, areas: Collection[str]) -> AreaShape:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise _WrongError("type", 'is not "Feature"; write one feature for each area')
    code = _code(feature.get("properties"))
    if code not in areas:
        raise _WrongError(
            "properties.code", f'"{code}" is not a known area; write one of the codes in areas.csv, or add it there'
        )
    found = feature.get("geometry")
    kind = found.get("type") if isinstance(found, dict) else None
    if not isinstance(found, dict) or kind not in ("Polygon", "MultiPolygon"):
        raise _WrongError("geometry.type", f"is {_shown(kind)}; write Polygon or MultiPolygon")
    place = "geometry.coordinates"
    told = found.get("coordinates")
    polygons = _list(told, place, "polygons") if kind == "MultiPolygon" else [told]
    at = [f"{place}[{number}]" if kind == "MultiPolygon" else place for number in range(len(polygons))]
    shape = AreaShape(code, tuple(_polygon(one, where) for one, where in zip(polygons, at, strict=True)))
    points = sum(len(ring) for polygon in shape.polygons for ring in polygon)
    if points > MOST_POINTS:
        raise _WrongError(place, f"holds {points:,} points; simplify the shape until it has at most {MOST_POINTS:,}")
    return shape


def _code(properties: object) -> str:
    code = properties.get("code") if isinstance(properties, dict) else None
    if isinstance(code, int) and not isinstance(code, bool):  # an official code, as many tools write it
        code = str(code)
    if not isinstance(code, str) or not code.strip():
        hint = ' (its "adcode" may be it)' if isinstance(properties, dict) and "adcode" in properties else ""
        raise _WrongError("properties.code", f"is missing{hint}; write the code of the area")
    return code.strip()


def _polygon(told: object, place: str) -> Polygon:
    rings = _list(told, place, "rings")
    return tuple(_ring(ring, f"{place}[{number}]") for number, ring in enumerate(rings))


def _ring(told: object, place: str) -> Ring:
    ring = tuple(_point(point, f"{place}[{number}]") for number, point in enumerate(_list(told, place, "positions")))
    if len(ring) < _FEWEST:
        raise _WrongError(place, f"has {len(ring)} positions; a ring has {_FEWEST} or more, the last of them the first")
    if max(abs(ring[0][0] - ring[-1][0]), abs(ring[0][1] - ring[-1][1])) > _SAMENESS:
        raise _WrongError(f"{place}[{len(ring) - 1}]", "is not the ring's first position; close the ring")
    if _area(ring) < _LEAST_ACROSS:
        raise _WrongError(place, "encloses nothing; draw the outline of the area")
    return ring


def _point(told: object, place: str) -> Point:
    if not isinstance(told, list) or len(told) < 2:
        raise _WrongError(place, f"is {_shown(told)}; write [longitude, latitude]")
    for value in told[:2]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _WrongError(place, f"holds {_shown(value)}; write longitude and latitude as numbers of degrees")
    longitude, latitude = told[:2]
    if abs(latitude) > 90 >= abs(longitude) and abs(latitude) <= 180:
        raise _WrongError(place, f"has the latitude {latitude:g}; write the longitude first, then the latitude")
    if abs(longitude) > 180 or abs(latitude) > 90:
        advice = "export degrees of WGS 84, not metres of a projection"
        raise _WrongError(place, f"is [{longitude:g}, {latitude:g}], which is nowhere on earth; {advice}")
    return round(float(longitude), _DECIMALS), round(float(latitude), _DECIMALS)


def _list(told: object, place: str, what: str) -> list[object]:
    if not isinstance(told, list) or not told:
        raise _WrongError(place, f"is {_shown(told)}; write a list of {what}")
    return told


def _area(ring: Ring) -> float:
    """Return what a ring encloses, square degrees."""
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))) / 2


def _shown(told: object) -> str:
    if isinstance(told, list | dict):
        return "empty" if not told else "something else"
    text = json.dumps(told, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}…"
