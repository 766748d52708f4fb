"""How long does the server think about each page and list? Asked of the real application over a real database.

A page is asked for in the process that serves it, so that what is measured is the server: its queries, its templates,
its JSON. The first answer warms its caches; the median and the slowest of those that follow are told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
from fastapi.testclient import TestClient

from dashboards.app import Check, Context, create_app
from dashboards.live.broadcaster import Broadcaster
from storage import tokens
from storage.alerts.book import PostgresAlertBook
from storage.database import open_pool

_FIND = {
    "alert": "SELECT id FROM alert WHERE status <> 'closed' ORDER BY raised_at DESC LIMIT 1",
    "closed": "SELECT id FROM alert WHERE status = 'closed' ORDER BY raised_at DESC LIMIT 1",
    "task": "SELECT id FROM task ORDER BY created_at DESC LIMIT 1",
    "home": "SELECT household FROM device JOIN sensor ON sensor.device = device.id ORDER BY sensor.id LIMIT 1",
    "last_home": "SELECT id FROM household ORDER BY id DESC OFFSET 50 LIMIT 1",
    "sensor": "SELECT device || '/' || quantity FROM sensor WHERE id = (SELECT sensor FROM reading LIMIT 1)",
    "gateway": "SELECT max(gateway) FROM device",
    "caseworker": "SELECT caseworker FROM household ORDER BY area DESC LIMIT 1",
    "person": "SELECT assignee FROM task WHERE assignee IS NOT NULL ORDER BY created_at DESC LIMIT 1",
    "city": "SELECT min(code) FROM area WHERE level = 'city'",
    "district": "SELECT min(code) FROM area WHERE level = 'district'",
    "community": "SELECT max(code) FROM area WHERE level = 'community'",
}
PATHS = (
    "/", "/parts/alerts", "/parts/alerts?q=0007", "/parts/alerts?area={community}", "/parts/beside", "/tasks",
    "/parts/tasks", "/my", "/handsets", "/oncall", "/policies", "/areas", "/areas/{city}",
    "/areas/{city}?days=90", "/areas/{district}", "/areas/{community}", "/alerts/{alert}", "/alerts/{closed}",
    "/parts/alerts/{alert}/story", "/parts/alerts/{alert}/actions", "/parts/alerts/{alert}/charts",
    "/households", "/households?q=0007", "/households?q={community}", "/households/{home}",
    "/parts/households/{home}/happened", "/parts/households/{home}/kept", "/devices", "/devices?problem=silent",
    "/devices?area={community}", "/gateways/{gateway}", "/devices/try", "/lab", "/audit", "/sessions",
    "/account", "/welcome", "/design", "/api/v1/alerts", "/api/v1/alerts?status=unacknowledged",
    "/api/v1/alerts?kind=smoke", "/api/v1/alerts?area={community}", "/api/v1/alerts?household={home}",
    "/api/v1/alerts/{alert}", "/api/v1/tasks", "/api/v1/tasks?status=open", "/api/v1/tasks?assignee={person}",
    "/api/v1/tasks/{task}", "/api/v1/areas", "/api/v1/areas/{city}/performance",
    "/api/v1/areas/{district}/performance", "/api/v1/households", "/api/v1/households?area={community}",
    "/api/v1/households?limit=200", "/api/v1/people", "/api/v1/people?role=duty_officer",
    "/api/v1/people?role=caseworker", "/api/v1/people?household={last_home}", "/api/v1/contacts",
    "/api/v1/contacts?household={last_home}", "/api/v1/devices", "/api/v1/devices?household={last_home}",
    "/api/v1/devices?gateway={gateway}", "/api/v1/absences", "/api/v1/absences?household={last_home}",
    "/api/v1/sensors/{sensor}/readings?from={from}&to={to}&every=1h", "/api/v1/quarantine",
    "/api/v1/quarantine?gateway={gateway}", "/api/v1/incidents", "/api/v1/maintenance", "/api/v1/oncall",
    "/api/v1/oncall/schedules", "/api/v1/handsets", "/metrics", "/readyz",
)  # fmt: skip
"""Everything a person or a program looks at; a list is read to its third page."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How long one path took, for one reader: milliseconds, the first answer not among them."""

    reader: str
    path: str
    median: float
    worst: float


def measure(
    database: str, now: datetime, progress: Callable[[str], None], *, times: int = 20, paths: Sequence[str] = PATHS
) -> list[Answered]:
    """Ask for every path so many times, as who answers for everywhere, a city, a district, and as a caseworker.

    Raises:
        RuntimeError: a path answers with an error; the message has what it said.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with open_pool(database, size=4) as pool:
        with pool.connection() as conn:
            filled = {name: _first(conn, query) for name, query in _FIND.items()}
            filled |= {"from": f"{now.date()}T00:00:00Z", "to": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
            readers = {
                "everywhere": ("operator", "", None),
                "city": ("operator", filled["city"], None),
                "district": ("operator", filled["district"], None),
                "caseworker": ("caseworker", filled["community"], filled["caseworker"]),
            }
            bearer = {
                who: tokens.create(conn, role, area, f"bench {who}", person)
                for who, (role, area, person) in readers.items()
            }
        context = Context(
            pool=pool, now=lambda: now, speed=1.0, ready=lambda: {"database": Check(ok=True)}, embedded=True,
            events=Broadcaster(database), book=PostgresAlertBook,
        )  # fmt: skip
        answered = []
        with TestClient(create_app(context), base_url="http://bench.invalid", follow_redirects=False) as client:
            for who, token in bearer.items():
                client.headers["Authorization"] = f"Bearer {token}"
                for path in _followed(client, [one.format(**filled) for one in paths]):
                    took = [_timed(client, path) for _ in range(times + 1)][1:]
                    answered.append(Answered(who, path, float(np.median(took)), max(took)))
                    progress(f"{who} {path}: median {answered[-1].median:.0f} ms, worst {answered[-1].worst:.0f} ms")
        return answered


def _first(conn: psycopg.Connection, query: str) -> str:
    row = conn.execute(query.encode()).fetchone()
    return "" if row is None or row[0] is None else str(row[0])


def _followed(client: TestClient, paths: Sequence[str]) -> list[str]:
    """Return those paths that there are for this reader, and of lists the third page too."""
    found = []
    for path in paths:
        if client.get(path).status_code in (403, 404):
            continue  # it lies outside the reader's area, or is not for their role
        found.append(path)
        following: str | None = path
        for _ in range(2):
            if following is None or not path.startswith("/api/"):
                break
            answer = client.get(following)
            body: Mapping[str, object] = answer.json() if answer.status_code == 200 else {}
            following = str(body["next"]) if body.get("next") else None
        else:
            if following is not None:
                found.append(following)
    return found


def _timed(client: TestClient, path: str) -> float:
    """Return how long an answer took, milliseconds."""
    began = time.perf_counter()
    answer = client.get(path)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code >= 400:
        raise RuntimeError(f"{path} answers {answer.status_code}: {answer.text[:500]}")
    return took
