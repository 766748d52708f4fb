"""What does a reading cost from its payload to checked columns? Per core, for packs and for single readings.

Times are of the processor. Beside it stands what nobody can do without who takes JSON apart: `json.loads` alone,
and with it a look into a dictionary for each record, which is all that the naive pipeline does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from time import process_time_ns
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from ingest.acceptance import accept
from ingest.directory import Directory, Owner
from ingest.records import Message
from registry.instants import DAY, MINUTE, to_datetime
from registry.quantities import Quantity
from registry.readings import SensorTable
from shouwang.bench.report import Progress, silent
from shouwang.bench.spool import rounds
from shouwang.bench.stream import START, Homes
from shouwang.errors import BenchError
from shouwang.listening import MOST_MESSAGES


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure: about so many `readings`, in `packs` of these sizes."""

    sensors: int = 100_000
    readings: int = 300_000
    packs: tuple[int, ...] = (50, 1)
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the processor for `readings` in packs of `pack`: checked, and with the standard library alone."""

    pack: int
    readings: int
    payload_bytes: int
    checked: float
    loads: float
    looked_up: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures in SI units."""
        return {
            "pack": self.pack,
            "readings": self.readings,
            "bytes_per_reading": round(self.payload_bytes / self.readings, 1),
            "seconds_per_reading": self.checked / self.readings,
            "readings_per_second": round(self.readings / self.checked),
            "json_loads_seconds_per_reading": self.loads / self.readings,
            "json_loads_and_look_up_seconds_per_reading": self.looked_up / self.readings,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured."""

    options: Options
    costs: Sequence[Cost]

    def to_json(self) -> dict[str, Any]:
        """Return all figures in SI units."""
        return {"options": asdict(self.options), "packs": [cost.to_json() for cost in self.costs]}

    def table(self) -> RenderableType:
        """Return what matters at a glance."""
        table = Table("readings in a message", title="payload to checked columns, SenML JSON, one core")
        for column in ("readings/s", "ns a reading", "json.loads alone", "and a look-up each", "bytes a reading"):
            table.add_column(column, justify="right")
        for cost in self.costs:
            each = [f"{seconds / cost.readings * 1e9:,.0f}" for seconds in (cost.checked, cost.loads, cost.looked_up)]
            size = f"{cost.payload_bytes / cost.readings:.0f}"
            table.add_row(str(cost.pack), f"[bold]{cost.readings / cost.checked:,.0f}[/]", *each, size)
        return table


def run(options: Options, progress: Progress = silent) -> Report:
    """Measure each size of pack.

    Raises:
        BenchError: readings were refused, so that something else was measured.
    """
    costs = []
    for pack in options.packs:
        progress(f"decoding and checking packs of {pack}")
        homes = Homes(options.sensors, options.seed)
        costs.append(_cost(options, homes, pack))
    return Report(options, costs)


def _cost(options: Options, homes: Homes, pack: int) -> Cost:
    directory, now = directory_of(homes.table), to_datetime(START + 60 * DAY)
    messages: list[Message] = []
    readings = 0
    for number, said in enumerate(rounds(homes, pack)):
        received = START + number * 15 * MINUTE
        messages += [
            Message(f"telemetry/{gateway}/senml", payload, received)
            for gateway, payload in zip(said.gateways, said.payloads, strict=True)
        ]
        readings += int(said.readings.sum())
        if readings >= options.readings:
            break
    batches = [messages[at : at + MOST_MESSAGES] for at in range(0, len(messages), MOST_MESSAGES)]
    accept(batches[0], directory, now)
    began = process_time_ns()
    accepted = [accept(batch, directory, now) for batch in batches]
    checked = process_time_ns() - began
    if sum(len(one.batch) for one in accepted) != readings:
        raise BenchError(f"readings were refused, such as {next(islice((r for o in accepted for r in o.refusals), 1))}")
    del accepted
    payloads = [message.payload for message in messages]
    began = process_time_ns()
    for payload in payloads:
        json.loads(payload)
    loads = process_time_ns() - began
    known = {homes.table.name(sensor): sensor for sensor in range(1, len(homes.table))}
    began = process_time_ns()
    for payload in payloads:
        for record in json.loads(payload):
            known.get(record["n"])
    looked_up = process_time_ns() - began
    return Cost(pack, readings, sum(map(len, payloads)), checked / 1e9, loads / 1e9, looked_up / 1e9)


def directory_of(table: SensorTable) -> Directory:
    """Return what ingest knows of these sensors."""
    directory = Directory(1)
    sensors: list[dict[str, int]] = [{} for _ in table.devices]
    homes = [0] * len(table.devices)
    for sensor in range(1, len(table)):
        device = int(table.device[sensor])
        sensors[device][Quantity(int(table.quantity[sensor])).label] = sensor
        homes[device] = int(table.household[sensor])
    for device, known in enumerate(sensors):
        owner = Owner(table.gateways[device], table.households[homes[device]])
        directory.enter(table.devices[device], owner, known)
    return directory
