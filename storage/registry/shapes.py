"""The shapes of areas in PostgreSQL, as GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from registry.shapes import AreaShape, geometry, of_geometry
from storage.registry.tables import Count

_LOAD = "SELECT area, shape FROM area_shape ORDER BY area"
_SAVE = """
INSERT INTO area_shape (area, shape) SELECT told.area, told.shape::jsonb
FROM unnest(%(area)s::text[], %(shape)s::text[]) AS told (area, shape)
ON CONFLICT (area) DO UPDATE SET shape = excluded.shape
"""


def load_shapes(conn: Connection[Any]) -> tuple[AreaShape, ...]:
    """Return all shapes, by the codes of their areas."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return tuple(of_geometry(area, shape) for area, shape in cursor.execute(_LOAD))


def save_shapes(conn: Connection[Any], shapes: Sequence[AreaShape]) -> Count:
    """Add shapes, change those that differ, leave all others alone, and say what was done.

    Raises:
        psycopg.errors.ForeignKeyViolation: an area is not registered; nothing was saved.
    """
    with conn.transaction():
        present = {shape.area: shape for shape in load_shapes(conn)}
        added = [shape for shape in shapes if shape.area not in present]
        changed = [shape for shape in shapes if present.get(shape.area, shape) != shape]
        different = added + changed
        if different:
            columns = {
                "area": [shape.area for shape in different],
                "shape": [json.dumps(geometry(shape)) for shape in different],
            }
            conn.execute(_SAVE, columns)
    return Count(len(added), len(changed), len(shapes) - len(different))
