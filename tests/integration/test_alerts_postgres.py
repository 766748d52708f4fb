"""The stories, told to PostgreSQL; and what only a real server can show: locks, constraints, notifications."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg_pool import ConnectionPool

pytest.register_assert_rewrite("tests.alerts_stories")

from alerts import desk  # noqa: E402 - after the stories' assertions were made to explain themselves
from alerts.errors import Conflict  # noqa: E402 - the same
from alerts.escalation import take  # noqa: E402 - the same
from alerts.ladders.policy import DEADLINES  # noqa: E402 - the same
from alerts.model import (  # noqa: E402 - the same
    EventKind,
    Outcome,
)
from detectors.finding import Kind  # noqa: E402 - the same
from registry.instants import HOUR, MINUTE, to_datetime  # noqa: E402 - the same
from storage import maintenance  # noqa: E402 - the same
from storage.alerts.book import PostgresAlertBook, books_on  # noqa: E402 - the same
from storage.database import open_pool  # noqa: E402 - the same
from storage.errors import StorageError  # noqa: E402 - the same
from storage.views import View  # noqa: E402 - the same
from storage.views import alerts as views  # noqa: E402 - the same
from tests.alerts_rounds import run_due  # noqa: E402 - the same
from tests.alerts_stories import Stories  # noqa: E402 - the same
from tests.alerts_tables import Tables, settle_street  # noqa: E402 - the same
from tests.alerts_world import (  # noqa: E402 - the same
    DAUGHTER,
    EMPTY,
    HOME,
    NEIGHBOURS,
    NOON,
    OFFICER,
    PLACES,
    SON,
    World,
    finding,
)


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool]:
    with open_pool(database, size=6) as opened:
        with opened.connection() as conn:
            settle_street(conn)
        yield opened


@pytest.fixture
def world(pool: ConnectionPool) -> World:
    def reads(household: str, at: int) -> None:
        with pool.connection() as conn:
            conn.execute(
                "INSERT INTO device (id, household, gateway) VALUES (%(h)s, %(h)s, 'g') ON CONFLICT DO NOTHING",
                {"h": household},
            )
            conn.execute(
                "INSERT INTO sensor (device, quantity) VALUES (%s, 'volume') ON CONFLICT DO NOTHING", (household,)
            )
            conn.execute(
                "INSERT INTO reading (sensor, time, value, batch) SELECT id, %s, 0, 1 FROM sensor WHERE device = %s",
                (to_datetime(at), household),
            )

    def leaves(household: str, start: int, end: int) -> None:
        with pool.connection() as conn:
            conn.execute(
                "INSERT INTO absence (household, starts, ends) VALUES (%s, %s, %s)",
                (household, to_datetime(start), to_datetime(end)),
            )

    def works(household: str, start: int, end: int) -> None:
        with pool.connection() as conn:
            maintenance.add(
                conn, area="", household=household, gateway=None, kinds=None, starts=to_datetime(start),
                ends=to_datetime(end), reason="mains", made_by=OFFICER, made_at=to_datetime(start),
            )  # fmt: skip

    return World(books_on(pool), Tables(pool), reads=reads, leaves=leaves, works=works)


class TestOnPostgres(Stories):
    pass


def test_people_are_found_by_role_order_and_nearness(pool: ConnectionPool) -> None:
    with pool.connection() as conn:
        book = PostgresAlertBook(conn)
        assert book.people(HOME, NOON) == NEIGHBOURS[HOME]
        assert book.people(HOME, NOON).contacts == (SON, DAUGHTER)
        assert book.people(EMPTY, NOON) == NEIGHBOURS[EMPTY]
        assert book.place(HOME) == PLACES[HOME]
        with pytest.raises(StorageError, match="not in the registry"):
            book.place("elsewhere")


def test_an_alert_comes_back_as_it_was_saved(world: World) -> None:
    world.take(finding())
    alert = world.alert()
    with world.books() as book:
        assert book.find(alert.id) == alert
    assert alert.policy == next(rule.policy for rule in world.policies.rules if rule.policy.name == "inactivity")
    assert alert.facts == {"window": 43200, "limit": 10.0}


def test_two_loops_run_every_step_exactly_once(world: World, pool: ConnectionPool) -> None:
    households = [f"flat-{number}" for number in range(12)]
    with pool.connection() as conn:
        for household in households:
            conn.execute(
                "INSERT INTO household (id, area, zone, language, category, risk, caseworker) "
                "VALUES (%s, '440103001', 'Asia/Shanghai', 'zh_CN', 'other', 'low', 'wang')",
                (household,),
            )
    world.take(*[finding(household=household) for household in households])
    together = threading.Barrier(3)

    def loop(_: int) -> int:
        done = 0
        together.wait()
        for minute in range(31):
            now = NOON + minute * MINUTE
            while True:
                with world.books() as book:
                    ran = run_due(book, now, 5)
                done += ran
                if not ran:
                    break
        return done

    with ThreadPoolExecutor(3) as threads:
        total = sum(threads.map(loop, range(3)))
    # A loop that finds a step locked leaves it to the other, so nothing is due once all have ended.
    world.now = NOON + 31 * MINUTE
    with world.books() as book:
        total += run_due(book, world.now, 1000)
    steps = [step for alert in world.shelves.all_alerts() for step in world.shelves.all_steps(alert.id)]
    done = [step for step in steps if step.ran_at is not None]
    assert len(done) == total
    assert len(world.shelves.all_tasks()) == len(households)
    for alert in world.shelves.all_alerts():
        told = [event for event in world.shelves.all_events(alert.id) if "step" in event.detail]
        assert [event.seq for event in world.shelves.all_events(alert.id)] == list(range(1, alert.event_count + 1))
        planned = [event for event in told if event.kind is EventKind.TASK_PLANNED]
        assert len(planned) == 1
    messages = [(one.alert, one.step, one.person, one.medium) for one in world.shelves.all_notifications()]
    assert len(messages) == len(set(messages))


def test_engines_that_take_the_same_findings_at_once_open_one_alert(world: World) -> None:
    told = [finding(), finding(rule="second"), finding(Kind.LEAK)]
    together = threading.Barrier(4)

    def engine(number: int) -> int:
        together.wait()
        with world.books() as book:
            return len(take(book, told if number % 2 else told[::-1], world.now, world.policies))

    with ThreadPoolExecutor(4) as threads:
        touched = list(threads.map(engine, range(4)))
    assert sorted(touched) == [0, 0, 0, 2]
    assert sorted(alert.kind for alert in world.shelves.all_alerts()) == [Kind.INACTIVITY, Kind.LEAK]


def test_a_race_between_a_step_and_an_acknowledgement_has_one_winner(world: World) -> None:
    world.take(finding())
    alert = world.alert().id
    together = threading.Barrier(2)

    def climb() -> int:
        together.wait()
        with world.books() as book:
            return run_due(book, world.now, 10)

    def take_it() -> None:
        together.wait()
        with world.books() as book:
            desk.acknowledge(book, alert, OFFICER, world.now)

    with ThreadPoolExecutor(2) as threads:
        climbing, taking = threads.submit(climb), threads.submit(take_it)
        taking.result()
        climbing.result()
    rungs = [step for step in world.steps() if step.action.do not in DEADLINES]  # who took it has a time to do so
    assert {step.status.value for step in rungs} <= {"done", "cancelled"}
    assert {one.status.value for one in world.shelves.all_notifications()} <= {"cancelled"}


@pytest.mark.parametrize("turn", range(5))
def test_a_race_between_a_step_and_a_call_for_help_leaves_the_help(world: World, turn: int) -> None:
    world.take(finding())
    world.run()
    world.now += (5 + turn) * MINUTE
    sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
    together = threading.Barrier(2)

    def climb() -> None:
        together.wait()
        for _ in range(5):
            with world.books() as book:
                run_due(book, world.now, 1)

    def ask() -> None:
        together.wait()
        with world.books() as book:
            desk.answer(book, sms.id, "2", world.now)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(climb), threads.submit(ask)]:
            done.result()
    world.run()
    assert [task.kind.value for task in world.shelves.all_tasks()] == ["visit"]
    called = {one.person for one in world.shelves.all_notifications() if one.created_at == world.now}
    assert {"wang", "zhao"} <= called
    assert "son" not in called


@pytest.mark.parametrize("turn", range(5))
def test_a_second_look_and_a_new_finding_at_once_make_one_alert(world: World, turn: int) -> None:
    world.take(finding())
    world.run()
    world.answers("li", "1")
    world.now += 6 * HOUR
    together = threading.Barrier(3)

    def climb(_: int) -> None:
        together.wait()
        with world.books() as book:
            run_due(book, world.now, 1)

    def hear() -> None:
        together.wait()
        # Of the same onset: whether its id is taken is asked while the closed alert is being worked on.
        world.take(finding(rule=f"rule {turn}", at=world.now, onset=NOON - 12 * HOUR))

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(climb, 1), threads.submit(climb, 2), threads.submit(hear)]:
            done.result()
    world.run()
    closed, current = sorted(world.shelves.all_alerts(), key=lambda one: one.closed_at is None)
    assert closed.status.value == "closed"
    assert set(current.sources) == {"rule meter/volume", f"rule {turn} meter/volume"}


def test_a_closed_alert_shows_no_step_ahead(world: World, pool: ConnectionPool) -> None:
    world.take(finding())
    world.run()
    with pool.connection() as conn:
        shown = views.one(View(conn, ""), world.alert().id)
        assert shown is not None
        assert shown["next_step_at"] == to_datetime(NOON + 5 * MINUTE)
        world.answers("li", "1")
        shown = views.one(View(conn, ""), world.alert().id)
        assert shown is not None
        assert (shown["next_step_at"], shown["next_action"]) == (None, None)
    assert [step.due for step in world.steps() if step.status.value == "pending"] == [NOON + 6 * HOUR]


def test_of_two_who_acknowledge_at_once_one_is_told_that_the_other_holds_it(world: World) -> None:
    world.take(finding())
    alert = world.alert().id
    together = threading.Barrier(2)

    def take_it(actor: str) -> str:
        together.wait()
        try:
            with world.books() as book:
                desk.acknowledge(book, alert, actor, world.now)
        except Conflict:
            return "refused"
        return "held"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(take_it, ["token:a", "token:b"])) == ["held", "refused"]


def test_a_transaction_that_fails_leaves_nothing(world: World) -> None:
    def crash() -> None:
        with world.books() as book:
            take(book, [finding()], world.now, world.policies)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        crash()
    assert world.shelves.all_alerts() == []
    assert len(world.take(finding())) == 1


def test_whoever_listens_is_told(world: World, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN alerts")
        listener.execute("LISTEN steps")
        listener.execute("LISTEN notifications")
        world.take(finding())
        told = {(one.channel, one.payload) for one in listener.notifies(timeout=5, stop_after=2)}
        assert told == {("alerts", str(world.alert().id)), ("steps", "")}
        with world.books() as book:
            run_due(book, world.now)
        told = {(one.channel, one.payload) for one in listener.notifies(timeout=5, stop_after=2)}
        assert told == {("alerts", str(world.alert().id)), ("notifications", "")}


def test_the_timeline_cannot_be_rewritten(world: World, pool: ConnectionPool) -> None:
    world.take(finding())
    with pool.connection() as conn:
        for attempt in ("UPDATE alert_event SET actor = 'nobody'", "DELETE FROM alert_event"):
            with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
                conn.execute(attempt)


def test_outcomes_are_on_the_alert_and_on_the_task(world: World, pool: ConnectionPool) -> None:
    world.take(finding())
    world.wait(15 * MINUTE)
    (visit,) = world.shelves.all_tasks()
    with world.books() as book:
        desk.record_outcome(book, visit.id, "person:wang", Outcome.EMERGENCY_SERVICES, "fell", world.now)
    row = Tables(pool).rows("SELECT outcome, note, held_by, closed_at FROM alert")
    assert row == [
        {
            "outcome": "emergency_services",
            "note": "fell",
            "held_by": "person:wang",
            "closed_at": to_datetime(world.now),
        }
    ]
    world.wait(HOUR)
    assert world.sent()[-1] == (900, "wang", "sms")
