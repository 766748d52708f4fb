"""The escalation loop on PostgreSQL: what cannot be done for one household keeps no other waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from psycopg import sql
from psycopg_pool import ConnectionPool
from structlog.testing import capture_logs

from alerts.channels.handset import HandsetChannel
from alerts.channels.port import Receipt
from alerts.escalation import take
from alerts.ladders.policy_file import built_in
from alerts.messages.delivery import LEASE
from alerts.model import Alert, Notification
from alerts.people import Medium
from alerts.storms.storm import Limits as StormLimits
from detectors.finding import Finding, Kind, Severity
from registry.instants import MINUTE, SECOND, to_datetime, to_micros
from shouwang.escalating import Escalating, EscalationMetrics
from storage.alerts.book import PostgresAlertBook, books_on
from storage.database import open_pool
from tests.alerts_tables import Tables, settle_street
from tests.alerts_world import HOME, MUTE, NOON, finding
from tests.e2e.service import until
from tests.integration.engine_house import HandClock


class House:
    """A street, its escalation loop, and a clock that a test turns."""

    def __init__(self, database: str, pool: ConnectionPool) -> None:
        self.database = database
        self.books = books_on(pool)
        self.tables = Tables(pool)
        self.clock = HandClock(to_datetime(NOON))
        self.stop = threading.Event()
        self.handset = HandsetChannel(self.books)
        self.loop = self.another(self.handset)

    def another(self, channel: Any) -> Escalating:
        self.metrics = CollectorRegistry()
        made = Escalating(
            self.database, self.books, {"handset": channel}, self.clock, self.stop, EscalationMetrics(self.metrics)
        )
        self.loop = made
        return made

    def takes(self, *findings: Finding) -> None:
        with self.books() as book:
            take(book, findings, NOON, built_in(), StormLimits(fewest=1000))  # of storms others tell

    def alert(self, household: str) -> Alert:
        return next(one for one in self.tables.all_alerts() if one.household == household)

    def first_step(self, household: str) -> tuple[str, int]:
        """Return the status and due time of the first step of a household's alert."""
        query = "SELECT status, due FROM step WHERE alert = %(alert)s AND no = 1"
        [row] = self.tables.rows(query, alert=self.alert(household).id)
        return row["status"], to_micros(row["due"])

    def failures(self, what: str) -> float:
        return self.metrics.get_sample_value("shouwang_escalation_failures_total", {"what": what}) or 0.0

    def forgotten(self) -> list[str]:
        self.loop.look_after()
        return [violation.household for violation in self.loop.violations]

    def executes(self, statement: str) -> None:
        with psycopg.connect(self.database, autocommit=True) as conn:
            conn.execute(statement.encode())

    def breaks_event(self, kind: str, do: str = "RAISE EXCEPTION 'a bug'") -> None:
        """Let writing down a kind of event fail, as a bug would."""
        self.executes(
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN IF NEW.kind = '{kind}' THEN {do}; END IF; RETURN NEW; END $$"
        )
        self.executes("CREATE TRIGGER broken BEFORE INSERT ON alert_event FOR EACH ROW EXECUTE FUNCTION broken()")

    def mends_event(self) -> None:
        self.executes("DROP TRIGGER broken ON alert_event")


@pytest.fixture
def house(database: str) -> Iterator[House]:
    with open_pool(database, size=4) as pool:
        with pool.connection() as conn:
            settle_street(conn)
        yield House(database, pool)


@pytest.mark.parametrize(
    "broken",
    [
        """UPDATE step SET action = jsonb_set(action, '{message}', '"a key that is no more"')""",
        """UPDATE step SET action = jsonb_set(action, '{do}', '"pigeon"')""",
    ],
)
def test_a_step_that_cannot_be_carried_out_blocks_nobody_else(house: House, broken: str) -> None:
    house.takes(finding(severity=Severity.URGENT), finding(Kind.SMOKE, household=MUTE, onset=NOON))
    house.executes(f"{broken} WHERE alert = '{house.alert(HOME).id}' AND no = 1")
    with capture_logs() as logs:
        while house.loop.once():
            pass
    told = next(line for line in logs if line["log_level"] == "critical")
    assert (told["what"], told["alert"], told["step"]) == ("step", str(house.alert(HOME).id), 1)
    assert house.failures("step") >= 1
    # The other household's ladder is climbed.
    assert house.first_step(MUTE) == ("done", NOON)
    assert "zhao" in {one.person for one in house.tables.all_notifications() if one.alert == house.alert(MUTE).id}
    # It stays pending and due when it was: the auditor finds it, though every minute it is tried again.
    assert house.first_step(HOME) == ("pending", NOON)
    house.clock.forward(minutes=1)
    before = house.failures("step")
    while house.loop.once():
        pass
    assert house.failures("step") > before
    house.clock.forward(seconds=1)
    assert house.forgotten() == [HOME]

    house.executes(
        """UPDATE step SET action = action || '{"do": "sms", "message": "check"}' """
        f"WHERE alert = '{house.alert(HOME).id}' AND no = 1"
    )
    assert house.loop.once() == 0  # not before the minute is over
    house.clock.forward(minutes=1)
    while house.loop.once():
        pass
    assert house.first_step(HOME)[0] == "done"
    assert house.forgotten() == []


def test_a_message_that_cannot_be_recorded_blocks_no_other(house: House) -> None:
    house.takes(finding(), finding(Kind.LEAK))
    house.breaks_event("sent")
    with capture_logs() as logs:
        while house.loop.once():
            pass
    assert house.failures("message") == 3
    assert {line["what"] for line in logs if line["log_level"] == "critical"} == {"message"}
    assert len(house.tables.all_messages()) == 3  # all of them did leave
    house.mends_event()
    house.clock.forward(minutes=1)
    while house.loop.once():
        pass
    assert {one.status.value for one in house.tables.all_notifications() if one.created_at == NOON} <= {
        "delivered",
        "missed",
    }
    assert len([one for one in house.tables.all_messages() if one.at == NOON]) == 3


def test_a_message_that_cannot_be_let_pass_blocks_no_other(house: House) -> None:
    house.takes(finding(), finding(Kind.SMOKE, household=MUTE, onset=NOON))
    house.executes(
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN IF NEW.person = 'li' AND NEW.admitted_at IS NOT NULL THEN RAISE EXCEPTION 'a bug'; END IF; "
        "RETURN NEW; END $$"
    )
    house.executes("CREATE TRIGGER broken BEFORE UPDATE ON notification FOR EACH ROW EXECUTE FUNCTION broken()")
    with capture_logs() as logs:
        while house.loop.once():
            pass
    assert {line["what"] for line in logs if line["log_level"] == "critical"} == {"message"}
    kept = [one for one in house.tables.all_notifications() if one.person == "li"]
    assert {(one.status.value, one.attempts, one.next_attempt_at) for one in kept} == {("queued", 1, NOON + LEASE)}
    assert house.failures("message") == len(kept)
    assert "zhao" in {one.person for one in house.tables.all_messages()}
    house.executes("DROP TRIGGER broken ON notification")
    house.clock.forward(seconds=LEASE // SECOND)
    while house.loop.once():
        pass
    assert "li" in {one.person for one in house.tables.all_messages()}


def test_what_others_are_at_work_on_is_not_waited_for(house: House) -> None:
    house.takes(finding())
    house.loop.once()
    [ringing] = [one for one in house.tables.all_messages() if one.status.value == "ringing"]
    house.executes(
        f"UPDATE notification SET status = 'queued', next_attempt_at = created_at WHERE id <> '{ringing.id}'"
    )
    house.clock.forward(seconds=31)
    with house.books() as other:
        assert other.find(house.alert(HOME).id) is not None  # this locks it
        assert house.loop.once() == 0
    assert house.loop.once() > 0
    assert "missed" in {one.status.value for one in house.tables.all_messages()}


def test_a_call_that_cannot_be_marked_as_missed_blocks_nothing(house: House) -> None:
    house.takes(finding())
    while house.loop.once():
        pass
    house.breaks_event("missed")
    house.clock.forward(seconds=31)
    house.takes(finding(Kind.LEAK))
    with capture_logs() as logs:
        while house.loop.once():
            pass
        house.loop.once()
    assert house.failures("call") == 1  # it is not said four times a second
    assert [line["what"] for line in logs if line["log_level"] == "critical"] == ["call"]
    assert house.tables.all_steps(next(one.id for one in house.tables.all_alerts() if one.kind is Kind.LEAK))[0].ran_at
    house.mends_event()
    house.clock.forward(minutes=1)
    house.loop.once()
    assert "missed" in {one.status.value for one in house.tables.all_messages()}


def test_an_auditor_that_fails_says_so_and_ends_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: PostgresAlertBook) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(PostgresAlertBook, "watched", broken)
    with capture_logs() as logs:
        house.loop.look_after()
    assert house.failures("audit") == 1
    assert [line["log_level"] for line in logs] == ["critical"]


def test_a_database_that_goes_away_is_no_failure_of_a_step(house: House) -> None:
    house.takes(finding())
    house.breaks_event("notified", "PERFORM pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(psycopg.OperationalError):
        house.loop.once()
    house.mends_event()
    assert house.failures("step") == 0
    while house.loop.once():
        pass
    assert house.first_step(HOME)[0] == "done"


def test_a_burst_is_not_taken_for_standing_still(house: House) -> None:
    class Watch:
        """A channel that looks whether the loop was heard of since the last message."""

        name = "handset"
        media = frozenset(Medium)

        def __init__(self) -> None:
            self.heard: list[bool] = []

        def send(self, notification: Notification, now: int) -> Receipt:  # noqa: ARG002 - the port's own
            self.heard.append(house.loop.healthy)
            house.loop.last_round = -1e9
            return Receipt("watch")

    watch = Watch()
    loop = house.another(watch)
    house.takes(finding(), finding(Kind.LEAK), finding(Kind.SMOKE, onset=NOON))
    loop.last_round = -1e9
    loop.once()
    assert watch.heard == [True] * 4
    assert loop.healthy


def test_no_error_ends_the_loop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = PostgresAlertBook.next_due
    calls = iter([RuntimeError("a bug"), ValueError("another")])

    def broken(book: PostgresAlertBook, now: int) -> Any:
        error = next(calls, None)
        if error is not None:
            raise error
        return asked(book, now)

    monkeypatch.setattr(PostgresAlertBook, "next_due", broken)
    house.takes(finding())
    thread = threading.Thread(target=house.loop.run)
    thread.start()
    try:
        until(house.tables.all_messages, "the resident is called all the same")
    finally:
        house.stop.set()
        thread.join(30)
    assert not thread.is_alive()
    assert house.failures("round") == 2


def test_an_urgent_step_and_its_message_go_first(house: House) -> None:
    households = [f"flat-{number:03}" for number in range(150)]
    for household in households:
        house.executes(
            "INSERT INTO household (id, area, zone, language, category, risk, caseworker) "
            f"VALUES ('{household}', '440103001', 'Asia/Shanghai', 'zh_CN', 'other', 'low', 'wang')"
        )
    house.takes(*[finding(Kind.ANOMALY, household=household, severity=Severity.LOW) for household in households])
    house.clock.forward(seconds=1)
    with house.books() as book:
        fire = finding(Kind.SMOKE, at=NOON + SECOND, onset=NOON + SECOND, severity=Severity.URGENT)
        take(book, [fire], NOON + SECOND, built_in())
    house.loop.once()
    assert house.first_step(HOME)[0] == "done"
    assert "li" in {one.person for one in house.tables.all_messages()}
    left = sql.SQL("SELECT count(*) FROM step WHERE status = 'pending' AND due <= %(now)s").as_string()
    [row] = house.tables.rows(left, now=to_datetime(NOON + MINUTE))
    assert row["count"] > 0  # the backlog is still there
