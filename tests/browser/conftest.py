"""A real browser on real pages: a town that was lived in, served on a port, and people who sign in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser
from psycopg.conninfo import make_conninfo

from dashboards.app import Check
from storage.database import open_pool
from storage.registry import save
from tests.browser import lived_in
from tests.browser.served import serve
from tests.browser.visitor import NoBrowserError, Visitor, chromium, visitor
from tests.integration.dashboards_site import TOWN, Site

Visit = Callable[..., Visitor]


@dataclass(frozen=True, slots=True)
class Town:
    """A site and its address."""

    site: Site
    home: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a Chromium; where none is installed the test is skipped, with CI=true it fails.

    It belongs to a module, not to the session: Playwright keeps an event loop running in the thread of the tests, and
    tests of other modules start their own.
    """
    with ExitStack() as open_:
        try:
            started = open_.enter_context(chromium())
        except NoBrowserError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"needs a browser: {error}")
        yield started


@pytest.fixture(scope="session")
def lived_in_database(postgres: str, _template: str) -> Iterator[str]:
    """Conninfo of a database with a town that was lived in; it is made once, and no test may change it."""
    name = f"shouwang_lived_in_{os.getpid()}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_template}"')
        conninfo = make_conninfo(postgres, dbname=name)
        with open_pool(conninfo, size=4) as pool:
            lived_in.settle(conninfo, pool)
        yield conninfo
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def town(lived_in_database: str, browser: Browser) -> Iterator[Town]:  # noqa: ARG001 - without a browser it is not needed
    """Serve the town that was lived in."""
    with open_pool(lived_in_database, size=8) as pool:
        site = Site(lived_in_database, pool, lived_in.NOW, {"database": Check(ok=True)})
        with serve(site) as home:
            yield Town(site, home)


@pytest.fixture
def small_town(database: str, browser: Browser) -> Iterator[Town]:  # noqa: ARG001 - as above
    """Serve the three homes of the dashboards' other tests, where a story can be told from its beginning."""
    with open_pool(database, size=8) as pool:
        with pool.connection() as conn:
            save(conn, TOWN)
        site = Site(database, pool)
        with serve(site) as home:
            yield Town(site, home)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Let somebody sign in at a town, by default an operator who answers for everywhere, reading Chinese at a desk."""
    with ExitStack() as windows:

        def made(town: Town, role: str = "operator", area: str = "", person: str | None = None, **how: Any) -> Visitor:
            bearer = town.site.token(role, area, person)["Authorization"].removeprefix("Bearer ")
            return windows.enter_context(visitor(browser, town.home, bearer, **how))

        yield made
