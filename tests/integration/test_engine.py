"""The engine on a real PostgreSQL: however messages are cut, repeated or interrupted, the same comes of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

from alerts.ladders.policy_file import built_in
from ingest.records import Message
from registry.model import Device, Registry
from shouwang.engine import Engine
from shouwang.errors import AnotherEngineError
from storage import snapshots
from storage.database import connect
from storage.registry import add_device, save
from tests.e2e.service import until
from tests.integration.engine_house import (
    GATEWAY,
    HOMES,
    START,
    HandClock,
    Life,
    Told,
    at_work,
    drip,
    forget,
    live,
    pack,
    rows,
    settle,
    start,
    state,
    water,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def house(database: str) -> str:
    """Return an empty database where the street is registered."""
    settle(database)
    return database


def _alerts(database: str) -> list[tuple[Any, ...]]:
    return rows(database, "SELECT household, kind, onset, raised_at, status FROM alert ORDER BY raised_at, household")


def _kill(engine: Engine, database: str) -> None:
    """End an engine's connection from the server's side, and see it gone."""
    pid = engine._conn.info.backend_pid
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("SELECT pg_terminate_backend(%s)", (pid,))
        gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s"
        until(lambda: conn.execute(gone, (pid,)).fetchall() == [(True,)], "the connection is gone")


@pytest.mark.parametrize("rules", ["shanghai-12h", "default"])
def test_it_does_not_matter_how_messages_are_cut_into_batches(house: str, rules: str) -> None:
    messages = [message for _, message in Life(days=2.5, seed=5).messages()]
    clock = HandClock(START + timedelta(days=4))
    with at_work(house, clock, rules) as engine:
        engine.process(messages)
        engine.tick()
    expected = state(house)
    assert len(expected["alert"]) > 5
    assert len(expected["quarantine"]) > 5
    random = np.random.default_rng(9)
    for cut in (1, 40):
        forget(house)
        with at_work(house, clock, rules, snapshot_after=300) as engine:
            at = 0
            while at < len(messages):
                size = int(random.integers(1, 2 * cut + 1))
                engine.process(messages[at : at + size])
                at += size
            engine.tick()
        assert state(house) == expected, cut


@pytest.mark.parametrize("snapshot_after", [1, 40, 100_000])
def test_a_restart_changes_nothing(house: str, snapshot_after: int) -> None:
    messages = Life(days=2, seed=3, homes=HOMES[:4]).messages()
    clock = HandClock()
    with at_work(house, clock) as engine:
        live(engine, clock, messages)
        engine.tick()
    expected = state(house)
    assert {row[0] for row in rows(house, "SELECT status FROM alert")} >= {"unacknowledged", "returned"}
    forget(house)
    clock = HandClock()
    for part in np.array_split(np.arange(len(messages)), 7):
        with at_work(house, clock, snapshot_after=snapshot_after) as engine:
            live(engine, clock, [messages[at] for at in part])
            engine.tick()
    assert state(house) == expected


@pytest.mark.parametrize("pieces", [0, 1, 5, 10_000])
def test_a_restart_while_the_memory_is_written_changes_nothing(
    house: str, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "_PIECE", 1_000)
    messages = Life(days=2, seed=3, homes=HOMES[:4]).messages()
    clock = HandClock()
    with at_work(house, clock) as engine:
        live(engine, clock, messages)
        engine.tick()
    expected = state(house)
    forget(house)
    clock = HandClock()
    for part in np.array_split(np.arange(len(messages)), 3):
        with at_work(house, clock) as engine:
            before, after = np.array_split(part, 2)
            live(engine, clock, [messages[at] for at in before])
            engine.begin_saving()
            for _ in range(pieces // 2):
                engine.go_on_saving()
            live(engine, clock, [messages[at] for at in after])
            for _ in range(pieces - pieces // 2):
                engine.go_on_saving()
            assert engine.memory.underway == (pieces < 10_000)
    with at_work(house, clock) as engine:
        engine.tick()
    assert state(house) == expected


def test_the_larger_the_memory_the_less_often_it_is_saved(house: str) -> None:
    with at_work(house, HandClock()) as engine:
        for size, unsaved, due in (
            (1_000, 99_999, False), (1_000, 100_000, True),
            (160_000_000, 1_999_999, False), (16_000_000, 200_000, True),
            (1_600_000_000, 1_999_999, False), (1_600_000_000, 2_000_000, True),  # no restart replays more
        ):  # fmt: skip
            engine.memory._size, engine.memory._unsaved = size, unsaved
            assert engine.memory.due is due, (size, unsaved)
        engine.memory._unsaved = 0
        engine.save()
        assert 0 < engine.memory._size < 10_000_000


@pytest.mark.parametrize("snapshot_after", [1, 100_000])
def test_a_window_of_twelve_hours_survives_a_crash_at_hour_eleven(house: str, snapshot_after: int) -> None:
    clock = HandClock()
    messages = drip("hh-1", START, 12)
    with at_work(house, clock, snapshot_after=snapshot_after) as engine:
        live(engine, clock, [(at, message) for at, message in messages if at <= START + 11 * HOUR])
        assert rows(house, "SELECT 1 FROM alert") == []
    with at_work(house, clock, snapshot_after=snapshot_after) as engine:
        live(engine, clock, [(at, message) for at, message in messages if at > START + 11 * HOUR])
    assert _alerts(house) == [("hh-1", "inactivity", START, START + 12 * HOUR, "unacknowledged")]


def test_rules_that_are_new_here_learn_from_what_is_stored(house: str) -> None:
    clock = HandClock()
    with at_work(house, clock, "longgang-leak") as engine:
        live(engine, clock, drip("hh-1", START, 11))
        engine.save()
    with at_work(house, clock, "shanghai-12h") as engine:
        live(engine, clock, drip("hh-1", START + 11.25 * HOUR, 0.75))
    assert _alerts(house) == [("hh-1", "inactivity", START, START + 12 * HOUR, "unacknowledged")]


def test_a_memory_that_another_version_wrote_is_left_aside_and_learned_anew(house: str) -> None:
    clock = HandClock()
    with at_work(house, clock, "shanghai-12h") as engine:
        live(engine, clock, drip("hh-1", START, 11))
        engine.save()
    with psycopg.connect(house) as conn:
        conn.execute("UPDATE detector_state SET state = 'another' WHERE detector = 'registers'")
    with at_work(house, clock, "shanghai-12h") as engine:
        live(engine, clock, drip("hh-1", START + 11.25 * HOUR, 0.75))
    assert _alerts(house) == [("hh-1", "inactivity", START, START + 12 * HOUR, "unacknowledged")]


def test_redelivery_changes_nothing(house: str) -> None:
    messages = Life(days=2, seed=11).messages()
    clock = HandClock()
    with at_work(house, clock) as engine:
        live(engine, clock, messages)
        expected = state(house)
        assert expected["alert"]
        again = engine.process([message for _, message in messages])
        assert again.readings > 0
        assert again.stored == 0
        assert again.findings == []
        assert state(house) == expected
    # Neither does it after a restart, or out of order.
    with at_work(house, clock) as engine:
        assert engine.process([message for _, message in reversed(messages)]).stored == 0
        assert state(house) == expected


def test_a_device_registered_meanwhile_is_heard_at_once(house: str) -> None:
    clock = HandClock()
    newcomer = pack(Told("newcomer/volume", START, 7.0))
    with at_work(house, clock) as engine, connect(house) as conn:
        assert engine.process([newcomer]).refused == 1
        add_device(conn, Device("newcomer", "hh-2", GATEWAY))
        outcome = engine.process([newcomer, pack(Told("newcomer/battery", START, 55.0, "%EL"))])
        assert (outcome.stored, outcome.refused) == (2, 0)
    assert rows(house, "SELECT device, quantity FROM sensor ORDER BY quantity") == [
        ("newcomer", "battery"),
        ("newcomer", "volume"),
    ]


def test_a_device_that_moved_is_heard_from_its_new_gateway_only(house: str) -> None:
    clock = HandClock()

    def said(gateway: str, minutes: int) -> Message:
        return pack(Told("meter-hh-1/volume", START + timedelta(minutes=minutes), 1.0), gateway=gateway)

    with at_work(house, clock) as engine, connect(house) as conn:
        assert engine.process([said(GATEWAY, 0)]).stored == 1
        save(conn, Registry(devices=(Device("meter-hh-1", "hh-1", "gw-2"),)))
        assert engine.process([said("gw-2", 1)]).stored == 1
        assert engine.process([said(GATEWAY, 2)]).stored == 0
        # Where nobody speaks for it yet, the engine's next look at the clock takes the change over.
        save(conn, Registry(devices=(Device("meter-hh-1", "hh-1", "gw-3"),)))
        engine.tick()
        assert engine.process([said("gw-2", 3)]).stored == 0
        assert engine.process([said("gw-3", 3)]).stored == 1
    assert rows(house, "SELECT gateway, reason, place FROM quarantine ORDER BY id") == [
        (GATEWAY, "wrong_gateway", "[0].n"),
        ("gw-2", "wrong_gateway", "[0].n"),
    ]


def test_a_device_that_moved_house_is_watched_there(house: str) -> None:
    clock = HandClock()
    with at_work(house, clock) as engine, connect(house) as conn:
        live(engine, clock, [(START, pack(Told("meter-hh-1/alarm", START, 0.0, "/")))])
        save(conn, Registry(devices=(Device("meter-hh-1", "hh-5", GATEWAY),)))
        engine.tick()
        at = START + HOUR
        live(engine, clock, [(at, pack(Told("meter-hh-1/alarm", at, 1.0, "/")))])
    assert [row[:2] for row in _alerts(house)] == [("hh-5", "smoke")]


def test_a_second_engine_is_refused_while_the_first_lives(house: str) -> None:
    clock = HandClock()
    first = start(house, clock)
    second = Engine(connect(house), "shanghai-12h", built_in(), clock)
    with pytest.raises(AnotherEngineError, match="stop it first"):
        second.load()
    second.close()
    assert first.process([water("hh-1", START, 1.0)]).stored == 1
    first.close()
    clock.forward(hours=1)
    with at_work(house, clock) as third:
        assert third.process([water("hh-1", START + HOUR, 1.0)]).stored == 1


_DEADLY = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pg_backend_pid());
    RETURN NEW;
END $$;
"""


@pytest.mark.parametrize("table", ["reading", "quarantine", "alert", "alert_event", "step", "detector_state"])
def test_a_commit_that_fails_leaves_nothing_and_the_next_engine_goes_on(house: str, table: str) -> None:
    messages = [message for _, message in drip("hh-1", START, 13)]
    before, last = messages[:40], [*messages[40:], pack(Told("meter-hh-1/volume", START, 1.0, "gallons"))]
    clock = HandClock(START + 13 * HOUR)
    with at_work(house, clock) as engine:
        engine.process(before)
        engine.process(last)
        engine.save()
    expected = state(house)
    assert len(expected["alert"]) == len(expected["quarantine"]) == 1

    forget(house)
    with psycopg.connect(house, autocommit=True) as conn:
        with at_work(house, clock, snapshot_after=1) as engine:
            engine.process(before)
            between = state(house)
            conn.execute(_DEADLY)
            name = sql.Identifier(table)
            conn.execute(sql.SQL("CREATE TRIGGER deadly BEFORE INSERT ON {} EXECUTE FUNCTION die()").format(name))
            with pytest.raises(psycopg.OperationalError):
                engine.process(last)
        assert state(house) == between
        assert conn.execute("SELECT count(*) FROM batch").fetchone() == (1,)
        conn.execute(sql.SQL("DROP TRIGGER deadly ON {}").format(name))
    with at_work(house, clock, snapshot_after=1) as engine:
        engine.process(last)
    assert state(house) == expected


def test_an_engine_whose_connection_was_killed_says_so_and_leaves_the_database_to_the_next(house: str) -> None:
    clock = HandClock()
    engine = start(house, clock)
    engine.process([water("hh-1", START, 1.0)])
    _kill(engine, house)
    with pytest.raises(psycopg.OperationalError):
        engine.process([water("hh-1", START + HOUR, 2.0)])
    engine.close()
    assert rows(house, "SELECT value FROM reading") == [(1.0,)]
    with at_work(house, clock) as another:
        clock.forward(hours=1)
        assert another.process([water("hh-1", START + HOUR, 2.0)]).stored == 1


def test_quarantine_keeps_reasons_and_is_tidied_after_its_days(house: str) -> None:
    bad = {
        "unknown_device": pack(Told("stranger/volume", START, 1.0)),
        "wrong_unit": pack(Told("meter-hh-1/volume", START, 1.0, "gal")),
        "impossible_value": pack(Told("meter-hh-1/volume", START, -1.0)),
        "time_too_far_ahead": pack(Told("meter-hh-1/volume", START + HOUR, 1.0), received=START),
        "malformed": Message(f"telemetry/{GATEWAY}/senml", b"{", 0),
        "unknown_topic": Message("elsewhere", b"", 0),
    }
    clock = HandClock()
    kept = timedelta(days=3)
    with at_work(house, clock, quarantine=kept) as engine:
        outcome = engine.process(list(bad.values()))
        assert (outcome.stored, outcome.refused) == (0, len(bad))
        assert [tuple(tally) for tally in outcome.tallies] == [(0, 1)] * len(bad)
        engine.process(list(bad.values()))
        found = rows(house, "SELECT reason, payload, at, detail FROM quarantine ORDER BY id")
        assert [reason for reason, *_ in found] == list(bad)
        assert [payload for _, payload, *_ in found] == [message.payload for message in bad.values()]
        assert all(at == START and detail for _, _, at, detail in found)
        clock.forward(days=2)
        engine.process([pack(Told("later/volume", START, 1.0))])
        clock.moment = START + kept
        engine.tick()
        assert rows(house, "SELECT count(*) FROM quarantine") == [(len(bad) + 1,)]
        clock.forward(hours=2)
        engine.tick()
        assert rows(house, "SELECT reason, at FROM quarantine") == [("unknown_device", START + timedelta(days=2))]


def test_a_message_that_breaks_us_is_kept_with_what_it_broke(house: str) -> None:
    clock = HandClock()
    with at_work(house, clock) as engine:
        assert engine.refuse(water("hh-1", START, 1.0), "ZeroDivisionError: division by zero").refused == 1
    [(gateway, reason, detail)] = rows(house, "SELECT gateway, reason, detail FROM quarantine")
    assert (gateway, reason) == (GATEWAY, "malformed")
    assert "ZeroDivisionError" in detail
