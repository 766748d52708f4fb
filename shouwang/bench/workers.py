"""Do two workers do twice as much as one? Real `shouwang worker` processes on one backlog in Kafka, 1, 2, 4 at a time.

Workers share this machine's cores with PostgreSQL and Kafka. What each takes of them is measured beside the time on the
wall, because it bounds what more workers can gain here: `Report.most`. So two loads are measured: the default rules, of
which PostgreSQL has a large share, and `models.toml`, detectors of River's, where workers have nearly all.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from rich.table import Table

from ingest.envelope import seal
from ingest.kafka import Writer
from ingest.topic import ensure_topic, remove_topic
from registry.instants import MINUTE, SECOND, to_datetime
from registry.readings import NO_READINGS
from shouwang.bench import city, processes, stand
from shouwang.bench.faust_peer import per_event
from shouwang.bench.machine import describe
from shouwang.bench.peers import Peer
from shouwang.bench.report import Progress, silent
from shouwang.bench.stream import START, Homes
from shouwang.distributed.gathering import Partitions
from shouwang.distributed.watching import LOOK_SECONDS
from shouwang.errors import BenchError
from storage import registry
from storage.database import connect

NO_KAFKA = "name a Kafka cluster for the workers to share: SHOUWANG_KAFKA_SERVERS=host:9092"
MODELS = Path(__file__).parent / "models.toml"
_QUARTER = 15 * MINUTE
_RATE = 1_000
"""Readings a second of one partition, as envelopes tell the time: a city of three million people in ten partitions."""
_SESSION = 6.0
_PATIENCE = 120.0

_OFFSETS = "SELECT number, next_offset FROM shard ORDER BY number"


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure: how many `workers` at a time, under which `rules`, for `seconds` behind `warm_up` seconds.

    `servers` is Kafka's `host:port,…`, `envelope` the readings of one, `most` the readings prepared for each second.
    Faust, event by event, is measured for `peer` seconds beside them, with 0 not at all.
    """

    servers: str | None = None
    workers: tuple[int, ...] = (1, 2, 4)
    rules: tuple[str, ...] = ("default", str(MODELS))
    partitions: int = 4
    sensors: int = 10_000
    seconds: float = 20.0
    warm_up: float = 10.0
    envelope: int = 500
    most: int = 150_000
    seed: int = 1
    peer: float = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """What so many workers did: readings judged in `seconds`, and how long a killed one's partitions stood still.

    `spent` are seconds of the processor in that time: of workers, postgresql and, where it is on this machine, kafka.
    """

    rules: str
    workers: int
    readings: int
    seconds: float
    spent: Mapping[str, float]
    takeover_seconds: float | None

    @property
    def per_second(self) -> float:
        """Readings a second."""
        return self.readings / self.seconds

    @property
    def cores(self) -> float:
        """How many cores it kept busy."""
        return sum(self.spent.values()) / self.seconds


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured on so many cores; a ratio is to the first run of the same rules, a peer's to the first run."""

    options: Options
    cores: int
    runs: Sequence[Run]
    peers: Sequence[Peer] = ()

    def ratio(self, run: Run) -> float:
        """Return how many times as fast it was as one worker, or as whatever was measured first."""
        return run.per_second / self._first(run).per_second

    def most(self, run: Run) -> float:
        """Return what that can be at most on these cores, if a reading costs no less of the processor than before.

        Amdahl's law, the whole machine being what is shared: n times the cores that the first run kept busy, of those
        that there are.
        """
        first = self._first(run)
        return min(run.workers / first.workers, self.cores / first.cores)

    def _first(self, run: Run) -> Run:
        return next(one for one in self.runs if one.rules == run.rules)

    def to_json(self) -> dict[str, Any]:
        """Return all figures, in SI units."""
        return {
            "options": asdict(self.options) | {"servers": None},  # whose cluster it was is nobody's business
            "session_seconds": _SESSION,
            "runs": [
                {
                    **asdict(run),
                    "rules": Path(run.rules).stem,
                    "readings_per_second": round(run.per_second),
                    "processor_seconds_per_million": {
                        name: round(spent / run.readings * 1e6, 3) for name, spent in run.spent.items()
                    },
                    "cores_busy": round(run.cores, 2),
                    "ratio": round(self.ratio(run), 2),
                    "ratio_these_cores_allow": round(self.most(run), 2),
                }
                for run in self.runs
            ],
            "peers": [{**one.to_json(), "ratio": round(one.ratio(self.runs[0].per_second), 1)} for one in self.peers],
        }

    def table(self) -> Table:
        """Return the figures for people to read."""
        options = self.options
        table = Table(
            "rules",
            title=f"workers on {options.partitions} partitions, {options.sensors:,} sensors, "
            f"envelopes of {options.envelope} readings, {self.cores} cores",
        )
        columns = "workers", "readings/s", "ratio", "possible here", "cores busy", "takeover"
        for column in (*columns[:5], *(f"{name}, µs a reading" for name in self.runs[0].spent), columns[5]):
            table.add_column(column, justify="right")
        for run in self.runs:
            table.add_row(
                Path(run.rules).stem,
                str(run.workers),
                f"{run.per_second:,.0f}",
                f"{self.ratio(run):.2f}",
                f"{self.most(run):.2f}",
                f"{run.cores:.2f}",
                *(f"{spent / run.readings * 1e6:.1f}" for spent in run.spent.values()),
                "" if run.takeover_seconds is None else f"{run.takeover_seconds:.1f} s",
            )
        for one in self.peers:
            table.add_row(one.name, "1", f"{one.per_second:,.0f}", f"1 to {one.ratio(self.runs[0].per_second):.1f}")
        return table


def run(options: Options, progress: Progress = silent) -> Report:
    """Let each number of workers judge the same stream from its beginning, on a database and a topic of their own.

    Raises:
        BenchError: no Kafka is named, or workers do not do what they are there for.
        BrokerError: Kafka cannot be reached.
    """
    if options.servers is None:
        raise BenchError(NO_KAFKA)
    if max(options.workers) > options.partitions:
        raise BenchError(f"{max(options.workers)} workers need as many partitions: --partitions {max(options.workers)}")
    found = []
    for rules in options.rules:
        for workers in options.workers:
            progress(f"{Path(rules).stem}: {workers} worker{'s' * (workers > 1)}")
            found.append(_measured(options, options.servers, rules, workers, progress))
    peers = []
    if options.peer:
        progress(f"Faust, event by event, for {options.peer:g} s")
        peers.append(per_event(options.servers, options.sensors, options.seed, options.peer))
    return Report(options, describe().cores, found, peers)


def _measured(options: Options, servers: str, rules: str, workers: int, progress: Progress) -> Run:
    topic = f"shouwang-bench-{time.time_ns()}"
    with ExitStack() as stack:
        folder = stack.enter_context(stand.workshop())
        database = stack.enter_context(stand.database(None))
        homes = Homes(options.sensors, options.seed)
        conn = stack.enter_context(connect(database))
        city.settle(conn, homes, to_datetime(START))
        ensure_topic(servers, topic, options.partitions)
        stack.callback(remove_topic, servers, topic)
        backlog = _Backlog(Writer(servers, topic, topic), homes, conn, options)
        settings = {
            "database_url": database,
            "kafka_servers": servers,
            "kafka_topic": topic,
            "kafka_group": topic,
            "kafka_partitions": str(options.partitions),
            "kafka_session_seconds": str(_SESSION),
            "rules": rules,
        }
        crew = _Crew(conn, backlog, folder)
        for number in range(workers):
            (folder / str(number)).mkdir()
            port = stand.free_port()
            crew.metrics.append(stand.Metrics(port))
            role = stand.role(folder / str(number), settings, "worker", "--metrics-port", str(port))
            crew.processes.append(stack.enter_context(role))
        progress("waiting until each has its partitions")
        crew.until(lambda: crew.divided(options.partitions), "the workers have divided the partitions among them")
        backlog.open()
        everywhere = [backlog.begins] * options.partitions
        crew.until(lambda: crew.offsets() == everywhere, "the workers have loaded what they need")
        backlog.write()
        crew.until(lambda: min(crew.offsets()) > backlog.begins, "every partition is being judged")
        progress(f"warming up for {options.warm_up:g} s, then measuring for {options.seconds:g} s")
        crew.work(options.warm_up)
        return crew.measured(rules, options.seconds, takeover=workers > 1)


class _Backlog:
    """The readings of some days by partition, sealed: what gateways sent in a quarter of an hour arrives behind it.

    One does not judge a city's partition with the few sensors that fit a measurement, so time is made denser: envelopes
    come as fast as `_RATE` says.
    """

    def __init__(self, writer: Writer, homes: Homes, conn: psycopg.Connection, options: Options) -> None:
        self._writer = writer
        partitions = Partitions(options.partitions)
        for row in registry.directory(conn):
            partitions.met(row)
        # Each partition begins with two envelopes of no readings: whoever judges them has loaded all it needs.
        self.begins = 2
        self._sealed: list[list[bytes]] = [
            [seal(START + turn * LOOK_SECONDS * SECOND, NO_READINGS) for turn in range(self.begins)]
            for _ in range(options.partitions)
        ]
        readings: list[list[int]] = [[0, 0] for _ in range(options.partitions)]
        wanted, quarter = round(options.most * (options.warm_up + options.seconds)), START
        while wanted > 0:
            batch = homes.quarter()
            quarter += _QUARTER
            wanted -= len(batch)
            for partition, part in partitions.parted(batch):
                for begin in range(0, len(part), options.envelope):
                    some = part.only(np.arange(begin, min(begin + options.envelope, len(part))))
                    at = quarter + 30 * SECOND + begin * SECOND // _RATE
                    self._sealed[partition].append(seal(at, some))
                    readings[partition].append(len(some))
        self._before = [np.cumsum([0, *one]) for one in readings]

    def open(self) -> None:
        """Send what goes before the readings."""
        for partition, sealed in enumerate(self._sealed):
            for one in sealed[: self.begins]:
                self._writer.write(partition, one)
        self._writer.flush()

    def write(self) -> None:
        """Send all readings, partition by partition in turn."""
        for turn in range(self.begins, max(map(len, self._sealed))):
            for partition, sealed in enumerate(self._sealed):
                if turn < len(sealed):
                    self._writer.write(partition, sealed[turn])
        while self._writer.waiting:
            self._writer.poll(0.1)

    def readings(self, offsets: Sequence[int]) -> int:
        """Return how many readings lie before offsets, one for each partition."""
        return sum(int(before[offset]) for before, offset in zip(self._before, offsets, strict=True))

    def done(self, offsets: Sequence[int]) -> bool:
        """Whether a partition is judged to its end."""
        return any(offset >= len(sealed) for sealed, offset in zip(self._sealed, offsets, strict=True))


@dataclass(slots=True)
class _Crew:
    """Workers, and what they have committed."""

    conn: psycopg.Connection
    backlog: _Backlog
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    metrics: list[stand.Metrics] = field(default_factory=list)

    def offsets(self) -> list[int]:
        """Return how far each partition is that was ever watched."""
        return [int(offset) for _, offset in self.conn.execute(_OFFSETS)]

    def divided(self, partitions: int) -> bool:
        """Whether all partitions are assigned, and each worker has its share."""
        if not all(one.answers() for one in self.metrics):
            return False
        shares = [int(one.read()["shouwang_partitions"]) for one in self.metrics]
        return sum(shares) == partitions and min(shares) >= partitions // len(shares)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait."""
        log = self.folder / "0" / "worker.log"
        stand.until(condition, what, self.processes[0], log, _PATIENCE)

    def work(self, seconds: float) -> None:
        """Let them work; end early where there is nothing left to do."""
        over = time.monotonic() + seconds
        while time.monotonic() < over and not self.backlog.done(self.offsets()):
            time.sleep(0.05)

    def measured(self, rules: str, seconds: float, *, takeover: bool) -> Run:
        """Measure."""
        before, spent, began = self.offsets(), self._spent(), time.monotonic()
        if self.backlog.done(before):
            raise BenchError("the backlog was judged before it was measured: more readings a second with --most")
        self.work(seconds)
        after, used, lasted = self.offsets(), self._spent(), time.monotonic() - began
        readings = self.backlog.readings(after) - self.backlog.readings(before)
        if not readings:
            raise BenchError("nothing was committed: measure for longer with --seconds")
        costs = {name: used[name] - spent[name] for name in used}
        return Run(rules, len(self.processes), readings, lasted, costs, self._takeover() if takeover else None)

    def _takeover(self) -> float:
        """Kill a worker as a power cut would; return the seconds until all partitions go on."""
        stood = self.offsets()
        self.processes[-1].send_signal(signal.SIGKILL)
        self.processes[-1].wait()
        began = time.monotonic()
        self.until(lambda: all(now > at for now, at in zip(self.offsets(), stood, strict=True)), "others take over")
        return time.monotonic() - began

    def _spent(self) -> dict[str, float]:
        postgres = processes.postmaster(self.conn)
        kafka = list(_kafka())
        told = {
            "workers": sum(processes.processor_seconds(one.pid) for one in self.processes),
            "postgresql": 0.0 if postgres is None else processes.processor_seconds(postgres),
        }
        return told | ({"kafka": sum(map(processes.processor_seconds, kafka))} if kafka else {})


def _kafka() -> Iterator[int]:
    """Yield the processes of Kafka on this machine."""
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"\0kafka.Kafka\0" in one.read_bytes():
                yield int(one.parent.name)
        except OSError:
            continue
