"""The one place where the parts are put together; `up` and the production roles differ only in which they start."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool

from alerts.book import AlertBook
from alerts.channels.choice import ONLY_HANDSETS, Channels
from alerts.ladders.policy import Policies
from alerts.ladders.policy_file import built_in, parse
from dashboards.app import create_app
from dashboards.context import Context
from dashboards.live.broadcaster import Broadcaster
from dashboards.pictures.tiles import Tiles
from dashboards.readiness import Readiness
from dashboards.signin.oidc import Provider
from detectors.budget import FALSE_VISITS
from ingest.decoders import TOPICS
from ingest.mqtt import Endpoint, Subscriber
from registry.shards import WHOLE
from shouwang import telephony
from shouwang.alerting import channels
from shouwang.clock import Clock, micros
from shouwang.engine import Engine
from shouwang.errors import AnotherEngineError, PortTakenError, SettingsError
from shouwang.laboratory import Laboratory
from shouwang.listening import IngestMetrics, Listening
from shouwang.settings import Settings
from storage.alerts.book import PostgresAlertBook, books_on
from storage.database import connect
from storage.migrate import check_schema
from storage.shards import Tenure

log = structlog.get_logger(__name__)

_STAND_BY_SECONDS = 1.0
_SHARE = "shouwang"
_NAMED = 5
"""How many households a warning names."""
_SEEN_SECONDS = 5
"""How long a call rings at least in real time, however fast the town's clock runs, so that somebody can see it."""


def policies(path: Path | None) -> Policies:
    """Return the ladders of a TOML file, or the built-in ones.

    Raises:
        ShouwangError: the file is missing or wrong; the message names the place.
    """
    if path is None:
        return built_in()
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise SettingsError(f"the policies cannot be read: {error}") from error


def engine(
    database: str,
    settings: Settings,
    ladders: Policies,
    clock: Clock,
    tenure: Tenure | None = None,
    present: Clock | None = None,
) -> Engine:
    """Return a loaded engine on a connection of its own, for all households or those that `tenure` is of.

    Raises:
        AnotherEngineError: an engine is at work on this database.
        MigrationError: the database is not of this version.
    """
    conn = connect(database, name="shouwang engine")
    try:
        check_schema(conn)
        accepted = settings.false_visits_per_1000_days / 1000
        shard = WHOLE if tenure is None else tenure.shard
        made = Engine(
            conn, settings.rules, ladders, clock,
            quarantine=timedelta(days=settings.quarantine_days), kept=timedelta(days=settings.readings_days),
            false_visits=accepted,
            shard=shard, tenure=tenure, present=present,
        )  # fmt: skip
        replayed = made.load()
    except BaseException:
        conn.close()
        raise
    if replayed:
        log.info("caught up with what is stored", readings=replayed)
    return made


def first_engine(make: Callable[[], Engine], stop: threading.Event, patience: float = math.inf) -> Engine | None:
    """Return an engine as soon as no other is at work, or None if told to stop while waiting.

    Raises:
        AnotherEngineError: the other one was still at work after `patience` seconds.
    """
    waited = 0.0
    while True:
        try:
            return make()
        except AnotherEngineError:
            if waited >= patience:
                raise
            if not waited:
                log.warning("another engine is at work on this database; standing by")
            if stop.wait(_STAND_BY_SECONDS):
                return None
            waited += _STAND_BY_SECONDS


def subscriber(endpoint: Endpoint, client_id: str, clock: Clock, *, shared: bool = False) -> Subscriber:
    """Return the service's MQTT client, listening to everything a gateway may say.

    Clients that are `shared` get each message once among them.
    """
    share = f"$share/{_SHARE}/" if shared else ""
    topics = {"telemetry/#" if topic.startswith("telemetry/") else topic for topic in TOPICS}
    return Subscriber(
        endpoint, sorted(share + topic for topic in topics), client_id=client_id, now=lambda: micros(clock)
    )


def listening(
    client: Subscriber, make: Callable[[], Engine], stop: threading.Event, metrics: CollectorRegistry
) -> Listening:
    """Return the loop from broker to database."""
    return Listening(client, make, stop, IngestMetrics(metrics))


def web(
    database: str,
    pool: ConnectionPool,
    clock: Clock,
    ready: Callable[[], Readiness],
    metrics: CollectorRegistry,
    *,
    embedded: bool,
    ladders: Policies | None = None,
    settings: Settings | None = None,
    false_visits: float = 1000 * FALSE_VISITS,
    tiles: Tiles | None = None,
    oidc: Provider | None = None,
    second_factor: bool = False,
) -> FastAPI:
    """Return the dashboard; `ladders` are those it shows, the built-in ones if none are given.

    `false_visits` are accepted for each 1,000 household-days; `tiles` are what its maps lie on. `oidc` is the
    organisation's own sign-in; `second_factor` says whether everybody else who signs in needs one.

    Without `settings` it takes no webhooks and opens no signed links.

    Raises:
        SettingsError: something is missing that a configured channel needs.
    """

    def book(conn: psycopg.Connection) -> AlertBook:
        return PostgresAlertBook(conn)

    twilio = None if settings is None else telephony.signatures(settings)
    return create_app(
        Context(
            pool=pool,
            now=clock.now,
            speed=clock.speed,
            ready=ready,
            embedded=embedded,
            events=Broadcaster(database),
            book=book,
            metrics=metrics,
            twilio=twilio,
            links=None if settings is None else telephony.links(settings),
            channels=ONLY_HANDSETS if twilio is None else Channels.of(channels(settings, books_on(pool), clock)),
            policies=ladders or built_in(),
            false_visits_per_1000_days=false_visits,
            tiles=tiles,
            laboratory=Laboratory(database),
            oidc=oidc,
            second_factor=second_factor,
        )
    )


class Server(uvicorn.Server):
    """Uvicorn that leaves signals to us: we have more to stop than it knows."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Change nothing about signals."""
        yield


def server(app: FastAPI) -> Server:
    """Return a web server that does not keep live viewers waiting when it is told to stop."""
    return Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2))


def listener(host: str, port: int) -> socket.socket:
    """Return a socket bound to a port, ready for the web server; 0 takes any free one.

    Raises:
        PortTakenError: something else listens there.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
    except OSError as error:
        probe.close()
        why = f"cannot listen on {host}:{port} ({error.strerror}): choose another --http-port"
        raise PortTakenError(why) from error
    return probe


class Threads:
    """Loops beside the main one; when any of them falls over, `fallen` is called with its name."""

    def __init__(self, fallen: Callable[[str], None]) -> None:
        self._fallen = fallen
        self._threads: list[threading.Thread] = []

    def start(self, name: str, loop: Callable[[], object]) -> threading.Thread:
        """Run a loop in a thread of its own."""

        def guarded() -> None:
            try:
                loop()
            except BaseException:
                log.exception("a loop fell over; the service stops", loop=name)
                self._fallen(name)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread
