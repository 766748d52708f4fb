"""What people saw and did stands on a trail that nobody can change unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from dashboards.privacy.trailing import Lately
from dashboards.signin import passwords
from shouwang.cli import app
from storage import accounts, trail
from storage.database import connect
from tests.integration.dashboards_site import EAST, WEST, Site, open_site
from tests.integration.event_stream import following

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
        conn.execute(statement.encode())
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
    alert, who = site.alert(), site.token("viewer", WEST)
    for page, parts in (
        ("/", ("/parts/alerts", "/parts/beside", "/parts/keys")),
        (f"/alerts/{alert}", (f"/parts/alerts/{alert}/story", f"/parts/alerts/{alert}/charts")),
        ("/households/hh-2", ("/parts/households/hh-2/kept",)),
        ("/tasks", ("/parts/tasks",)),
    ):
        site.client.get(page, headers=who)
        before = seen(site)
        for part in (*parts, *parts):
            assert site.client.get(part, headers=who).status_code == 200
        assert seen(site) == before
    assert [detail["address"] for *_, detail in seen(site)] == [
        "/",
        "/alerts/{alert_id}",
        "/households/{household_id}",
        "/tasks",
    ]


def test_what_is_changed_at_the_door_is_on_the_trail(site: Site) -> None:
    with site.pool.connection() as conn:
        accounts.create(conn, "li.wei", passwords.hashed("first password of all"), "officer", WEST)

    def post(path: str, **fields: str) -> None:
        answer = site.client.post(path, data=fields, headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=False)
        assert answer.status_code == 303, answer.text

    post("/sign-in", name="li.wei", password="first password of all")
    post("/sign-in/password", password="correct horse battery", again="correct horse battery")
    post("/sign-out")
    with connect(site.database) as conn:
        rows = conn.execute("SELECT action, actor, role, area, detail FROM audit_event ORDER BY seq").fetchall()
    whose = ("account:li.wei", "officer", WEST)
    assert [(action, *rest) for action, *rest, _ in rows] == [
        ("password", *whose),
        ("sign-in", *whose),
        ("sign-out", *whose),
    ]
    assert "horse" not in str(rows)


def test_who_fetches_the_parts_without_their_page_is_on_the_trail_too(site: Site) -> None:
    """By hand one can ask for a part alone, which shows as much."""
    alert, who = site.alert(), site.token("viewer", WEST)
    parts = ("/parts/alerts", f"/parts/alerts/{alert}/story", "/parts/households/hh-2/kept")
    for part in (*parts, *parts):
        assert site.client.get(part, headers=who).status_code == 200
    assert [(action, home, of, detail["address"]) for action, _, home, of, detail in seen(site)] == [
        ("listed", None, None, "/parts/alerts"),
        ("viewed", "hh-1", alert, "/parts/alerts/{alert_id}/story"),
        ("viewed", "hh-2", None, "/parts/households/{household_id}/kept"),
    ]
    site.client.get(parts[1], headers=site.token("officer", WEST))
    assert seen(site)[-1][1] == f"token:officer@{WEST}"


def test_who_follows_the_stream_is_on_the_trail_where_it_shows_homes(site: Site) -> None:
    app, who = site.client.app, site.token("viewer", WEST)
    assert isinstance(app, FastAPI)

    async def follow(query: str) -> None:
        async with following(app, who, query) as next_message:
            assert (await next_message())["status"] == 200

    asyncio.run(follow(""))
    assert seen(site) == []
    for _ in range(2):
        asyncio.run(follow("part=/parts/alerts"))
    assert [(action, detail) for action, *_, detail in seen(site)] == [
        ("listed", {"address": "/events", "part": "/parts/alerts"})
    ]


def test_after_an_hour_somebody_looks_anew() -> None:
    now = 1000.0
    lately = Lately(lambda: now)
    lately.saw("person:a", "hh-1")
    assert lately.has_seen("person:a", "hh-1")
    assert not lately.has_seen("person:a", "hh-2")
    assert not lately.has_seen("person:b", "hh-1")
    now += 3600
    assert not lately.has_seen("person:a", "hh-1")


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
        ("UPDATE audit_event SET at = at + interval '1 microsecond' WHERE seq = 2", 2),
        ("UPDATE audit_event e SET actor = (SELECT actor FROM audit_event o WHERE o.seq = 3 - e.seq) WHERE seq < 3", 1),
        ("UPDATE audit_head SET seq = 2", 4),
        ("INSERT INTO audit_event SELECT (jsonb_populate_record(e, '{\"seq\": 4}')).* FROM audit_event e LIMIT 1", 4),
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


def test_an_end_that_was_taken_off_with_its_mark_is_missed_by_a_witness(site: Site) -> None:
    lived_in(site)
    with connect(site.database) as conn:
        end = trail.head(conn)
    forged(site, "DELETE FROM audit_event WHERE seq = 3")
    forged(site, "UPDATE audit_head h SET (seq, hash) = (SELECT e.seq, e.hash FROM audit_event e WHERE e.seq = 2)")
    with connect(site.database) as conn:
        assert trail.broken(conn) is None, "whoever owns the database can shorten the whole of it"
        assert not trail.holds(conn, f"{end.rows}:{end.hash}")
        rewound = trail.head(conn)
        assert trail.holds(conn, f"{rewound.rows}:{rewound.hash}")
        assert trail.holds(conn, f"{rewound.rows}:{rewound.hash[:16]}")  # as the page shows it
        for nothing in ("", "2", "2:", f"2:{rewound.hash[:15]}", f"1:{rewound.hash}", f"2:{end.hash[:16]}"):
            assert not trail.holds(conn, nothing), nothing


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
