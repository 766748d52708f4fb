"""How long until a city of a million sensors is watched again after a restart, in how much memory? And do pages answer?

A city is made in a PostgreSQL of its own (`shouwang.bench.city`): registered, some hours of every sensor's readings
judged and stored, the detectors' memory written down, and some minutes more that it does not know yet. Then a fresh
process starts an engine over it, as after a crash.
"""

from __future__ import annotations

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from alerts.ladders.policy_file import built_in
from registry.instants import HOUR, MINUTE, to_datetime
from shouwang.bench import city, pages, processes, stand
from shouwang.bench.pages import Answered
from shouwang.bench.report import Progress, silent
from shouwang.bench.stream import START, Homes
from shouwang.clock import StreamClock
from shouwang.engine import Engine
from storage.database import connect

_BATCH = 20_000
_AWAY = timedelta(minutes=10)
"""How long nobody was listening before the start."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure: `hours` of readings that the snapshot knows, `unsaved` minutes of those that it does not.

    `open` and `closed` alerts are in the database, and each page is asked for so many `times`.
    """

    sensors: int = 1_000_000
    hours: float = 1.25
    unsaved: float = 15.0
    open: int = 300
    closed: int = 20_000
    times: int = 20
    rules: str = "default"
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Start:
    """A start: seconds on the wall until the engine has looked at the clock once, and seconds of the processor.

    `peak` is the largest resident memory of the engine's process by then, bytes. `saving` is how long it takes to write
    the detectors' memory down, and `snapshot` how large that is.
    """

    seconds: float
    engine: float
    postgres: float
    peak: int
    replayed: int
    saving: float
    peak_saving: int
    snapshot: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured."""

    options: Options
    start: Start
    pages: list[Answered]

    def to_json(self) -> dict[str, Any]:
        """Return all figures: seconds and bytes, of pages milliseconds."""
        return {
            "options": asdict(self.options),
            "start": asdict(self.start),
            "pages": [asdict(one) for one in self.pages],
        }

    def table(self) -> RenderableType:
        """Return the start, and the slowest pages."""
        one = self.start
        start = Table(title=f"{self.options.sensors:,} sensors: a start", show_header=False)
        start.add_row("until the first look at the clock", f"{one.seconds:.1f} s")
        start.add_row("of the processor: engine, PostgreSQL", f"{one.engine:.1f} s, {one.postgres:.1f} s")
        start.add_row("memory at most", f"{one.peak / 1e9:.2f} GB; while saving {one.peak_saving / 1e9:.2f} GB")
        start.add_row("readings replayed", f"{one.replayed:,}")
        start.add_row("to save the detectors' memory", f"{one.saving:.1f} s for {one.snapshot / 1e9:.2f} GB")
        slowest = Table("reader", "the slowest of all pages and lists", title="pages at the server, milliseconds")
        for column in ("median", "worst"):
            slowest.add_column(column, justify="right")
        for answered in sorted(self.pages, key=lambda page: -page.median)[:12]:
            slowest.add_row(answered.reader, answered.path, f"{answered.median:.0f}", f"{answered.worst:.0f}")
        return Group(start, slowest)


def run(options: Options, progress: Progress = silent) -> Report:
    """Make a city, start an engine over it, ask for every page. A million sensors want 10 GB of disk, 5 of memory."""
    with stand.database(None) as database:
        progress(f"making a city of {options.sensors:,} sensors; of a million that takes some minutes")
        now = _apart(_make, database, options)
        progress("starting an engine over it")
        start = _apart(_start, database, options.rules, now + _AWAY)
        progress(f"ready after {start.seconds:.1f} s; asking for every page")
        return Report(options, start, pages.measure(database, now, silent, times=options.times))


def _apart(work: Any, *given: object) -> Any:
    """Return what a function returns, called in a fresh process: its memory is its own, and is given back."""
    fresh = get_context("spawn")
    with ProcessPoolExecutor(1, fresh, initializer=stand.seal_with, initargs=(stand.KEY,)) as process:
        return process.submit(work, *given).result()


def _make(database: str, options: Options) -> datetime:
    """Fill an empty database and return when the engine stopped, by its clock."""
    homes, policies, now = Homes(options.sensors, options.seed), built_in(), to_datetime(START)
    with connect(database) as conn:
        city.settle(conn, homes, now)
        clock = StreamClock(now)
        engine = Engine(connect(database), options.rules, policies, clock, snapshot_after=2**62)
        engine.load()
        known = START + round(options.hours * HOUR)
        for until in (known, known + round(options.unsaved * MINUTE)):
            if until > known:
                engine.save()
            for batch in homes.batches(min(_BATCH, options.sensors // 4), until):
                clock.hear(to_datetime(int(batch.received.max())))
                engine.hear(batch)
        engine.close()
        city.trouble(conn, homes, clock.now(), policies, open_=options.open, closed=options.closed)
        city.days(conn, homes, now, of=200, count=3)
        conn.execute("CHECKPOINT")
        return clock.now()


def _start(database: str, rules: str, now: datetime) -> Start:
    """Start an engine as the service does."""
    began, spent = time.perf_counter(), time.process_time()
    conn = connect(database)
    engine = Engine(conn, rules, built_in(), StreamClock(now))
    replayed = engine.load()
    engine.tick()
    seconds, own, peak = time.perf_counter() - began, time.process_time() - spent, _peak()
    served = processes.own_seconds(conn.info.backend_pid)
    began = time.perf_counter()
    engine.save()
    saving = time.perf_counter() - began
    row = conn.execute("SELECT sum(octet_length(state))::bigint FROM detector_state").fetchone()
    engine.close()
    return Start(seconds, own, served, peak, replayed, saving, _peak(), 0 if row is None else row[0])


def _peak() -> int:
    """Return the largest resident memory of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
