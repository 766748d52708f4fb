"""What an engine would hear of a virtual town, without broker and database: for the tests of area incidents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from detectors.registers import Registers
from registry.instants import MINUTE, to_micros
from registry.readings import Observations, ReadingBatch, SensorTable
from simulators.events import Event, Happening
from simulators.meters import Columns
from simulators.town import Town
from simulators.transmission import LOOKBACK


def table_of(town: Town) -> SensorTable:
    """Return the sensors of a town as an engine knows them; its sensor n has the id n + 1."""
    table = SensorTable(places=[area.code for area in town.registry.areas])
    homes = {home.id: home for home in town.registry.households}
    devices = {device.id: device for device in town.registry.devices}
    for number, (device, quantity) in enumerate(town.sensors):
        home = homes[devices[device].household]
        table.add(
            number + 1, device, quantity, home.id, home.zone, area=home.area, gateway=devices[device].gateway
        )  # fmt: skip
        if home.category == "disabled" and home.risk == "high":
            table.dependent.add(table.household_number(home.id) or 0)
    return table


def heard(town: Town, begin: datetime, end: datetime) -> Iterator[ReadingBatch]:
    """Yield what is received of a town in [begin, end), five minutes at a time, in the order it is published."""
    since = begin
    while since < end:
        until = min(since + timedelta(days=1), end)
        yield from _published(town, to_micros(since), to_micros(until))
        since = until


def _published(town: Town, first: int, last: int) -> Iterator[ReadingBatch]:
    back = [each.lasting for each in town.events if each.kind == Happening.UPLINK and each.at < last]
    got = town._radio.received(town._between(first - LOOKBACK - max(back, default=0), last))
    _, _, published = town._radio.departures(got, town._uplinks())
    order = np.lexsort((got.sensor, got.time, published))
    order = order[(published[order] >= first) & (published[order] < last)]
    minute = published[order] // (5 * MINUTE)
    for rows in np.split(order, np.flatnonzero(np.diff(minute)) + 1):
        if len(rows):
            yield _batch(got, rows, published)


def _batch(got: Columns, rows: np.ndarray, published: np.ndarray) -> ReadingBatch:
    received = np.full(len(rows), int(published[rows].max()))
    return ReadingBatch((got.sensor[rows] + 1).astype(np.int32), got.time[rows], got.value[rows], received)


def observed(town: Town, table: SensorTable, begin: datetime, end: datetime) -> Iterator[tuple[int, Observations]]:
    """Yield the same as a detector sees it, each with the clock of the engine."""
    registers = Registers()
    for batch in heard(town, begin, end):
        yield int(batch.received[0]), registers.interpret(batch, table).observations()


__all__ = ["Event", "heard", "observed", "table_of"]
