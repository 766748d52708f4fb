"""What Faust carries event by event, the way its documentation shows, on the same cluster and the same machine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import psycopg

from ingest.kafka import Writer
from ingest.topic import ensure_topic, remove_topic
from registry.instants import SECOND
from shouwang.bench import naive, processes, stand
from shouwang.bench.peers import Peer
from shouwang.bench.stream import Homes
from shouwang.errors import BenchError
from storage.database import connect

_WARM_UP = 5.0
_RATE = 15_000
"""Readings that wait for each second: more than it takes, so that it never waits itself."""
_COUNT = "SELECT count(*) FROM naive_reading"
_NAME = "Faust, an event a reading"


def per_event(servers: str, sensors: int, seed: int, seconds: float) -> Peer:
    """Measure `per_event.py` on a topic and a database of its own.

    Raises:
        BenchError: it does not start, or does not last.
        BrokerError: Kafka cannot be reached.
    """
    topic = f"shouwang-bench-{time.time_ns()}"
    with ExitStack() as stack:
        folder = stack.enter_context(stand.workshop())
        database = stack.enter_context(stand.database(None))
        conn = stack.enter_context(connect(database))
        conn.execute(naive.TABLE)
        ensure_topic(servers, topic, 1)
        stack.callback(remove_topic, servers, topic)
        writer = Writer(servers, topic, topic)
        for one in _events(Homes(sensors, seed), round(_RATE * (_WARM_UP + seconds))):
            writer.write(0, one)
        writer.flush()
        command = [sys.executable, "-m", "shouwang.bench.per_event", servers, topic, database, str(sensors)]
        return _measured(command, folder / "faust.log", conn, seconds)


def _events(homes: Homes, wanted: int) -> Iterator[bytes]:
    """Yield at least so many readings as JSON."""
    encode, sent = msgspec.json.Encoder().encode, 0
    while sent < wanted:
        batch = homes.quarter()
        sent += len(batch)
        for sensor, at, value in zip(
            batch.sensor.tolist(), (batch.time / SECOND).tolist(), batch.value.tolist(), strict=True
        ):
            yield encode({"n": homes.table.name(sensor), "t": at, "v": value})


def _measured(command: list[str], log: Path, conn: psycopg.Connection, seconds: float) -> Peer:
    with (
        log.open("wb") as told,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told) as process,  # noqa: S603 - our own
    ):
        try:
            assert process.stdout is not None, "a pipe was asked for"  # noqa: S101 - for the type checker
            if not any(b"ready" in line for line in process.stdout):
                raise BenchError(f"{_NAME} did not start: {log.read_text()[-2000:]}")
            stand.until(lambda: _count(conn), "Faust stores its first readings", process, log)
            time.sleep(_WARM_UP)
            pids = {"Faust": process.pid, "PostgreSQL": processes.postmaster(conn)}
            rows, before, began = _count(conn), _spent(pids), time.monotonic()
            time.sleep(seconds)
            # Rows come once a second: in a short time, on a busy machine, there may be none yet.
            stand.until(lambda: _count(conn) > rows, "Faust stores more", process, log)
            if process.poll() is not None:
                raise BenchError(f"{_NAME} ended while it was measured: {log.read_text()[-2000:]}")
            more, after, ended = _count(conn), _spent(pids), time.monotonic()
        finally:
            process.kill()
    return Peer(_NAME, more - rows, ended - began, {who: after[who] - each for who, each in before.items()})


def _count(conn: psycopg.Connection) -> int:
    [(rows,)] = conn.execute(_COUNT)
    return int(rows)


def _spent(pids: dict[str, int | None]) -> dict[str, float]:
    return {who: processes.processor_seconds(pid) for who, pid in pids.items() if pid is not None}
