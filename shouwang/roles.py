"""The production roles, each its own process against servers named in settings."""

from __future__ import annotations

import threading

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from psycopg_pool import ConnectionPool

from dashboards.context import Check
from ingest.mqtt import Endpoint
from shouwang import auditing, wiring
from shouwang.clock import LiveClock
from shouwang.engine import Engine
from shouwang.errors import NoInstanceError
from shouwang.settings import Settings
from storage.database import connect, open_pool
from storage.migrate import check_schema, migrate, pending

log = structlog.get_logger(__name__)


def run_ingest(settings: Settings, metrics_port: int | None) -> None:
    """Carry telemetry from the broker to the database until told to stop; a second one stands by for the first."""
    database, clock, stop, metrics = database_of(settings), LiveClock(), threading.Event(), CollectorRegistry()
    if settings.mqtt_url is None:
        raise NoInstanceError("say where the broker is: SHOUWANG_MQTT_URL=mqtt://user:password@host:1883")
    ladders = wiring.policies(settings.policies)
    client = wiring.subscriber(Endpoint.parse(settings.mqtt_url), settings.mqtt_client_id, clock)

    def engine() -> Engine:
        return wiring.engine(database, settings, ladders, clock)

    loop = wiring.listening(client, engine, stop, metrics)
    with wiring.told_to_stop(stop.set):
        first = wiring.first_engine(engine, stop)
        if first is None:
            return
        client.start()
        serve_metrics(metrics_port, metrics)
        log.info("ingest is at work", rules=settings.rules)
        loop.run(first)
        client.stop()


def run_escalate(settings: Settings, metrics_port: int | None) -> None:
    """Climb the ladders until told to stop; any number of these may run."""
    database, stop, metrics = database_of(settings), threading.Event(), CollectorRegistry()
    with connect(database) as conn:
        check_schema(conn)
    with open_pool(database, size=4, name="shouwang escalate") as pool, wiring.told_to_stop(stop.set):
        serve_metrics(metrics_port, metrics)
        log.info("escalation is at work")
        loop = wiring.escalating(
            database, pool, LiveClock(), stop, metrics, settings.cap, settings.heartbeat_url, settings
        )
        loop.run()


def run_web(settings: Settings) -> None:
    """Serve API and pages until told to stop; any number of these may run."""
    database, metrics = database_of(settings), CollectorRegistry()
    with open_pool(database, size=16, name="shouwang web") as pool:
        app = wiring.web(
            database,
            pool,
            LiveClock(),
            lambda: {"database": check(pool), "audit": auditing.check(pool)},
            metrics,
            embedded=False,
            ladders=wiring.policies(settings.policies),
            settings=settings,
        )
        server = wiring.server(app)

        def leave() -> None:
            server.should_exit = True

        with wiring.told_to_stop(leave), wiring.listener(settings.http_host, settings.http_port) as probe:
            log.info("the dashboard is open", address=f"http://{settings.http_host}:{probe.getsockname()[1]}")
            server.run(sockets=[probe])


def run_migrate(settings: Settings) -> list[str]:
    """Bring the configured database to the newest schema; return the names of the migrations applied."""
    with connect(database_of(settings)) as conn:
        return migrate(conn)


def check(pool: ConnectionPool) -> Check:
    """Say whether the database answers and has the newest schema."""
    try:
        with pool.connection(timeout=2) as conn:
            missing = pending(conn)
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready", with its reason
        return Check(ok=False, why=f"the database does not answer: {error}")
    return Check(ok=not missing, why=f"run `shouwang migrate`: {', '.join(missing)}" if missing else "")


def database_of(settings: Settings) -> str:
    """Return where PostgreSQL is.

    Raises:
        NoInstanceError: no setting says so.
    """
    if settings.database_url is None:
        raise NoInstanceError(
            "say where PostgreSQL is: SHOUWANG_DATABASE_URL=postgresql://user:password@host/name "
            "(or run everything on this machine with `shouwang up`)"
        )
    return settings.database_url


def serve_metrics(port: int | None, metrics: CollectorRegistry) -> None:
    """Serve Prometheus metrics on a port, if one is wanted."""
    if port is not None:
        start_http_server(port, registry=metrics)
