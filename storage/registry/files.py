"""The registry in the database, from and to a directory of CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg import Connection

from registry.csv_files import read_directory, write_directory
from storage.registry.tables import Changes, load, save, take_turn


def import_directory(conn: Connection[Any], path: Path, default_region: str = "CN") -> Changes:
    """Take over what the CSV files of a directory say: all or nothing.

    `default_region` (ISO 3166) is the country whose national telephone numbers may be written.

    Raises:
        RegistryFileError: with every problem by file, line and column.
        InvalidValueError: no such country.
    """
    with conn.transaction():
        take_turn(conn)
        return save(conn, read_directory(path, load(conn), default_region))


def export_directory(conn: Connection[Any], path: Path) -> None:
    """Write all that is registered as CSV files; importing them changes nothing."""
    with conn.transaction():
        take_turn(conn)  # for as long as six tables are read: they must fit together
        registry = load(conn)
    write_directory(registry, path)
