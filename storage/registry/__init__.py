"""The registry in PostgreSQL, on a psycopg connection.

Whatever changes it runs in `conn.transaction()`: committed at once on a connection that is in no transaction,
otherwise with the caller's. Writers take turns, so that what one of them checked is still so when it writes.
"""

from storage.registry.directory import (
    DirectoryRow,
    add_sensors,
    directory,
    ensure_recorded_devices,
    known_absences,
    places,
    version,
)
from storage.registry.entries import add_absence, add_contact, add_device, add_household, add_person
from storage.registry.files import export_directory, import_directory
from storage.registry.shapes import load_shapes, save_shapes
from storage.registry.tables import Changes, Count, load, save

__all__ = [
    "Changes",
    "Count",
    "DirectoryRow",
    "add_absence",
    "add_contact",
    "add_device",
    "add_household",
    "add_person",
    "add_sensors",
    "directory",
    "ensure_recorded_devices",
    "export_directory",
    "import_directory",
    "known_absences",
    "load",
    "load_shapes",
    "places",
    "save",
    "save_shapes",
    "version",
]
