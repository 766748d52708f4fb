"""Hand-over: those who leave and those who come hear what is open, exactly once, and nobody else is disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from psycopg_pool import ConnectionPool

from alerts import desk
from alerts.channels.choice import ONLY_HANDSETS
from alerts.escalation import take
from alerts.ladders.policy_file import built_in
from alerts.oncall.handover import LATE
from alerts.oncall.schedule import Rotation, Schedule, Window
from detectors.finding import Kind, Severity
from registry.instants import HOUR, MINUTE, to_micros
from shouwang.handing_over import HandingOver
from storage import oncall
from storage.alerts.book import PostgresAlertBook, books_on
from storage.database import open_pool
from tests.alerts_tables import Tables, settle_street
from tests.alerts_world import HOME, finding

EIGHT = to_micros(datetime(2026, 3, 11, tzinfo=UTC))
"""Eight o'clock in Shanghai: Zhao's day ends, Wang's begins."""
STREET = Schedule(
    "street", "44010300", "街道值班", "Asia/Shanghai", (Rotation("days", ("wang", "zhao"), 1, date(2026, 3, 9)),)
)


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool]:
    with open_pool(database, size=6) as opened:
        with opened.connection() as conn:
            settle_street(conn)
            oncall.save(conn, [STREET])
        yield opened


def hold(pool: ConnectionPool, holder: str, kind: Kind = Kind.INACTIVITY, severity: Severity = Severity.HIGH) -> None:
    """Raise an alert an hour before the hand-over, and have somebody take it."""
    with books_on(pool)() as book:
        now = EIGHT - HOUR
        [alert] = take(book, [finding(kind, at=now, severity=severity)], now, built_in())
        desk.acknowledge(book, alert, holder, now)


def messages(pool: ConnectionPool) -> dict[str, str]:
    queued = [one for one in Tables(pool).all_notifications() if one.created_at >= EIGHT - MINUTE]
    assert len({one.person for one in queued}) == len(queued), "nobody is told twice"
    return {one.person: one.text for one in queued}


def test_both_hear_of_the_gravest_alert_that_is_still_held(pool: ConnectionPool) -> None:
    hold(pool, "person:zhao")
    hold(pool, "person:zhao", Kind.SMOKE, Severity.URGENT)
    with pool.connection() as conn:
        conn.execute("UPDATE person SET language = 'yue' WHERE id = 'zhao'")  # who reads what Mandarin speakers read
    assert HandingOver(pool, ONLY_HANDSETS)(EIGHT - 1) == 0
    assert HandingOver(pool, ONLY_HANDSETS)(EIGHT) == 2
    told = messages(pool)
    assert set(told) == {"zhao", "wang"}
    for text in told.values():
        assert "街道值班，08:00起由王社工接赵值班的班。赵值班手上未结警报2条" in text
        assert "和平路1号" in text
    tables = Tables(pool)
    smoke = next(alert for alert in tables.all_alerts() if alert.kind is Kind.SMOKE)
    assert smoke.held_by == "person:zhao", "only people can say that they have taken something on"
    assert {one.alert for one in tables.all_notifications() if one.created_at >= EIGHT - MINUTE} == {smoke.id}
    [row] = tables.rows("SELECT leaving, coming, alert FROM oncall_handover")
    assert (row["leaving"], row["coming"], row["alert"]) == ("zhao", "wang", smoke.id)


def test_where_nothing_is_open_nobody_is_disturbed(pool: ConnectionPool) -> None:
    hold(pool, "person:wang")  # who comes holds it, and knows of it
    assert HandingOver(pool, ONLY_HANDSETS)(EIGHT) == 0
    assert messages(pool) == {}


def test_four_processes_tell_of_a_hand_over_once(pool: ConnectionPool) -> None:
    hold(pool, "person:zhao")
    with ThreadPoolExecutor(4) as executor:
        told = list(executor.map(lambda _: HandingOver(pool, ONLY_HANDSETS)(EIGHT + MINUTE), range(4)))
    assert sorted(told) == [0, 0, 0, 2]
    assert set(messages(pool)) == {"zhao", "wang"}


def test_a_service_that_was_away_tells_of_it_within_an_hour_and_not_later(pool: ConnectionPool) -> None:
    hold(pool, "person:zhao")
    assert HandingOver(pool, ONLY_HANDSETS)(EIGHT + LATE) == 0
    assert HandingOver(pool, ONLY_HANDSETS)(EIGHT + LATE - MINUTE) == 2


def test_who_leaves_hears_that_nobody_comes(pool: ConnectionPool) -> None:
    days = Rotation("days", ("zhao",), 1, date(2026, 3, 9), when=(Window(frozenset({1})),))
    with pool.connection() as conn:
        oncall.save(conn, [Schedule("street", "44010300", "街道值班", "Asia/Shanghai", (days,))])
    hold(pool, "person:zhao")
    midnight = EIGHT - 8 * HOUR
    assert HandingOver(pool, ONLY_HANDSETS)(midnight) == 1
    [message] = [one for one in Tables(pool).all_notifications() if one.created_at == midnight]
    assert message.person == "zhao"
    assert "00:00起无人值班" in message.text
    assert HandingOver(pool, ONLY_HANDSETS)(midnight + 30 * MINUTE) == 0


def test_a_hand_over_message_goes_out_and_can_be_read_on_the_handset(pool: ConnectionPool) -> None:
    hold(pool, "person:zhao")
    HandingOver(pool, ONLY_HANDSETS)(EIGHT)
    with pool.connection() as conn:
        book = PostgresAlertBook(conn)
        claimed = book.claim(EIGHT, EIGHT + MINUTE)
    assert claimed is not None
    assert (claimed.medium.value, claimed.channel) == ("sms", "handset")
    assert HOME in [alert.household for alert in Tables(pool).all_alerts()]
