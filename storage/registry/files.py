"""The registry in the database, from and to a directory of CSV files; with the map, if there is one beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg import Connection

from registry.csv_files import read_directory, write_directory
from registry.model import Registry
from registry.shapes import FILE, read_shapes, write_shapes
from storage import trail
from storage.registry.shapes import load_shapes, save_shapes
from storage.registry.tables import Changes, load, save, take_turn


def import_directory(
    conn: Connection[Any], path: Path, default_region: str = "CN", *, actor: str | None = None
) -> Changes:
    """Take over what the CSV files of a directory say, and its `areas.geojson` if it has one: all or nothing.

    `default_region` (ISO 3166) is the country whose national telephone numbers may be written; `actor` is who did this,
    on the audit trail.

    Raises:
        RegistryFileError: with every problem by file, line and column; those of the map when the others are mended.
        InvalidValueError: no such country.
    """
    with conn.transaction():
        take_turn(conn)
        known = load(conn)
        only_map = (path / FILE).is_file() and not any(path.glob("*.[cC][sS][vV]"))
        given = Registry() if only_map else read_directory(path, known, default_region)
        shapes = read_shapes(path, {area.code for area in (*known.areas, *given.areas)})
        changes = save(conn, given)
        if shapes is not None:
            changes = Changes({**changes.tables, "shapes": save_shapes(conn, shapes)})
        if actor is not None:
            trail.record(conn, actor=actor, role="operator", action="import", detail={"changed": str(changes.total)})
        return changes


def export_directory(conn: Connection[Any], path: Path, *, actor: str | None = None) -> None:
    """Write all that is registered as CSV files, and the map if there is one; importing them changes nothing.

    Numbers and addresses stand there whole: `actor` is who took them, on the audit trail.
    """
    with conn.transaction():
        take_turn(conn)  # for as long as six tables are read: they must fit together
        registry, shapes = load(conn), load_shapes(conn)
        if actor is not None:
            of = {"households": str(len(registry.households)), "people": str(len(registry.people))}
            trail.record(conn, actor=actor, role="operator", action="export", detail=of)
    write_directory(registry, path)
    if shapes:
        write_shapes(shapes, {area.code: area.name for area in registry.areas}, path)
