"""Promise 7 of DESIGN §2: time is data. No logic reads the wall clock, and the year it is changes nothing."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.integration.engine_house import START, HandClock, Life, at_work, forget, live, rows, settle

ROOT = Path(__file__).parents[2]
_CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now",
    "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today", "time.time", "time.time_ns",
    "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns", "time.localtime",
    "time.gmtime", "time.ctime", "time.sleep", "uuid.uuid1", "uuid1",
}  # fmt: skip
_PACED = {
    "storage/embedded.py": "how long a server process is waited for",
    "ingest/broker.py": "how long a server process is waited for",
    "ingest/topic.py": "how long a topic that was just made is waited for",
    "ingest/mqtt.py": "how long the broker has been quiet, so that a stop can wait for what is on its way",
    "simulators/receipts.py": "when a lost connection is tried again",
    "dashboards/headers.py": "how long an answer took, for Prometheus",
    "dashboards/privacy/trailing.py": "how often somebody whose page stays open is on the audit trail, by real hours",
    "shouwang/clock.py": "the one place where the real time comes from",
    "shouwang/instance.py": "how long a service that is being restarted is waited for",
    "shouwang/listening.py": "how often the loop goes round",
    "shouwang/distributed/gathering.py": "how long messages are gathered, and how often the loop goes round",
    "shouwang/distributed/roles.py": "how often somebody looks whether the consumer is alive",
    "shouwang/escalating.py": "how often the loop goes round",
    "shouwang/auditing.py": "how often answers are measured anew",
    "shouwang/probe.py": "how old a heartbeat is: a health check, on the standard library alone",
    "shouwang/heartbeat.py": "how often somebody outside is told that all is well",
    "shouwang/up.py": "how long a predecessor and the last messages are waited for",
    "shouwang/replaying.py": "how fast a recording is published",
}
"""Shells that wait for other processes; none of them decides anything about a household by it."""
_MEASURING = "shouwang/bench/"
"""Says how long things take; nothing that it measures asks it."""
_DATED_BY_THE_DATABASE = {
    "storage/tokens.py": "access ends in the real world",
    "storage/sessions.py": "likewise",
    "storage/attempts.py": "likewise: who tries too often waits in the real world",
    "storage/accounts.py": "when somebody signed in",
    "storage/migrations/0017_accounts.sql": "likewise",
    "storage/trail.py": "when somebody saw or did something, whatever time a town has",
    "dashboards/privacy/revealing.py": "whether that was within the hour, by the trail's clock",
    "storage/shards.py": "when a worker took a shard over, for whoever looks into it",
    "storage/migrations/0011_shards.sql": "likewise",
    "storage/migrate.py": "when a migration was applied",
    "storage/migrations/0001_house.sql": "when a token was made",
    "storage/audit.py": "whether anybody audits at all",
}
_SQL_CLOCK = re.compile(
    r"\bnow\(\)|\b(current_timestamp|current_date|current_time|localtimestamp|clock_timestamp|statement_timestamp"
    r"|transaction_timestamp|timeofday)\b",
    re.IGNORECASE,
)
_FOLDERS = ("registry", "detectors", "alerts", "ingest", "storage", "simulators", "dashboards", "shouwang")


def _clocks_read(source: str) -> set[str]:
    """Return the clocks that a module names, whether it calls them there or hands them on, however imported."""
    tree = ast.parse(source)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                plain = alias.name if node.module == "datetime" else f"{node.module}.{alias.name}"
                known[alias.asname or alias.name] = plain
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            first, dot, rest = ast.unparse(node).partition(".")
            found.add(known.get(first, first) + dot + rest)
    return found & _CLOCKS


def _texts(path: Path) -> list[str]:
    """Return what may be SQL in a file: the strings of a module, the whole of any other."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return [source]
    constants = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [value for value in constants if isinstance(value, str)]


def test_promise_7_time_is_data_no_logic_reads_the_wall_clock() -> None:
    assert _clocks_read("import time as t\nt.monotonic()") == {"time.monotonic"}
    assert _clocks_read("from time import perf_counter as p\nx = p") == {"time.perf_counter"}
    assert _clocks_read("from datetime import datetime, UTC\ndatetime.now(UTC)") == {"datetime.now"}
    assert _clocks_read("import datetime\ndatetime.date.today()") == {"datetime.date.today"}
    reading, asking = {}, set()
    for folder in _FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(_MEASURING):
                continue
            if path.suffix == ".py" and (clocks := _clocks_read(path.read_text(encoding="utf-8"))):
                reading[name] = clocks
            if path.suffix in (".py", ".sql") and any(_SQL_CLOCK.search(text) for text in _texts(path)):
                asking.add(name)
    assert set(reading) == set(_PACED)
    # Paced shells count seconds; what day it is they learn from the clock that is handed to them.
    dated = {name for name, clocks in reading.items() if not clocks <= {c for c in _CLOCKS if c.startswith("time.")}}
    assert dated == {"shouwang/clock.py", "shouwang/probe.py"}
    assert not any(clocks & {"time.time", "time.time_ns", "time.localtime"} for clocks in reading.values())
    assert asking == set(_DATED_BY_THE_DATABASE)


_RULES = """
[[rule]]
type = "low_use"
name = "pause"
hours = 12
[[rule]]
type = "day_use"
name = "day"
below = 10
above = 200
[[rule]]
type = "constant_use"
name = "leak"
slots = 4
minutes = 30
"""


def test_promise_7_the_same_stream_raises_the_same_alerts_whatever_the_year(database: str, tmp_path: Path) -> None:
    ruleset = tmp_path / "rules.toml"
    ruleset.write_text(_RULES, encoding="utf-8")
    settle(database)
    messages = Life(days=2, seed=21).messages()

    def told(table: str, shift: timedelta = timedelta(0)) -> list[tuple[Any, ...]]:
        said = {"alert": "onset, raised_at, status, outcome", "finding": "onset, time, phase"}[table]
        found = rows(database, f"SELECT household, kind, rule, {said} FROM {table}")
        return sorted((*row[:3], row[3] - shift, row[4] - shift, *map(str, row[5:])) for row in found)

    def lived(years: int) -> None:
        """Live through the stream as it would come in that many years: its clock and its readings both say so."""
        shift = timedelta(days=1461 * years // 4)
        forget(database)
        clock = HandClock(START + shift)
        with at_work(database, clock, str(ruleset)) as engine:
            live(engine, clock, Life(days=2, seed=21, start=START + shift).messages())
            engine.tick()

    def replayed(years: int) -> None:
        """Take the stream in as a recording of so many years ago."""
        forget(database)
        with at_work(database, HandClock(START + timedelta(days=365 * years)), str(ruleset)) as engine:
            for at in range(0, len(messages), 100):
                engine.process([message for _, message in messages[at : at + 100]])
            engine.tick()

    lived(0)
    alerts, findings = told("alert"), told("finding")
    assert {kind for _, kind, *_ in alerts} == {"inactivity", "excess", "leak", "smoke"}
    assert len(alerts) > 10
    lived(8)
    shift = timedelta(days=1461 * 2)
    assert (told("alert", shift), told("finding", shift)) == (alerts, findings)

    # What is long over is closed by itself, so that the next of its kind is an alert of its own; what was found stays.
    replayed(4)
    alerts = told("alert")
    assert told("finding") == findings
    replayed(31)
    assert (told("alert"), told("finding")) == (alerts, findings)
