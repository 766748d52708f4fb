"""The stand on which the service is measured: servers of its own, a registered city, the service as a real process."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg import sql
from psycopg.conninfo import make_conninfo

from ingest.broker import EmbeddedBroker
from shouwang.bench import processes
from shouwang.bench.machine import MOSQUITTO
from shouwang.errors import BenchError
from storage import sealing
from storage.database import connect
from storage.embedded import temporary_postgres
from storage.migrate import migrate

# The limits of ingest/mosquitto/mosquitto.conf, without TLS and passwords.
_MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
max_inflight_messages 10000
max_queued_messages 0
persistence false
user {user}
"""
_PATIENCE = 60.0
KEY: Final = sealing.new_key()
"""What these servers' numbers and addresses are sealed with, here and in the roles that are started."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker: its name, where gateways and the service reach it, and its process, None if it is not ours to see."""

    name: str
    host: str
    port: int
    """Speaks MQTT 5."""
    pid: int | None

    @property
    def url(self) -> str:
        """What the service is told."""
        return f"mqtt://{self.host}:{self.port}"


def hold_key(key: str) -> None:
    """Give this process the key of a measurement, which a process made anew is told."""
    sealing.hold(sealing.Seals([key]))


@contextmanager
def broker(name: str, folder: Path) -> Iterator[Broker]:
    """Run `mosquitto` or the `embedded` broker on a port of its own.

    Raises:
        BenchError: it is not installed, or does not start.
    """
    port = free_port()
    if name == "embedded":
        before = set(processes.children(os.getpid()))
        with EmbeddedBroker(folder, port=port) as embedded:
            made = set(processes.children(os.getpid())) - before
            yield Broker("rumqttd (embedded)", "127.0.0.1", embedded.port5, made.pop() if made else None)
        return
    if MOSQUITTO is None:
        raise BenchError("Mosquitto is not installed: install the package mosquitto, or take --broker embedded")
    config = folder / "mosquitto.conf"
    config.write_text(_MOSQUITTO.format(port=port, user=getpass.getuser()), encoding="utf-8")
    with _running([MOSQUITTO, "-c", str(config)], folder / "mosquitto.log") as process:
        until(lambda: listens(port), "Mosquitto listens", process, folder / "mosquitto.log")
        yield Broker("Mosquitto", "127.0.0.1", port, process.pid)


@contextmanager
def database(url: str | None) -> Iterator[str]:
    """Yield a migrated and empty database: on an embedded PostgreSQL, or one made for the moment on yours."""
    hold_key(KEY)
    if url is None:
        with temporary_postgres() as conninfo:
            with connect(conninfo) as conn:
                migrate(conn)
            yield conninfo
        return
    name = f"shouwang_bench_{os.getpid()}"
    with connect(url) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        own = make_conninfo(url, dbname=name)
        with connect(own) as conn:
            migrate(conn)
        yield own
    finally:
        with connect(url) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def role(folder: Path, settings: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the service in a process of its own; its log is in `folder`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SHOUWANG_")}
    environment["SHOUWANG_SEAL_KEYS"] = KEY
    environment |= {f"SHOUWANG_{name.upper()}": value for name, value in settings.items()}
    log = folder / f"{arguments[0]}.log"
    with _running([sys.executable, "-m", "shouwang", *arguments], log, environment) as process:
        yield process


class Metrics:
    """What a role tells Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"

    def read(self) -> dict[str, float]:
        """Return every sample by its name and labels as they are written."""
        with urllib.request.urlopen(self._url, timeout=30) as answer:  # noqa: S310 - a process of ours
            lines = answer.read().decode().splitlines()
        return {
            name: float(value)
            for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
        }

    def answers(self) -> bool:
        """Whether the role is up."""
        try:
            self.read()
        except OSError:
            return False
        return True


def until(
    condition: Callable[[], object], what: str, process: subprocess.Popen[bytes], log: Path, seconds: float = _PATIENCE
) -> None:
    """Wait until a condition of a process is true.

    Raises:
        BenchError: the process ended, or it took too long; the message holds the end of its log.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            end = log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
            why = f"process ended with {process.returncode}" if process.returncode is not None else f"{seconds:g} s"
            raise BenchError(f"waited in vain until {what} ({why}): {end}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether something takes connections on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def workshop() -> Iterator[Path]:
    """Yield a folder for logs and payloads, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def _running(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told, env=environment)  # noqa: S603 - our own commands
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        with contextlib.suppress(ProcessLookupError):
            process.wait(30)
