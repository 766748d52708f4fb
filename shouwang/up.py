"""`shouwang up`: everything on one machine in one process, with two servers as its children."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry
from rich.console import Console

from dashboards.readiness import Check, Readiness
from ingest.broker import EmbeddedBroker
from ingest.mqtt import Endpoint, Subscriber
from shouwang import alerting, auditing, seal_keys, signing_in, wiring
from shouwang.engine import Engine
from shouwang.errors import SettingsError
from shouwang.instance import Instance, sole_tenant
from shouwang.listening import Listening
from shouwang.process import told_to_stop
from shouwang.roles import check
from shouwang.settings import Settings
from shouwang.townhall import TownHall, TownOptions, clock_for
from storage import tokens
from storage.database import connect, open_pool
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.retention import tell_timescaledb

log = structlog.get_logger(__name__)

_DRAIN_SECONDS = 10.0
_QUIET_SECONDS = 0.5
_SIGN_IN = "sign-in link"


@dataclass(frozen=True, slots=True)
class Options:
    """What `up` can be told beyond the settings; `town` None is a service without one."""

    mqtt_port: int
    town: TownOptions | None


def up(settings: Settings, options: Options, console: Console) -> int:
    """Run the embedded instance until it is told to stop; return the exit code."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{settings.data_dir} cannot be the data directory: {error.strerror}") from error
    with ExitStack() as house, told_to_stop(_interrupt):
        house.enter_context(sole_tenant(settings.data_dir, patience=15))
        instance = _Embedded(settings, options, console, house)
        fell = instance.run()
    if fell:
        console.print(f"[bold red]Stopped because of: {', '.join(fell)}; the log above says why.[/]")
        return 1
    return 0


class _Embedded:
    """The parts of one instance, made in the order in which they need each other; the stack stops the servers."""

    def __init__(self, settings: Settings, options: Options, console: Console, house: ExitStack) -> None:
        ladders = wiring.policies(settings.policies)
        self._settings, self._console, self._house = settings, console, house
        self._ladders = ladders
        # Asked for first, so that a port which is taken is not found out after a month has been learned.
        self._web = house.enter_context(wiring.listener(settings.http_host, settings.http_port))
        self._servers: dict[str, Callable[[], bool]] = {}
        seal_keys.hold_or_make(settings)
        self._database = settings.database_url or self._postgres()
        with connect(self._database) as conn:
            migrate(conn)
            tell_timescaledb(conn, settings.keep)
            self._clock = clock = clock_for(conn, settings.data_dir, options.town)
        self._gateways, self._broker = self._brokers(options)
        self._pool = house.enter_context(open_pool(self._database, size=24))
        self._metrics = CollectorRegistry()
        self._listen_no_more, self._climb_no_more = threading.Event(), threading.Event()

        def engine() -> Engine:
            return wiring.engine(self._database, settings, ladders, clock)

        self._engine = wiring.first_engine(engine, threading.Event(), patience=60) or engine()
        self._town: TownHall | None = None
        if options.town is not None:
            broker = Endpoint.parse(self._gateways)
            self._town = TownHall(options.town, clock, broker, self._pool, settings.data_dir, console)
            self._town.settle(self._engine)
        self._client = wiring.subscriber(Endpoint.parse(self._broker), settings.mqtt_client_id, clock)
        self._listening = wiring.listening(self._client, engine, self._listen_no_more, self._metrics)
        self._escalating = alerting.escalating(
            self._database,
            self._pool,
            clock,
            self._climb_no_more,
            self._metrics,
            settings.cap,
            settings.heartbeat_url,
            settings,
            town=options.town is not None,
        )

    def run(self) -> list[str]:
        """Serve until told to stop, then stop in good order; return the loops that fell over."""
        fell: list[str] = []
        app = wiring.web(
            self._database,
            self._pool,
            self._clock,
            self._ready,
            self._metrics,
            embedded=True,
            ladders=self._ladders,
            false_visits=self._settings.false_visits_per_1000_days,
            tiles=self._settings.tiles,
            oidc=signing_in.provider(self._settings),
            second_factor=self._settings.second_factor,
        )
        server = wiring.server(app)

        def leave() -> None:
            server.should_exit = True

        def fallen(name: str) -> None:
            fell.append(name)
            leave()

        here = self._announce(f"http://{self._settings.http_host}:{self._web.getsockname()[1]}")
        self._client.start()
        threads = wiring.Threads(fallen)
        if self._town is not None:
            self._town.begin()
        ingest = threads.start("ingest", lambda: self._listening.run(self._engine))
        ladders = threads.start("escalation", self._escalating.run)
        threads.start("servers", lambda: self._watch(fallen))
        if self._town is not None:
            self._town.live(threads)
        self._greet(here)
        with told_to_stop(leave):
            server.run(sockets=[self._web])
            self._console.print("Stopping: what is on its way is committed first.")
            if self._town is not None:
                self._town.leave()
            _drain(self._client, self._listening)
            self._listen_no_more.set()
            ingest.join(timeout=60)
            self._climb_no_more.set()
            ladders.join(timeout=60)
            self._client.stop()
        return fell

    def _postgres(self) -> str:
        server = self._house.enter_context(EmbeddedPostgres(self._settings.data_dir / "postgres"))
        self._servers["PostgreSQL"] = lambda: server.running
        return server.conninfo

    def _brokers(self, options: Options) -> tuple[str, str]:
        """Return where gateways publish and where the service listens: the embedded broker's ports, or one of yours."""
        if self._settings.mqtt_url:
            return self._settings.mqtt_url, self._settings.mqtt_url
        broker = self._house.enter_context(EmbeddedBroker(self._settings.data_dir, port=options.mqtt_port))
        self._servers["the MQTT broker"] = lambda: broker.running
        return f"mqtt://127.0.0.1:{broker.port}", f"mqtt://127.0.0.1:{broker.port5}"

    def _watch(self, fallen: Callable[[str], None]) -> None:
        """Say so when one of our servers has died: without it nothing here is worth anything."""
        while not self._listen_no_more.wait(1.0):
            for name, running in self._servers.items():
                if not running():
                    fallen(name)
                    return

    def _ready(self) -> Readiness:
        return {
            "database": check(self._pool),
            "broker": _well(self._client.connected, "the broker's connection is gone"),
            "engine": _well(self._listening.healthy, "the engine does not go round; its log says why"),
            "escalation": _well(self._escalating.healthy, "the ladders stand still; the log says why"),
            "audit": auditing.check(self._pool),
        }

    def _announce(self, address: str) -> Instance:
        """Say where this instance is, for as long as it runs."""
        here = Instance(os.getpid(), self._database, self._gateways, self._broker, address)
        here.write(self._settings.data_dir)
        self._house.callback(Instance.remove, self._settings.data_dir)
        return here

    def _sign_in(self) -> str:
        """Return the token of the sign-in link: the one of the last start, so that open pages stay signed in."""
        kept = self._settings.data_dir / "sign-in"
        with connect(self._database) as conn:
            token = kept.read_text(encoding="ascii") if kept.exists() else ""
            if token and tokens.find(conn, token) is not None:
                return token
            token = tokens.create(conn, "operator", "", _SIGN_IN)
        kept.touch(mode=0o600)
        kept.write_text(token, encoding="ascii")
        return token

    def _greet(self, here: Instance) -> None:
        def say(line: str) -> None:
            self._console.print(line, soft_wrap=True)

        onward = "" if self._town is None else "&next=/welcome"  # the page that tells a newcomer the town's story
        say(f"\n[bold]Shouwang 守望[/] keeps watch. Open [bold cyan]{here.http}/?token={self._sign_in()}{onward}[/]")
        if self._town is not None and self._town.founded:
            say("A town is at work there; within a minute somebody stops answering.")
        elif self._town is not None:
            say("The town goes on where it stood.")
        ports = here.mqtt if here.mqtt == here.mqtt5 else f"{here.mqtt} (MQTT 3.1.1) or {here.mqtt5} (MQTT 5)"
        say(f"Gateways publish to {ports}, QoS 1, topic telemetry/GATEWAY/senml. Ctrl-C stops everything.")


def _well(ok: bool, why: str) -> Check:  # noqa: FBT001 - what is looked at, not a switch
    return Check(ok, "" if ok else why)


def _drain(client: Subscriber, listening: Listening) -> None:
    """Wait until the broker has nothing more for us: what it still holds dies with it."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    while time.monotonic() < deadline and listening.healthy:
        if client.empty and not listening.busy and client.quiet_seconds > _QUIET_SECONDS:
            return
        time.sleep(0.05)


def _interrupt() -> None:
    raise KeyboardInterrupt
