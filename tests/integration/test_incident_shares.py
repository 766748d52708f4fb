"""A blackout that two engines see, each in its part of the households, is one incident for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from alerts.ladders.policy_file import built_in
from detectors.finding import Phase
from detectors.incident import Cause, Incident
from ingest.records import Message
from registry.instants import HOUR, MINUTE, to_micros
from registry.model import Area, Device, Household, Registry
from registry.shards import Shard, shard_of
from shouwang.engine import Engine
from storage import incidents
from storage.database import connect
from storage.shards import claim
from tests.integration.dashboards_site import open_site
from tests.integration.engine_house import START, HandClock, Told, pack, rows, settle

HALVES = (Shard(0, 2), Shard(1, 2))
HOMES = tuple(f"hh-{number:02d}" for number in range(60))
QUARTER = timedelta(minutes=15)
STREET = Registry(
    areas=(Area("4401", "city", "Guangzhou"), Area("440101", "district", "West")),
    households=tuple(Household(home, "440101", "Asia/Shanghai", "en", "elderly_alone", "low") for home in HOMES),
    devices=tuple(Device(f"{kind}-{home}", home, "gw-1") for home in HOMES for kind in ("wm", "em")),
)
OPEN = "SELECT cause, area, homes, homes_known FROM incident WHERE ended_at IS NULL AND part_of IS NULL"


def quarter(number: int, homes: list[str], *, dark: bool) -> Message:
    """Return what the homes say after so many quarters of an hour; in the dark electricity meters are silent."""
    told = []
    for place, home in enumerate(homes):
        at = START + number * QUARTER + timedelta(seconds=place)
        told.append(Told(f"wm-{home}/volume", at, 1000.0 + 3 * number))
        if not dark:
            told.append(Told(f"em-{home}/energy", at, 5000.0 + 40 * number, "Wh"))
    return pack(*told, gateway="gw-1")


def test_a_blackout_that_two_engines_see_is_one_incident(database: str) -> None:
    settle(database, STREET)
    clock = HandClock()
    engines = []
    for shard in HALVES:
        with connect(database) as conn:
            tenure = claim(conn, shard)
        engine = Engine(connect(database), "default", built_in(), clock, shard=shard, tenure=tenure)
        engine.load()
        engines.append(engine)

    def live(first: int, last: int, *, dark: bool = False) -> None:
        for number in range(first, last):
            clock.moment = START + number * QUARTER + timedelta(minutes=1)
            for at, engine in enumerate(engines):
                engine.process([quarter(number, [one for one in HOMES if shard_of(one, 2) == at], dark=dark)])
            clock.forward(minutes=9)
            for engine in engines:
                engine.tick()

    live(0, 16)
    live(16, 19, dark=True)
    assert rows(database, OPEN) == [("power", "440101", 60, 60)]
    live(19, 22)
    assert rows(database, OPEN) == []
    for engine in engines:
        engine.close()
    [(whole, part)] = rows(
        database, "SELECT whole.homes, part.homes FROM incident whole JOIN incident part ON part.part_of = whole.id"
    )
    assert whole == 60
    assert 0 < part < 60


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def seen(
    area: str, *, began: datetime = START, after: int = 30 * MINUTE, ended: bool = False, cause: Cause = Cause.POWER,
    source: str = "", homes: int = 10, **facts: Any,
) -> Incident:  # fmt: skip
    """Return what an engine tells, `after` its beginning."""
    onset = to_micros(began)
    told = {"template": f"incident_{cause.value}", "homes": homes, "of": 20, "since_at": onset, "devices": 1, **facts}
    phase = Phase.CLEARED if ended else Phase.RAISED
    return Incident(cause, area, source, phase, onset, onset + after, homes, 20, area, told)


def tell(conn: psycopg.Connection, shard: int, *told: Incident) -> None:
    with conn.transaction():
        incidents.save(conn, told, HALVES[shard])


def shown(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return the incidents that last: where, how many homes."""
    return conn.execute(
        "SELECT area, homes FROM incident WHERE ended_at IS NULL AND part_of IS NULL ORDER BY area"
    ).fetchall()


def test_it_began_with_the_first_and_ends_with_the_last(conn: psycopg.Connection) -> None:
    late, early = START + timedelta(minutes=5), START
    tell(conn, 0, seen("440101", began=late))
    tell(conn, 1, seen("440101", began=early, homes=7))
    tell(conn, 0, seen("440101", began=late, homes=12))
    [(homes, of, onset, facts)] = conn.execute(
        "SELECT homes, homes_known, onset, facts FROM incident WHERE part_of IS NULL"
    )
    assert (homes, of, onset) == (19, 40, early)
    assert (facts["homes"], facts["of"], facts["devices"], facts["since_at"]) == (19, 40, 2, to_micros(early))
    tell(conn, 0, seen("440101", began=late, ended=True, after=HOUR))
    assert shown(conn) == [("440101", 17)]
    tell(conn, 1, seen("440101", began=early, ended=True, after=3 * HOUR, homes=7))
    assert shown(conn) == []
    assert conn.execute("SELECT ended_at FROM incident WHERE part_of IS NULL").fetchall() == [
        (early + timedelta(hours=3),)
    ]


def test_what_is_told_again_changes_nothing(conn: psycopg.Connection) -> None:
    story = [
        (0, seen("440101")),
        (1, seen("440101", began=START + timedelta(seconds=9))),
        (0, seen("440101", ended=True, after=HOUR)),
        (1, seen("440101", began=START + timedelta(seconds=9), ended=True, after=HOUR)),
    ]
    for _ in range(2):
        for shard, told in story:
            tell(conn, shard, told)
        assert shown(conn) == []
        assert conn.execute("SELECT count(*), count(part_of) FROM incident").fetchall() == [(2, 1)]


def test_it_is_as_large_as_the_largest_share_and_what_that_holds_is_part_of_it(conn: psycopg.Connection) -> None:
    tell(conn, 0, seen("44010101"))
    tell(conn, 1, seen("44010102"))
    assert shown(conn) == [("44010101", 10), ("44010102", 10)]
    tell(conn, 0, replace(seen("44010101"), area="440101", homes=15))
    assert shown(conn) == [("440101", 25)]


def test_a_part_that_became_another_incident_says_so(conn: psycopg.Connection) -> None:
    larger = seen("440101", cause=Cause.RADIO)
    tell(conn, 0, seen("440101", cause=Cause.GATEWAY, source="gw-1"), larger)
    tell(conn, 0, seen("440101", cause=Cause.GATEWAY, source="gw-1", ended=True, into=str(larger.id)))
    [(part_of,)] = conn.execute("SELECT part_of FROM incident WHERE cause = 'gateway'")
    assert part_of == larger.id
    assert shown(conn) == [("440101", 10)]


@pytest.mark.parametrize(
    ("other", "one"),
    [
        (seen("440102"), False),
        (seen("440101", cause=Cause.WATER), False),
        (seen(""), False),
        (seen("4401"), True),
        (seen("44010155"), True),
        (seen("440101", began=START + timedelta(minutes=40)), True),
    ],
)
def test_same_cause_and_one_place_within_the_other_is_the_same(
    conn: psycopg.Connection, other: Incident, *, one: bool
) -> None:
    tell(conn, 0, seen("440101"))
    tell(conn, 1, other)
    assert len(shown(conn)) == (1 if one else 2)


def test_a_gateway_is_one_wherever_its_homes_are_and_others_are_others(conn: psycopg.Connection) -> None:
    tell(conn, 0, seen("44010101", cause=Cause.GATEWAY, source="gw-1"))
    tell(conn, 1, seen("44010102", cause=Cause.GATEWAY, source="gw-1"))
    tell(conn, 1, seen("44010102", cause=Cause.GATEWAY, source="gw-2"))
    assert len(shown(conn)) == 2


def test_what_begins_after_another_has_ended_is_another(conn: psycopg.Connection) -> None:
    tell(conn, 0, seen("440101"), seen("440101", ended=True, after=HOUR))
    tell(conn, 1, seen("440101", began=START + timedelta(hours=2)))
    assert shown(conn) == [("440101", 10)]
    assert conn.execute("SELECT count(*), count(part_of) FROM incident").fetchall() == [(2, 0)]


def test_what_one_engine_explained_is_found_with_the_incident_that_people_see(database: str) -> None:
    first, second = seen("440101"), seen("440101", began=START + timedelta(minutes=1))
    with open_site(database) as site:
        alert = site.alert()
        with site.pool.connection() as conn, conn.transaction():
            tell(conn, 0, first)
            tell(conn, 1, second)
            conn.execute("UPDATE alert SET incident = %s WHERE id = %s", (second.id, alert))
        [listed] = site.get(f"/api/v1/alerts?storm={first.id}")["items"]
        assert listed["id"] == str(alert)
