"""Ten thousand alarms in one area in the same moment: is a fire elsewhere told within a second, do pages answer?

Everything is real: PostgreSQL, the engine in its loop, `shouwang escalate` and `shouwang web` as processes of their
own, simulated telephones. Only the broker is left out: messages are handed to the loop as a subscriber would.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import psycopg
from prometheus_client import CollectorRegistry
from psycopg.conninfo import make_conninfo

from detectors.finding import Finding, Kind, Phase, Severity
from ingest.mqtt import Delivery, Subscriber
from ingest.records import Message
from registry.instants import HOUR, SECOND, to_micros
from shouwang import wiring
from shouwang.clock import LiveClock
from shouwang.engine import Engine
from shouwang.listening import IngestMetrics, Listening
from shouwang.settings import Settings
from storage import tokens
from storage.database import connect
from storage.embedded import temporary_postgres
from storage.migrate import migrate
from storage.sealing import Seals, hold, new_key, sealed

AREA = "440103001"
ELSEWHERE = "440305001"
FIRE = "far-00000"
_PAGES = {"GET /api/v1/alerts": "/api/v1/alerts", "board": "/", "an alert's page": "/alerts/{alert}"}
_PATIENCE = 120.0
_STORMS = {
    "looked": "10,000 homes silent at one look at the clock, the smoke found in the same look",
    "looked, then": "10,000 homes silent at one look at the clock, the smoke's message just after",
    "messages": "10,000 messages with an opened lid each, the smoke's in the middle of them",
}

_AREAS = "INSERT INTO area (code, level, name) VALUES (%s, %s, %s)"
_STAFF = "INSERT INTO person (id, name, role, area, phone, language, channel) VALUES (%s, %s, %s, %s, %s, 'en', 'call')"
_HOMES = """
INSERT INTO household (id, area, zone, language, category, risk, caseworker)
SELECT %(prefix)s || to_char(n, 'FM00000'), %(area)s, 'Asia/Shanghai', 'en',
    CASE WHEN n %% 100 = 0 THEN 'disabled' ELSE 'elderly_alone' END, CASE WHEN n %% 100 = 0 THEN 'high' ELSE 'low' END,
    %(caseworker)s
FROM generate_series(0, %(homes)s - 1) n
"""
_RESIDENTS = """
INSERT INTO person (id, name, role, household, phone, language, channel)
SELECT 'of-' || id, 'R', 'resident', id, phone, 'en', 'sms'
FROM household JOIN unnest(%(homes)s::text[], %(phones)s::text[]) AS numbers (home, phone) ON home = id
"""
_DEVICES = """
INSERT INTO device (id, household, gateway)
SELECT id || '-lid', id, 'gw-' || left(id, 7) FROM household
"""
_TOLD = """
SELECT count(*) FROM handset_message m JOIN notification n ON n.id = m.id JOIN alert a ON a.id = n.alert
WHERE a.household = %s
"""
_OPEN = "SELECT count(*) FROM alert WHERE household <> %s"


class Line(Subscriber):
    """The subscriber's part of the loop, without a broker."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self.acknowledged = 0

    @property
    def connected(self) -> bool:
        return True

    def say(self, device: str, name: str, value: float, at: float) -> None:
        """Have a device say something."""
        gateway = f"gw-{device[:7]}"
        pack = json.dumps([{"n": f"{device}/{name}", "u": "/", "v": value, "t": at}]).encode()
        self.waiting.put(Delivery(Message(f"telemetry/{gateway}/senml", pack, int(at * SECOND)), 1, 1, 0, None, b""))

    def take(self, most: int, wait_seconds: float) -> list[Delivery]:
        taken: list[Delivery] = []
        try:
            taken.append(self.waiting.get(timeout=wait_seconds))
            while len(taken) < most:
                taken.append(self.waiting.get_nowait())
        except queue.Empty:
            pass
        return taken

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.acknowledged += len(deliveries)


class Reader(threading.Thread):
    """Somebody who looks at one page after the other, and how long each took to come: (when, page, seconds)."""

    def __init__(self, address: str, token: str, alert: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._token = token
        self._alert = alert
        self.stop = threading.Event()
        self.seen: list[tuple[float, str, float]] = []

    def run(self) -> None:
        while not self.stop.is_set():
            for page, path in _PAGES.items():
                began = time.monotonic()
                get(self._address + path.format(alert=self._alert), self._token)
                self.seen.append((began, page, time.monotonic() - began))
            self.stop.wait(0.05)

    def times(self, since: float, until: float) -> dict[str, str]:
        """Return median, 99th percentile and worst of each page that was asked for in a time, in milliseconds."""
        told = {}
        for page in _PAGES:
            took = [seconds * 1000 for at, which, seconds in self.seen if which == page and since <= at < until]
            if took:
                p50, p99 = np.percentile(took, [50, 99])
                told[page] = f"median {p50:.0f} ms, p99 {p99:.0f} ms, worst {max(took):.0f} ms of {len(took)}"
        return told


def get(url: str, token: str) -> bytes:
    """Return what a page answers."""
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}", "Accept": "*/*"})  # noqa: S310
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - our own server
        body: bytes = answer.read()
        return body


def settle(conn: psycopg.Connection, homes: int) -> None:
    """Register so many homes in one community, and 200 in another city district."""
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(
            _AREAS,
            [("4401", "city", "C"), (AREA, "community", "N"), ("4403", "city", "D"), (ELSEWHERE, "community", "F")],
        )
        cursor.executemany(
            _STAFF,
            [
                ("wang", "Wang", "caseworker", AREA, sealed("person.phone", "wang", "+8613700000001")),
                ("li", "Li", "caseworker", ELSEWHERE, sealed("person.phone", "li", "+8613700000002")),
                ("zhao", "Zhao", "duty_officer", "4401", sealed("person.phone", "zhao", "+8613700000003")),
                ("sun", "Sun", "duty_officer", "4403", sealed("person.phone", "sun", "+8613700000004")),
            ],
        )
        cursor.execute(_HOMES, {"prefix": "near-", "area": AREA, "caseworker": "wang", "homes": homes})
        cursor.execute(_HOMES, {"prefix": "far-", "area": ELSEWHERE, "caseworker": "li", "homes": 200})
        names = [f"{side}-{at:05}" for side, count in (("near", homes), ("far", 200)) for at in range(count)]
        phones = [sealed("person.phone", f"of-{name}", f"+86138{at:08}") for at, name in enumerate(names)]
        cursor.execute(_RESIDENTS, {"homes": names, "phones": phones})
        cursor.execute(_DEVICES)
    conn.execute("ANALYZE")


def silence(homes: int, now: int) -> list[Finding]:
    """Return a finding of each home: nobody has used water for hours."""
    facts: dict[str, str | float | int] = {"template": "silence", "window": 43_200, "limit": 10.0}
    return [
        Finding(f"near-{n:05}", Kind.INACTIVITY, "storm", f"near-{n:05}-lid/volume", Phase.RAISED, Severity.HIGH,
                now - 12 * HOUR, now, 1.0, facts)
        for n in range(homes)
    ]  # fmt: skip


def smoke(now: int) -> Finding:
    """Return a fire far from all the others."""
    about = "storm", f"{FIRE}-lid/alarm", Phase.RAISED, Severity.URGENT
    return Finding(FIRE, Kind.SMOKE, *about, now, now, 1.0, {"template": "smoke_alarm"})


@contextmanager
def role(database: str, folder: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a production role in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SHOUWANG_")}
    environment["SHOUWANG_DATABASE_URL"] = database
    environment["SHOUWANG_SEAL_KEYS"] = os.environ["SHOUWANG_SEAL_KEYS"]
    with (Path(folder) / f"{arguments[0]}.log").open("wb") as log:
        command = [sys.executable, "-m", "shouwang", *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def until(condition: Any, what: str) -> Any:
    """Return what a condition returns once it is true.

    Raises:
        TimeoutError: it took two minutes.
    """
    deadline = time.monotonic() + _PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)
    return found


class Measured:
    """One storm over one database."""

    def __init__(self, database: str, homes: int) -> None:
        self._database = database
        self._homes = homes
        self._line = Line()
        self._stop = threading.Event()
        self._found: list[Finding] = []
        self._looked_at = 0.0
        self._cpu = 0.0

    def run(self, storm: str, address: str, token: str) -> dict[str, Any]:
        """Return what was measured, for people to read."""
        engine = wiring.engine(self._database, Settings(), wiring.policies(None), LiveClock())
        loop = threading.Thread(target=lambda: self._listen(engine), daemon=True)
        with mock.patch.object(engine._rules, "tick", self._look), connect(self._database) as conn:
            loop.start()
            self._say("tamper", 0.0, *(f"near-{n:05}-lid" for n in range(self._homes)), "far-00001-lid")
            self._say("alarm", 0.0, f"{FIRE}-lid")
            until(lambda: self._line.acknowledged == self._homes + 2, "the homes have said that all is well")
            self._say("tamper", 1.0, "far-00001-lid")
            [alert] = until(lambda: conn.execute("SELECT id FROM alert").fetchone(), "somebody opened a lid")
            reader = Reader(address, token, str(alert))
            reader.start()
            until(lambda: len(reader.seen) > 3 * len(_PAGES), "the pages are warm")
            figures = self._storm(storm, conn, reader)
            self._stop.set()
            reader.stop.set()
            loop.join(30)
            reader.join(30)
        return figures

    def _storm(self, storm: str, conn: psycopg.Connection, reader: Reader) -> dict[str, Any]:
        def count(query: str, *about: object) -> int:
            row = conn.execute(query.encode(), about or None).fetchone()
            return 0 if row is None else int(row[0])

        cpu, began = self._cpu, time.monotonic()
        if storm == "messages":
            half = self._homes // 2
            self._say("tamper", 1.0, *(f"near-{n:05}-lid" for n in range(half)))
            self._say("alarm", 1.0, f"{FIRE}-lid")
            broke_out = time.monotonic()
            self._say("tamper", 1.0, *(f"near-{n:05}-lid" for n in range(half, self._homes)))
        else:
            now = to_micros(datetime.now(UTC))
            self._found = [*silence(self._homes, now), *([smoke(now)] if storm == "looked" else [])]
            until(lambda: self._looked_at > began, "the engine looks at the clock")
            began = broke_out = self._looked_at
            if storm == "looked, then":
                time.sleep(0.1)
                broke_out = time.monotonic()
                self._say("alarm", 1.0, f"{FIRE}-lid")
        until(lambda: count(_TOLD, FIRE), "somebody is told of the fire")
        told = time.monotonic()
        until(lambda: count(_OPEN, FIRE) > self._homes, "all alerts are open")
        taken = time.monotonic()
        until(lambda: count("SELECT count(*) FROM storm WHERE told_at IS NOT NULL"), "the officer is told")
        time.sleep(10)
        others = "SELECT count(*) FROM notification n JOIN alert a ON a.id = n.alert WHERE a.household LIKE 'near-%'"
        return {
            "smoke to its first message, s": round(told - broke_out, 2),
            "all alerts committed after, s": round(taken - began, 2),
            "processor time of the engine, s": round(self._cpu - cpu, 2),
            "incidents": count("SELECT count(*) FROM incident WHERE part_of IS NULL"),
            "kept quiet": count("SELECT count(*) FROM alert WHERE suppressed_why = 'storm'"),
            "notifications of the storm": count(others),
            "meanwhile": reader.times(began, taken),
            "afterwards": reader.times(taken, time.monotonic()),
        }

    def _say(self, name: str, value: float, *devices: str) -> None:
        at = time.time()
        for device in devices:
            self._line.say(device, name, value, at)

    def _look(self, _now: int) -> list[Finding]:
        found, self._found = self._found, []
        if found:
            self._looked_at = time.monotonic()
        self._cpu = time.thread_time()
        return found

    def _listen(self, engine: Engine) -> None:
        def again() -> Engine:
            raise RuntimeError("the engine failed; see the log")

        Listening(self._line, again, self._stop, IngestMetrics(CollectorRegistry())).run(engine)


def measure(server: str, storm: str, homes: int) -> dict[str, Any]:
    """Let one storm break over a database of its own."""
    name = f"storm_{storm.replace(', ', '_')}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
    database = make_conninfo(server, dbname=name)
    with connect(database) as conn:
        migrate(conn)
        settle(conn, homes)
        token = tokens.create(conn, "operator", "", "reader")
    probe = wiring.listener("127.0.0.1", 0)
    port = str(probe.getsockname()[1])
    probe.close()
    with (
        tempfile.TemporaryDirectory() as folder,
        role(database, folder, "escalate"),
        role(database, folder, "web", "--http-port", port),
    ):
        address = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            try:
                return bool(get(f"{address}/readyz", token))
            except OSError:
                return False

        until(ready, "the pages are there")
        return Measured(database, homes).run(storm, address, token)


def main() -> None:
    """Measure every storm and print what was found as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.storm", description=__doc__)
    parser.add_argument("--homes", type=int, default=10_000, help="how many homes raise an alarm")
    parser.add_argument("--storm", choices=sorted(_STORMS), action="append", help="only this one; may be given again")
    asked = parser.parse_args()
    hold(Seals([os.environ.setdefault("SHOUWANG_SEAL_KEYS", new_key())]))  # here and in the roles that are started
    with temporary_postgres() as server:
        for storm in asked.storm or _STORMS:
            found = {"storm": _STORMS[storm], "homes": asked.homes, **measure(server, storm, asked.homes)}
            print(json.dumps(found, indent=2))  # noqa: T201 - a script's answer


if __name__ == "__main__":
    main()
