"""A city in the database, made in a minute: a million sensors, whom they watch, who cares, and what befell them.

The homes are those of `shouwang.bench.stream`, 200 to a community; 4 communities are a street, 36 a district, as in a
Chinese city of three million. The registry goes in by COPY, what is closed by copying what is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from alerts.escalation import take
from alerts.ladders.policy import Policies
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from registry.instants import HOUR, MINUTE, to_micros
from registry.quantities import Quantity
from registry.readings import SensorTable
from shouwang.bench.stream import Homes
from storage import sealing
from storage.alerts.book import PostgresAlertBook

CITY = "50"
_STREET, _DISTRICT = 4, 36
"""Communities to each."""

_SETTLE = "SELECT setval(pg_get_serial_sequence('sensor', 'id'), (SELECT max(id) FROM sensor))"
_CONTACTS = """
INSERT INTO contact (household, position, person, relation)
SELECT household, 1, 'child-' || substring(household FROM 6), 'daughter' FROM person WHERE role = 'resident'
"""
_AWAY = """
INSERT INTO absence (household, starts, ends, reason)
SELECT id, %(now)s - interval '3 days', %(now)s + interval '20 days', 'with the family'
FROM household WHERE substring(id FROM 6)::integer %% 50 = 7
"""

# What is open, again and again, in other homes and earlier; taken over after half an hour, closed after two.
_CLOSED = """
INSERT INTO alert (id, household, kind, rule, severity, status, onset, raised_at, opened_at, score, facts, sources,
    policy, held_by, acknowledged_at, closed_at, outcome)
SELECT gen_random_uuid(), household.id, a.kind, a.rule, a.severity, 'closed', a.onset - ago.long,
    a.raised_at - ago.long, a.opened_at - ago.long, a.score, a.facts, a.sources, a.policy,
    'person:' || household.caseworker,
    a.opened_at - ago.long + interval '30 minutes', a.opened_at - ago.long + interval '2 hours', 'false_alarm'
FROM generate_series(1, %(closed)s) n
JOIN (
    SELECT *, row_number() OVER (ORDER BY id) AS turn, count(*) OVER () AS turns
    FROM alert WHERE starts_with(household, 'home-')
) a
    ON a.turn = n %% a.turns + 1
JOIN household ON household.id = 'home-' || to_char(n::bigint * 7919 %% %(homes)s, 'FM000000')
CROSS JOIN LATERAL (SELECT interval '2 hours' + n * interval '60 days' / %(closed)s AS long) ago
"""
_EVENTS = """
INSERT INTO alert_event (alert, seq, at, actor, kind)
WITH closed AS (SELECT * FROM alert WHERE status = 'closed' AND starts_with(household, 'home-'))
SELECT id, 0, opened_at, 'system', 'raised' FROM closed
UNION ALL SELECT id, 1, acknowledged_at, held_by, 'acknowledged' FROM closed
UNION ALL SELECT id, 2, closed_at, held_by, 'closed' FROM closed
"""
_TOLD = """
SELECT a.id, p.id, p.phone, a.opened_at FROM alert a JOIN person p ON p.household = a.household
WHERE a.status = 'closed' AND starts_with(a.household, 'home-')
"""
_MESSAGE = (
    "id", "alert", "step", "person", "role", "phone", "phone_index", "channel", "medium", "language", "text", "status",
    "next_attempt_at", "created_at", "sent_at",
)  # fmt: skip
_VISITS = """
INSERT INTO task (id, alert, step, kind, household, area, assignee, status, created_at, due, accepted_at, accepted_by,
    done_at, done_by, outcome)
SELECT gen_random_uuid(), a.id, 1, 'visit', h.id, h.area, h.caseworker, 'done', a.opened_at + interval '10 minutes',
    a.opened_at + interval '3 hours', a.acknowledged_at, a.held_by, a.closed_at, a.held_by, 'false_alarm'
FROM alert a JOIN household h ON h.id = a.household
WHERE a.status = 'closed' AND a.severity >= 3 AND starts_with(a.household, 'home-')
"""
_TO_DO = """
INSERT INTO task (id, alert, step, kind, household, area, assignee, status, created_at, due)
SELECT gen_random_uuid(), a.id, 99, 'visit', h.id, h.area, h.caseworker, 'open', a.opened_at,
    a.opened_at + interval '3 hours'
FROM alert a JOIN household h ON h.id = a.household
WHERE a.status <> 'closed' AND a.severity >= 3 AND starts_with(a.household, 'home-')
"""
# 100 gateways all over the city send what is refused; one device of a hundred is silent, as many have little battery.
_REFUSED = """
INSERT INTO quarantine (digest, at, gateway, device, topic, payload, reason, place, detail)
SELECT decode(md5(n::text), 'hex'), %(now)s - n * interval '1 minute', d.gateway, d.device,
    'telemetry/senml', '[]', 'wrong_unit', '[0].u', 'this volume is in gal: send it in l or m3'
FROM generate_series(1, 5000) n
JOIN (
    SELECT gateway, min(id) AS device, row_number() OVER (ORDER BY md5(gateway)) AS turn FROM device GROUP BY gateway
) d ON d.turn = n %% 100 + 1
"""
_TROUBLED = """
INSERT INTO device_trouble (device, kind, rule, source, since, facts)
SELECT d.id, about.kind, 'bench', d.id, %(now)s - turn %% 1000 * interval '10 minutes', about.facts::jsonb
FROM (SELECT id, row_number() OVER (ORDER BY md5(id)) AS turn FROM device) d
JOIN (VALUES
    (0, 'offline', '{"template": "offline", "lasted": 8000.0, "limit": 7200.0, "usual": 900.0, "gaps": 96}'),
    (1, 'battery', '{"template": "battery", "value": 8.0, "limit": 15.0, "times": 0, "days": 30.0}')
) about (turned, kind, facts) ON about.turned = turn %% 100
"""


def settle(conn: psycopg.Connection, homes: Homes, now: datetime) -> None:
    """Register homes with a resident, a daughter and a caseworker each, their devices and sensors; commit."""
    table = homes.table
    codes = dict(zip(table.areas, map(_code, table.areas), strict=True))
    with conn.transaction():
        _copy(conn, "area", ("code", "level", "name"), _areas(codes.values()))
        _copy(conn, "household", ("id", "area", "zone", "language", "category", "risk", "address", "caseworker"), (
            (home, codes[area], zone, "zh_CN", ("elderly_alone", "disabled", "relief")[at % 3],
             ("low", "medium", "high")[at // 3 % 3], sealing.sealed("household.address", home, f"{codes[area]}-{at}"),
             f"caseworker-{codes[area]}")
            for at, (home, area, zone) in enumerate(zip(table.households, table.areas, table.zones, strict=True))
        ))  # fmt: skip
        _copy(
            conn,
            "person",
            ("id", "name", "role", "household", "area", "language", "channel", "phone", "phone_index"),
            (
                (key, *about, sealing.sealed("person.phone", key, phone), sealing.indexed(phone))
                for key, *about, phone in _people(table, codes)
            ),
        )
        conn.execute(_CONTACTS)
        of_device = dict(zip(table.device.tolist(), table.household.tolist(), strict=True))
        _copy(conn, "device", ("id", "household", "gateway", "model"), (
            (device, table.households[of_device[at]], table.gateways[at], device.partition("-")[0])
            for at, device in enumerate(table.devices)
        ))  # fmt: skip
        _copy(conn, "sensor", ("id", "device", "quantity"), (
            (sensor, table.devices[int(table.device[sensor])], Quantity(int(table.quantity[sensor])).label)
            for sensor in range(1, len(table))
        ))  # fmt: skip
        conn.execute(_SETTLE)
        conn.execute(_AWAY, {"now": now})
    conn.execute("ANALYZE")


def trouble(
    conn: psycopg.Connection, homes: Homes, now: datetime, policies: Policies, *, open_: int, closed: int
) -> None:
    """Open alerts as detectors would, write down others of the last 60 days, and what was refused; commit."""
    with conn.transaction():
        for at, few in _findings(homes.table, to_micros(now), open_):
            take(PostgresAlertBook(conn), few, at, policies)
        conn.execute("ANALYZE alert")  # what comes next is planned by it
        conn.execute(_CLOSED, {"closed": closed, "homes": len(homes.table.households)})
        conn.execute("ANALYZE alert")
        for statement in (_EVENTS, _VISITS, _TO_DO):
            conn.execute(statement)
        _copy(conn, "notification", _MESSAGE, _messages(conn.execute(_TOLD).fetchall()))
        for statement in (_REFUSED, _TROUBLED):
            conn.execute(statement, {"now": now})
    conn.execute("ANALYZE")


def days(conn: psycopg.Connection, homes: Homes, now: datetime, *, of: int, count: int) -> None:
    """Store a value each quarter of an hour of the `count` days before `now`, of the first homes' sensors; commit."""
    first = {f"home-{number:06}" for number in range(of)}
    sensors = [sensor for sensor in range(1, len(homes.table)) if homes.table.household_of(sensor) in first]
    with conn.transaction():
        conn.execute(
            "INSERT INTO reading (sensor, time, value, use, batch)"
            " SELECT sensor, %(now)s - n * interval '15 minutes', 1000 - n * 0.1, 0.1, 0"
            " FROM unnest(%(sensors)s::integer[]) sensor, generate_series(8, %(count)s * 96) n",
            {"now": now, "sensors": sensors, "count": count},
        )


def _code(area: str) -> str:
    """Return the code of a community of `stream.Homes`, such as `area-0123`."""
    number = int(area.partition("-")[2])
    return f"{CITY}{number // _DISTRICT:02}{number // _STREET:03}{number:04}"


def _areas(communities: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    codes = sorted(set(communities))
    yield CITY, "city", "The city"
    for level, length in (("district", 4), ("street", 7)):
        for code in sorted({code[:length] for code in codes}):
            yield code, level, f"{level.title()} {code[2:]}"
    for code in codes:
        yield code, "community", f"Community {code[-4:]}"


def _people(table: SensorTable, codes: dict[str, str]) -> Iterator[tuple[str | None, ...]]:
    for at, home in enumerate(table.households):
        number = home.partition("-")[2]
        yield f"resident-{number}", f"Resident {number}", "resident", home, None, "zh_CN", "call", f"+86138{at:08}"
        yield f"child-{number}", f"Child {number}", "contact", None, None, "zh_CN", "sms", f"+86139{at:08}"
    for at, code in enumerate(sorted(set(codes.values()))):
        yield f"caseworker-{code}", f"Caseworker {at}", "caseworker", None, code, "zh_CN", "sms", f"+86137{at:08}"
    for at, code in enumerate([CITY, *sorted({code[:4] for code in codes.values()})]):
        yield f"officer-{code}", f"Officer {at}", "duty_officer", None, code, "zh_CN", "sms", f"+86136{at:08}"


def _messages(told: Iterable[tuple[UUID, str, str, datetime]]) -> Iterator[tuple[Any, ...]]:
    """Yield an SMS to each resident, sealed as the service does."""
    for alert, person, sealed, at in told:
        key, phone = uuid4(), sealing.opened("person.phone", person, sealed)
        text = sealing.sealed("notification.text", key, "Are you well?")
        number = sealing.sealed("notification.phone", key, phone)
        yield (key, alert, 0, person, "resident", number, sealing.indexed(phone), "handset", "sms", "en", text,
               "delivered", at, at, at + timedelta(seconds=5))  # fmt: skip


def _findings(table: SensorTable, now: int, count: int) -> Iterator[tuple[int, list[Finding]]]:
    """Yield when a 12-hour rule said what of homes all over the city: five every quarter of an hour, no storm."""
    every = max(len(table.households) // count, 1)
    chosen: Sequence[str] = sorted(table.households)[::every][:count]
    for first in range(0, len(chosen), 5):
        at = now - first * 3 * MINUTE
        facts: dict[str, Fact] = {
            "template": "low_use", "limit": 10.0, "window": 43200.0, "used": 0.0, "since_at": at - 12 * HOUR,
            "lasted": 43200.0, "longest": 32400.0, "times": 0, "days": 30.0,
        }  # fmt: skip
        yield at, [
            Finding(
                home, Kind.INACTIVITY, "bench", f"water-{home.partition('-')[2]}/volume", Phase.RAISED,
                (Severity.HIGH, Severity.MEDIUM)[turn % 2], at - 12 * HOUR, at, 1.0, facts,
            )
            for turn, home in enumerate(chosen[first : first + 5])
        ]  # fmt: skip


def _copy(conn: psycopg.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    target = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor() as cursor, cursor.copy(target) as copy:
        for row in rows:
            copy.write_row(row)
