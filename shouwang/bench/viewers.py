"""What do people who watch cost, and how soon do they see an alert? Many boards on one `shouwang web`, over a city.

Each viewer does what the board's script does: it listens to `/events`, which sends the two parts of the board anew with
every change. Now and then an alarm of smoke is committed, as an engine commits it; what is measured ends when it stands
in the part that a viewer was sent. The viewers are in this process, the service in its own.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import numpy as np
from rich.console import RenderableType
from rich.table import Table

from alerts.escalation import take
from alerts.ladders.policy_file import built_in
from detectors.finding import Finding, Kind, Phase, Severity
from registry.instants import MINUTE, to_micros
from shouwang.bench import city, processes, stand
from shouwang.bench.report import Progress, finite, silent
from shouwang.bench.stream import Homes
from shouwang.clock import LiveClock
from shouwang.errors import BenchError
from storage import tokens
from storage.alerts.book import PostgresAlertBook
from storage.database import connect

_PARTS = ("/parts/alerts", "/parts/beside")
_PATIENCE = 30.0
_LOOK = 0.1


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure: `viewers` of a city with so many `sensors` and `open` alerts, for `seconds`.

    There is one alarm `every` so many seconds.
    """

    viewers: int = 200
    seconds: float = 60.0
    every: float = 10.0
    sensors: int = 17_500
    open: int = 300
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured: seconds from a commit until a viewer heard of a change, and until the alert was seen.

    `web` and `postgresql` are shares of one processor core, `idle` that of `web` while nothing happens.
    """

    options: Options
    alarms: int
    heard: Sequence[float]
    seen: Sequence[float]
    unseen: int
    web: float
    postgresql: float
    idle: float

    def percentile(self, of: Sequence[float], share: float) -> float:
        """Return a percentile in seconds; infinite where nothing was measured."""
        return float(np.percentile(of, share)) if of else float("inf")

    def to_json(self) -> dict[str, Any]:
        """Return all figures in SI units, and shares of a core."""
        return {
            "options": asdict(self.options), "alarms": self.alarms, "unseen": self.unseen,
            "core_web": finite(self.web), "core_web_idle": finite(self.idle),
            "core_postgresql": finite(self.postgresql),
            **{f"heard_p{share}": finite(self.percentile(self.heard, share)) for share in (50, 99)},
            **{f"seen_p{share}": finite(self.percentile(self.seen, share)) for share in (1, 50, 99)},
        }  # fmt: skip

    def table(self) -> RenderableType:
        """Return what matters at a glance."""
        one = self.options
        table = Table(title=f"{one.viewers} open boards, an alarm every {one.every:g} s", show_header=False)
        table.add_row("a core of `shouwang web`", f"{self.web:.0%}; {self.idle:.0%} while nothing happens")
        table.add_row("a core of PostgreSQL", f"{self.postgresql:.0%}")
        for name, of in (("heard of after", self.heard), ("seen after", self.seen)):
            times = " / ".join(f"{1000 * self.percentile(of, share):.0f}" for share in (0, 50, 99))
            table.add_row(f"{name} (first / median / p99)", f"{times} ms")
        table.add_row("not seen", str(self.unseen))
        return table


@dataclass(slots=True)
class _Watching:
    """What the viewers have seen: when each alarm was committed, and how long each viewer waited for it."""

    committed: dict[str, float] = field(default_factory=dict)
    heard: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)

    def waited(self, already: set[str], shown: str) -> list[float]:
        """Return how long a viewer waited for the alarms that are shown to them now and were not `already`.

        Where nothing is shown they are told of all there are.
        """
        now = time.monotonic()
        new = [one for one in self.committed if one not in already and (not shown or one in shown)]
        already.update(new)
        return [now - self.committed[one] for one in new]


def run(options: Options, progress: Progress = silent) -> Report:
    """Fill a database, start `shouwang web` over it, and watch.

    Raises:
        BenchError: the service does not start.
    """
    with stand.workshop() as folder, stand.database(None) as database, connect(database) as conn:
        progress(f"making a city of {options.sensors:,} sensors with {options.open} open alerts")
        homes, now = Homes(options.sensors, options.seed), LiveClock().now()
        city.settle(conn, homes, now)
        city.trouble(conn, homes, now, built_in(), open_=options.open, closed=10 * options.open)
        token, port = tokens.create(conn, "officer", "", "bench viewers", None), stand.free_port()
        settings = {"database_url": database, "http_port": str(port), "log_level": "warning"}
        with stand.role(folder, settings, "web") as web:
            stand.until(lambda: stand.listens(port), "web listens", web, folder / "web.log")
            progress(
                f"opening {options.viewers} boards, then {options.seconds:g} s of an alarm every {options.every:g} s"
            )
            pids = (web.pid, processes.postmaster(conn))
            return asyncio.run(_watched(options, database, homes, port, token, pids))


async def _watched(
    options: Options, database: str, homes: Homes, port: int, token: str, pids: tuple[int, int | None]
) -> Report:
    watching, opened = _Watching(), asyncio.Semaphore(0)
    viewers = [asyncio.create_task(_view(port, token, watching, opened)) for _ in range(options.viewers)]
    try:
        for _ in viewers:
            await asyncio.wait_for(opened.acquire(), _PATIENCE)
        before = _spent(pids)
        await asyncio.sleep(options.every)
        idle = (_spent(pids)[0] - before[0]) / options.every
        before, began = _spent(pids), time.monotonic()
        alarms = max(1, round(options.seconds / options.every))
        for number in range(alarms):
            alert, at = await asyncio.to_thread(_alarm, database, homes, number)
            watching.committed[str(alert)] = at
            await asyncio.sleep(max(began + (number + 1) * options.every - time.monotonic(), 0.0))
        for _ in range(round(_PATIENCE / _LOOK)):
            if len(watching.seen) == alarms * options.viewers:
                break
            await asyncio.sleep(_LOOK)
        after, took = _spent(pids), time.monotonic() - began
    finally:
        for one in viewers:
            one.cancel()
        ended = await asyncio.gather(*viewers, return_exceptions=True)
    fell = [one for one in ended if isinstance(one, Exception)]
    if fell:
        raise BenchError(f"{len(fell)} of {options.viewers} viewers fell out: {fell[0]}")
    return Report(
        options, alarms, watching.heard, watching.seen, alarms * options.viewers - len(watching.seen),
        (after[0] - before[0]) / took, (after[1] - before[1]) / took, idle,
    )  # fmt: skip


def _spent(pids: tuple[int, int | None]) -> tuple[float, float]:
    web, postgresql = pids
    return processes.processor_seconds(web), 0.0 if postgresql is None else processes.processor_seconds(postgresql)


def _alarm(database: str, homes: Homes, number: int) -> tuple[UUID, float]:
    """Commit an alarm as an engine does; return its alert and when that was (monotonic)."""
    home = homes.table.households[-1 - number]
    now = to_micros(LiveClock().now())
    finding = Finding(
        home, Kind.SMOKE, "bench", f"smoke-{home.partition('-')[2]}/alarm", Phase.RAISED, Severity.URGENT, now - MINUTE,
        now, 1.0, {"template": "smoke_alarm", "times": 0, "days": 30.0},
    )  # fmt: skip
    with connect(database) as conn:
        with conn.transaction():
            [alert] = take(PostgresAlertBook(conn), [finding], now, built_in())
        return alert, time.monotonic()


async def _view(port: int, token: str, watching: _Watching, opened: asyncio.Semaphore) -> None:
    """Be one viewer: hear of changes, and note which alarms stand in what is sent for the first time."""
    answer, asking = await asyncio.open_connection("127.0.0.1", port)
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    known: set[str] = set()
    told: set[str] = set()
    first = True
    try:
        asking.write(_request(token))
        head = await answer.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise BenchError(f"a viewer was answered {head[:200].decode(errors='replace')}")
        text = b""
        while size := int(await answer.readline(), 16):
            text += unpacker.decompress(await answer.readexactly(size))
            await answer.readexactly(2)
            *events, text = text.split(b"\n\n")
            for event in events:
                if event.startswith(b"event: change"):
                    watching.heard += watching.waited(told, "")
                elif b'"/parts/alerts"' in event:
                    watching.seen += watching.waited(known, event.decode())
                    if first:
                        first = False
                        opened.release()
    finally:
        asking.close()
        with suppress(OSError):
            await asking.wait_closed()


def _request(token: str) -> bytes:
    query = urlencode([("part", part) for part in _PARTS])
    return (
        f"GET /events?{query} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nAccept-Encoding: gzip\r\n\r\n"
    ).encode()
