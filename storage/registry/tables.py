"""The whole registry out of its tables and, row by row where something differs, back into them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC
from typing import Any

from psycopg import Connection
from psycopg.errors import IntegrityError
from psycopg.rows import class_row

from registry.model import Absence, Area, Contact, Device, Household, Person, Registry
from registry.refusals import RegistryConflictError
from storage import sealing

_KINDS: Mapping[str, type] = {
    "areas": Area,
    "households": Household,
    "people": Person,
    "contacts": Contact,
    "devices": Device,
    "absences": Absence,
}
"""In the order in which rows refer to earlier ones; only a household's caseworker comes after it."""

_KEYS: Mapping[str, tuple[str, ...]] = {
    "areas": ("code",),
    "households": ("id",),
    "people": ("id",),
    "contacts": ("household", "position"),
    "devices": ("id",),
    "absences": ("household", "starts"),
}

_LOAD: Mapping[str, str] = {
    "areas": "SELECT code, level, name FROM area",
    "households": """
        SELECT id, area, zone, language, category, risk, address, caseworker, note, coordinates FROM household
    """,
    "people": "SELECT id, name, role, household, area, phone, language, channel, address FROM person",
    "contacts": "SELECT household, position, person, relation FROM contact",
    "devices": "SELECT id, household, gateway, model FROM device",
    "absences": "SELECT household, starts, ends, reason FROM absence",
}

# One statement a table, its columns as arrays: the triggers that count versions fire once a statement.
_SAVE: Mapping[str, str] = {
    "areas": """
        INSERT INTO area (code, level, name)
        SELECT * FROM unnest(%(code)s::text[], %(level)s::text[], %(name)s::text[])
        ON CONFLICT (code) DO UPDATE SET level = excluded.level, name = excluded.name
    """,
    "households": """
        INSERT INTO household (id, area, zone, language, category, risk, address, caseworker, note, coordinates)
        SELECT * FROM unnest(
            %(id)s::text[], %(area)s::text[], %(zone)s::text[], %(language)s::text[], %(category)s::text[],
            %(risk)s::text[], %(address)s::text[], %(caseworker)s::text[], %(note)s::text[], %(coordinates)s::text[]
        )
        ON CONFLICT (id) DO UPDATE SET
            area = excluded.area, zone = excluded.zone, language = excluded.language,
            category = excluded.category, risk = excluded.risk, address = excluded.address,
            caseworker = excluded.caseworker, note = excluded.note, coordinates = excluded.coordinates
    """,
    "people": """
        INSERT INTO person (id, name, role, household, area, phone, phone_index, language, channel, address)
        SELECT * FROM unnest(
            %(id)s::text[], %(name)s::text[], %(role)s::text[], %(household)s::text[], %(area)s::text[],
            %(phone)s::text[], %(phone_index)s::bytea[], %(language)s::text[], %(channel)s::text[], %(address)s::text[]
        )
        ON CONFLICT (id) DO UPDATE SET
            name = excluded.name, role = excluded.role, household = excluded.household, area = excluded.area,
            phone = excluded.phone, phone_index = excluded.phone_index, language = excluded.language,
            channel = excluded.channel, address = excluded.address
    """,
    "contacts": """
        INSERT INTO contact (household, position, person, relation)
        SELECT * FROM unnest(
            %(household)s::text[], %(position)s::integer[], %(person)s::text[], %(relation)s::text[]
        )
    """,
    "devices": """
        INSERT INTO device (id, household, gateway, model)
        SELECT * FROM unnest(%(id)s::text[], %(household)s::text[], %(gateway)s::text[], %(model)s::text[])
        ON CONFLICT (id) DO UPDATE SET
            household = excluded.household, gateway = excluded.gateway, model = excluded.model
    """,
    "absences": """
        INSERT INTO absence (household, starts, ends, reason)
        SELECT * FROM unnest(
            %(household)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(reason)s::text[]
        )
        ON CONFLICT (household, starts) DO UPDATE SET ends = excluded.ends, reason = excluded.reason
    """,
}

_SEALED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "households": ("household", ("address", "coordinates")),
    "people": ("person", ("phone", "address")),
}
"""What no one reads who has the database and not the key: its table, and the columns."""

# A place in the order is given to somebody else, or somebody gets another place: both old rows make room first.
_VACATE = """
DELETE FROM contact
USING unnest(%(household)s::text[], %(position)s::integer[], %(person)s::text[]) AS told (household, position, person)
WHERE contact.household = told.household
    AND (contact.position = told.position OR contact.person = told.person)
"""

# Caseworkers are checked here, where the error can be told, not at the end of the caller's transaction.
_CHECK_CASEWORKERS = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"
_TAKE_TURN = "SELECT version FROM registry_version FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a save added, changed, and found as they should be."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        return f"{self.added} added, {self.changed} changed, {self.unchanged} unchanged"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a save did, by table (`areas`, `households`, `people`, `contacts`, `devices`, `absences`)."""

    tables: Mapping[str, Count]

    @property
    def total(self) -> Count:
        """All tables together."""
        return sum(self.tables.values(), Count())

    def __str__(self) -> str:
        return "\n".join(f"{table}: {count}" for table, count in self.tables.items())


def take_turn(conn: Connection[Any]) -> None:
    """Wait until no other transaction is changing the registry, and keep others waiting until this one ends."""
    conn.execute(_TAKE_TURN)


def load(conn: Connection[Any]) -> Registry:
    """Return all that is registered; the times of absences in UTC."""
    return Registry(**{table: tuple(_rows(conn, table)) for table in _KINDS})


def _rows(conn: Connection[Any], table: str, only: list[str] | None = None) -> list[Any]:
    kind: type[Any] = _KINDS[table]
    query = _LOAD[table] if only is None else f"{_LOAD[table]} WHERE {_KEYS[table][0]} = ANY(%(only)s::text[])"
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        rows = cursor.execute(query, {"only": only}).fetchall()
    if table == "absences":
        return [_in_utc(row) for row in rows]
    return [_opened(table, row) for row in rows] if table in _SEALED else rows


def _opened(table: str, row: Any) -> Any:
    name, columns = _SEALED[table]
    return replace(row, **{one: sealing.opened(f"{name}.{one}", row.id, getattr(row, one)) for one in columns})


def _sealed(table: str, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    name, secret = _SEALED[table]
    sealed = {
        column: [
            sealing.sealed(f"{name}.{column}", key, text)
            for key, text in zip(columns["id"], columns[column], strict=True)
        ]
        for column in secret
    }
    return {**columns, **sealed, "phone_index": [sealing.indexed(phone) for phone in columns.get("phone", ())]}


def _in_utc(absence: Absence) -> Absence:
    return replace(absence, starts=absence.starts.astimezone(UTC), ends=absence.ends.astimezone(UTC))


def save(conn: Connection[Any], registry: Registry) -> Changes:
    """Add what is not registered, change what differs, leave everything else alone, and say what was done.

    Nothing is deleted, but for contacts: a position given to somebody else loses its former person, and a
    person who gets another position of the same household loses the former one. Where nothing differs, no
    statement is sent and the registry's version stays.

    Raises:
        RegistryConflictError: rows refer to what is neither given nor registered, or break another rule of the
            tables; nothing was saved.
    """
    counts: dict[str, Count] = {}
    try:
        with conn.transaction():
            take_turn(conn)
            for table in _KINDS:
                counts[table] = _save_table(conn, table, getattr(registry, table))
            conn.execute(_CHECK_CASEWORKERS)
    except IntegrityError as error:
        told = error.diag.message_detail or error.diag.message_primary or str(error)
        raise RegistryConflictError(
            f"the registry cannot be saved: {told} ({error.diag.constraint_name}); correct or add what is named there"
        ) from error
    return Changes(counts)


def _save_table(conn: Connection[Any], table: str, given: Iterable[Any]) -> Count:
    given = tuple(given)
    if not given:
        return Count()
    first = {str(getattr(row, _KEYS[table][0])) for row in given}
    present = {_key(table, row): row for row in _rows(conn, table, sorted(first))}
    added = [row for row in given if _key(table, row) not in present]
    changed = [row for row in given if present.get(_key(table, row), row) != row]
    different = added + changed
    if different:
        columns = {f.name: [getattr(row, f.name) for row in different] for f in fields(_KINDS[table])}
        if table == "contacts":
            conn.execute(_VACATE, columns)
        if table in _SEALED:
            columns = _sealed(table, columns)
        conn.execute(_SAVE[table], columns)
    return Count(len(added), len(changed), len(given) - len(different))


def _key(table: str, row: object) -> tuple[Any, ...]:
    return tuple(getattr(row, column) for column in _KEYS[table])
