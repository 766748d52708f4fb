"""The auditor on PostgreSQL: what it finds it writes down, tells once, and takes back; one at a time looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool
from typer.testing import CliRunner

from alerts import desk
from alerts.channels.handset import RINGS, HandsetChannel
from alerts.channels.port import Channel, ChannelError, Receipt
from alerts.escalation import take
from alerts.ladders.policy_file import built_in
from alerts.messages.limits import PATIENCE
from alerts.model import Notification, Outcome
from alerts.people import Medium
from detectors.finding import Kind
from registry.instants import HOUR, MINUTE, to_datetime, to_micros
from shouwang import auditing
from shouwang.auditing import Auditor
from shouwang.cli import app
from shouwang.escalating import EscalationMetrics
from shouwang.heartbeat import Heartbeat
from storage import audit as stored
from storage.alerts.book import books_on
from storage.database import connect, open_pool
from tests.alerts_rounds import miss_calls, run_due
from tests.alerts_tables import Tables, settle_street
from tests.alerts_world import HOME, NOON, finding
from tests.e2e.service import until
from tests.integration.engine_house import HandClock


class Telephone:
    """A channel that keeps what it is given, or refuses it."""

    name = "twilio"
    media = frozenset(Medium)

    def __init__(self) -> None:
        self.given: list[Notification] = []
        self.broken = False

    def send(self, notification: Notification, now: int) -> Receipt:  # noqa: ARG002 - the port's own
        if self.broken:
            raise ChannelError("the provider is away")
        self.given.append(notification)
        return Receipt("1")


class Heart(Heartbeat):
    """A heartbeat that nobody outside hears."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9/none")
        self.beats: list[bool] = []

    def beat(self, *, well: bool) -> None:
        self.beats.append(well)


class House:
    """A street, an auditor over it, and a clock that a test turns."""

    def __init__(self, database: str, pool: ConnectionPool) -> None:
        self.database, self.pool = database, pool
        self.books, self.tables = books_on(pool), Tables(pool)
        self.clock = HandClock(to_datetime(NOON))
        self.telephone, self.heart = Telephone(), Heart()
        self.channels: dict[str, Channel] = {"twilio": self.telephone}
        self.metrics = CollectorRegistry()
        self.auditor = self.another(self.metrics)

    def another(
        self, metrics: CollectorRegistry, stop: threading.Event | None = None, patience: int = PATIENCE
    ) -> Auditor:
        counted, stopping = EscalationMetrics(metrics), stop or threading.Event()
        return Auditor(
            self.database,
            self.channels,
            self.clock,
            stopping,
            counted.audit,
            counted.failures,
            self.heart,
            patience,
        )

    @property
    def now(self) -> int:
        return to_micros(self.clock.now())

    def takes(self, kind: Kind = Kind.INACTIVITY) -> Any:
        with self.books() as book:
            [alert] = take(book, [finding(kind)], NOON, built_in())
        return alert

    def climbs(self) -> None:
        with self.books() as book:
            run_due(book, self.now)

    def executes(self, statement: str) -> None:
        with psycopg.connect(self.database, autocommit=True) as conn:
            conn.execute(statement.encode())

    def flaws(self) -> dict[str, int]:
        self.auditor.once()
        with connect(self.database) as conn:
            return {one.kind: one.count for one in stored.open_ones(conn)}

    def gauge(self, flaw: str) -> float | None:
        return self.metrics.get_sample_value("shouwang_flaws", {"flaw": flaw})


@pytest.fixture
def house(database: str) -> Iterator[House]:
    with open_pool(database, size=4) as pool:
        with pool.connection() as conn:
            settle_street(conn)
        yield House(database, pool)


def test_a_flaw_is_written_down_told_once_and_ended(house: House) -> None:
    alert = house.takes()
    assert house.flaws() == {}
    assert house.heart.beats == [True]
    house.clock.forward(minutes=2)  # and no loop climbs
    for _ in range(3):
        assert house.flaws() == {"forgotten_alert": 1}
    assert house.gauge("forgotten_alert") == 1
    assert house.heart.beats == [True, False, False, False]
    # The officer of the largest area is told, once, by a telephone of their own and not by the outbox.
    [told] = house.telephone.given
    assert (told.person, told.phone, told.channel) == ("farther", "+8613800000009", "twilio")
    assert "1 条报警无人跟进" in told.text
    assert HOME not in told.text
    assert house.tables.all_notifications() == []

    [row] = house.tables.rows("SELECT * FROM service_alert")
    assert (row["since"], row["ended_at"]) == (to_datetime(NOON + 2 * MINUTE), None)
    assert str(alert) in row["detail"]

    house.climbs()
    assert "forgotten_alert" not in house.flaws()
    [row] = house.tables.rows("SELECT * FROM service_alert WHERE kind = 'forgotten_alert'")
    assert row["ended_at"] is not None
    assert len(house.telephone.given) == 2, "the late step is another flaw"


def test_in_a_town_the_simulated_telephone_of_the_duty_officer_rings(house: House) -> None:
    del house.channels["twilio"]
    house.channels["handset"] = HandsetChannel(house.books)
    house.takes()
    house.clock.forward(minutes=2)
    assert house.flaws() == {"forgotten_alert": 1}
    [call] = house.tables.all_messages()
    assert (call.person, call.medium, call.status.value) == ("farther", Medium.CALL, "ringing")
    assert "1 条报警无人跟进" in call.text
    assert miss_calls(house.books, house.now + RINGS - 1) == 0
    assert miss_calls(house.books, house.now + RINGS) == 1
    assert miss_calls(house.books, house.now + RINGS) == 0
    assert [one.status.value for one in house.tables.all_messages()] == ["missed"]


def test_the_patience_with_a_provider_is_the_auditors_too(house: House) -> None:
    house.auditor = house.another(CollectorRegistry(), patience=3 * HOUR)
    house.takes()
    house.climbs()
    house.executes("UPDATE step SET due = due + interval '10 days' WHERE status = 'pending'")
    house.executes(f"UPDATE notification SET status = 'sent', sent_at = '{house.clock.now().isoformat()}'")
    house.clock.forward(hours=3, minutes=14)
    assert house.flaws() == {}, "delivery gives it up only after three hours"
    house.clock.forward(minutes=2)
    assert "stuck_message" in house.flaws()


def test_steps_that_ran_late_are_counted_and_named_until_ten_minutes_later(house: House) -> None:
    house.takes()
    house.clock.forward(minutes=3)
    house.climbs()
    late = house.flaws()["late_step"]
    assert late >= 1
    [row] = house.tables.rows("SELECT detail FROM service_alert WHERE kind = 'late_step'")
    assert "ran 180 s late" in row["detail"]
    house.flaws()
    assert house.metrics.get_sample_value("shouwang_late_steps_total") == late
    house.executes(
        "UPDATE step SET status = 'cancelled' WHERE status = 'pending'"
    )  # whatever comes next is not the matter
    house.clock.forward(minutes=9, seconds=59)
    assert "late_step" in house.flaws()
    house.clock.forward(seconds=2)
    assert "late_step" not in house.flaws()


def test_messages_that_get_nowhere_are_found(house: House) -> None:
    house.takes()
    house.climbs()
    assert house.flaws() == {}
    house.executes("UPDATE step SET due = due + interval '1 day' WHERE status = 'pending'")
    house.clock.forward(seconds=61)
    waiting = len(house.tables.all_notifications())
    assert house.flaws() == {"stuck_message": waiting}
    house.executes(f"UPDATE notification SET status = 'sent', sent_at = '{house.clock.now().isoformat()}'")
    assert house.flaws() == {}
    house.clock.forward(minutes=46)
    assert house.flaws() == {"stuck_message": waiting}
    house.executes("UPDATE notification SET status = 'delivered'")
    assert house.flaws() == {}


def test_who_holds_an_alert_is_asked_after_their_time_and_the_auditor_watches_that(house: House) -> None:
    alert = house.takes()
    with house.books() as book:
        desk.acknowledge(book, alert, "person:wang", NOON)
    assert house.flaws() == {}
    # As long as a timer stands nothing is wrong, however long they hold it; when it is late or gone, something is.
    house.clock.forward(hours=30)
    assert house.flaws() == {"forgotten_alert": 1}
    house.executes("UPDATE step SET status = 'cancelled' WHERE status = 'pending'")
    assert house.flaws() == {"silent_holder": 1}
    with house.books() as book:
        desk.close(book, alert, "person:wang", Outcome.FOUND_WELL, "", house.now)
    assert house.flaws() == {}


def test_a_task_over_its_time_is_somebodys_concern(house: House) -> None:
    house.takes()
    for _ in range(20):
        house.clock.forward(minutes=1)
        house.climbs()
    assert [task.kind.value for task in house.tables.all_tasks()] == ["visit"]
    house.executes("UPDATE notification SET status = 'delivered'")
    assert "overdue_task" not in house.flaws()
    house.clock.forward(hours=3)
    house.executes("UPDATE step SET status = 'cancelled' WHERE status = 'pending'")
    assert house.flaws()["overdue_task"] == 1


def test_a_provider_that_is_away_stops_no_audit(house: House) -> None:
    house.telephone.broken = True
    house.takes()
    house.clock.forward(minutes=2)
    assert house.flaws() == {"forgotten_alert": 1}
    assert house.flaws() == {"forgotten_alert": 1}
    assert house.telephone.given == []


def test_one_audits_and_another_takes_over_when_it_dies(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "_LOOK_SECONDS", 0.05)
    stops = [threading.Event(), threading.Event()]
    counts = [CollectorRegistry(), CollectorRegistry()]
    threads = [
        threading.Thread(target=house.another(metrics, stop).run) for metrics, stop in zip(counts, stops, strict=True)
    ]

    def auditing_now() -> list[float | None]:
        return [metrics.get_sample_value("shouwang_auditing") for metrics in counts]

    for thread in threads:
        thread.start()
    try:
        first = until(lambda: 1.0 in auditing_now() and auditing_now(), "one of them audits").index(1.0)
        looked = len(house.heart.beats)
        until(lambda: len(house.heart.beats) > looked + 3, "it goes on looking")
        assert sum(one or 0 for one in auditing_now()) == 1
        # Its connection dies as if it had been killed: the lock is free, and whoever is first has it.
        stops[first].set()
        house.executes(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 20161103"
            " AND granted"
        )
        until(lambda: auditing_now()[1 - first] == 1.0, "the other one takes over")
        assert auditing_now()[first] == 0
    finally:
        for stop in stops:
            stop.set()
        for thread in threads:
            thread.join(30)


def test_readiness_says_degraded_and_why(house: House) -> None:
    assert auditing.check(house.pool).why == "no auditor has ever looked: start `shouwang escalate`"
    house.takes()
    house.auditor.once()
    assert auditing.check(house.pool) == (True, "", False)
    house.clock.forward(minutes=2)
    house.auditor.once()
    check = auditing.check(house.pool)
    assert (check.ok, check.degraded) == (True, True)
    assert "1 alerts are being forgotten" in check.why
    house.executes("UPDATE audit_round SET real_at = real_at - interval '5 minutes'")
    assert "no auditor has looked for 5 min" in auditing.check(house.pool).why


def test_the_command_looks_for_itself_and_its_exit_code_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_DATABASE_URL", house.database)
    nobody = CliRunner().invoke(app, ["audit"])
    assert (nobody.exit_code, "no_auditor" in nobody.output) == (1, True)
    house.auditor.once()
    well = CliRunner().invoke(app, ["audit"])
    assert (well.exit_code, "all is well" in well.output) == (0, True), well.output
    house.takes()  # at a noon that is long past: its first step is long overdue
    ill = CliRunner().invoke(app, ["audit"])
    assert ill.exit_code == 1
    assert "forgotten_alert: home (" in ill.output


def test_answers_are_measured_for_prometheus(house: House) -> None:
    alert = house.takes(Kind.SMOKE)
    house.clock.forward(seconds=40)
    with house.books() as book:
        desk.acknowledge(book, alert, "person:wang", house.now)
    house.clock.forward(hours=1)
    with connect(house.database) as conn:
        house.auditor._measure(conn)
    label = {"what": "acknowledgement", "severity": "all", "quantile": "0.5"}
    assert house.metrics.get_sample_value("shouwang_answer_seconds", label) == 40


def test_a_held_alert_is_not_silent_before_an_hour(house: House) -> None:
    alert = house.takes()
    with house.books() as book:
        desk.acknowledge(book, alert, "token:desk", NOON)
    house.executes("UPDATE step SET status = 'cancelled' WHERE status = 'pending'")
    house.clock.forward(minutes=61)
    assert house.flaws() == {}
    house.clock.forward(seconds=1)
    assert house.flaws() == {"silent_holder": 1}
    assert house.now - NOON == HOUR + MINUTE + to_micros(datetime.fromtimestamp(1, UTC))
