"""Numbers and addresses: none in a dump, masked on every page and list, whole for a reason that is written down."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import CheckViolation
from psycopg.rows import dict_row

from shouwang import seal_keys
from shouwang.errors import SettingsError
from shouwang.rotating import rotate
from shouwang.settings import Settings
from storage import registry, sealed_columns, sealing, twilio
from storage.database import connect
from storage.errors import SealError
from storage.migrate import check_schema, migrate, migrations, pending
from storage.sealing import new_key
from tests.integration.dashboards_site import NOON, TOWN, WEST, Site, open_site

DAUGHTER, CHEN = "+8613812340011", "+8613812340001"
NUMBERS = [one.phone for one in TOWN.people if one.phone]
DOORS = [home.address for home in TOWN.households]
PAGE = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


@pytest.fixture
def _own_seals() -> Iterator[None]:
    before = sealing.held()
    yield
    sealing.hold(before)


def _dump(conn: psycopg.Connection) -> Iterator[tuple[str, str]]:
    """Yield every value of the database with the table it stands in, as text."""
    tables = conn.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'schema_migration'"
    ).fetchall()
    for (table,) in tables:
        for row in conn.execute(sql.SQL("SELECT to_jsonb(t)::text FROM {} t").format(sql.Identifier(table))):
            yield table, row[0]


def _trail(site: Site, action: str) -> list[dict[str, Any]]:
    with site.pool.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT actor, role, household, detail FROM audit_event WHERE action = %s ORDER BY seq", [action]
        ).fetchall()


def _live(site: Site) -> Any:
    """Let an alert climb to a visit that was transferred, and somebody write by SMS; return the task's id."""
    site.alert()
    site.pass_time(20)
    with site.pool.connection() as conn:
        assert twilio.first_answer(conn, "SM1", "inbound", NOON) is None
        twilio.complete(conn, "SM1", "inbound", twilio.Said("", None, DAUGHTER, f"call me on {DAUGHTER}"))
    task = site.get("/api/v1/tasks")["items"][-1]["id"]
    given = {"organisation": "Red Cross", "address": "+86 20 8333 0000, 7 Pearl Road"}
    answer = site.client.post(f"/api/v1/tasks/{task}/transfer", json=given, headers=site.token("operator"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["partner_address"] == given["address"]
    return task


def test_a_dump_of_a_lived_in_town_shows_no_number_and_no_address(site: Site) -> None:
    _live(site)
    with site.pool.connection() as conn:
        found = list(_dump(conn))
        tables = {table for table, _ in found}
        assert {"person", "household", "notification", "handset_message", "task", "twilio_event"} <= tables
        plain = [*NUMBERS, *(number[3:] for number in NUMBERS), *DOORS, "8333", "Pearl Road"]
        assert [(table, one) for table, text in found for one in plain if one in text] == []
        guards = conn.execute("SELECT count(*) FROM pg_constraint WHERE conname LIKE '%sealed'").fetchone()
        assert guards == (sum(len(table.columns) for table in sealed_columns.TABLES),)
        with pytest.raises(CheckViolation):
            conn.execute("UPDATE person SET phone = '+8613812340001' WHERE id = 'r-1'")


def test_every_place_where_a_number_can_land_is_sealed(site: Site) -> None:
    with site.pool.connection() as conn:
        columns = conn.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND column_name ~ 'phone|address'"
        ).fetchall()
    sealed = {f"{table.name}.{column}" for table in sealed_columns.TABLES for column in table.columns}
    not_of_homes = {"audit_event.address", "session.address"}  # where a request came from
    assert {name for (name,) in columns if not name.endswith("_index")} - not_of_homes <= sealed


def test_a_number_is_found_again_by_who_calls(site: Site) -> None:
    _live(site)
    with site.pool.connection() as conn:
        assert twilio.people(conn, DAUGHTER) == ["c-1"]
        assert [(home.person, home.household) for home in twilio.at_home(conn, CHEN)] == [("r-1", "hh-1")]
        assert twilio.answerable(conn, CHEN, "handset")
        assert twilio.people(conn, "+8613800000000") == twilio.answerable(conn, "", "handset") == []


def test_a_text_that_was_moved_to_another_row_does_not_open(site: Site) -> None:
    with site.pool.connection() as conn:
        conn.execute("UPDATE person SET phone = (SELECT phone FROM person WHERE id = 'r-1') WHERE id = 'c-1'")
        with pytest.raises(SealError, match="belongs to another row"):
            registry.load(conn)
    people = {one["id"]: one["phone"] for one in site.get("/api/v1/people")["items"]}
    assert (people["r-1"], people["c-1"]) == ("+86138****0001", "****")


def test_lists_and_pages_show_numbers_and_addresses_masked_to_everybody(site: Site) -> None:
    alert = site.alert()
    site.pass_time(20)
    paths = [
        "/api/v1/people", "/api/v1/households", "/api/v1/tasks", f"/api/v1/alerts/{alert}", "/api/v1/handsets",
        "/", "/tasks", "/handsets", f"/alerts/{alert}", "/households/hh-1", f"/alerts/{alert}/messages",
    ]  # fmt: skip
    for path in paths:
        answer = site.client.get(path, headers=site.token("operator") | {"Accept": "text/html, application/json"})
        assert answer.status_code == 200, (path, answer.text)
        assert [one for one in (*NUMBERS, *DOORS) if one in answer.text] == [], path
    homes = {one["id"]: one["address"] for one in site.get("/api/v1/households")["items"]}
    assert homes == {"hh-1": "**** West Street", "hh-2": "**** West Street", "hh-3": "东街****"}
    said = [one["text"] for one in site.get(f"/api/v1/alerts/{alert}")["notifications"]]
    assert any("Address: **** West Street" in text for text in said), said


def test_a_reason_shows_a_number_once_and_is_on_the_trail(site: Site) -> None:
    asked = {**site.token("caseworker", WEST, "cw-west"), **PAGE}
    form = {"reason": "other", "words": "the daughter <b>asked</b>"}
    shown = site.client.post("/reveal/phone/c-1", data=form, headers={**asked, "HX-Request": "true"})
    assert (shown.status_code, f'href="tel:{DAUGHTER}"' in shown.text) == (200, True)
    page = site.client.post("/reveal/address/hh-1", data={"reason": "visit"}, headers=asked)
    assert "1 West Street" in page.text
    assert "<html" in page.text
    assert _trail(site, "reveal") == [
        {
            "actor": "person:cw-west",
            "role": "caseworker",
            "household": "hh-1",
            "detail": {"kind": "phone", "of": "c-1", "reason": "other: the daughter <b>asked</b>"},
        },
        {
            "actor": "person:cw-west",
            "role": "caseworker",
            "household": "hh-1",
            "detail": {"kind": "address", "of": "hh-1", "reason": "visit"},
        },
    ]


@pytest.mark.parametrize(
    ("role", "area", "path", "form", "status"),
    [
        ("viewer", WEST, "/reveal/phone/r-1", {"reason": "call"}, 403),
        ("caseworker", "440102", "/reveal/phone/r-1", {"reason": "call"}, 404),
        ("caseworker", "440102", "/reveal/phone/c-1", {"reason": "call"}, 404),
        ("caseworker", "440102", "/reveal/address/hh-1", {"reason": "visit"}, 404),
        ("caseworker", WEST, "/reveal/phone/nobody", {"reason": "call"}, 404),
        ("caseworker", WEST, "/reveal/messenger/r-1", {"reason": "call"}, 404),
        ("caseworker", WEST, "/reveal/phone/r-1", {}, 422),
        ("caseworker", WEST, "/reveal/phone/r-1", {"reason": "other", "words": "  "}, 422),
        ("caseworker", WEST, "/reveal/phone/r-1", {"reason": "curious"}, 422),
        ("caseworker", WEST, "/reveal/note/r-1", {"reason": "call"}, 404),
    ],
)
def test_without_role_area_or_reason_nothing_is_shown(
    site: Site, role: str, area: str, path: str, form: dict[str, str], status: int
) -> None:
    answer = site.client.post(path, data=form, headers={**site.token(role, area), "HX-Request": "true"})
    assert answer.status_code == status, answer.text
    assert not any(one in answer.text for one in (*NUMBERS, *DOORS))
    assert _trail(site, "reveal") == []


def test_a_touch_calls_and_is_a_reveal_but_not_for_other_sites(site: Site) -> None:
    who = site.token("caseworker", WEST)
    ours = site.client.get("/call/r-1", headers={**who, "Sec-Fetch-Site": "same-origin"}, follow_redirects=False)
    assert (ours.status_code, ours.headers["location"]) == (303, f"tel:{CHEN}")
    theirs = site.client.get("/call/r-1", headers={**who, "Sec-Fetch-Site": "cross-site"}, follow_redirects=False)
    assert (theirs.status_code, CHEN in str(theirs.headers)) == (403, False)
    assert [one["detail"]["reason"] for one in _trail(site, "reveal")] == ["call"]


def test_the_api_shows_values_whole_for_a_reason_and_writes_down_each(site: Site) -> None:
    who = site.token("caseworker", WEST)
    one = site.client.post("/api/v1/reveals", json={"kind": "phone", "of": "r-1", "reason": "round"}, headers=who)
    assert (one.status_code, one.json()) == (201, {"kind": "phone", "of": "r-1", "text": CHEN})
    people = site.client.get("/api/v1/people?role=resident&reveal=census", headers=who).json()["items"]
    assert {person["id"]: person["phone"] for person in people} == {"r-1": CHEN, "r-2": "+8613812340002"}
    homes = site.client.get("/api/v1/households?reveal=census&limit=1", headers=who).json()["items"]
    assert [home["address"] for home in homes] == ["1 West Street"]
    assert [(row["household"], row["detail"]["of"], row["detail"]["reason"]) for row in _trail(site, "reveal")] == [
        ("hh-1", "r-1", "round"),
        ("hh-1", "r-1", "census"),
        ("hh-2", "r-2", "census"),
        ("hh-1", "hh-1", "census"),
    ]
    for path in ("/api/v1/people?reveal=x", "/api/v1/households?reveal=x"):
        refused = site.client.get(path, headers=site.token("viewer", WEST))
        assert refused.status_code == 403, path


def test_who_has_to_go_there_sees_where_and_that_is_written_down_once(site: Site) -> None:
    site.alert()
    site.pass_time(20)
    mine = site.token("caseworker", WEST, "cw-west")

    def addresses(who: dict[str, str]) -> set[str]:
        tasks = site.client.get("/api/v1/tasks?status=open&status=accepted", headers=who).json()["items"]
        return {task["address"] for task in tasks}

    assert addresses(mine) == addresses(mine) == {"1 West Street"}
    assert "1 West Street" in site.client.get("/tasks", headers={**mine, "Accept": "text/html"}).text
    assert addresses(site.token("caseworker", WEST, "cw-east")) == {"**** West Street"}
    assert addresses(site.token("viewer", WEST, "cw-west")) == {"**** West Street"}
    assert [(row["actor"], row["household"]) for row in _trail(site, "shown")] == [("person:cw-west", "hh-1")]


def test_a_database_from_before_is_sealed_in_batches_and_may_be_interrupted(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = list(migrations())
    before = [one for one in shipped if one.version < 20]
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS before_seals WITH (FORCE)")
        admin.execute("CREATE DATABASE before_seals")
    with connect(make_conninfo(postgres, dbname="before_seals")) as conn:
        with monkeypatch.context() as old:
            old.setattr("storage.migrate.migrations", lambda: before)
            migrate(conn)
        conn.execute("INSERT INTO area VALUES ('44', 'city', 'City')")
        conn.execute(
            "INSERT INTO household (id, area, zone, language, category, risk, address) SELECT 'h' || n, '44', 'UTC',"
            " 'en', 'other', 'low', CASE WHEN n > 1 THEN n || ' West Street' ELSE '' END FROM generate_series(1, 9) n"
        )
        conn.execute(
            "INSERT INTO person (id, name, role, household, phone, language)"
            " SELECT 'p' || n, 'N', 'resident', 'h' || n, '+861381234000' || n, 'en' FROM generate_series(1, 9) n"
        )
        conn.execute("INSERT INTO wrong_address VALUES ('p1', 'twilio', '\\x00', now())")
        monkeypatch.setattr(sealed_columns, "_BATCH", 2)
        batches: list[tuple[str, int, int]] = []

        def break_off(*batch: Any) -> None:
            batches.append(batch)
            if len(batches) == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            migrate(conn, break_off)
        assert batches == [("household", 2, 8), ("household", 4, 8), ("household", 6, 8)]
        assert pending(conn) == ["seals on what is stored"]
        held = sealing.held()
        sealing.hold(None)
        with pytest.raises(SealError, match="`shouwang key create`"):
            migrate(conn)
        sealing.hold(held)
        assert migrate(conn) == []
        check_schema(conn)
        found = registry.load(conn)
        assert [home.address for home in found.households] == ["", *(f"{n} West Street" for n in range(2, 10))]
        assert [person.phone for person in found.people] == [f"+861381234000{n}" for n in range(1, 10)]
        assert not any("West Street" in text or "1381234" in text for _, text in _dump(conn))
        assert twilio.people(conn, "+8613812340007") == ["p7"]
        assert conn.execute("SELECT count(*) FROM wrong_address").fetchone() == (0,)
        assert migrate(conn, break_off) == [], "there is nothing left to do"


@pytest.mark.usefixtures("_own_seals")
def test_an_instance_makes_its_key_for_nobody_else_to_read_and_changes_it(database: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, seal_keys=None)
    assert not seal_keys.hold(settings)
    seal_keys.hold_or_make(settings)
    file = tmp_path / seal_keys.FILE
    first = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    seal_keys.hold_or_make(settings)
    assert file.read_text() == first, "a second start finds the key of the first"
    old = sealing.held()
    with open_site(database) as site:
        _live(site)
        with site.pool.connection() as conn:
            before = registry.load(conn)
            said = rotate(settings, conn)
            assert re.fullmatch(rf"\d+ rows sealed anew: {re.escape(str(file))} holds the new key alone", said)
            assert (len(file.read_text().split()), first in file.read_text()) == (1, False)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert registry.load(conn) == before
            assert twilio.people(conn, DAUGHTER) == ["c-1"]
            assert not any(f":{old.keys[0]}:" in text for _, text in _dump(conn))
            new = sealing.held()
            sealing.hold(old)
            with pytest.raises(SealError, match="which is not here: add it to SHOUWANG_SEAL_KEYS"):
                check_schema(conn)
        [rotated] = _trail(site, "key-rotated")
        assert rotated["actor"].startswith("shell:")
        assert rotated["detail"] == {"rows": said.split()[0], "key": new.keys[0]}


@pytest.mark.usefixtures("_own_seals")
def test_with_keys_in_the_settings_the_newest_takes_over(site: Site) -> None:
    [old], new = sealing.held().keys, new_key()
    alone = Settings(database_url=site.database)
    with site.pool.connection() as conn:
        with pytest.raises(SettingsError, match="has one key: put a new one"):
            rotate(alone, conn)
        both = Settings(database_url=site.database, seal_keys=f"{new}, {alone.seal_keys.get_secret_value()}")  # type: ignore[union-attr, arg-type]
        seal_keys.require(both)
        assert twilio.people(conn, CHEN) == ["r-1"], "what the old key sealed is still found"
        assert rotate(both, conn).endswith("take all keys but the first out of SHOUWANG_SEAL_KEYS")
        assert rotate(both, conn).startswith("0 rows")
        seal_keys.require(Settings(database_url=site.database, seal_keys=new))  # type: ignore[arg-type]
        check_schema(conn)
        assert sorted(one.phone or "" for one in registry.load(conn).people) == sorted(NUMBERS)
        assert twilio.people(conn, CHEN) == ["r-1"]
        assert not any(f":{old}:" in text for _, text in _dump(conn))


def test_a_production_role_does_not_start_without_a_key_and_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"`shouwang key create`.*SHOUWANG_SEAL_KEYS"):
        seal_keys.require(Settings(data_dir=tmp_path, database_url="host=nowhere", seal_keys=None))
    (tmp_path / seal_keys.FILE).write_text(new_key())  # a town's key is not a city's
    with pytest.raises(SettingsError, match="`shouwang key create`"):
        seal_keys.require(Settings(data_dir=tmp_path, database_url="host=nowhere", seal_keys=None))
    with pytest.raises(SettingsError, match="is none: make one with") as told:
        seal_keys.require(Settings(seal_keys="swordfish"))  # type: ignore[arg-type]
    assert "swordfish" not in str(told.value) + repr(Settings(seal_keys="swordfish"))  # type: ignore[arg-type]


def test_what_leaves_as_csv_is_whole_and_on_the_trail(site: Site, tmp_path: Path) -> None:
    with site.pool.connection() as conn:
        registry.export_directory(conn, tmp_path, actor="shell:root")
        assert CHEN in (tmp_path / "people.csv").read_text()
        assert "1 West Street" in (tmp_path / "households.csv").read_text()
        registry.import_directory(conn, tmp_path, actor="shell:root")
    assert [(row["actor"], row["detail"]) for row in _trail(site, "export")] == [
        ("shell:root", {"households": "3", "people": "7"})
    ]
    assert [row["detail"]["changed"] for row in _trail(site, "import")] == ["0 added, 0 changed, 17 unchanged"]
