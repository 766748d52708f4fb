"""How much room a reading takes: a month of the simulated town, before and after TimescaleDB compresses it.

`python -m tests.benchmarks.space [CONNINFO]` makes a database of its own on that server (an embedded PostgreSQL if none
is named), fills it as the engine would, and prints JSON. Tables count with their indexes, as they are after the month:
the primary key of `reading` is a third of what is there before.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo

from detectors.registers import Registers
from registry.instants import SECOND
from registry.quantities import Quantity
from registry.readings import SensorTable
from shouwang.backtest.town import TownPlan, TownReadings
from storage.database import connect
from storage.embedded import temporary_postgres
from storage.migrate import migrate
from storage.retention import Keep, tell_timescaledb

_BATCH = SECOND // 10
"""A city's engine commits ten times a second: the next reading of a meter comes some thousand batches later."""

_COPY = "COPY reading (sensor, time, value, use, flags, batch) FROM STDIN"
_AGGREGATES = ("reading_quarter", "reading_hour", "reading_day")
_HELD = "SELECT count(*), pg_total_relation_size('reading'), pg_indexes_size('reading') FROM reading"
_COMPRESS = "SELECT count(compress_chunk(chunk)) FROM show_chunks(%s::regclass) AS chunk"
_COMPRESSED = """
SELECT sum(before_compression_total_bytes)::bigint, sum(before_compression_index_bytes)::bigint,
       sum(after_compression_total_bytes)::bigint
FROM chunk_compression_stats(coalesce(
    (SELECT format('%%I.%%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass
     FROM timescaledb_information.continuous_aggregates WHERE view_name = %s), 'reading'))
"""


@dataclass(slots=True)
class Town:
    """Gives the sensors of the simulated town their numbers."""

    sensors: SensorTable = field(default_factory=SensorTable)
    numbers: dict[tuple[str, Quantity], int] = field(default_factory=dict)

    def of(self, device: str, quantity: Quantity) -> int:
        """Return a sensor's number."""
        number = self.numbers.setdefault((device, quantity), len(self.numbers) + 1)
        if number >= len(self.sensors) or not self.sensors.quantity[number]:
            self.sensors.add(number, device, quantity, device, "Asia/Shanghai")
        return number


def fill(conn: psycopg.Connection, town: TownReadings) -> None:
    """Store the town's readings in the order of their times, each with the batch that a city's engine is at then."""
    numbers, registers = Town(), Registers()
    for day, share in town.batches(numbers):
        batch = day.only(np.argsort(day.time, kind="stable"))
        meant = registers.interpret(batch, numbers.sensors)
        columns = (
            batch.sensor.tolist(),
            np.datetime_as_string(batch.time.astype("datetime64[us]"), timezone="UTC").tolist(),
            batch.value.tolist(),
            ["\\N" if np.isnan(use) else use for use in meant.use.tolist()],
            meant.flags.tolist(),
            (batch.time // _BATCH).tolist(),
        )
        with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write("".join("\t".join(map(str, row)) + "\n" for row in zip(*columns, strict=True)))
        print(f"\r{share:4.0%}", end="", file=sys.stderr, flush=True)  # noqa: T201 - a command line
    print(file=sys.stderr)  # noqa: T201


def measured(conn: psycopg.Connection) -> dict[str, Any]:
    """Return bytes for each reading, and on TimescaleDB what compression makes of them."""
    if not tell_timescaledb(conn, Keep()):
        count, total, indexes = _row(conn, _HELD)
        return {"readings": count, "bytes_a_reading": _over(total, count), "of_which_indexes": _over(indexes, count)}
    found: dict[str, Any] = {"readings": _row(conn, "SELECT count(*) FROM reading")[0]}
    for series in _AGGREGATES:
        conn.execute(f"CALL refresh_continuous_aggregate('{series}', NULL, NULL)")
    for series in ("reading", *_AGGREGATES):
        chunks = _row(conn, _COMPRESS, series)[0]
        before, indexes, after = _row(conn, _COMPRESSED, series)
        found[series] = {
            "chunks": chunks,
            "bytes_a_reading_before": _over(before, found["readings"]),
            "of_which_indexes": _over(indexes, found["readings"]),
            "bytes_a_reading_after": _over(after, found["readings"]),
            "ratio": round(before / after, 1),
        }
    return found


def _row(conn: psycopg.Connection, query: str, *given: str) -> tuple[Any, ...]:
    row = conn.execute(query.encode(), given).fetchone()
    assert row is not None, "an aggregate without groups has a row"
    return row


def _over(size: int, count: int) -> float:
    return round(size / count, 1)


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", nargs="?", help="conninfo of a server that may be given a database")
    parser.add_argument("--households", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    asked = parser.parse_args()
    with ExitStack() as house:
        server = asked.server or house.enter_context(temporary_postgres())
        name = f"shouwang_space_{os.getpid()}"
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}"'.encode())
            with connect(make_conninfo(server, dbname=name)) as conn:
                migrate(conn)
                fill(conn, TownReadings(TownPlan(1, asked.households, asked.days)))
                print(json.dumps(measured(conn), indent=1))  # noqa: T201 - a command line
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


if __name__ == "__main__":
    main()
