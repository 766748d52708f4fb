"""What screens and the API read. Every query goes through a `View`, which sees one area and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

Row = dict[str, Any]
"""One row by column name; times are aware datetimes in UTC."""


@dataclass(frozen=True, slots=True)
class View:
    """A connection, and the area code prefix its reader answers for ('' is everywhere)."""

    conn: Connection
    scope: str

    def rows(self, sql: str, **values: object) -> list[Row]:
        """Run a query that confines itself to `%(scope)s` and return its rows.

        Raises:
            ValueError: the query does not mention the scope, so it would show everybody everything.
        """
        if "%(scope)s" not in sql:
            raise ValueError("a query of a view must confine itself to %(scope)s")
        with self.conn.cursor(row_factory=dict_row) as cursor:
            # Planned for these very values, not prepared: most conditions are optional, and a plan for whatever values
            # may come suits none of them; of thousands of alerts it took a minute.
            return cursor.execute(sql.encode(), {**values, "scope": self.scope}, prepare=False).fetchall()

    def newest(
        self, sql: str, *, limit: int, after: tuple[datetime, object] | None = None, **values: object
    ) -> list[Row]:
        """Run a query of a list that begins with its newest and return `limit` rows, from below `after` on.

        `after` is the (moment, id) of the last row of the page before; the query knows it as `%(after_at)s` and
        `%(after_id)s`, both null on the first page.
        """
        after_at, after_id = after or (None, None)
        return self.rows(sql, **values, limit=limit, after_at=after_at, after_id=after_id)

    def row(self, sql: str, **values: object) -> Row | None:
        """Run the same kind of query and return its first row, None where there is none."""
        found = self.rows(sql, **values)
        return found[0] if found else None
