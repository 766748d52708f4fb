"""Every page there is: the routes that answer with a page, and of those with a blank one address of each kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fastapi import APIRouter
from psycopg import Connection
from starlette.routing import BaseRoute, Route

from dashboards import pages

NOT_PAGES: Final = re.compile(
    r"^/(parts|api|static|webhooks|call|sign-in/oidc|account/second-factor)(/|$)|^/events"
    r"|\.(csv|ics|js|json|webmanifest)$|/export$"
)
"""Pieces of pages, streams, files, ways out; and what those who came by a token, without an account, do not have."""

_TOWN: Final = "starts_with(h.id, 'household-')"
EXAMPLES: Final[Mapping[str, str]] = {
    "alert_id": f"SELECT a.id FROM alert a JOIN household h ON h.id = a.household WHERE {_TOWN}"
    " AND a.status <> 'closed'"
    " ORDER BY a.severity DESC, (SELECT count(*) FROM alert_event e WHERE e.alert = a.id) DESC LIMIT 1",
    "incident_id": "SELECT id FROM incident WHERE starts_with(area, '9901') ORDER BY raised_at DESC, id LIMIT 1",
    "household_id": f"SELECT h.id FROM household h JOIN alert a ON a.household = h.id WHERE {_TOWN}"
    " GROUP BY h.id ORDER BY count(*) DESC, h.id LIMIT 1",
    "task_id": "SELECT t.id FROM task t WHERE t.status = 'open' AND starts_with(t.household, 'household-') LIMIT 1",
    "code": "SELECT min(code) FROM area WHERE level = 'district' AND starts_with(code, '9901')",
    "device_id": f"SELECT min(d.id) FROM device d JOIN household h ON h.id = d.household WHERE {_TOWN}",
    "gateway": f"SELECT min(d.gateway) FROM device d JOIN household h ON h.id = d.household WHERE {_TOWN}",
    "person_id": "SELECT min(id) FROM person WHERE role = 'caseworker' AND starts_with(area, '9901')",
    "which": "SELECT 'timeline'",
}
"""What stands in for a blank, by its name."""
_BLANK: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


def patterns() -> list[str]:
    """Return the patterns of the addresses of all pages, in their order.

    The page behind a signed link is not among them: each message has its own, and whoever opens it is not signed in.
    """
    found = {
        route.path: None
        for route in _routes(pages.router().routes)
        if "GET" in (route.methods or ()) and not NOT_PAGES.search(route.path)
    }
    found.pop("/a/{token}")
    return list(found)


def _routes(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    for one in routes:
        if isinstance(one, Route):
            yield one
        elif isinstance(inner := getattr(one, "original_router", None), APIRouter):
            yield from _routes(inner.routes)  # FastAPI keeps a router that was included as it is


def address(conn: Connection, pattern: str) -> str:
    """Return a pattern with its blanks filled by something that is in the database.

    Raises:
        LookupError: nothing is known for a blank, or there is nothing of the kind.
    """

    def filled(blank: re.Match[str]) -> str:
        query = EXAMPLES.get(blank[1])
        if query is None:
            raise LookupError(f"{pattern}: write into EXAMPLES of {__file__} what stands for {{{blank[1]}}}")
        row = conn.execute(query.encode()).fetchone()
        if row is None or row[0] is None:
            raise LookupError(f"{pattern}: the town has nothing for {{{blank[1]}}}; let it happen in lived_in.py")
        return str(row[0])

    return _BLANK.sub(filled, pattern)
