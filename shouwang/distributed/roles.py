"""The two roles of a city that has outgrown one process: from the broker to Kafka, and from Kafka to the alerts."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence

import structlog
from prometheus_client import CollectorRegistry

from detectors.finding import Finding
from ingest.kafka import Writer
from ingest.mqtt import Endpoint
from ingest.topic import Held, ensure_topic, held
from registry.shards import Shard
from shouwang import seal_keys, wiring
from shouwang.clock import LiveClock
from shouwang.distributed.assignments import Assignments
from shouwang.distributed.gathering import Gathering
from shouwang.distributed.guard import Guard
from shouwang.distributed.watching import Watch
from shouwang.distributed.worker import Membership, Worker, WorkerMetrics
from shouwang.errors import NoInstanceError
from shouwang.listening import IngestMetrics
from shouwang.process import database_of, serve_metrics, told_to_stop
from shouwang.settings import Settings
from storage import engine_state
from storage.database import connect
from storage.migrate import check_schema
from storage.shards import claim

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0
_LEAVE_SECONDS = 60.0
_FAILED = 70  # EX_SOFTWARE: whoever supervises the process starts it again


def run_gather(settings: Settings, metrics_port: int | None, *, leaving: bool = False) -> None:
    """Carry telemetry from the broker to Kafka until told to stop; any number of these may run.

    One that is `leaving` hands its share over to the others and ends when nothing is left for it.
    """
    seal_keys.require(settings)
    database, clock, stop, metrics = database_of(settings), LiveClock(), threading.Event(), CollectorRegistry()
    if settings.mqtt_url is None:
        raise NoInstanceError("say where the broker is: SHOUWANG_MQTT_URL=mqtt://user:password@host:1883")
    with connect(database) as conn:
        check_schema(conn)
    writer = Writer(_servers(settings), settings.kafka_topic, settings.mqtt_client_id)
    client = wiring.subscriber(Endpoint.parse(settings.mqtt_url), settings.mqtt_client_id, clock, shared=True)
    serve_metrics(metrics_port, metrics)
    with told_to_stop(stop.set):
        client.start()
        log.info("ingest is at work", partitions=writer.partitions)
        gathering = Gathering(
            client, writer, lambda: connect(database, name="shouwang ingest"), clock, stop, IngestMetrics(metrics)
        )
        try:
            gathering.run(leaving=leaving)
        finally:
            client.stop()


def run_worker(settings: Settings, metrics_port: int | None) -> None:
    """Judge the readings of some partitions until told to stop; the workers of a group share all of them."""
    seal_keys.require(settings)
    database, registry = database_of(settings), CollectorRegistry()
    with connect(database) as conn:
        check_schema(conn)
    servers, metrics = _servers(settings), WorkerMetrics(registry)
    metrics.all.set(settings.kafka_partitions)
    assignments = Assignments(_takes_over(database, settings, metrics.found), metrics.failures.inc)
    membership = Membership(servers, settings.kafka_topic, settings.kafka_group, settings.kafka_session_seconds)
    kept = held(servers, settings.kafka_topic)
    guard = Guard(
        lambda partitions: {one: end for one, (_, end) in kept(partitions).items()},
        assignments.committed,
        metrics.lag,
        lambda _: os._exit(_FAILED),
    )
    serve_metrics(metrics_port, registry)
    told = asyncio.run(_work(membership, assignments, metrics, guard, kept))
    if not told:
        log.critical("the worker fell over; this process ends")
        sys.exit(_FAILED)


def ensure_stream(settings: Settings) -> bool:
    """Make the topic that readings travel through if there is a cluster and no topic; say whether it was made."""
    if settings.kafka_servers is None:
        return False
    return ensure_topic(
        settings.kafka_servers, settings.kafka_topic, settings.kafka_partitions, replicas=settings.kafka_replicas
    )


async def _work(
    membership: Membership, assignments: Assignments, metrics: WorkerMetrics, guard: Guard, kept: Held
) -> bool:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=_look, args=(guard,), name="guard", daemon=True).start()
    return await Worker(membership, assignments, metrics, kept, _leaving).run(stop.wait())


def _leaving() -> None:
    # Faust may wait for ever for its own parts to end; whoever leaves too slowly is ended, and the others take over.
    deadline = threading.Timer(_LEAVE_SECONDS, lambda: os._exit(_FAILED))
    deadline.daemon = True
    deadline.start()


def _look(guard: Guard) -> None:
    while True:
        guard.look(time.monotonic())
        time.sleep(_LOOK_SECONDS)


def _takes_over(
    database: str, settings: Settings, found: Callable[[Sequence[Finding]], None]
) -> Callable[[int], Watch]:
    ladders, live = wiring.policies(settings.policies), LiveClock()

    def take_over(partition: int) -> Watch:
        with connect(database, name="shouwang worker") as conn:
            tenure = claim(conn, Shard(partition, settings.kafka_partitions))
            stood = engine_state.get_clock(conn, tenure.shard)
        log.info("watching", partition=partition, epoch=tenure.epoch, offset=tenure.next_offset)
        return Watch(
            tenure,
            None if stood is None else stood[1],
            lambda clock: wiring.engine(database, settings, ladders, clock, tenure, live),
            found,
        )

    return take_over


def _servers(settings: Settings) -> str:
    if settings.kafka_servers is None:
        raise NoInstanceError("say where Kafka is: SHOUWANG_KAFKA_SERVERS=host:9092,host:9092")
    return settings.kafka_servers
