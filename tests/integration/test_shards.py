"""A city's households in several parts: each engine watches its own, and whoever was replaced commits nothing more."""

from __future__ import annotations

import psycopg
import pytest

from alerts.ladders.policy_file import built_in
from registry.shards import Shard, shard_of
from shouwang.engine import Engine
from storage.database import connect
from storage.shards import FencedError, Tenure, claim
from tests.integration.engine_house import HOMES, START, HandClock, rows, settle, water

HALVES = (Shard(0, 2), Shard(1, 2))


def watching(database: str, shard: Shard, clock: HandClock) -> tuple[Engine, Tenure]:
    with connect(database) as conn:
        tenure = claim(conn, shard)
    made = Engine(connect(database), "shanghai-12h", built_in(), clock, shard=shard, tenure=tenure)
    made.load()
    return made, tenure


def test_the_database_divides_households_as_we_do(database: str) -> None:
    homes = [*HOMES, "", "东湖-7", "a" * 300]
    with psycopg.connect(database) as conn:
        for shards in (1, 2, 7, 64):
            told = conn.execute("SELECT shard_of(home, %s) FROM unnest(%s::text[]) AS home", (shards, homes)).fetchall()
            assert [one for (one,) in told] == [shard_of(home, shards) for home in homes]


def test_each_engine_watches_its_own_households_only(database: str) -> None:
    settle(database)
    clock = HandClock()
    for shard in HALVES:
        engine, _ = watching(database, shard, clock)
        outcomes = {home: engine.process([water(home, START, 5.0)]) for home in HOMES}
        engine.close()
        assert {home for home, one in outcomes.items() if one.stored} == {
            home for home in HOMES if shard_of(home, 2) == shard.number
        }
    assert rows(database, "SELECT count(*) FROM reading") == [(len(HOMES),)]


def test_who_was_replaced_commits_nothing_more(database: str) -> None:
    settle(database)
    clock = HandClock()
    zombie, old = watching(database, HALVES[0], clock)
    home = next(home for home in HOMES if shard_of(home, 2) == 0)
    old.next_offset = 7
    zombie.process([water(home, START, 5.0)])
    fresh, new = watching(database, HALVES[0], clock)
    assert (new.epoch, new.next_offset) == (old.epoch + 1, 7)
    clock.forward(minutes=15)
    old.next_offset = 8
    for act in (lambda: zombie.process([water(home, clock.now(), 6.0)]), zombie.tick, zombie.save):
        with pytest.raises(FencedError):
            act()
    assert rows(database, "SELECT count(*) FROM reading") == [(1,)]
    new.next_offset = 8
    assert fresh.process([water(home, clock.now(), 6.0)]).stored == 1
    assert rows(database, "SELECT next_offset FROM shard") == [(8,)]
    zombie.close()
    fresh.close()


def test_a_shard_goes_on_from_its_own_memory(database: str) -> None:
    settle(database)
    clock = HandClock()
    one, _ = watching(database, HALVES[0], clock)
    two, _ = watching(database, HALVES[1], clock)
    for minute in range(0, 60, 15):
        clock.forward(minutes=15)
        for engine in (one, two):
            engine.process([water(home, clock.now(), float(minute)) for home in HOMES])
    one.save()
    states = [engine._registers.snapshot() for engine in (one, two)]
    one.close()
    two.close()
    again = [watching(database, shard, clock)[0] for shard in HALVES]
    assert [engine._registers.snapshot() for engine in again] == states
    for engine in again:
        engine.close()


def test_what_another_division_stored_is_learned_from(database: str) -> None:
    settle(database)
    clock = HandClock()
    halves = [watching(database, shard, clock)[0] for shard in HALVES]
    for number in range(4):
        clock.forward(minutes=15)
        for engine in halves:
            engine.process([water(home, clock.now(), float(number)) for home in HOMES])
    for engine in halves:
        engine.save()
        engine.close()
    whole = Engine(connect(database), "shanghai-12h", built_in(), clock)
    assert whole.load() == 4 * len(HOMES)
    whole.close()
