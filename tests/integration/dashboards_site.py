"""A small registered town with a dashboard over it, for the tests of the dashboards: two districts, three homes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient
from psycopg_pool import ConnectionPool

from alerts.channels.handset import HandsetChannel
from alerts.escalation import take
from alerts.ladders.policy_file import built_in
from dashboards.app import Check, Context, create_app
from dashboards.live.broadcaster import Broadcaster
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from registry.instants import HOUR, MINUTE, to_micros
from registry.model import Area, Contact, Device, Household, Person, Registry
from storage import tokens
from storage.alerts.book import PostgresAlertBook, books_on
from storage.database import open_pool
from storage.registry import save
from tests.alerts_rounds import deliver_due, miss_calls, run_due

NOON = datetime(2026, 11, 5, 4, 0, tzinfo=UTC)
"""Noon in Shanghai; a weekday, and daytime for the ladders."""

WEST, EAST = "440101", "440102"
TOWN = Registry(
    areas=(
        Area("4401", "city", "Guangzhou"),
        Area(WEST, "district", "West"),
        Area(f"{WEST}01", "street", "West Street"),
        Area(EAST, "district", "East"),
    ),
    households=(
        Household("hh-1", f"{WEST}01", "Asia/Shanghai", "en", "elderly_alone", "high", "1 West Street", "cw-west"),
        Household("hh-2", f"{WEST}01", "Asia/Shanghai", "en", "disabled", "medium", "2 West Street", "cw-west"),
        Household("hh-3", EAST, "Asia/Shanghai", "zh_CN", "relief", "low", "东街 3 号", "cw-east"),
    ),
    people=(
        Person("r-1", "Mrs Chen", "resident", "hh-1", None, "+8613812340001", "en", "call"),
        Person("r-2", "Mr Liu", "resident", "hh-2", None, "+8613812340002", "en"),
        Person("r-3", "吴奶奶", "resident", "hh-3", None, "+8613812340003", "zh_CN"),
        Person("c-1", "Daughter Chen", "contact", None, None, "+8613812340011", "en"),
        Person("cw-west", "Li Wei", "caseworker", None, WEST, "+8613812340021", "en"),
        Person("cw-east", "Zhao Min", "caseworker", None, EAST, "+8613812340022", "zh_CN"),
        Person("do-1", "Officer Huang", "duty_officer", None, "4401", "+8613812340031", "en"),
    ),
    contacts=(Contact("hh-1", 1, "c-1", "daughter"),),
    devices=(
        Device("meter-1", "hh-1", "gw-west", "WM-1"),
        Device("meter-3", "hh-3", "gw-east"),
    ),
)


@dataclass(slots=True)
class Site:
    """A dashboard in this process, the clock it runs on, and tokens for everybody."""

    database: str
    pool: ConnectionPool
    now: datetime = NOON
    ready: dict[str, Check] = field(default_factory=lambda: {"database": Check(ok=True)})
    client: TestClient = field(init=False)
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, role: str, area: str = "", person: str | None = None) -> dict[str, str]:
        """Return the header of a token with this role and area."""
        key = f"{role}@{area}{person or ''}"
        if key not in self.tokens:
            with self.pool.connection() as conn:
                self.tokens[key] = tokens.create(conn, role, area, key, person)
        return {"Authorization": f"Bearer {self.tokens[key]}"}

    def get(self, path: str, role: str = "operator", area: str = "", **more: Any) -> Any:
        """Return what a path answers to a role, which must be a success."""
        answer = self.client.get(path, headers=self.token(role, area), **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def alert(
        self,
        household: str = "hh-1",
        kind: Kind = Kind.INACTIVITY,
        severity: Severity = Severity.HIGH,
        lasted: int = 12 * HOUR,
    ) -> UUID:
        """Raise an alert at the present moment and return its id."""
        now = to_micros(self.now)
        facts: dict[str, Fact] = {
            "template": "low_use", "limit": 10.0, "window": 43200.0, "used": 0.0, "since_at": now - lasted,
            "lasted": lasted / 1e6, "longest": 32400.0, "times": 0, "days": 30.0,
        }  # fmt: skip
        finding = Finding(
            household, kind, "shanghai-12h", "meter-1/volume", Phase.RAISED, severity, now - lasted, now, 1.0, facts
        )
        with self.pool.connection() as conn, conn.transaction():
            [alert] = take(PostgresAlertBook(conn), [finding], now, built_in())
        return alert

    def pass_time(self, minutes: float = 0) -> None:
        """Let minutes pass one by one, and everything happen that is due."""
        end = self.now + timedelta(minutes=minutes)
        while True:
            now, opened = to_micros(self.now), books_on(self.pool)
            miss_calls(opened, now)
            with opened() as book:
                run_due(book, now)
            deliver_due(opened, {"handset": HandsetChannel(opened, MINUTE)}, now)
            if self.now >= end:
                return
            self.now += timedelta(minutes=1)

    def store(self, device: str, quantity: str, rows: list[tuple[datetime, float, float | None, int]]) -> int:
        """Store readings (time, value, use, flags) of a sensor, which comes into being, and return its id."""
        with self.pool.connection() as conn:
            made = conn.execute(
                "INSERT INTO sensor (device, quantity) VALUES (%s, %s) RETURNING id", (device, quantity)
            ).fetchone()
            assert made
            with conn.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO reading (sensor, time, value, use, flags, batch) VALUES (%s, %s, %s, %s, %s, 1)",
                    [(made[0], *row) for row in rows],
                )
        return int(made[0])


class SiteClock:
    """The clock of a site, for its engine."""

    kind = "live"
    speed = 1.0

    def __init__(self, site: Site) -> None:
        self._site = site

    def now(self) -> datetime:
        return self._site.now


@contextmanager
def open_site(database: str, **more: Any) -> Iterator[Site]:
    """Register the town in an empty database and serve a dashboard over it; `more` is of its context."""
    with open_pool(database, size=6) as pool:
        with pool.connection() as conn:
            save(conn, TOWN)
        site = Site(database, pool)
        app = create_app(
            Context(
                pool=pool,
                now=lambda: site.now,
                speed=60.0,
                ready=lambda: site.ready,
                embedded=True,
                events=Broadcaster(database, pause=0.01),
                book=PostgresAlertBook,
                **more,
            )
        )
        with TestClient(app, base_url="http://shouwang.test", raise_server_exceptions=False) as client:
            site.client = client
            yield site
