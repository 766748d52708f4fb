"""PostgreSQL itself shows pages one area and nothing else: table by table, whatever a query forgets to ask for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import DivisionByZero, InsufficientPrivilege
from psycopg.pq import TransactionStatus

from storage.database import connect
from storage.errors import MigrationError
from storage.migrate import migrate
from storage.scoping import READER, VENDOR, check_readers, confined
from storage.views import View, readings
from tests.integration.dashboards_site import NOON, Site, open_site
from tests.integration.districts import District, befallen

ROOT: Final = Path(__file__).parents[2]
KEPT: Final = {
    "reading": "TimescaleDB has no row security for what is compressed: read through seen_reading and functions",
    "reading_quarter": "as reading",
    "reading_hour": "as reading",
    "reading_day": "as reading",
    "service_alert": "names households: read through seen_service_alert",
    "batch": "the engine's",
    "detector_state": "the engine's",
    "engine_clock": "the engine's",
    "shard": "the engine's",
    "waiting_findings": "the engine's",
    "deaf_time": "the engine's",
    "audit_head": "the end of the chain, of no household",
    "audit_round": "the auditor's",
    "registry_version": "the engine's",
    "schema_migration": "the migrations'",
    "token": "who may sign in: read as the owner, before anybody is known",
    "account": "as token",
    "session": "as token",
    "recovery_code": "as token",
    "sign_in_attempt": "as token",
    "receipt": "of commands, which the owner carries out",
    "phone_seal": "a key: read as the owner for whom it belongs to",
    "phone_shown": "of commands, which the owner carries out",
}
"""What pages may not read as such, and why."""
AROUND: Final = {"area", "person", "seen_person", "seen_staff"}
"""Where both districts see the city around them: its name, and who is on duty for all of it."""
OWNERS: Final = {
    *("sees_home", "sees_alert", "sees_message", "sees_device", "sees_gateway", "sees_contact", "sees_staff"),
    *("readings_of", "quarters_of", "hours_of", "days_of", "last_readings"),  # ask for the scope themselves
    "behind_vendors_gateways",  # asks for the gateways
    *("tells_of_the_service", "named_by_nobody", "elsewhere"),  # say yes or no of an id that one has to know
    *("homes_of", "people_in_scope"),  # ask for the scope themselves, and tell vendors nothing
    *("count_homes", "place_gateways"),  # say anew what is there, which changes nothing
    # Of triggers, which nobody can call:
    *("homes_changed", "devices_changed", "device_heard", "device_told", "device_placed", "alert_begun"),
    *("alert_forgotten", "alert_gone_on", "alert_lived", "alert_passed_on", "alert_visited"),
}
"""Functions that readers may call and that run as the owner of the tables."""
UNCONFINED: Final = {
    "dashboards/api/oncall.py": "overrides are entered by the owner, after the schedule was found in scope",
    "dashboards/pages/oncall.py": "as above",
    "storage/views/oncall.py": "who sees a schedule sees the names of who is on it, wherever they answer for",
    "storage/views/lab.py": "in binary, confined by itself",
    "dashboards/privacy/revealing.py": "the audit trail is the owner's, in one transaction with what is shown",
    "dashboards/api/registry.py": "as above",
    "dashboards/pages/alert.py": "the alert desk says whom it would ask about a household that was found in scope",
    "dashboards/pages/policies.py": "as above",
}
"""Who uses a view's connection past the view, which makes them the owner, and why."""
_RELATIONS: Final = """
SELECT relname, relkind, relrowsecurity, has_table_privilege(%s, c.oid, 'SELECT') AS whole,
       has_any_column_privilege(%s, c.oid, 'SELECT') AS granted
FROM pg_class c
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
"""
_numbers = count(1)


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


@pytest.fixture
def districts(site: Site) -> tuple[District, District]:
    """Return West and East, with everything that happened there."""
    both = befallen(site)
    with site.pool.connection() as conn:
        conn.execute(
            "INSERT INTO service_alert (kind, since, count, detail) VALUES ('late_step', %s, 1, 'hh-3')", [NOON]
        )
    return both


def seen(conn: Connection[Any], sql: str, scope: str, gateways: tuple[str, ...] | None = None) -> list[Any]:
    """Return what a reader gets who asks for everything."""
    cursor = conn.cursor()
    with confined(conn, scope, gateways):
        cursor.execute(sql.encode())
    return cursor.fetchall()


def whole(conn: Connection[Any], relation: str, scope: str, gateways: tuple[str, ...] | None = None) -> set[str]:
    """Return all rows of a relation, as texts, that a reader gets."""
    return {row for (row,) in seen(conn, f'SELECT t::text FROM "{relation}" t', scope, gateways)}


def granted(conn: Connection[Any], role: str = READER) -> list[str]:
    return sorted(name for name, _, _, whole, _ in conn.execute(_RELATIONS, [role, role]) if whole)


def test_each_table_is_confined_or_kept_from_pages(site: Site) -> None:
    with site.pool.connection() as conn:
        for role in (READER, VENDOR):
            for name, kind, secured, _, allowed in conn.execute(_RELATIONS, [role, role]).fetchall():
                if name in KEPT:
                    assert not allowed, f"{role} may read {name}, which is {KEPT[name]}"
                elif role == READER:
                    advice = (
                        f"say CALL confine('{name}', CONDITION) in its migration, or why pages may not read it, here"
                    )
                    assert allowed, f"nobody can show {name} to anybody: {advice}"
                    view = kind == "v" and (name.startswith("seen_") or name.endswith("_in_scope"))
                    assert secured or view, f"{name} shows everybody all: {advice}"


def test_each_table_shows_an_area_and_nothing_else(site: Site, districts: tuple[District, District]) -> None:
    with site.pool.connection() as conn:
        relations = granted(conn)
        assert len(relations) > 25
        for relation in relations:
            everything = whole(conn, relation, "")
            rows = {one.code: whole(conn, relation, one.code) for one in districts}
            for here, there in (districts, districts[::-1]):
                assert rows[here.code], f"{relation} is empty for {here.mark}: let something befall it"
                assert rows[here.code] <= everything or relation == "seen_service_alert", relation
                for row in rows[here.code]:
                    for mark in there.marks():
                        assert mark not in row, (relation, here.mark, mark)
                if relation not in AROUND | {"seen_service_alert"}:
                    assert not rows[here.code] & rows[there.code], relation
        assert len(whole(conn, "alert", "")) == len(whole(conn, "alert", "440101")) + len(
            whole(conn, "alert", "440102")
        )
        assert whole(conn, "alert", "44010101") == whole(conn, "alert", "440101")  # the street that all of it lies in
        assert whole(conn, "alert", "44010102") == set()
        assert whole(conn, "alert", "4401010") == whole(conn, "alert", "440101")  # a prefix, as everywhere


def test_without_a_scope_there_is_nothing(site: Site, districts: tuple[District, District]) -> None:
    """Not for a reader who never said one, nor for one whose scope is over."""
    assert districts
    with site.pool.connection() as conn:
        relations = granted(conn)
    with connect(site.database) as fresh:
        for scoped_before in (False, True):
            if scoped_before:
                assert whole(fresh, "household", "") != set()
            for role in (READER, VENDOR):
                fresh.execute(f"SET ROLE {role}")
                for relation in relations if role == READER else ("device", "sensor", "quarantine", "area"):
                    rows = fresh.execute(f'SELECT count(*) FROM "{relation}"'.encode()).fetchone()
                    assert rows == (0,), (relation, role, scoped_before)
                fresh.execute("RESET ROLE")


def test_readers_write_nothing(site: Site) -> None:
    with site.pool.connection() as conn:
        for role in (READER, VENDOR):
            allowed = conn.execute(
                """SELECT relname, what FROM pg_class c,
                          unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) what
                   WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v', 'p', 'm')
                     AND has_table_privilege(%s, c.oid, what)""",
                [role],
            ).fetchall()
            assert allowed == []
            assert conn.execute(
                "SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", [role]
            ).fetchone() == (False, False, False)
        with pytest.raises(InsufficientPrivilege):
            seen(conn, "DELETE FROM alert RETURNING id", "")


def test_a_query_that_forgets_its_scope_shows_what_is_in_it(site: Site, districts: tuple[District, District]) -> None:
    here, there = districts
    with site.pool.connection() as conn:
        forgetful = "SELECT id, note FROM household WHERE %(scope)s::text IS NOT NULL ORDER BY id"
        assert [row["id"] for row in View(conn, here.code).rows(forgetful)] == ["hh-1", "hh-2"]
        assert [row["id"] for row in View(conn, there.code).rows(forgetful)] == ["hh-3"]
        assert [row["id"] for row in View(conn, "").rows(forgetful)] == ["hh-1", "hh-2", "hh-3"]
        assert View(conn, "%").rows(forgetful) == []
        for count_of in ("alert", "task", "notification", "handset_message", "device"):
            total, mine = (
                View(conn, scope).rows(f"SELECT count(*) FROM {count_of} WHERE %(scope)s::text IS NOT NULL")[0]["count"]
                for scope in ("", here.code)
            )
            assert 0 < mine < total, count_of


def test_readings_are_those_of_the_scope(site: Site, districts: tuple[District, District]) -> None:
    here, there = districts
    with site.pool.connection() as conn:
        sensors = {one.code: readings.sensor(View(conn, one.code), one.device, "volume") for one in districts}
        mine, other = sensors[here.code], sensors[there.code]
        assert mine
        assert other
        assert {row[0] for row in seen(conn, "SELECT sensor FROM seen_reading", here.code)} == {mine["id"]}
        assert len(seen(conn, "SELECT FROM seen_reading", "")) == 2 * 29
        for grain in ("readings", "quarters", "hours", "days"):
            ask = f"SELECT sum(readings) FROM {grain}_of({{}}, '2026-11-01', '2026-11-06')"
            assert seen(conn, ask.format(mine["id"]), here.code) == [(29,)], grain
            assert seen(conn, ask.format(other["id"]), here.code) == [(None,)], grain
            assert seen(conn, ask.format(other["id"]), "") == [(29,)], grain
            with pytest.raises(InsufficientPrivilege):
                seen(conn, ask.format(mine["id"]).replace("_of(", "_of_any("), here.code)
        for kept in KEPT:
            with pytest.raises(InsufficientPrivilege):
                seen(conn, f'SELECT FROM "{kept}"', "")


def test_a_vendor_is_shown_devices_of_their_gateways(site: Site, districts: tuple[District, District]) -> None:
    here, there = districts
    with site.pool.connection() as conn:
        for scope in ("", here.code):
            mine = (here.gateway,)
            assert seen(conn, "SELECT id FROM device", scope, mine) == [(here.device,)]
            assert seen(conn, "SELECT device FROM sensor", scope, mine) == [(here.device,)]
            assert seen(conn, "SELECT gateway FROM quarantine", scope, mine) == [(here.gateway,)]
            assert seen(conn, "SELECT id, zone FROM household", scope, mine) == [("hh-1", "Asia/Shanghai")]
        assert seen(conn, "SELECT id FROM device", there.code, (here.gateway,)) == []
        assert len(seen(conn, "SELECT id FROM device", "", (here.gateway, there.gateway))) == 2
        assert seen(conn, "SELECT id FROM device", "", ()) == []
        for secret in (
            "SELECT address FROM household",
            "SELECT note FROM household",
            "SELECT name FROM person",
            "SELECT id FROM alert",
            "SELECT value FROM seen_reading",
            "SELECT starts FROM absence",
        ):
            with pytest.raises(InsufficientPrivilege):
                seen(conn, secret, "", (here.gateway,))


def test_the_reader_s_role_ends_with_the_query(site: Site, districts: tuple[District, District]) -> None:
    assert districts
    who = "SELECT current_user, current_setting('role'), coalesce(current_setting('shouwang.scope_end', true), '')"
    with site.pool.connection() as conn:
        owner = conn.execute("SELECT current_user").fetchone()
        assert owner
        view = View(conn, "440101")

        def is_the_owner() -> bool:
            return conn.execute(who).fetchone() == (*owner, "none", "")

        [during] = view.rows(
            "SELECT current_user AS who, current_setting('shouwang.scope') AS scope, %(scope)s::text AS said"
        )
        assert during == {"who": READER, "scope": "440101", "said": "440101"}
        assert is_the_owner()
        with pytest.raises(DivisionByZero):
            view.rows("SELECT 1 / 0, %(scope)s::text")
        assert is_the_owner()
        assert conn.info.transaction_status is TransactionStatus.IDLE
        with pytest.raises(psycopg.ProgrammingError):
            view.rows("SELECT %(thing)s, %(scope)s::text", thing=object())
        assert is_the_owner()
        with conn.transaction():
            assert view.rows("SELECT id FROM household WHERE %(scope)s <> ''")
            assert is_the_owner()  # what is written next is the owner's
            conn.execute("UPDATE household SET note = 'written' WHERE id = 'hh-3'")
            assert view.rows("SELECT id FROM household WHERE note = 'written' AND %(scope)s <> ''") == []
        with pytest.raises(DivisionByZero), conn.transaction():
            view.rows("SELECT 1 / 0, %(scope)s::text")
        assert is_the_owner()
        with conn.transaction():
            with pytest.raises(DivisionByZero), conn.transaction():
                view.rows("SELECT 1 / 0, %(scope)s::text")
            assert is_the_owner()
            with pytest.raises(psycopg.ProgrammingError):
                view.rows("SELECT %(thing)s, %(scope)s::text", thing=object())
            assert is_the_owner()


def test_queries_asked_together_are_the_reader_s_until_the_last(
    site: Site, districts: tuple[District, District]
) -> None:
    here, _ = districts
    who = "SELECT current_user AS who, %(scope)s::text AS said"
    with site.pool.connection() as conn:
        owner = conn.execute("SELECT current_user").fetchone()

        def is_the_owner() -> bool:
            return conn.execute("SELECT current_user").fetchone() == owner

        view = View(conn, here.code)
        with view.together() as asked:
            assert {row["who"] for _ in range(2) for row in asked.rows(who)} == {READER}
            assert conn.execute("SELECT id FROM household ORDER BY id").fetchall() == [("hh-1",), ("hh-2",)]
            with asked.together() as again:
                assert again.unmasked().rows(who)[0]["who"] == READER
            assert asked.rows(who)[0]["who"] == READER
            with pytest.raises(InsufficientPrivilege), conn.transaction():
                conn.execute("UPDATE household SET note = ''")
        assert is_the_owner()
        assert conn.info.transaction_status is TransactionStatus.IDLE
        with pytest.raises(DivisionByZero), view.together() as asked:
            asked.rows("SELECT 1 / 0, %(scope)s::text")
        assert is_the_owner()
        with conn.transaction():
            with view.together() as asked:
                assert asked.rows(who)[0]["who"] == READER
            assert is_the_owner()
            with pytest.raises(DivisionByZero), view.together() as asked:
                asked.rows("SELECT 1 / 0, %(scope)s::text")
            assert is_the_owner()
        with View(conn, here.code, (here.gateway,)).together() as asked:
            assert asked.rows(who + ", %(gateways)s")[0]["who"] == VENDOR


def test_whatever_runs_as_its_owner_is_known(site: Site) -> None:
    """A function of the owner's that readers may call looks past what confines them: each is looked at here."""
    with site.pool.connection() as conn:
        rows = conn.execute(
            "SELECT DISTINCT proname FROM pg_proc, unnest(%s::text[]) reader WHERE prosecdef"
            " AND pronamespace = current_schema()::regnamespace AND has_function_privilege(reader, oid, 'EXECUTE')",
            [[READER, VENDOR]],
        ).fetchall()
    assert {name for (name,) in rows} == OWNERS


def test_a_connection_goes_back_to_its_pool_as_the_owner_s(site: Site) -> None:
    assert site.client.get("/api/v1/households", headers=site.token("viewer", "440101")).status_code == 200
    assert site.client.get("/api/v1/households?area=%00", headers=site.token("viewer", "440101")).status_code == 422
    held = [site.pool.getconn() for _ in range(6)]
    try:
        for conn in held:
            assert conn.execute("SELECT current_user = session_user, current_setting('role')").fetchone() == (
                True,
                "none",
            )
    finally:
        for conn in held:
            site.pool.putconn(conn)


def test_only_who_says_why_reads_past_a_view() -> None:
    """`view.conn` is the owner's connection."""
    found = set()
    for path in (*(ROOT / "dashboards").rglob("*.py"), *(ROOT / "storage" / "views").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "conn"
                and isinstance(node.value, ast.Name)
                and node.value.id == "view"
            ):
                found.add(path.relative_to(ROOT).as_posix())
    assert found <= set(UNCONFINED), "read through View.rows, or say here why the owner has to"


@pytest.fixture
def plain(postgres: str) -> Iterator[tuple[Connection[Any], str]]:
    """Return a connection to an empty database, whose user owns it and may otherwise nothing, and the user's name."""
    name = f"shouwang_plain_{uuid4().hex[:8]}_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN".encode())
        admin.execute(f"GRANT pg_read_all_settings TO {name}".encode())  # what 0002 looks at
        admin.execute(f"CREATE DATABASE {name} OWNER {name}".encode())
        with psycopg.connect(postgres, dbname=name, autocommit=True) as conn:
            for extension in ("ltree", "btree_gist", "pg_trgm"):
                conn.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}".encode())
            conn.execute(f"SET SESSION AUTHORIZATION {name}".encode())
            yield conn, name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        admin.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER".encode())
        admin.execute(f"DROP ROLE {name}".encode())


def test_who_may_create_no_roles_is_told_what_to_have_done(
    plain: tuple[Connection[Any], str], postgres: str, database: str
) -> None:
    assert database  # somebody else's, of which the roles are already there
    conn, name = plain
    with pytest.raises(MigrationError, match=f"GRANT {READER} TO {name}"):
        migrate(conn)
    with psycopg.connect(postgres, autocommit=True) as admin:
        for role in (READER, VENDOR):
            admin.execute(f"GRANT {role} TO {name}".encode())
    migrate(conn)
    assert View(conn, "").rows("SELECT id FROM household WHERE %(scope)s::text = ''") == []
    assert conn.execute("SELECT current_user").fetchone() == (name,)
    check_readers(conn)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"REVOKE {VENDOR} FROM {name}".encode())
    with pytest.raises(MigrationError, match=f"GRANT {VENDOR} TO {name}"):
        check_readers(conn)
