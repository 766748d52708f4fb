"""What screens and the API read. Every query goes through a `View`, which sees one area and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from storage.scoping import confined, confined_together
from storage.views.seals import masked, whole

Row = dict[str, Any]
"""One row by column name; times are aware datetimes in UTC."""


@dataclass(frozen=True, slots=True)
class View:
    """A connection, and the area code prefix its reader answers for ('' is everywhere).

    `gateways` are those whose devices alone their vendor sees; None of everybody else. The database confines each query
    too (`storage.scoping`), so that one which forgets its scope shows nothing else; through `conn` itself one is its
    owner.
    """

    conn: Connection
    scope: str
    gateways: tuple[str, ...] | None = None
    whole: bool = False
    entered: bool = False

    @contextmanager
    def together(self) -> Iterator[View]:
        """Yield a view for several queries, for which the database confines the connection once and not each time.

        Nothing else may be done with the connection meanwhile: it is nobody's but the reader's.
        """
        if self.entered:
            yield self
            return
        with confined_together(self.conn, self.scope, self.gateways):
            yield replace(self, entered=True)

    def unmasked(self) -> View:
        """Return a view that shows numbers and addresses whole; whoever asks for it writes down who saw them."""
        return replace(self, whole=True)

    def rows(self, sql: str, **values: object) -> list[Row]:
        """Run a query that confines itself to `%(scope)s` and return its rows, numbers and addresses masked.

        Raises:
            ValueError: the query does not mention the scope, so it would show everybody everything; or it is a
                vendor's and does not mention `%(gateways)s` (null of everybody else), so it would show them all homes.
        """
        if "%(scope)s" not in sql:
            raise ValueError("a query of a view must confine itself to %(scope)s")
        if self.gateways is not None and "%(gateways)s" not in sql:
            raise ValueError("a query of a vendor's view must confine itself to %(gateways)s")
        bounds = {"scope": self.scope, "gateways": None if self.gateways is None else list(self.gateways)}
        with self.conn.cursor(row_factory=dict_row) as cursor:
            # Planned for these very values, not prepared: most conditions are optional, and a plan for whatever values
            # may come suits none of them; of thousands of alerts it took a minute.
            with nullcontext() if self.entered else confined(self.conn, self.scope, self.gateways):
                cursor.execute(sql.encode(), {**values, **bounds}, prepare=False)
            found = cursor.fetchall()
        return [whole(row) if self.whole else masked(row) for row in found]

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
