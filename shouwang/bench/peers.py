"""Others that do the same, measured on the same servers in the same run: a ratio is worth more than a figure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from registry.instants import MINUTE, to_micros
from shouwang.bench import naive as naive_pipeline
from shouwang.bench import processes, spool, stand
from shouwang.bench.spool import Spool
from shouwang.bench.stream import Homes
from shouwang.bench.under_load import City, generating
from shouwang.clock import LiveClock
from shouwang.errors import BenchError

_RATE, _MESSAGES = 25_000.0, 10_000.0
"""Readings and messages a second that a peer is sent at the most: more than any takes, so that it never waits."""
_WARM_UP = 5.0
_THOROUGH = 4_000
"""Sensors of which everything is asked with an object each."""
_NODE_RED_TABLE = """
CREATE TABLE node_red_reading (
    sensor text NOT NULL, time timestamptz NOT NULL, value double precision NOT NULL, PRIMARY KEY (sensor, time)
)
"""
_NODE_RED = Path(__file__).parent / "node_red.js"


@dataclass(frozen=True, slots=True)
class Peer:
    """What another pipeline did: rows stored in so many seconds, and what that took of the processor, by process."""

    name: str
    rows: int
    seconds: float
    spent: Mapping[str, float]

    @property
    def per_second(self) -> float:
        """Readings stored a second."""
        return self.rows / self.seconds

    def ratio(self, ours: float) -> float:
        """Return how many times more `ours` readings a second are."""
        return ours / self.per_second if self.rows else float("inf")

    def to_json(self) -> dict[str, Any]:
        """Return the figures in SI units."""
        millions = max(self.rows, 1) / 1e6
        return {
            "name": self.name,
            "seconds": round(self.seconds, 2),
            "readings_per_second": round(self.per_second),
            "processor_seconds_per_million_readings": {
                name: round(each / millions, 1) for name, each in self.spent.items()
            },
        }


def needed(seconds: float) -> int:
    """Return how many readings a peer is sent that is measured for so long."""
    return round((seconds + _WARM_UP + 1) * _RATE) if seconds else 0


def naive(town: City, seconds: float) -> Peer:
    """Measure the pipeline of `naive.py` with few questions; its objects are made before the clock starts.

    Raises:
        BenchError: it does not start, or does not last.
    """
    return _naive("naive, few questions", "few", town, town.spool, town.setting.sensors, seconds)


def thorough(town: City, seconds: float) -> Peer:
    """Measure it with all questions, on fewer homes: the objects of all would not fit into memory.

    Raises:
        BenchError: it does not start, or does not last.
    """
    sensors = min(town.setting.sensors, _THOROUGH)
    until = to_micros(LiveClock().now()) - MINUTE
    homes = Homes(sensors, town.setting.seed)
    fewer = spool.write(town.folder / "thorough", homes, needed(seconds), town.setting.pack, until)
    return _naive("naive, all questions", "all", town, fewer, sensors, seconds)


def _naive(name: str, questions: str, town: City, said: Spool, sensors: int, seconds: float) -> Peer:
    broker = town.broker
    command = [
        sys.executable, "-m", "shouwang.bench.naive",
        broker.host, str(broker.port), town.database, questions, str(sensors),
    ]  # fmt: skip
    return _measured(name, replace(town, spool=said), command, naive_pipeline.TABLE, "naive_reading", seconds)


def node_red(town: City, folder: Path, seconds: float) -> Peer:
    """Measure a flow of Node-RED's that stores what it hears and judges nothing.

    `folder` is where `npm install node-red pg` was run.

    Raises:
        BenchError: it is not there, does not start, or does not last.
    """
    program = folder.absolute() / "node_modules" / "node-red" / "red.js"
    if not program.exists():
        raise BenchError(f"there is no Node-RED in {folder}: run `npm install node-red pg` there")
    home = town.folder / "node-red"
    home.mkdir()
    told = {
        "modules": str(folder.absolute() / "node_modules"),
        "port": stand.free_port(),
        "database": {
            {"dbname": "database"}.get(name, name): value for name, value in conninfo_to_dict(town.database).items()
        },
    }
    (home / "told.json").write_text(json.dumps(told), encoding="utf-8")
    (home / "settings.js").write_text(_NODE_RED.read_text(encoding="utf-8"), encoding="utf-8")
    (home / "flows.json").write_text(json.dumps(_flow(town)), encoding="utf-8")
    node = shutil.which("node", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}") or "node"
    command = [node, str(program), "--userDir", str(home), "--settings", str(home / "settings.js"), "flows.json"]
    return _measured("Node-RED", town, command, _NODE_RED_TABLE, "node_red_reading", seconds, "Connected to broker")


def _flow(town: City) -> Sequence[Mapping[str, object]]:
    """Return MQTT in, JSON parsed, and a function that stores a message's rows by one statement."""
    broker = {
        "id": "broker",
        "type": "mqtt-broker",
        "broker": town.broker.host,
        "port": str(town.broker.port),
        "protocolVersion": "5",
        "keepalive": "60",
        "cleansession": True,
        "autoConnect": True,
    }
    heard = {"id": "in", "type": "mqtt in", "z": "tab", "topic": "telemetry/#", "qos": "1", "datatype": "json"}
    store = {
        "id": "store",
        "type": "function",
        "z": "tab",
        "outputs": 0,
        "wires": [],
        "func": "await global.get('store')(msg.payload);",
    }
    return [{"id": "tab", "type": "tab"}, broker, {**heard, "broker": "broker", "wires": [["store"]]}, store]


def _measured(
    name: str, town: City, command: Sequence[str], definition: str, table: str, seconds: float, ready: str = "ready"
) -> Peer:
    """Send a peer more than it takes, from the spool's beginning, and count what it stores."""
    town = replace(town, next=0)
    town.conn.execute(f"DROP TABLE IF EXISTS {table}; {definition}".encode())
    log = town.folder / f"{table}.log"
    with (
        log.open("wb") as told,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True) as process,  # noqa: S603 - our own
    ):
        try:
            assert process.stdout is not None, "a pipe was asked for"  # noqa: S101 - for the type checker
            if not any(ready in line for line in process.stdout):
                raise BenchError(f"{name} did not start: {log.read_text()[-2000:]}")
            with generating(town, min(_RATE, _MESSAGES * town.setting.pack), receipts=False):
                time.sleep(_WARM_UP)
                pids = {name: process.pid, "PostgreSQL": processes.postmaster(town.conn)}
                rows, began, before = _look(town, table, pids)
                time.sleep(seconds)
                if process.poll() is not None:
                    raise BenchError(f"{name} ended while it was measured: {log.read_text()[-2000:]}")
                more, ended, after = _look(town, table, pids)
        finally:
            process.kill()
    return Peer(name, more - rows, ended - began, {who: after[who] - each for who, each in before.items()})


def _look(town: City, table: str, pids: Mapping[str, int | None]) -> tuple[int, float, dict[str, float]]:
    rows = town.count(f"SELECT count(*) FROM {table}")
    spent = {who: processes.processor_seconds(pid) for who, pid in pids.items() if pid is not None}
    return rows, time.monotonic(), spent
