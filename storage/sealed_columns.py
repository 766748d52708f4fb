"""Which columns are sealed, and sealing what is not yet: after a migration, and with a new key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, sql
from psycopg.abc import Params
from psycopg.rows import tuple_row

from storage import sealing

Progress = Callable[[str, int, int], None]
"""Told a table, how many of its rows are done, and of how many."""

_BATCH: Final = 2000
_LOCK: Final = "SELECT pg_advisory_xact_lock(20201101)"  # any number, the same for everybody who seals


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table with sealed columns, what its rows are told apart by, and whether its `phone` is looked up.

    Several columns that tell rows apart are joined by a slash to what a text is bound to.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ("id",)
    indexed: bool = False

    def row(self, *key: object) -> str:
        """Return what the texts of a row are bound to."""
        return "/".join(map(str, key))


TABLES: Final = (
    SealedTable("household", ("address", "coordinates")),
    SealedTable("person", ("phone", "address"), indexed=True),
    SealedTable("notification", ("phone", "address", "text"), indexed=True),
    SealedTable("handset_message", ("phone", "text"), indexed=True),
    SealedTable("twilio_event", ("phone", "said"), ("sid", "what"), indexed=True),
    SealedTable("task", ("partner_address",)),
    SealedTable("account", ("totp",)),
    SealedTable("session", ("offer",)),
)
_INDEXED: Final = "phone"

_GUARDED = "SELECT count(*) FROM pg_constraint WHERE conname = ANY (%s)"
_GUARD = "ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} = '' OR starts_with({column}, 'sealed:1:'))"
_ONE = {
    "household.address": "SELECT id, address FROM household WHERE address <> '' LIMIT 1",
    "person.phone": "SELECT id, phone FROM person WHERE phone <> '' LIMIT 1",
}
_COUNT = "SELECT count(*) FROM {table} WHERE {stale}"
_STALE = "({column} <> '' AND NOT starts_with({column}, %(current)s))"
_READ = "SELECT {key}, {columns} FROM {table} WHERE {stale} ORDER BY {key} LIMIT {batch} FOR UPDATE"
_WRITE = "UPDATE {table} SET {values} WHERE {same}"


def guarded(conn: Connection[Any]) -> bool:
    """Say whether the database refuses what is not sealed, which it does since all of it is."""
    [(found,)] = _rows(conn, _GUARDED, [[_guard(table, column) for table, column in _all()]])
    return bool(found == len(_all()))


def check_keys(conn: Connection[Any]) -> None:
    """Make sure that what is stored can be opened here: one address is, and one number.

    Raises:
        SealError: it cannot; the message says what is missing.
    """
    for column, one in _ONE.items():
        for key, sealed in _rows(conn, one):
            sealing.opened(column, key, sealed)


def seal_what_is_plain(conn: Connection[Any], progress: Progress | None = None) -> None:
    """Seal what was written before there were seals, in batches, and have the database refuse anything else.

    It may be interrupted, and called again; without anything to seal it needs no key.

    Raises:
        SealError: there is something to seal, and no key.
    """
    while not guarded(conn):
        for table in TABLES:
            _seal_table(conn, table, sealing.PREFIX, progress)
        with conn.transaction():
            conn.execute(_LOCK)
            if not guarded(conn) and not any(_left(conn, table, sealing.PREFIX, locked=True) for table in TABLES):
                for name, column in _all():
                    conn.execute(
                        sql.SQL(_GUARD).format(
                            table=sql.Identifier(name),
                            name=sql.Identifier(_guard(name, column)),
                            column=sql.Identifier(column),
                        )
                    )


def seal_anew(conn: Connection[Any], progress: Progress | None = None) -> int:
    """Seal with the newest key what is sealed with older ones, in batches; return how many rows were.

    It may be interrupted, and called again; services that hold both keys go on meanwhile.
    """
    return sum(_seal_table(conn, table, sealing.held().current, progress) for table in TABLES)


def _seal_table(conn: Connection[Any], table: SealedTable, current: str, progress: Progress | None) -> int:
    left = all_ = _left(conn, table, current)
    done = 0
    while left:
        with conn.transaction():
            conn.execute(_LOCK)
            done += (few := _seal_some(conn, table, current))
        left = few
        if progress is not None and few:
            progress(table.name, done, max(all_, done))
    return done


def _seal_some(conn: Connection[Any], table: SealedTable, current: str) -> int:
    """Seal a batch and return how many rows it had."""
    names = [*table.columns, *(["phone_index"] if table.indexed else [])]
    read = sql.SQL(_READ).format(
        key=_list(table.key),
        columns=_list(table.columns),
        table=sql.Identifier(table.name),
        stale=_stale(table),
        batch=sql.Literal(_BATCH),
    )
    write = sql.SQL(_WRITE).format(
        table=sql.Identifier(table.name),
        values=sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in names),
        same=sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in table.key),
    )
    changes: list[list[object]] = []
    for found in _rows(conn, read, {"current": current}):
        key, values = found[: len(table.key)], dict(zip(table.columns, found[len(table.key) :], strict=True))
        row = table.row(*key)
        for column, value in values.items():
            if value and value.startswith(sealing.PREFIX):
                values[column] = sealing.opened(f"{table.name}.{column}", row, value)
        change = [sealing.sealed(f"{table.name}.{column}", row, value) for column, value in values.items()]
        index = [sealing.indexed(values[_INDEXED])] if table.indexed else []
        changes.append([*change, *index, *key])
    if changes:
        conn.cursor().executemany(write, changes)
    return len(changes)


def _left(conn: Connection[Any], table: SealedTable, current: str, *, locked: bool = False) -> int:
    name = sql.Identifier(table.name)
    if locked:
        conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name))
    [(count,)] = _rows(conn, sql.SQL(_COUNT).format(table=name, stale=_stale(table)), {"current": current})
    return int(count)


def _rows(conn: Connection[Any], query: str | sql.Composed, parameters: Params | None = None) -> list[tuple[Any, ...]]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def _stale(table: SealedTable) -> sql.Composable:
    return sql.SQL(" OR ").join(sql.SQL(_STALE).format(column=sql.Identifier(one)) for one in table.columns)


def _list(names: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _all() -> list[tuple[str, str]]:
    return [(table.name, column) for table in TABLES for column in table.columns]


def _guard(table: str, column: str) -> str:
    return f"{table}_{column}_sealed"
