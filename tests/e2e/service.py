"""A running `shouwang up` for tests: started as a user would, killed as no user should."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

COMMAND = [sys.executable, "-m", "shouwang"]
_NEVER = threading.Event()


def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Return what `condition` returns once it is true; fail when that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        _NEVER.wait(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """One data directory and whatever runs on it; on SHOUWANG_TEST_* servers where those are given."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir = data_dir
        self.http_port = free_port()
        self.mqtt_port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._log = data_dir.parent / f"{data_dir.name}.log"
        self._token: str | None = None
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("SHOUWANG_")}
        self._name = f"e2e_{uuid.uuid4().hex[:12]}"
        self.environment["SHOUWANG_SEAL_KEYS"] = os.environ["SHOUWANG_SEAL_KEYS"]
        self._server = os.environ.get("SHOUWANG_TEST_DATABASE_URL")
        if self._server:
            with psycopg.connect(self._server, autocommit=True) as admin:
                admin.execute(f'CREATE DATABASE "{self._name}"')
            self.environment["SHOUWANG_DATABASE_URL"] = make_conninfo(self._server, dbname=self._name)
        if broker := os.environ.get("SHOUWANG_TEST_MQTT_URL"):
            self.environment["SHOUWANG_MQTT_URL"] = broker
            self.environment["SHOUWANG_MQTT_CLIENT_ID"] = self._name

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def start(self, seconds: float = 120.0) -> None:
        """Start and wait for /readyz."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "up", "--data-dir", str(self.data_dir), "--http-port", str(self.http_port),
                 "--mqtt-port", str(self.mqtt_port), *self._options],
                stdout=log, stderr=log, env=self.environment, start_new_session=True,
            )  # fmt: skip
        self._token = None
        until(self._ready, f"ready; its log: {self.log[-3000:]}", seconds)

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"it stopped: {self.log[-3000:]}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """Kill -9 the whole process group."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)

    def interrupt(self) -> int:
        """Press Ctrl-C: the whole foreground group gets the signal; return the exit code."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(90)

    def dispose(self) -> None:
        """Leave nothing behind."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        if self._server:
            with psycopg.connect(self._server, autocommit=True) as admin:
                admin.execute(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')

    @property
    def group(self) -> int:
        assert self._process is not None
        return self._process.pid

    def instance(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data_dir / "instance.json").read_text(encoding="utf-8"))
        return found

    def database(self) -> psycopg.Connection:
        return psycopg.connect(self.instance()["database"], autocommit=True)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database() as conn:
            return conn.execute(query.encode()).fetchall()

    def run(self, *arguments: str, seconds: float = 300.0) -> str:
        """Run a command against this instance and return what it prints."""
        done = self.command(*arguments)
        out, _ = done.communicate(timeout=seconds)
        assert done.returncode == 0, f"{arguments} failed: {out}; the service's log: {self.log[-2000:]}"
        return out

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments, "--data-dir", str(self.data_dir)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.environment,
        )  # fmt: skip

    @property
    def token(self) -> str:
        if self._token is None:
            self._token = self.run("token", "create", "--role", "operator", "--area", "").strip().splitlines()[-1]
        return self._token

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the API as an operator and return what it answers."""
        url = path if path.startswith("http") else f"http://127.0.0.1:{self.http_port}{path}"
        request = urllib.request.Request(  # noqa: S310 - our own service
            url,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own service
            return json.load(answer)

    def all(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield every item of a list, page by page."""
        following: str | None = f"{path}{'&' if '?' in path else '?'}limit=500"
        while following:
            page = self.api(following)
            yield from page["items"]
            following = page["next"]
