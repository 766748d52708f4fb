"""Policies where they meet a database: their page, the people they reach, what the service warns of at its start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool
from structlog.testing import capture_logs
from typer.testing import CliRunner

from alerts.ladders.policy_file import built_in
from alerts.people import People
from alerts.registered_people import neighbourhood
from dashboards.words.ladders import pictures
from registry.instants import to_micros
from registry.model import Area, Household, Person, Registry
from shouwang.alerting import warn_of_the_unreachable
from shouwang.cli import app
from storage.alerts import people
from storage.database import open_pool
from storage.registry import load, save
from storage.unreachable import unreachable_households
from tests.integration.dashboards_site import EAST, NOON, TOWN, WEST, Site, open_site

ELSEWHERE = "4402"
"""An area of which nobody takes care."""


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool]:
    with open_pool(database, size=2) as opened:
        yield opened


def _lonely(household: str, area: str, caseworker: str | None = None) -> Household:
    return Household(household, area, "Asia/Shanghai", "en", "other", "low", "", caseworker)


@pytest.mark.parametrize(("wish", "language"), [("zh-CN,zh;q=0.9", "zh_CN"), ("en", "en")])
def test_the_page_shows_every_ladder_in_the_reader_s_language(site: Site, wish: str, language: str) -> None:
    answer = site.client.get(
        "/policies", headers={**site.token("viewer"), "Accept": "text/html", "Accept-Language": wish}
    )
    assert answer.status_code == 200, answer.text
    page = answer.text.replace("&#39;", "'")
    drawn = pictures(built_in(), language)
    assert page.count('aria-labelledby="policy-') == len(drawn) == 17
    for picture in drawn:
        assert picture.applies in page
        for line in picture.lines:
            assert line.words in page
            assert line.sentence in page
        assert all(sentence in page for sentence in picture.afterwards)
    assert page.count('<li class="do-') == sum(len(picture.lines) for picture in drawn)
    assert not re.search(r"\b(src|href)=\"https?:", page)


def test_the_page_is_for_those_who_are_signed_in(site: Site) -> None:
    refused = site.client.get("/policies", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (refused.status_code, refused.headers["location"]) == (303, "/sign-in?next=/policies")


def test_a_registry_read_as_a_file_names_the_same_people_as_the_database(pool: ConnectionPool) -> None:
    odd = Registry(
        households=(_lonely("hh-4", EAST), _lonely("hh-5", f"{WEST}01"), _lonely("hh-6", "4401", "cw-west")),
        people=(
            Person("cw-a", "A", "caseworker", None, WEST, None, "en"),
            Person("do-0", "B", "duty_officer", None, WEST, None, "en"),
            Person("do-2", "C", "duty_officer", None, "4401", "+8613812340032", "en"),
        ),
    )
    with pool.connection() as conn:
        save(conn, TOWN)
        save(conn, odd)
        for place, around in neighbourhood(load(conn)):
            found = people.people(conn, place.household, to_micros(NOON))
            assert people.place(conn, place.household) == place
            assert (around.residents, around.contacts, around.caseworker, around.duty_officers) == (
                found.residents,
                found.contacts,
                found.caseworker,
                found.duty_officers,
            )


def test_households_nobody_of_which_can_be_reached_are_counted_and_the_first_named(pool: ConnectionPool) -> None:
    with pool.connection() as conn:
        save(conn, TOWN)
        assert unreachable_households(conn, 5) == (0, [])
        more = Registry(
            areas=(Area(ELSEWHERE, "district", "Elsewhere"),),
            households=(
                _lonely("alone-1", ELSEWHERE),
                _lonely("alone-2", ELSEWHERE),
                _lonely("alone-3", WEST, "cw-mute"),
                _lonely("near", f"{WEST}01"),
                _lonely("served", ELSEWHERE, "cw-west"),
            ),
            people=(
                Person("mute", "M", "resident", "alone-2", None, None, "en"),
                Person("cw-mute", "N", "caseworker", None, EAST, None, "en"),
            ),
        )
        save(conn, more)
        expected = {place.household for place, people in neighbourhood(load(conn)) if not _told(people)}
        assert unreachable_households(conn, 2) == (3, ["alone-1", "alone-2"])
        assert unreachable_households(conn, 9) == (3, sorted(expected))
    with capture_logs() as logs:
        warn_of_the_unreachable(pool)
    (warning,) = logs
    assert (warning["log_level"], warning["households"], warning["first"]) == (
        "warning", 3, ["alone-1", "alone-2", "alone-3"],
    )  # fmt: skip


def test_a_database_with_people_in_reach_is_worth_no_warning(pool: ConnectionPool) -> None:
    with pool.connection() as conn:
        save(conn, TOWN)
    with capture_logs() as logs:
        warn_of_the_unreachable(pool)
    assert logs == []


def test_the_check_looks_at_the_people_of_the_configured_database(
    database: str, pool: ConnectionPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pool.connection() as conn:
        save(conn, TOWN)
        save(conn, Registry(households=(_lonely("alone", "4401"),)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOUWANG_DATABASE_URL", database)
    told = CliRunner().invoke(app, ["policy", "check", "--strict"])
    assert told.exit_code == 2, told.output
    assert "warning  water: no step reaches anybody at 1 household: alone" in told.output.replace("\n", " ")
    shown = CliRunner().invoke(app, ["policy", "show", "--kind", "leak", "--household", "hh-1"])
    assert shown.exit_code == 0, shown.output
    assert "Mrs Chen" in shown.output
    unknown = CliRunner().invoke(app, ["policy", "show", "--household", "hh-99"])
    assert (unknown.exit_code, "hh-99" in unknown.output) == (1, True)


def _told(people: People) -> bool:
    own = (*people.residents, *people.contacts, *((people.caseworker,) if people.caseworker else ()))
    return any(one.phone or one.address for one in own)
