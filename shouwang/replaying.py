"""`shouwang replay`: a recording, through the broker, into the running service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ingest.mqtt import Endpoint
from ingest.recordings import Chunk, read
from registry.instants import SECOND
from shouwang import instance
from shouwang.errors import NoInstanceError
from shouwang.settings import Settings
from simulators.receipts import ReceiptedPublisher, Tally
from simulators.replay import GATEWAY, Pack, packs, publish
from storage import registry
from storage.database import connect
from storage.errors import StorageError

_PATIENCE_SECONDS = 120.0
"""How long a service that is being restarted is waited for."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: how many readings it sent, what the receipts said, and how many devices were new."""

    sent: int
    tally: Tally
    new_devices: int


def replay(settings: Settings, file: Path, *, zone: str, speed: float | None, progress: Progress) -> Replayed:
    """Publish a recording and wait until all of it is stored.

    Devices that are not registered become households of their own first, where the database can be reached.
    `speed` is how many recorded seconds pass in one; None is as fast as it is stored.

    Raises:
        RecordingError: the file cannot be read; what came before the fault is stored.
        BrokerError: there is no broker, or it stayed away for two minutes.
        NoInstanceError: nothing says where the broker is.
    """

    def endpoint() -> Endpoint:
        return instance.broker(settings)

    endpoint()  # if there is none, say so at once and not after two minutes
    devices = _Devices(settings, zone)
    bar = progress.add_task(file.name, total=1.0, readings=0)

    def stream() -> Iterator[Pack]:
        sent = 0
        for chunk in read(file, zone):
            devices.register(chunk)
            yield from packs(chunk, devices.gateways)
            sent += len(chunk.time)
            progress.update(bar, completed=chunk.share, readings=sent)

    pace = None if speed is None else _Pace(speed).wait
    with ReceiptedPublisher(endpoint, GATEWAY) as publisher:
        sent = publish(publisher, stream(), pace=pace)
    return Replayed(sent, publisher.tally, devices.added)


def bar() -> Progress:
    """Return a progress bar that suits a replay."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[readings]:,} readings"),
        TimeElapsedColumn(),
    )


class _Devices:
    """Sees to it that a recording's devices are registered, and knows their gateways."""

    def __init__(self, settings: Settings, zone: str) -> None:
        self._settings = settings
        self._zone = zone
        self._known: set[str] = set()
        self.gateways: dict[str, str] = {}
        self.added = 0

    def register(self, chunk: Chunk) -> None:
        new = {series.device for series in chunk.known} - self._known
        if new:
            self._enter(new)
            self._known |= new

    def _enter(self, new: set[str]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                # A connection for each look: one that is kept would not outlive a service that is restarted meanwhile.
                database = self._settings.database_url or instance.Instance.find(self._settings.data_dir).database
                with connect(database) as conn:
                    self.added += registry.ensure_recorded_devices(conn, new, self._zone, GATEWAY)
                    self.gateways |= {row.device: row.gateway for row in registry.directory(conn)}
            except (NoInstanceError, StorageError, psycopg.OperationalError) as error:
                if isinstance(error, NoInstanceError) and self._settings.mqtt_url is not None:
                    return  # only a broker was named: its service knows the devices, or puts them in quarantine
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return


class _Pace:
    """Waits so that recorded time passes `speed` times as fast as real time."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start: tuple[float, int] | None = None

    def wait(self, until: int) -> None:
        now = time.monotonic()
        if self._start is None:
            self._start = (now, until)
        began, first = self._start
        time.sleep(max(0.0, began + (until - first) / SECOND / self._speed - now))
