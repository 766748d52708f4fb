"""A town in which everything has happened: forty homes lived through by the engine, beside 5,000 with 300 open alerts.

What a page looks like shows only where it has much to show. All names are Chinese, as they are where this runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import psycopg
from psycopg_pool import ConnectionPool

from alerts import desk
from alerts.channels.handset import HandsetChannel
from alerts.ladders.policy_file import built_in
from alerts.model import FalseAlarm, Outcome
from registry.instants import MINUTE, to_datetime, to_micros
from registry.model import Registry
from registry.readings import ReadingBatch
from shouwang.bench import city
from shouwang.bench.stream import Homes
from shouwang.engine import Engine
from shouwang.townhall import live_through
from simulators.duties import duties
from simulators.events import Event, Happening, event
from simulators.outlines import outlines
from simulators.town import Town
from storage import maintenance, oncall, registry, sealing
from storage.alerts.book import PostgresAlertBook, books_on
from storage.database import connect
from tests.alerts_rounds import deliver_due, miss_calls, run_due

NOW: Final = datetime(2026, 11, 5, 2, 20, tzinfo=UTC)
"""10:20 in Shanghai, a Thursday."""
SENSORS: Final = 17_500
"""Of the city: 5,000 homes with three or four each."""
OPEN, CLOSED = 300, 900
TOWN: Final = "9901"
"""The code of the town that was lived in; the city's is `shouwang.bench.city.CITY`."""

_HOMES, _DAYS, _SEED = 40, 14, 5
_LIVELY: Final = timedelta(hours=36)
"""How long before now the ladders begin to be climbed; what was before is closed as it comes."""
_FOUND: Final = (Outcome.FOUND_WELL, Outcome.FALSE_ALARM, Outcome.HELPED, Outcome.RESIDENT_FINE)
_NOTES: Final = ("在楼下散步，手机没带。", "去女儿家住了两天，忘了说。", "在卫生间滑倒，已送医院。", "")
_IN_CHINESE: Final = """
UPDATE area SET name = CASE level
    WHEN 'city' THEN '云州市' WHEN 'district' THEN '第' || substring(code FROM 3) || '区'
    WHEN 'street' THEN '第' || substring(code FROM 5) || '街道' ELSE '第' || right(code, 4) || '社区' END
WHERE starts_with(code, '50');
UPDATE person SET name = CASE
    WHEN starts_with(id, 'resident-') THEN '居民' || right(id, 4)
    WHEN starts_with(id, 'child-') THEN '家属' || right(id, 4)
    WHEN starts_with(id, 'caseworker-') THEN '社工' || right(id, 4) ELSE '值班员' || right(id, 4) END
WHERE id ~ '^(resident|child)-[0-9]{6}$' OR id ~ '^(caseworker|officer)-50';
UPDATE contact SET relation = '女儿' WHERE starts_with(household, 'home-');
-- What the city's ladders do next lies ahead, so that only the town's are climbed.
UPDATE step SET due = %s + ascii(right(alert::text, 1)) %% 10 * interval '3 minutes' WHERE status = 'pending';
UPDATE notification SET next_attempt_at = next_attempt_at + interval '1 day' WHERE status = 'queued'
"""


@dataclass(slots=True)
class _HandClock:
    """The engine's clock, set by hand."""

    moment: datetime
    kind: str = "live"
    speed: float = 1.0

    def now(self) -> datetime:
        return self.moment


def settle(database: str, pool: ConnectionPool) -> None:
    """Fill an empty database up to `NOW`: the city first, then the town, day by day through the engine."""
    with pool.connection() as conn:
        homes = Homes(SENSORS)
        city.settle(conn, homes, NOW)
        city.trouble(conn, homes, NOW, built_in(), open_=OPEN, closed=CLOSED)
        for statement in _IN_CHINESE.split(";"):
            conn.execute(statement.encode(), (NOW,) if "%s" in statement else ())
        _address(conn)
        town = Town(_SEED, _HOMES, NOW)
        people = _chinese(town.registry)
        registry.save(conn, people)
        registry.save_shapes(conn, outlines(people.areas))
        oncall.save(conn, [replace(one, name=one.name.split()[0]) for one in duties(people, NOW.date())])
        ids = registry.add_sensors(conn, town.sensors)
        maintenance.add(
            conn, area=people.areas[-1].code, household=None, gateway=None, kinds=["inactivity", "leak"],
            starts=NOW - timedelta(hours=1), ends=NOW + timedelta(hours=6), reason="更换供水管",
            made_by="person:officer-9901", made_at=NOW - timedelta(days=1),
        )  # fmt: skip
    town.inject(*_events(people))
    numbers = np.array([ids[sensor] for sensor in town.sensors], np.int32)
    clock = _HandClock(NOW - timedelta(days=_DAYS))
    engine = Engine(connect(database), "default", built_in(), clock)
    engine.load()
    try:
        for batch, until in _past(town, numbers):
            clock.moment = until
            live_through(engine, batch)
            if until > NOW - _LIVELY:
                engine.tick()
                _climb(pool, until)
            _tend(pool, until)
    finally:
        engine.close()
    with pool.connection() as conn:
        conn.execute("ANALYZE")


def _address(conn: psycopg.Connection) -> None:
    """Give the city's homes addresses in Chinese, sealed as the service does."""
    homes = [home for (home,) in conn.execute("SELECT id FROM household WHERE starts_with(id, 'home-')")]
    with conn.cursor() as cursor:
        cursor.executemany(
            "UPDATE household SET address = %s WHERE id = %s",
            [(sealing.sealed("household.address", home, f"和平路{int(home[-4:])}号"), home) for home in homes],
        )


def _chinese(people: Registry) -> Registry:
    """Return a town's registry with the Chinese halves of its names, and a word on some of the homes."""
    relations = {"daughter": "女儿", "son": "儿子", "neighbour": "邻居", "niece": "侄女", "friend": "朋友"}
    return replace(
        people,
        areas=tuple(replace(one, name=one.name.split()[0]) for one in people.areas),
        households=tuple(
            replace(one, language="zh_CN", note="听力不好，电话请多响几声。" if at % 7 == 2 else "")
            for at, one in enumerate(people.households)
        ),
        people=tuple(replace(one, language="zh_CN") for one in people.people),
        contacts=tuple(replace(one, relation=relations[one.relation]) for one in people.contacts),
        absences=tuple(replace(one, reason=one.reason.split()[0]) for one in people.absences),
    )


def _events(people: Registry) -> Iterator[Event]:
    """Yield what befalls the town: of every kind one, most of it still going on at `NOW`."""

    def home(number: int) -> str:
        return people.households[number].id

    def ago(**span: float) -> datetime:
        return NOW - timedelta(**span)

    yield event(Happening.FALL, home(3), ago(hours=13), unreachable=True)
    yield event(Happening.FALL, home(21), ago(hours=48), unreachable=True)
    yield event(Happening.HELP, home(21), ago(hours=27))
    yield event(Happening.LEAK, home(5), ago(days=3), amount=14)
    yield event(Happening.TAP, home(11), ago(hours=5))
    yield event(Happening.BURST, home(17), ago(hours=4))
    yield event(Happening.KETTLE_FIRE, home(8), ago(minutes=12))
    yield event(Happening.DEAD, f"wm-{home(14).partition('-')[2]}", ago(days=3))
    yield event(Happening.BATTERY, f"sd-{home(26).partition('-')[2]}", ago(days=2))
    yield event(Happening.BLACKOUT, people.households[30].area, ago(hours=1.5), lasting=timedelta(hours=5))


def _past(town: Town, numbers: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Iterator[tuple[ReadingBatch, datetime]]:
    """Yield what the meters said and until when: by half days, at last by hours."""
    begin = NOW - timedelta(days=_DAYS)
    while begin < NOW:
        until = min(begin + timedelta(hours=12 if begin < NOW - _LIVELY else 1), NOW)
        heard = town.readings(begin, until)
        yield ReadingBatch(numbers[heard.sensor], heard.time, heard.value, heard.time), until
        begin = until


def _climb(pool: ConnectionPool, until: datetime) -> None:
    """Carry out what fell due in the last hour, twenty minutes at a time."""
    opened = books_on(pool)
    for minutes in range(40, -1, -20):
        now = to_micros(until - timedelta(minutes=minutes))
        miss_calls(opened, now)
        with opened() as book:
            run_due(book, now)
        deliver_due(opened, {"handset": HandsetChannel(opened, MINUTE)}, now)


def _tend(pool: ConnectionPool, until: datetime) -> None:
    """Let caseworkers go and write down what they found, but for what is younger than a day at the end."""
    now = to_micros(until)
    with pool.connection() as conn:
        if until > NOW - timedelta(hours=26):
            return
        visits = conn.execute(
            "SELECT t.id, 'person:' || h.caseworker FROM task t JOIN household h ON h.id = t.household"
            " WHERE t.status IN ('open', 'accepted') AND starts_with(t.household, 'household-')"
            " AND t.created_at < %s ORDER BY t.id",
            (until - timedelta(hours=2),),
        ).fetchall()
        for task, actor in visits:
            turn = int(task.hex[-1], 16) % len(_FOUND)
            with conn.transaction():
                book = PostgresAlertBook(conn)
                desk.accept(book, task, actor, actor.removeprefix("person:"), now)
                desk.record_outcome(book, task, actor, _FOUND[turn], _NOTES[turn], now, _why(_FOUND[turn]))
        rest = conn.execute(
            "SELECT id FROM alert WHERE status <> 'closed' AND starts_with(household, 'household-')"
            " AND opened_at < %s ORDER BY id",
            (until - timedelta(hours=12),),
        ).fetchall()
        for (alert,) in rest:
            turn = int(alert.hex[-1], 16) % len(_FOUND)
            with conn.transaction():
                found = _FOUND[turn]
                desk.close(PostgresAlertBook(conn), alert, "person:officer-9901", found, _NOTES[turn], now, _why(found))


def _why(found: Outcome) -> FalseAlarm | None:
    return FalseAlarm.AWAY_UNREGISTERED if found is Outcome.FALSE_ALARM else None


__all__ = ["NOW", "TOWN", "settle", "to_datetime"]
