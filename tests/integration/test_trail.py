"""What people saw and did stands on a trail that nobody can change unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from shouwang.cli import app
from storage import trail
from storage.database import connect
from tests.integration.dashboards_site import EAST, WEST, Site, open_site

SEEN = "SELECT action, actor, household, alert, detail FROM audit_event ORDER BY seq"


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def seen(site: Site) -> list[tuple[Any, ...]]:
    with connect(site.database) as conn:
        return conn.execute(SEEN).fetchall()


def forged(site: Site, statement: str) -> None:
    """Change the trail as somebody could who owns the database."""
    with connect(site.database) as conn, conn.transaction():
        conn.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        conn.execute(sql.SQL(statement))  # type: ignore[arg-type] # a literal of this file
        conn.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")


def lived_in(site: Site) -> UUID:
    alert = site.alert()
    site.get(f"/api/v1/alerts/{alert}", "caseworker", WEST)
    site.get("/api/v1/households", "viewer", EAST)
    done = site.client.post(f"/api/v1/alerts/{alert}/acknowledge", headers=site.token("caseworker", WEST))
    assert done.status_code == 200
    return alert


def test_what_was_seen_and_done_is_on_the_trail(site: Site) -> None:
    alert = lived_in(site)
    assert [(action, who, home, of) for action, who, home, of, _ in seen(site)] == [
        ("viewed", f"token:caseworker@{WEST}", "hh-1", alert),
        ("listed", f"token:viewer@{EAST}", None, None),
        ("acknowledge", f"token:caseworker@{WEST}", "hh-1", alert),
    ]
    assert seen(site)[0][4]["address"] == "/api/v1/alerts/{alert_id}"


def test_what_was_refused_was_not_seen(site: Site) -> None:
    alert = site.alert()
    for path, role, area in (("acknowledge", "viewer", WEST), ("acknowledge", "caseworker", EAST)):
        refused = site.client.post(f"/api/v1/alerts/{alert}/{path}", headers=site.token(role, area))
        assert refused.status_code in (403, 404)
    assert site.client.get(f"/api/v1/alerts/{alert}", headers=site.token("viewer", EAST)).status_code == 404
    assert seen(site) == []


def test_what_a_page_fetches_by_itself_is_not_recorded_again(site: Site) -> None:
    site.client.get("/parts/alerts", headers=site.token("viewer", WEST))
    assert seen(site) == []


@pytest.mark.parametrize(
    ("forgery", "at"),
    [
        ("UPDATE audit_event SET actor = 'person:nobody' WHERE seq = 2", 2),
        ("UPDATE audit_event SET household = NULL WHERE seq = 1", 1),
        ("UPDATE audit_event SET detail = '{}' WHERE seq = 3", 3),
        ("DELETE FROM audit_event WHERE seq = 1", 2),
        ("DELETE FROM audit_event WHERE seq = 2", 3),
        ("DELETE FROM audit_event WHERE seq = 3", 3),
        ("DELETE FROM audit_event", 1),
    ],
)
def test_a_changed_or_removed_line_is_found(site: Site, forgery: str, at: int) -> None:
    lived_in(site)
    with connect(site.database) as conn:
        assert trail.broken(conn) is None
    forged(site, forgery)
    with connect(site.database) as conn:
        assert trail.broken(conn) == at


@pytest.mark.parametrize(
    "change", ["UPDATE audit_event SET role = ''", "DELETE FROM audit_event", "TRUNCATE audit_event"]
)
def test_the_trail_is_only_ever_added_to(site: Site, change: str) -> None:
    lived_in(site)
    with connect(site.database) as conn, pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
        conn.execute(change.encode())


def test_the_command_tells_the_end_and_finds_a_trail_written_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    lived_in(site)
    monkeypatch.setenv("SHOUWANG_DATABASE_URL", site.database)
    told = CliRunner().invoke(app, ["audit", "verify"])
    assert told.exit_code == 0, told.output
    end = told.output.split()[-1]
    assert end.startswith("3:")
    assert CliRunner().invoke(app, ["audit", "verify", "--witness", end]).exit_code == 0
    forged(site, "DELETE FROM audit_event")
    with connect(site.database) as conn:
        conn.execute("UPDATE audit_head SET seq = 0, hash = decode(repeat('00', 32), 'hex')")
    for _ in range(3):
        site.get("/api/v1/households", "viewer", EAST)  # a clean chain, of another past
    assert CliRunner().invoke(app, ["audit", "verify"]).exit_code == 0
    assert CliRunner().invoke(app, ["audit", "verify", "--witness", end]).exit_code == 1


def test_officers_search_the_trail_of_their_area(site: Site) -> None:
    lived_in(site)
    page = site.client.get("/audit?household=hh-1", headers=site.token("officer", WEST))
    assert page.status_code == 200
    assert "Acknowledged" in page.text
    assert f"caseworker@{WEST}" in page.text
    elsewhere = site.client.get("/audit", headers=site.token("officer", EAST))
    assert "hh-1" not in elsewhere.text
    assert f"caseworker@{WEST}" not in elsewhere.text
    assert f"viewer@{EAST}" in elsewhere.text
    assert site.client.get("/audit", headers=site.token("caseworker", WEST)).status_code == 403
    none = site.client.get("/audit?actor=nobody", headers=site.token("officer", WEST))
    assert "Nothing on the trail answers this search." in none.text
