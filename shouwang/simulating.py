"""`shouwang simulate`: a virtual town that publishes to whatever broker it is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import structlog

from ingest.mqtt import Endpoint
from registry.csv_files import write_directory
from registry.shapes import write_shapes
from shouwang.clock import LiveClock, TownClock
from shouwang.instance import Instance
from shouwang.process import told_to_stop
from shouwang.settings import Settings
from simulators.events import parse
from simulators.gateway import simulate as publish
from simulators.outlines import outlines
from simulators.town import Town

log = structlog.get_logger(__name__)


def simulate(
    settings: Settings, households: int, speed: float, seed: int, events: Sequence[str], registry_out: Path | None
) -> None:
    """Publish a town that begins now until told to stop.

    Raises:
        SimulationError: there is no such town or event.
        NoInstanceError: no broker was named and no instance runs.
    """
    endpoint = Endpoint.parse(settings.mqtt_url or Instance.find(settings.data_dir).mqtt)
    start = LiveClock().now()
    town = Town(seed, households, start)
    town.inject(*(parse(text) for text in events))
    if registry_out is not None:
        registry_out.mkdir(parents=True, exist_ok=True)
        write_directory(town.registry, registry_out)
        names = {area.code: area.name for area in town.registry.areas}
        write_shapes(outlines(town.registry.areas), names, registry_out)
        log.info("the town's registry is written", folder=str(registry_out))
    clock = TownClock(start, speed)
    clock.begin()
    stop = threading.Event()
    with told_to_stop(stop.set):
        where = f"{endpoint.host}:{endpoint.port}"
        log.info("publishing", households=households, broker=where, gateways=len(town.gateways))
        passwords = dict.fromkeys(town.gateways, endpoint.password) if endpoint.password else None
        publish(town, clock, endpoint.host, endpoint.port, stop, credentials=passwords)
