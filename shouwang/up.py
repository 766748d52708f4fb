"""`shouwang up`: everything on one machine in one process, with two servers as its children."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from rich.console import Console

from dashboards.context import Check
from ingest.broker import EmbeddedBroker
from ingest.mqtt import Endpoint, Subscriber
from shouwang import wiring
from registry.errors import ShouwangError
from shouwang.instance import Instance
from shouwang.listening import Listening
from shouwang.roles import check
from shouwang.settings import Settings
from shouwang.townhall import TownHall, TownOptions, clock_for
from storage import tokens
from storage.database import connect, open_pool
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

log = structlog.get_logger(__name__)

_DRAIN_SECONDS = 10.0
_QUIET_SECONDS = 0.5


class InUseError(ShouwangError):
    """A data directory that another instance is using."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `up` can be told beyond the settings; `town` None is a service without one."""

    mqtt_port: int
    town: TownOptions | None


def up(settings: Settings, options: Options, console: Console) -> int:
    """Run the embedded instance until it is told to stop; return the exit code."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    ladders = wiring.policies(settings.policies)
    stopped = threading.Event()
    fell: list[str] = []
    with ExitStack() as house, wiring.told_to_stop(_interrupt):
        house.enter_context(_sole_tenant(settings.data_dir))
        database = settings.database_url or house.enter_context(EmbeddedPostgres(settings.data_dir / "postgres")).conninfo
        with connect(database) as conn:
            migrate(conn)
            clock = clock_for(conn, settings.data_dir, options.town)
        gateways, service = _brokers(settings, options, house)
        metrics = CollectorRegistry()
        pool = house.enter_context(open_pool(database, size=24))

        engine = wiring.engine(database, settings.rules, ladders, clock)
        town = None
        if options.town is not None:
            town = TownHall(options.town, clock, Endpoint.parse(gateways), pool, settings.data_dir, console)
            town.settle(engine)
        client = wiring.subscriber(Endpoint.parse(service), settings.mqtt_client_id, clock)
        client.start()

        listening = wiring.listening(
            client, lambda: wiring.engine(database, settings.rules, ladders, clock), stopped, metrics
        )
        climbing = threading.Event()
        escalating = wiring.escalating(database, pool, clock, climbing, metrics)
        app = wiring.web(
            database,
            pool,
            clock,
            lambda: {
                "database": check(pool),
                "broker": Check(client.connected, "" if client.connected else "the broker's connection is gone"),
                "engine": Check(listening.healthy, "" if listening.healthy else "the engine does not go round"),
                "escalation": Check(escalating.healthy, "" if escalating.healthy else "the ladders stand still"),
            },
            metrics,
            embedded=True,
        )
        server = wiring.server(app)

        def leave() -> None:
            server.should_exit = True

        def fallen(name: str) -> None:
            fell.append(name)
            leave()

        probe = house.enter_context(wiring.listener(settings.http_host, settings.http_port))
        address = f"http://{settings.http_host}:{probe.getsockname()[1]}"
        with connect(database) as conn:
            tokens.revoke(conn, "sign-in link")
            token = tokens.create(conn, "operator", "", "sign-in link")
        here = Instance(os.getpid(), database, gateways, service, address)
        here.write(settings.data_dir)
        house.callback(Instance.remove, settings.data_dir)

        threads = wiring.Threads(fallen)
        if town is not None:
            town.begin()
        ingest = threads.start("ingest", lambda: listening.run(engine))
        ladder = threads.start("escalation", escalating.run)
        if town is not None:
            town.live(threads)
        _greet(console, address, token, here, town=town is not None)
        with wiring.told_to_stop(leave):
            server.run(sockets=[probe])

            console.print("Stopping: what is on its way is committed first.")
            if town is not None:
                town.leave()
            _drain(client, listening)
            stopped.set()
            ingest.join(timeout=60)
            climbing.set()
            ladder.join(timeout=60)
            client.stop()
    if fell:
        console.print(f"[bold red]Stopped because of: {', '.join(fell)}; the log above says why.[/]")
        return 1
    return 0


def _brokers(settings: Settings, options: Options, house: ExitStack) -> tuple[str, str]:
    """Return where gateways publish and where the service listens: the embedded broker's two ports, or one of yours."""
    if settings.mqtt_url:
        return settings.mqtt_url, settings.mqtt_url
    broker = house.enter_context(EmbeddedBroker(settings.data_dir, port=options.mqtt_port))
    return f"mqtt://127.0.0.1:{broker.port}", f"mqtt://127.0.0.1:{broker.port5}"


@contextmanager
def _sole_tenant(data_dir: Path) -> Iterator[None]:
    """Hold a data directory for this process; the kernel lets go of it whenever and however the process ends."""
    with (data_dir / "lock").open("w") as lock:
        deadline = time.monotonic() + 15
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InUseError(
                        f"another `shouwang up` uses {data_dir.absolute()}: stop it, or choose another --data-dir"
                    ) from None
                time.sleep(0.1)
            else:
                break
        yield


def _drain(client: Subscriber, listening: Listening) -> None:
    """Wait until the broker has nothing more for us: what it still holds dies with it."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    while time.monotonic() < deadline and listening.healthy and client.quiet_seconds < _QUIET_SECONDS:
        time.sleep(0.05)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _greet(console: Console, address: str, token: str, here: Instance, *, town: bool) -> None:
    console.print()
    console.print(f"[bold]Shouwang 守望[/] keeps watch. Open  [bold cyan]{address}/?token={token}[/]", soft_wrap=True)
    if town:
        console.print("A town is at work there; within a minute somebody stops answering.")
    console.print(f"Gateways publish to {here.mqtt} (QoS 1, telemetry/GATEWAY/senml). Ctrl-C stops everything.")
