"""A service and what is sent to it: servers, registered homes and a spool, and one stretch of load after the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from registry.instants import MINUTE, to_micros
from shouwang.bench import processes, spool, stand
from shouwang.bench.city import settle
from shouwang.bench.generator import Load
from shouwang.bench.machine import MOSQUITTO
from shouwang.bench.report import Progress
from shouwang.bench.spool import Spool
from shouwang.bench.stand import Broker
from shouwang.bench.stream import Homes
from shouwang.clock import LiveClock
from shouwang.errors import BenchError
from storage.database import connect

STORED = "shouwang_readings_stored_total"
MESSAGES = "shouwang_messages_total"
_DRAIN = 180.0


@dataclass(frozen=True, slots=True)
class Setting:
    """On what to measure: so many `sensors` that speak in packs of `pack`, which broker and which PostgreSQL.

    `broker` is `mosquitto` or `embedded`; without a `database_url` an embedded PostgreSQL is started. `window`
    messages may wait for their commit.
    """

    pack: int = 50
    sensors: int = 100_000
    broker: str = "embedded" if MOSQUITTO is None else "mosquitto"
    database_url: str | None = None
    rules: str = "default"
    window: int = 2_000
    seed: int = 1

    @property
    def most(self) -> int:
        """More readings than are committed in a second: so many are prepared for each."""
        return min(200_000, 30_000 * self.pack)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a running service: `at` by the monotonic clock, what was `spent` by the processor's, seconds."""

    at: float
    stored: float
    messages: float
    memory: int
    spent: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time under load, looked at once a second; `waited` are seconds from sending a message to its receipt."""

    samples: Sequence[Sample]
    waited: Sequence[float]
    sent: int
    ran_out: bool

    @property
    def seconds(self) -> float:
        """How long it was looked at."""
        return self.samples[-1].at - self.samples[0].at

    @property
    def stored(self) -> float:
        """Readings committed for the first time meanwhile."""
        return self.samples[-1].stored - self.samples[0].stored

    @property
    def per_second(self) -> float:
        """Readings committed for the first time, a second."""
        return self.stored / self.seconds

    @property
    def messages_per_second(self) -> float:
        """Messages acknowledged a second."""
        return (self.samples[-1].messages - self.samples[0].messages) / self.seconds

    @property
    def worst(self) -> float:
        """The lowest rate over any ten seconds, or over all if that is less."""
        if self.seconds <= 10.0:
            return self.per_second
        at = np.array([one.at for one in self.samples])
        stored = np.array([one.stored for one in self.samples])
        behind = np.searchsorted(at, at - 9.9, "right") - 1
        rows = np.flatnonzero(behind >= 0)
        return float(np.min((stored[rows] - stored[behind[rows]]) / (at[rows] - at[behind[rows]])))

    @property
    def spent(self) -> dict[str, float]:
        """Seconds of the processor for each million readings, by process."""
        first, last = self.samples[0].spent, self.samples[-1].spent
        return {name: (seconds - first[name]) / self.stored * 1e6 for name, seconds in last.items()}

    @property
    def growth(self) -> float:
        """Bytes a minute by which the service's memory grew over the second half, by least squares."""
        half = self.samples[len(self.samples) // 2 :]
        if len(half) < 3:
            return 0.0
        at, memory = np.array([one.at for one in half]), np.array([one.memory for one in half])
        return float(np.polyfit(at - at[0], memory, 1)[0]) * 60

    def percentile(self, share: float) -> float:
        """Return how long a message waited for its receipt, seconds, at a percentile; NaN without any."""
        return float(np.percentile(self.waited, share)) if self.waited else float("nan")


@dataclass(slots=True)
class City:
    """Servers with registered homes, and what the homes are going to say; `next` is the first message not yet sent."""

    setting: Setting
    folder: Path
    homes: Homes
    spool: Spool
    database: str
    broker: Broker
    conn: psycopg.Connection
    next: int = 0

    @property
    def postgresql(self) -> str:
        """The server's version."""
        row = self.conn.execute("SHOW server_version").fetchone()
        return "" if row is None else str(row[0]).split(" ")[0]

    @property
    def settings(self) -> dict[str, str]:
        """What a role of the service is told."""
        told = {"database_url": self.database, "mqtt_url": self.broker.url, "rules": self.setting.rules}
        return {**told, "log_level": "warning"}

    def count(self, query: str) -> int:
        """Return a number that a query counts."""
        row = self.conn.execute(query.encode()).fetchone()
        return 0 if row is None else int(row[0])

    @property
    def sent(self) -> int:
        """How many readings were sent that differ in sensor and time."""
        return int(self.spool.new[self.next - 1]) if self.next else 0


@dataclass(slots=True)
class Service:
    """A running `shouwang ingest`."""

    process: subprocess.Popen[bytes]
    metrics: stand.Metrics
    others: Mapping[str, int] = field(default_factory=dict)
    """Further processes whose use of the processor is looked at, by name."""

    def sample(self, pids: Mapping[str, int | None]) -> Sample:
        """Look at it."""
        if self.process.poll() is not None:
            raise BenchError("the service ended while it was measured")
        told = self.metrics.read()
        spent = {name: processes.processor_seconds(pid) for name, pid in pids.items() if pid is not None}
        spent["bench"] = processes.own_seconds(os.getpid())
        memory = processes.memory_bytes(self.process.pid)
        return Sample(time.monotonic(), told[STORED], told[MESSAGES], memory, spent)


@contextmanager
def city(setting: Setting, readings: int, progress: Progress) -> Iterator[City]:
    """Write down so many readings of the homes, start the servers, and register the homes.

    Raises:
        BenchError: a server does not start.
    """
    with stand.workshop() as folder:
        homes = Homes(setting.sensors, setting.seed)
        progress(f"writing {readings:,} readings in packs of {setting.pack}")
        now = LiveClock().now()
        until = to_micros(now) - MINUTE
        written = spool.write(folder / "spool", homes, readings, setting.pack, until)
        progress("starting PostgreSQL and the broker, registering homes")
        with (
            stand.database(setting.database_url) as database,
            stand.broker(setting.broker, folder) as broker,
            connect(database) as conn,
        ):
            settle(conn, homes, now)
            yield City(setting, folder, homes, written, database, broker, conn)


@contextmanager
def service(town: City) -> Iterator[Service]:
    """Run `shouwang ingest` as it is run in production."""
    port = stand.free_port()
    metrics = stand.Metrics(port)
    with stand.role(town.folder, town.settings, "ingest", "--metrics-port", str(port)) as process:
        stand.until(metrics.answers, "ingest is at work", process, town.folder / "ingest.log")
        yield Service(process, metrics)


def load(
    town: City,
    loaded: Service,
    warm_up: float,
    seconds: float,
    rate: float | None,
    progress: Progress,
    beside: Callable[[], object] = lambda: None,
) -> Stretch:
    """Send for `warm_up` seconds, then look at the service for `seconds`; wait until all that was sent is committed.

    `rate` is in readings a second, None for as fast as they are committed. `beside` is called when the warm-up is over.
    """
    with generating(town, rate, receipts=True) as generator:
        progress(f"warming up for {warm_up:g} s")
        pids = {
            "service": loaded.process.pid,
            "PostgreSQL": processes.postmaster(town.conn),
            "broker": town.broker.pid,
            "generator": generator.pid,
            **loaded.others,
        }
        begin = time.monotonic() + warm_up
        _sleep_until(begin)
        beside()
        samples = _watched(loaded, generator, pids, begin, seconds, progress)
        progress("waiting until all that was sent is committed")
        told = _ended(generator, town)
    began, ended = samples[0].at, samples[-1].at
    waited = [wait for at, wait in zip(told["sent_at"], told["waited"], strict=True) if began <= at + wait <= ended]
    if told["committed"] < told["behind"]:
        raise BenchError(f"messages got no receipt: {told['committed']:,} of {told['behind']:,} are committed")
    first, town.next = town.next, int(told["behind"])
    sent = town.sent - (int(town.spool.new[first - 1]) if first else 0)
    return Stretch(samples, waited, sent, bool(told["ran_out"]))


@contextmanager
def generating(town: City, rate: float | None, *, receipts: bool) -> Iterator[subprocess.Popen[str]]:
    """Run a generator that goes on where the last one ended; without `receipts` it does not wait for commits."""
    setting = town.setting
    sending = Load(
        host=town.broker.host,
        port=town.broker.port,
        spool=str(town.spool.path),
        first=town.next,
        window=setting.window if receipts else None,
        rate=None if rate is None else rate / setting.pack,
        result=str(_result(town)),
    )
    _result(town).unlink(missing_ok=True)
    log = town.folder / "generator.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "shouwang.bench.generator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        )
    with process:
        try:
            assert process.stdin is not None, "a pipe was asked for"  # noqa: S101 - for the type checker
            assert process.stdout is not None, "a pipe was asked for"  # noqa: S101 - likewise
            process.stdin.write(json.dumps(asdict(sending)) + "\n")
            process.stdin.flush()
            if process.stdout.readline() != "ready\n":
                raise BenchError(f"the generator did not start: {log.read_text()[-2000:]}")
            yield process
        finally:
            process.kill()


def _watched(
    loaded: Service,
    generator: subprocess.Popen[str],
    pids: Mapping[str, int | None],
    begin: float,
    seconds: float,
    progress: Progress,
) -> list[Sample]:
    """Look once a second until the time is over or nothing more is sent."""
    samples: list[Sample] = []
    due = begin
    while generator.poll() is None:
        samples.append(loaded.sample(pids))
        passed = samples[-1].at - samples[0].at
        if passed >= seconds:
            break
        if len(samples) % 10 == 0:
            progress(f"{passed:.0f} s: {(samples[-1].stored - samples[0].stored) / passed:,.0f} readings/s so far")
        due = max(due + 1.0, samples[-1].at)
        _sleep_until(min(due, samples[0].at + seconds))
    if len(samples) < 2:
        raise BenchError("the generator ended before anything was measured: shorten the warm-up")
    return samples


def _ended(generator: subprocess.Popen[str], town: City) -> dict[str, Any]:
    """Stop sending, wait for what is on its way, and return what the generator tells."""
    if generator.poll() is None:
        generator.send_signal(signal.SIGUSR1)
    try:
        generator.wait(_DRAIN)
    except subprocess.TimeoutExpired:
        raise BenchError(f"what was sent was not committed within {_DRAIN:g} s") from None
    if not _result(town).exists():
        raise BenchError(f"the generator fell over: {(town.folder / 'generator.log').read_text()[-2000:]}")
    told: dict[str, Any] = json.loads(_result(town).read_text(encoding="ascii"))
    return told


def _result(town: City) -> Path:
    return town.folder / "generator.json"


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
