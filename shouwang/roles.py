"""The production roles, each its own process against servers named in settings."""

from __future__ import annotations

import threading

import structlog
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool

from dashboards.readiness import Check
from ingest.mqtt import Endpoint
from shouwang import auditing, seal_keys, signing_in, wiring
from shouwang.clock import LiveClock
from shouwang.engine import Engine
from shouwang.errors import NoInstanceError
from shouwang.process import database_of, serve_metrics, told_to_stop
from shouwang.settings import Settings
from storage.database import connect, open_pool
from storage.migrate import migrate, pending
from storage.retention import tell_timescaledb

log = structlog.get_logger(__name__)


def run_ingest(settings: Settings, metrics_port: int | None) -> None:
    """Carry telemetry from the broker to the database until told to stop; a second one stands by for the first."""
    seal_keys.require(settings)
    database, clock, stop, metrics = database_of(settings), LiveClock(), threading.Event(), CollectorRegistry()
    if settings.mqtt_url is None:
        raise NoInstanceError("say where the broker is: SHOUWANG_MQTT_URL=mqtt://user:password@host:1883")
    ladders = wiring.policies(settings.policies)
    client = wiring.subscriber(Endpoint.parse(settings.mqtt_url), settings.mqtt_client_id, clock)

    def engine() -> Engine:
        return wiring.engine(database, settings, ladders, clock)

    loop = wiring.listening(client, engine, stop, metrics)
    with told_to_stop(stop.set):
        first = wiring.first_engine(engine, stop)
        if first is None:
            return
        client.start()
        serve_metrics(metrics_port, metrics)
        log.info("ingest is at work", rules=settings.rules)
        loop.run(first)
        client.stop()


def run_web(settings: Settings) -> None:
    """Serve API and pages until told to stop; any number of these may run."""
    seal_keys.require(settings)
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
            false_visits=settings.false_visits_per_1000_days,
            tiles=settings.tiles,
            oidc=signing_in.provider(settings),
            second_factor=settings.second_factor,
        )
        server = wiring.server(app)

        def leave() -> None:
            server.should_exit = True

        with told_to_stop(leave), wiring.listener(settings.http_host, settings.http_port) as probe:
            log.info("the dashboard is open", address=f"http://{settings.http_host}:{probe.getsockname()[1]}")
            server.run(sockets=[probe])


def run_migrate(settings: Settings) -> list[str]:
    """Bring the configured database to the newest schema; return the names of the migrations applied.

    How long readings are kept is taken over as well, each time: settings may have changed and nothing else.
    """
    with connect(database_of(settings)) as conn:
        applied = migrate(conn)
        tell_timescaledb(conn, settings.keep)
        return applied


def check(pool: ConnectionPool) -> Check:
    """Say whether the database answers and has the newest schema."""
    try:
        with pool.connection(timeout=2) as conn:
            missing = pending(conn)
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready", with its reason
        return Check(ok=False, why=f"the database does not answer: {error}")
    return Check(ok=not missing, why=f"run `shouwang migrate`: {', '.join(missing)}" if missing else "")
