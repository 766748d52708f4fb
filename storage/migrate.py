"""Brings a database to the newest schema: each numbered file once, in order, in one transaction each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import psycopg
from psycopg.errors import InsufficientPrivilege

from storage.errors import MigrationError
from storage.sealed_columns import Progress, check_keys, guarded, seal_what_is_plain

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_LOCK = "SELECT pg_advisory_xact_lock(20161101)"  # any number, the same for everybody who migrates
_APPLIED = "SELECT version, name, checksum FROM schema_migration ORDER BY version"
_SEALS = 20
"""The migration that what follows in Python belongs to: SQL has no key."""
_RECORD = "INSERT INTO schema_migration (version, name, checksum) VALUES (%s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """A digest of the SQL, by which a changed file is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> Iterator[Migration]:
    """Yield the migrations this version ships, in order."""
    folder = files("storage") / "migrations"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".sql"):
            yield Migration(int(entry.name.split("_", 1)[0]), entry.name, entry.read_text(encoding="utf-8"))


def migrate(conn: psycopg.Connection, sealed: Progress | None = None) -> list[str]:
    """Apply what is missing and return the names of the files applied; safe to run from many processes.

    Numbers and addresses that were stored before they were sealed are sealed at the end, in batches; `sealed` is told
    how far that is. Interrupted, it goes on the next time.

    Raises:
        MigrationError: the database is newer than this version, a file that was applied has changed since, or this
            user may not do what a file has to.
        SealError: there is something to seal, and no key.
    """
    applied_now: list[str] = []
    shipped = list(migrations())
    with conn.transaction():
        conn.execute(_LOCK)
        conn.execute(_TABLE)
        applied = {version: (name, checksum) for version, name, checksum in conn.execute(_APPLIED).fetchall()}
        newest = max((migration.version for migration in shipped), default=0)
        if applied and max(applied) > newest:
            raise MigrationError(
                f"the database has schema {max(applied)}, this version knows {newest}: install the newer Shouwang, "
                "or restore the backup made before the upgrade"
            )
        for migration in shipped:
            if migration.version in applied:
                if applied[migration.version][1] != migration.checksum:
                    raise MigrationError(
                        f"{migration.name} differs from the file that was applied to this database: "
                        "put what changed in a new numbered file instead"
                    )
                continue
            try:
                conn.execute(migration.sql.encode())
            except InsufficientPrivilege as error:
                why = error.diag.message_primary
                raise MigrationError(f"{migration.name} may not do what it has to: {why}") from error
            conn.execute(_RECORD, (migration.version, migration.name, migration.checksum))
            applied_now.append(migration.name)
    if _knows_seals(conn):
        seal_what_is_plain(conn, sealed)
    return applied_now


def _knows_seals(conn: psycopg.Connection) -> bool:
    return conn.execute("SELECT 1 FROM schema_migration WHERE version = %s", [_SEALS]).fetchone() is not None


def check_schema(conn: psycopg.Connection) -> None:
    """Make sure that the database has the schema of this version.

    Raises:
        MigrationError: it lacks some of it.
        SealError: this process lacks the key of what is stored.
    """
    missing = pending(conn)
    if missing:
        raise MigrationError(f"the database lacks {', '.join(missing)}: run `shouwang migrate`")
    check_keys(conn)


def pending(conn: psycopg.Connection) -> list[str]:
    """Return the names of the migrations that this database still lacks."""
    exists = conn.execute("SELECT to_regclass('schema_migration')").fetchone()
    if exists is None or exists[0] is None:
        return [migration.name for migration in migrations()]
    applied = {version for version, _, _ in conn.execute(_APPLIED).fetchall()}
    lacking = [migration.name for migration in migrations() if migration.version not in applied]
    if _SEALS in applied and not guarded(conn):
        lacking.append("seals on what is stored")
    return lacking
