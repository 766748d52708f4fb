"""What can go wrong where things rest."""

from __future__ import annotations

from registry.errors import ShouwangError


class StorageError(ShouwangError):
    """The database refused or could not be reached."""


class MigrationError(StorageError):
    """The schema in the database is not one this version can work with."""


class EmbeddedDatabaseError(StorageError):
    """The database that lives in the data directory did not start."""


class SealError(StorageError):
    """A number or address that cannot be sealed or opened."""
