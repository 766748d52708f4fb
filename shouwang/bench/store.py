"""What does a stored reading cost? Rows a second into an empty table of PostgreSQL, and what both sides spend on it.

Beside it, in the same database: `executemany` of the same rows into a table of the same shape, a commit for each
batch on both sides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from rich.console import Group, RenderableType
from rich.table import Table

from detectors.registers import Interpreted, Registers
from registry.instants import DAY, SECOND, to_datetime
from registry.readings import ReadingBatch
from shouwang.bench import city, processes, stand
from shouwang.bench.report import Progress, silent
from shouwang.bench.stream import START, Homes
from storage import readings
from storage.database import connect

_ROWS = "INSERT INTO many_reading VALUES (%s, to_timestamp(%s), %s, %s, %s, %s) ON CONFLICT DO NOTHING"
_LIKE = "CREATE TABLE many_reading (LIKE reading INCLUDING ALL)"


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure: so many `batches` of `batch` readings; a tenth of them with `executemany`."""

    sensors: int = 100_000
    batch: int = 20_000
    batches: int = 50
    database_url: str | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """So many rows: seconds on the wall, and of the processor here and in the server (None where it is elsewhere)."""

    rows: int
    seconds: float
    client: float
    server: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the figures in SI units."""
        return {
            "rows": self.rows,
            "rows_per_second": round(self.rows / self.seconds),
            "client_processor_seconds_per_row": self.client / self.rows,
            "server_processor_seconds_per_row": self.server and self.server / self.rows,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured."""

    options: Options
    postgresql: str
    ours: Stored
    many: Stored

    @property
    def ratio(self) -> float:
        """How many times as many rows a second as with `executemany`."""
        return (self.ours.rows / self.ours.seconds) / (self.many.rows / self.many.seconds)

    @property
    def ratio_of_processor(self) -> float | None:
        """How many times as much of the processor `executemany` takes for a row, None where the server is elsewhere."""
        if self.ours.server is None or self.many.server is None:
            return None
        ours = (self.ours.client + self.ours.server) / self.ours.rows
        return (self.many.client + self.many.server) / self.many.rows / ours

    def to_json(self) -> dict[str, Any]:
        """Return all figures in SI units."""
        return {
            "options": asdict(self.options),
            "postgresql": self.postgresql,
            "write": self.ours.to_json(),
            "executemany": self.many.to_json(),
            "ratio": round(self.ratio, 1),
            "ratio_of_processor": self.ratio_of_processor and round(self.ratio_of_processor, 1),
        }

    def table(self) -> RenderableType:
        """Return what matters at a glance."""
        table = Table("way", title=f"rows into PostgreSQL {self.postgresql}, {self.options.batch:,} a transaction")
        for column in ("rows/s", "µs of the processor here", "in the server"):
            table.add_column(column, justify="right")
        for name, one in (("storage.readings.write", self.ours), ("executemany", self.many)):
            server = "elsewhere" if one.server is None else f"{one.server / one.rows * 1e6:.2f}"
            table.add_row(name, f"{one.rows / one.seconds:,.0f}", f"{one.client / one.rows * 1e6:.2f}", server)
        return Group(table, f"a ratio of [bold]{self.ratio:.1f}[/]")


def run(options: Options, progress: Progress = silent) -> Report:
    """Store both ways.

    Raises:
        BenchError: PostgreSQL does not start.
    """
    with ExitStack() as house:
        progress("starting PostgreSQL")
        conn = house.enter_context(connect(house.enter_context(stand.database(options.database_url))))
        conn.execute(_LIKE)
        homes, registers = Homes(options.sensors, options.seed), Registers()
        city.settle(conn, homes, to_datetime(START))
        progress(f"making {options.batches} batches of {options.batch:,} readings")
        made: list[tuple[ReadingBatch, Interpreted]] = []
        for batch in homes.batches(options.batch, START + 365 * DAY):
            made.append((batch, registers.interpret(batch, homes.table)))
            if len(made) == options.batches:
                break
        progress("storing them by COPY")
        ours = _timed(conn, made, _write)
        progress("storing a tenth of them with executemany")
        many = _timed(conn, made[: max(1, options.batches // 10)], _execute_many)
        version = conn.execute("SHOW server_version").fetchone()
        return Report(options, "" if version is None else str(version[0]).split(" ")[0], ours, many)


def _write(conn: psycopg.Connection, batch: ReadingBatch, interpreted: Interpreted) -> None:
    with conn.transaction():
        number = readings.next_batch(conn)
        received = to_datetime(int(batch.received[-1]))
        readings.write(conn, number, received, batch, interpreted.use, interpreted.flags)


def _execute_many(conn: psycopg.Connection, batch: ReadingBatch, interpreted: Interpreted) -> None:
    columns = (
        batch.sensor.tolist(),
        (batch.time / SECOND).tolist(),
        batch.value.tolist(),
        interpreted.use.tolist(),
        interpreted.flags.tolist(),
        [1] * len(batch),
    )
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(_ROWS, list(zip(*columns, strict=True)))


def _timed(
    conn: psycopg.Connection,
    made: list[tuple[ReadingBatch, Interpreted]],
    store: Callable[[psycopg.Connection, ReadingBatch, Interpreted], None],
) -> Stored:
    server = processes.postmaster(conn)
    before = 0.0 if server is None else processes.processor_seconds(server)
    began, client = time.monotonic(), time.process_time()
    for batch, interpreted in made:
        store(conn, batch, interpreted)
    seconds, client = time.monotonic() - began, time.process_time() - client
    spent = None if server is None else processes.processor_seconds(server) - before
    return Stored(sum(len(batch) for batch, _ in made), seconds, client, spent)
