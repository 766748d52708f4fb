"""On-call schedules in PostgreSQL: kept as they are, and who of them an alert concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest
from psycopg_pool import ConnectionPool

from alerts.oncall.schedule import HOLIDAY, Holiday, Override, Rotation, Schedule, Window
from alerts.people import People
from registry.instants import DAY, HOUR, to_micros
from storage import oncall
from storage.alerts.book import PostgresAlertBook
from storage.database import open_pool
from storage.oncall import UnknownInScheduleError
from tests.alerts_tables import settle_street
from tests.alerts_world import HOME

MONDAY = date(2026, 3, 2)
NOON = to_micros(datetime(2026, 3, 3, 4, tzinfo=UTC))
"""Twelve o'clock in Shanghai, on Tuesday."""
STREET = Schedule(
    "street", "44010300", "Street", "Asia/Shanghai",
    (Rotation("days", ("zhao", "wang"), 0, MONDAY, when=(Window(frozenset(range(5)), time(8), time(18)),)),
     Rotation("second", ("wang",), 7, MONDAY, level=2, when=(Window(frozenset({1, HOLIDAY}), time(8), time(18)),))),
    (Holiday(date(2026, 10, 1), "国庆节"), Holiday(date(2026, 10, 10), "", 0)),
)  # fmt: skip
CITY = Schedule("city", "4401", "City", "Asia/Shanghai", (Rotation("all", ("farther",), 7, MONDAY),))


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool]:
    with open_pool(database, size=4) as opened:
        with opened.connection() as conn:
            settle_street(conn)
        yield opened


def on_call(pool: ConnectionPool, at: int) -> list[str]:
    with pool.connection() as conn:
        return [one.person for one in PostgresAlertBook(conn).people(HOME, at).on_call]


def test_a_schedule_comes_back_as_it_was_saved(pool: ConnectionPool) -> None:
    with pool.connection() as conn:
        oncall.save(conn, [STREET, CITY])
        assert oncall.load(conn) == (CITY, STREET)
        assert oncall.load(conn, "street") == (STREET,)
        assert oncall.load(conn, "elsewhere") == ()


def test_overrides_outlive_a_change_of_their_schedule_and_the_last_entered_comes_last(pool: ConnectionPool) -> None:
    first = Override(UUID(int=1), "wang", NOON, NOON + HOUR, 1, "swap")
    second = Override(UUID(int=2), "zhao", NOON, NOON + HOUR)
    with pool.connection() as conn:
        oncall.save(conn, [STREET])
        oncall.put_overrides(conn, "street", [first, second], [], "person:zhao", NOON)
        oncall.put_overrides(conn, "street", [first], [], "person:zhao", NOON)
        oncall.save(conn, [replace(STREET, name="Renamed")])
        assert oncall.load(conn)[0].overrides == (second, first)
        oncall.put_overrides(conn, "street", [], [first.id], "person:zhao", NOON)
        assert oncall.load(conn)[0].overrides == (second,)
        assert oncall.remove_override(conn, "street", second.id)
        assert not oncall.remove_override(conn, "street", second.id)


def test_who_is_not_registered_cannot_be_on_a_schedule_and_then_nothing_is_saved(pool: ConnectionPool) -> None:
    stranger = replace(CITY, id="a", area="77", rotations=(Rotation("r", ("farther", "stranger"), 7, MONDAY),))
    with pool.connection() as conn:
        with pytest.raises(UnknownInScheduleError) as refused:
            oncall.save(conn, [STREET, stranger])
        assert "a.area is '77'" in str(refused.value)
        assert "'stranger'" in str(refused.value)
        assert oncall.load(conn) == ()


def test_the_smallest_area_around_a_household_with_somebody_on_call_is_asked(pool: ConnectionPool) -> None:
    assert on_call(pool, NOON) == []
    with pool.connection() as conn:
        oncall.save(conn, [STREET, CITY])
    # Tuesday is the second day of the street's slots: its second line is the same person, who is told once.
    assert on_call(pool, NOON) == ["wang"]
    assert on_call(pool, NOON + DAY) == ["zhao"]
    # At night the street has nobody on call, so the city is asked.
    assert on_call(pool, NOON + 10 * HOUR) == ["farther"]


def test_an_override_holds_from_its_start_until_its_end(pool: ConnectionPool) -> None:
    with pool.connection() as conn:
        oncall.save(conn, [STREET, CITY])
        oncall.put_overrides(conn, "street", [Override(UUID(int=1), "zhao", NOON, NOON + HOUR)], [], "token:desk", NOON)
    assert [on_call(pool, at) for at in (NOON - 1, NOON, NOON + HOUR)] == [["wang"], ["zhao"], ["wang"]]


def test_the_second_line_is_behind_the_first_and_stands_in_for_it(pool: ConnectionPool) -> None:
    first = Rotation("first", ("zhao",), 7, MONDAY)
    second = Rotation("second", ("wang", "zhao"), 7, MONDAY, level=2)
    third = Rotation("third", ("farther",), 7, MONDAY, level=3)

    def people() -> People:
        with pool.connection() as conn:
            return PostgresAlertBook(conn).people(HOME, NOON)

    def named(who: str) -> list[str]:
        return [one.person for one in people().named(who)]

    with pool.connection() as conn:
        oncall.save(conn, [replace(STREET, rotations=(first, second, third)), CITY])
    lines = ("on_call", "on_call-2", "on_call-3", "on_call-4")
    assert [named(who) for who in lines] == [["zhao"], ["wang"], ["farther"], []]
    assert {"zhao", "wang", "farther"} <= {one.person for one in people().everybody}
    with pool.connection() as conn:
        oncall.save(conn, [replace(STREET, rotations=(replace(first, starts=MONDAY + timedelta(days=7)), second))])
    assert [named(who) for who in lines[:2]] == [["wang"], []], "nobody is in the first line yet"


def test_of_somebody_on_call_who_is_gone_the_next_area_is_asked(pool: ConnectionPool) -> None:
    with pool.connection() as conn:
        oncall.save(conn, [replace(STREET, rotations=(Rotation("r", ("zhao",), 7, MONDAY),)), CITY])
        conn.execute("DELETE FROM person WHERE id = 'zhao'")
    assert on_call(pool, NOON) == ["farther"]
