"""How long from a smoke alarm to the first message about it, while everything else goes on?

The load of `end_to_end.py`, `shouwang escalate` beside it as a process of its own, and now and then a smoke detector's
own alarm, in a message of its gateway's. What is measured ends when the message about it lies on a (simulated)
telephone and everybody can see that: from the gateway's sending to the committed row.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from rich.console import RenderableType
from rich.table import Table

from registry.instants import SECOND
from registry.quantities import Quantity
from registry.readings import SensorTable
from shouwang.bench import stand
from shouwang.bench.report import Progress, finite, silent
from shouwang.bench.stand import Broker
from shouwang.bench.under_load import City, Service, Setting, city, load, service
from shouwang.clock import LiveClock, micros
from shouwang.errors import BenchError
from storage.database import connect

_LOOK = 0.02
"""Seconds between two looks for messages; what is measured is up to that much too long."""
_PATIENCE = 30.0
_TOLD = """
SELECT DISTINCT alert.household
FROM handset_message
JOIN notification ON notification.id = handset_message.id
JOIN alert ON alert.id = notification.alert
WHERE alert.household = ANY(%s) AND alert.kind = 'smoke'
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure: an alarm `every` so many seconds, for `seconds` after `warm_up`, at full load and at half."""

    setting: Setting = field(default_factory=Setting)
    seconds: float = 60.0
    warm_up: float = 15.0
    every: float = 0.25

    @property
    def prepared(self) -> int:
        """How many readings are written down before anything starts."""
        return round((1.5 * self.seconds + 1.5 * self.warm_up + 4) * self.setting.most)


@dataclass(frozen=True, slots=True)
class Told:
    """Alarms under one load: seconds until each was told, and how many were not within half a minute."""

    load: str
    readings_per_second: float
    seconds: Sequence[float]
    untold: int

    def percentile(self, share: float) -> float:
        """Return a percentile, in seconds; infinite where too many were never told."""
        return float(np.percentile([*self.seconds, *[np.inf] * self.untold], share, method="higher"))

    def to_json(self) -> dict[str, Any]:
        """Return the figures in SI units."""
        return {
            "load": self.load,
            "readings_per_second": round(self.readings_per_second),
            "alarms": len(self.seconds) + self.untold,
            "untold": self.untold,
            **{f"p{share}": finite(self.percentile(share)) for share in (50, 90, 99, 100)},
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, at full load first."""

    options: Options
    told: Sequence[Told]

    def to_json(self) -> dict[str, Any]:
        """Return all figures in SI units."""
        return {"options": asdict(self.options), "loads": [one.to_json() for one in self.told]}

    def table(self) -> RenderableType:
        """Return what matters at a glance."""
        table = Table("load", title="smoke alarm to the first message on a telephone, seconds")
        for column in ("readings/s", "alarms", "p50", "p90", "p99", "worst", "not told"):
            table.add_column(column, justify="right")
        for one in self.told:
            times = [f"{one.percentile(share):.2f}" for share in (50, 90, 99, 100)]
            alarms = str(len(one.seconds) + one.untold)
            table.add_row(one.load, f"{one.readings_per_second:,.0f}", alarms, *times, str(one.untold))
        return table


def run(options: Options, progress: Progress = silent) -> Report:
    """Measure at full load, then at half of what that carried.

    Raises:
        BenchError: a server or the service does not start.
    """
    with city(options.setting, options.prepared, progress) as town:
        detectors = Detectors(town.homes.table)
        progress("starting `shouwang ingest` and `shouwang escalate`")
        with service(town) as loaded, stand.role(town.folder, town.settings, "escalate") as escalate:
            loaded.others = {"escalate": escalate.pid}
            full = _alarmed("full", options, town, loaded, None, detectors, progress)
            half = _alarmed("half", options, town, loaded, full.readings_per_second / 2, detectors, progress)
            if escalate.poll() is not None:
                raise BenchError(f"the ladders stopped: {(town.folder / 'escalate.log').read_text()[-2000:]}")
    return Report(options, [full, half])


def _alarmed(
    name: str,
    options: Options,
    town: City,
    loaded: Service,
    rate: float | None,
    detectors: Detectors,
    progress: Progress,
) -> Told:
    progress(f"at {name} load")
    with connect(town.database) as conn, _gateway(town.broker) as client:
        found: list[float] = []
        untold = 0

        def sound() -> None:
            nonlocal untold
            end = time.monotonic() + options.seconds
            due = time.monotonic()
            waiting: dict[str, float] = {}
            while time.monotonic() < end or waiting:
                now = time.monotonic()
                if due <= now < end:
                    home, topic, payload = detectors.next()
                    waiting[home] = now
                    client.publish(topic, payload, qos=1)
                    due += options.every
                if waiting:
                    rows = conn.execute(_TOLD, (list(waiting),)).fetchall()
                    seen = time.monotonic()
                    found.extend(seen - waiting.pop(home) for (home,) in rows)
                    late = [home for home, at in waiting.items() if seen - at > _PATIENCE]
                    untold += len(late)
                    for home in late:
                        del waiting[home]
                time.sleep(_LOOK)

        sounding = threading.Thread(target=sound, name="alarms", daemon=True)
        stretch = load(town, loaded, options.warm_up, options.seconds, rate, progress, sounding.start)
        sounding.join()
    if not found and not untold:
        raise BenchError("no alarm was raised: measure for longer")
    return Told(name, stretch.per_second, found, untold)


class Detectors:
    """The city's smoke detectors, each of which sounds once; one area after the other, as fires come."""

    def __init__(self, table: SensorTable) -> None:
        alarms = np.flatnonzero(table.quantity == Quantity.ALARM)
        order = np.argsort(alarms * 7919 % 1_000_003, kind="stable")
        self._sensors = iter(alarms[order].tolist())
        self._table = table

    def next(self) -> tuple[str, str, bytes]:
        """Return the next one's home, and its message: topic and payload.

        Raises:
            BenchError: all have sounded.
        """
        sensor = next(self._sensors, None)
        if sensor is None:
            raise BenchError("all smoke detectors have sounded: take more sensors, or alarms less often")
        table = self._table
        gateway = table.gateways[int(table.device[sensor])]
        record = {"n": table.name(sensor), "u": "/", "v": 1, "t": micros(LiveClock()) / SECOND}
        return table.household_of(sensor), f"telemetry/{gateway}/senml", json.dumps([record]).encode()


@contextmanager
def _gateway(broker: Broker) -> Iterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-smoke", protocol=mqtt.MQTTv5)
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()
