"""Accounts, sessions and attempts in the database, and `shouwang account`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner, Result

from shouwang.cli import app
from storage import accounts, attempts, sessions, tokens
from storage.errors import StorageError
from storage.registry import save
from storage.sessions import Stage
from tests.integration.dashboards_site import TOWN, WEST


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as opened:
        save(opened, TOWN)
        yield opened


@pytest.fixture
def account(conn: psycopg.Connection) -> UUID:
    return accounts.create(conn, "Li.Wei", "hash", "caseworker", WEST, shown="Li Wei", person="cw-west")


@pytest.fixture
def run(database: str, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    assert not conn.closed
    monkeypatch.setenv("SHOUWANG_DATABASE_URL", database)
    return lambda *words: CliRunner().invoke(app, ["account", *words])


def _begin(conn: psycopg.Connection, account: UUID, stage: Stage = Stage.OPEN) -> str:
    return sessions.of_account(conn, account, stage, "192.0.2.7", "Mozilla")


def _later(conn: psycopg.Connection, **columns: str) -> None:
    """Let time pass for every session: `used_at="12 hours"` makes the last use so much earlier."""
    for column, length in columns.items():
        conn.execute(f"UPDATE session SET {column} = {column} - interval '{length}'".encode())


def test_names_are_one_however_they_are_written_and_belong_to_one(conn: psycopg.Connection, account: UUID) -> None:
    for name in ("Li.Wei", "li.wei", " LI.WEI ", "Ｌｉ．Ｗｅｉ"):
        found = accounts.find(conn, name)
        assert found is not None
        assert found.id == account
    assert accounts.find(conn, "li") is None
    with pytest.raises(accounts.AccountError, match="already"):
        accounts.create(conn, "li.wei", "hash", "viewer", "")
    for name in ("", "  ", "a\nb", "x" * 101):
        with pytest.raises(accounts.AccountError, match="printable"):
            accounts.create(conn, name, "hash", "viewer", "")


@pytest.mark.parametrize(
    ("role", "area", "more", "why"),
    [
        ("king", "", {}, "one of viewer"),
        ("viewer", "77", {}, "not in the registry"),
        ("viewer", "", {"person": "nobody"}, "import them first"),
        ("viewer", "", {"language": "de"}, "zh_CN or en"),
        ("vendor", "", {}, "--gateway"),
        ("viewer", "", {"gateways": ["gw-1"]}, "leave --gateway out"),
    ],
)
def test_what_cannot_be_is_refused(
    conn: psycopg.Connection, role: str, area: str, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(StorageError, match=why):
        accounts.create(conn, "x", "hash", role, area, **more)
    assert accounts.find(conn, "x") is None


def test_only_a_hash_of_a_session_is_kept(conn: psycopg.Connection, account: UUID) -> None:
    cookie = _begin(conn, account)
    assert len(cookie) >= 43  # 256 bits in base64url
    [(kept,)] = conn.execute("SELECT hash FROM session").fetchall()
    assert (len(kept), kept) == (32, tokens.digest(cookie))
    found = sessions.find(conn, cookie)
    assert found is not None
    assert (found.account, found.shown, found.role, found.area, found.person) == (
        account, "Li Wei", "caseworker", WEST, "cw-west",
    )  # fmt: skip
    assert sessions.find(conn, cookie[:-1]) is None
    assert sessions.find(conn, "\udc80") is None


def test_a_session_ends_when_it_is_not_used_and_after_a_week_in_any_case(
    conn: psycopg.Connection, account: UUID
) -> None:
    cookie = _begin(conn, account)
    for _day in range(6):
        _later(conn, used_at="11 hours 59 minutes", ends_at="1 day")
        assert sessions.find(conn, cookie) is not None  # and it was used just now
    _later(conn, ends_at="1 day")
    assert sessions.find(conn, cookie) is None
    other = _begin(conn, account)  # sweeps out what is over
    assert conn.execute("SELECT count(*) FROM session").fetchone() == (1,)
    _later(conn, used_at="12 hours 1 second")
    assert sessions.find(conn, other) is None


def test_who_is_still_signing_in_has_a_quarter_of_an_hour(conn: psycopg.Connection, account: UUID) -> None:
    cookie = _begin(conn, account, Stage.CODE)
    found = sessions.find(conn, cookie)
    assert found is not None
    assert found.stage is Stage.CODE
    assert sessions.standing(conn, [tokens.digest(cookie)]) == frozenset()
    opened = sessions.renamed(conn, found.id, Stage.OPEN)
    assert sessions.find(conn, cookie) is None
    _later(conn, ends_at="6 days 23 hours")
    assert sessions.find(conn, opened) is not None
    half = _begin(conn, account, Stage.CODE)
    _later(conn, ends_at="15 minutes")
    assert sessions.find(conn, half) is None


def test_a_session_ends_with_its_account_and_its_token(conn: psycopg.Connection, account: UUID) -> None:
    token = tokens.create(conn, "viewer", "", "tablet")
    mine, linked = _begin(conn, account), sessions.of_token(conn, token, "", "")
    both = [tokens.digest(mine), tokens.digest(linked), tokens.digest(token)]
    assert sessions.standing(conn, both) == {*both}
    conn.execute("UPDATE account SET disabled_at = now()")
    conn.execute("UPDATE token SET expires_at = now()")
    assert sessions.standing(conn, both) == frozenset()
    assert (sessions.find(conn, mine), sessions.find(conn, linked)) == (None, None)
    conn.execute("UPDATE account SET disabled_at = NULL")
    conn.execute("UPDATE token SET expires_at = NULL")
    assert sessions.find(conn, linked) is not None
    tokens.revoke(conn, "tablet")
    assert sessions.find(conn, linked) is None
    assert accounts.disable(conn, account) == 1
    accounts.enable(conn, account)
    assert sessions.find(conn, mine) is None, "a session that was ended does not come back"


def test_everybody_ends_their_own_sessions_and_an_operator_those_of_the_area(
    conn: psycopg.Connection, account: UUID
) -> None:
    other = accounts.create(conn, "east", "hash", "viewer", "440102")
    mine, second, theirs = (_begin(conn, one) for one in (account, account, other))
    ids = {cookie: found.id for cookie in (mine, second, theirs) if (found := sessions.find(conn, cookie))}
    assert {one.id for one in sessions.mine(conn, ids[mine])} == {ids[mine], ids[second]}
    assert not sessions.revoke_mine(conn, ids[mine], ids[theirs])
    assert [one.name for one in sessions.within(conn, "440102")] == ["east"]
    assert not sessions.revoke_within(conn, WEST, ids[theirs])
    assert sessions.find(conn, theirs) is not None
    assert sessions.revoke_mine(conn, ids[mine], ids[second])
    assert sessions.find(conn, second) is None
    assert sessions.revoke_within(conn, "4401", ids[theirs])
    assert sessions.find(conn, theirs) is None
    third = _begin(conn, account)
    assert sessions.revoke_others(conn, ids[mine]) == 1
    assert sessions.find(conn, third) is None
    assert sessions.find(conn, mine) is not None


def test_a_code_is_taken_once_and_none_of_an_earlier_step(conn: psycopg.Connection, account: UUID) -> None:
    accounts.set_second_factor(conn, account, "SECRET", 100, ["ONE", "TWO"])
    kept = conn.execute("SELECT totp FROM account").fetchone()
    assert kept is not None
    assert kept[0].startswith("sealed:1:")
    assert accounts.second_factor(accounts.one(conn, account)) == "SECRET"
    assert [accounts.spend_step(conn, account, step) for step in (100, 101, 101, 99, 103)] == [
        False, True, False, False, True,
    ]  # fmt: skip
    assert accounts.recovery_codes_left(conn, account) == 2
    assert [accounts.spend_recovery_code(conn, account, code) for code in ("ONE", "ONE", "THREE")] == [
        True, False, False,
    ]  # fmt: skip
    [(hashed,)] = conn.execute("SELECT hash FROM recovery_code").fetchall()
    assert b"TWO" not in hashed
    accounts.drop_second_factor(conn, account)
    assert not accounts.spend_recovery_code(conn, account, "TWO")
    assert accounts.one(conn, account).totp is None


def test_who_fails_too_often_waits_longer_each_time_whether_they_exist_or_not(conn: psycopg.Connection) -> None:
    for name in ("li.wei", "nobody"):
        assert [attempts.begin(conn, name, f"192.0.2.{at}") for at in range(5)] == [0] * 5
        waits = []
        for _ in range(8):
            waits.append(attempts.begin(conn, name.upper(), "192.0.2.99"))
            conn.execute("UPDATE sign_in_attempt SET blocked_until = now() WHERE blocked_until > now()")
            assert attempts.begin(conn, name, "192.0.2.99") == 0
        assert waits == pytest.approx([30, 60, 120, 240, 480, 900, 900, 900], abs=5)
    assert attempts.begin(conn, "somebody.else", "192.0.2.99") == 0
    attempts.forgive(conn, "li.wei", "192.0.2.99")
    assert attempts.begin(conn, "li.wei", "192.0.2.99") == 0
    conn.execute("UPDATE sign_in_attempt SET last_at = last_at - interval '1 day 1 s', blocked_until = '-infinity'")
    assert attempts.begin(conn, "nobody", "192.0.2.99") == 0
    assert conn.execute("SELECT max(failures) FROM sign_in_attempt").fetchone() == (1,)
    written = conn.execute("SELECT hash FROM sign_in_attempt").fetchall()
    assert not any(b"nobody" in hashed for (hashed,) in written)


def test_an_address_waits_too_with_all_its_neighbours(conn: psycopg.Connection) -> None:
    assert {attempts.begin(conn, f"name-{at}", f"2001:db8:1:2::{at:x}") for at in range(50)} == {0}
    assert attempts.begin(conn, "name-50", "2001:db8:1:2:ffff::1") == pytest.approx(30, abs=5)
    assert attempts.begin(conn, "name-50", "2001:db8:1:3::1") == 0
    assert attempts.begin(conn, "name-50", "") == 0
    # Somebody who gets in from there frees themselves and not the address.
    conn.execute("UPDATE sign_in_attempt SET blocked_until = now() WHERE blocked_until > now()")
    assert attempts.begin(conn, "honest", "2001:db8:1:2::1") == 0
    attempts.forgive(conn, "honest", "2001:db8:1:2::1")
    assert attempts.begin(conn, "name-60", "2001:db8:1:2::1") == 0
    assert attempts.begin(conn, "name-61", "2001:db8:1:2::1") == pytest.approx(60, abs=5)


def test_many_at_once_get_no_more_guesses(conn: psycopg.Connection, database: str) -> None:
    many, free, together = 12, [], Barrier(12)
    assert not conn.closed

    def guess() -> None:
        with psycopg.connect(database, autocommit=True) as own:
            together.wait()
            free.append(attempts.begin(own, "li.wei", "192.0.2.1") == 0)

    threads = [Thread(target=guess) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(free), sum(free)) == (many, 5)


def test_an_account_from_its_making_to_its_end(run: Callable[..., Result], conn: psycopg.Connection) -> None:
    made = run("create", "li.wei", "--role", "caseworker", "--area", WEST, "--person", "cw-west", "--shown", "Li Wei")
    assert made.exit_code == 0, made.output
    password = made.stdout.strip()
    assert len(password) == 23
    assert "has to be changed" in made.stderr
    found = accounts.named(conn, "li.wei")
    assert (found.must_change, found.disabled, found.shown) == (True, False, "Li Wei")
    assert password not in str(found)
    assert run("list").stdout == (f"li.wei: caseworker of {WEST}, cw-west, by a password, never signed in\n")
    cookie, other = _begin(conn, found.id), _begin(conn, found.id)
    listed = run("sessions", "li.wei").stdout
    assert listed.count("li.wei: caseworker of 440101, from 192.0.2.7, since 20") == 2
    session = sessions.find(conn, cookie)
    assert session is not None
    assert run("revoke", str(session.id)).stdout == "1 sessions ended\n"
    assert sessions.find(conn, cookie) is None
    assert sessions.find(conn, other) is not None
    assert run("revoke", "LI.WEI").exit_code == 1
    assert run("revoke", "li.wei").stdout == "1 sessions ended\n"
    assert sessions.find(conn, other) is None
    _begin(conn, found.id)
    assert run("disable", "li.wei").stdout == "li.wei is disabled; 1 sessions ended\n"
    assert run("list").stdout.endswith(", disabled\n")
    for _ in range(6):
        attempts.begin(conn, "li.wei", "192.0.2.1")
    assert run("enable", "li.wei").exit_code == 0
    assert attempts.begin(conn, "li.wei", "192.0.2.1") == 0
    accounts.set_second_factor(conn, found.id, "SECRET", 1, ["ONE"])
    _begin(conn, found.id)
    again = run("reset-password", "li.wei")
    assert again.stdout.strip() != password
    assert sessions.within(conn, "") == []
    assert accounts.named(conn, "li.wei").totp is not None
    assert run("reset-password", "li.wei", "--second-factor").exit_code == 0
    assert accounts.named(conn, "li.wei").totp is None
    unknown = run("disable", "wang")
    assert (unknown.exit_code, unknown.stderr.strip()) == (1, "no account is called 'wang'; there are: 'li.wei'")
    actions = [action for (action,) in conn.execute("SELECT action FROM audit_event ORDER BY seq")]
    assert actions == [
        "account-made", "revoke", "revoke", "account-disabled", "account-enabled", "password-reset", "password-reset",
    ]  # fmt: skip


def test_tokens_are_made_and_revoked_by_the_command_line_on_the_trail(
    conn: psycopg.Connection, run: Callable[..., Result]
) -> None:
    assert run("list").exit_code == 0  # and the settings are those of this database
    made = CliRunner().invoke(app, ["token", "create", "--role", "viewer", "--area", WEST, "--name", "wall"])
    assert tokens.find(conn, made.stdout.strip()) is not None
    assert CliRunner().invoke(app, ["token", "create", "--role", "king", "--area", WEST]).exit_code == 1
    assert CliRunner().invoke(app, ["token", "revoke", "wall"]).stdout == "1 revoked\n"
    assert CliRunner().invoke(app, ["token", "revoke", "wall"]).exit_code == 1
    rows = conn.execute("SELECT action, actor LIKE 'shell:%', area, detail FROM audit_event ORDER BY seq").fetchall()
    assert rows == [
        ("token-made", True, WEST, {"token": "wall", "role": "viewer", "area": WEST}),
        ("token-revoked", True, None, {"token": "wall", "tokens": "1"}),
    ]
    assert made.stdout.strip() not in str(rows)


def test_a_vendor_is_made_with_gateways(run: Callable[..., Result]) -> None:
    refused = run("create", "acme", "--role", "vendor", "--area", "")
    assert (refused.exit_code, "--gateway" in refused.stderr) == (1, True)
    words = ("--gateway", "gw-west", "--gateway", "gw-x")
    assert run("create", "acme", "--role", "vendor", "--area", "", *words).exit_code == 0
    assert run("list").stdout.startswith("acme: vendor of everywhere behind gw-west, gw-x, by a password")
