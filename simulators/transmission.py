"""The way from devices to the broker: radio, gateway, uplink; and the packs in which readings travel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cbor2
import msgspec
import numpy as np

from registry.instants import HOUR, MINUTE, SECOND
from registry.quantities import SCALES, Quantity
from simulators.chance import Floats, Ints, scattered
from simulators.meters import Columns, Kinds

_LOSS, _LATE, _TWICE, _LATENCY = 41, 42, 43, 44
_GATHERED = MINUTE
_LATEST = HOUR // 2
LOOKBACK = _GATHERED + _LATEST + MINUTE
"""No pack is sent later than this after its oldest reading, but for one that waited for an uplink."""


@dataclass(frozen=True, slots=True)
class Transmission:
    """How badly things travel. Shares are of readings (`loss`) or of packs.

    A lost reading is never sent again: registers heal it, and a detector's alarm is confirmed over the radio,
    so that it is never lost. A late pack waits about `lateness` seconds (exponential, at most half an hour).
    """

    loss: float = 0.01
    late: float = 0.02
    lateness: float = 300.0
    twice: float = 0.01


@dataclass(frozen=True, slots=True)
class Uplink:
    """A time [`begin`, `end`) in which a gateway (its number in the town) cannot reach the broker."""

    gateway: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class TownMessage:
    """One publication: when (microseconds UTC), by which gateway, what."""

    at: int
    gateway: str
    topic: str
    payload: bytes


class Radio:
    """The gateways of one town: which reading goes into which pack, and when it is published."""

    def __init__(
        self, seed: int, ways: Transmission, names: Sequence[str], gateways: Sequence[str], gateway_of: Ints
    ) -> None:
        """Take the names of sensors (`{device}/{quantity}`), the gateways' ids, and each sensor's gateway."""
        self._seed = seed
        self._ways = ways
        self._names = names
        self._gateways = gateways
        self._gateway_of = gateway_of
        self._offset = np.floor(60 * scattered(seed, _LATENCY, np.arange(len(gateways)))).astype(np.int64) * SECOND

    def received(self, heard: Columns) -> Columns:
        """Return the readings that reach their gateway."""
        alarm = heard.sensor % Kinds.COUNT == Kinds.ALARM
        chance = scattered(self._seed, _LOSS, heard.sensor.astype(np.int64), heard.time)
        arrives = alarm | (chance >= self._ways.loss)
        return Columns(heard.sensor[arrives], heard.time[arrives], heard.value[arrives])

    def departures(self, got: Columns, uplinks: Sequence[Uplink]) -> tuple[Ints, Ints, Ints]:
        """Return gateway, pack number and publication time of each reading.

        A gateway gathers for up to a minute; an alarm leaves at once, in a pack of its own.
        """
        gateway = self._gateway_of[got.sensor]
        urgent = (got.sensor % Kinds.COUNT == Kinds.ALARM) & (got.value > 0)
        window = (got.time - self._offset[gateway]) // _GATHERED
        # Numbers of urgent packs are odd and their own; those of gathered ones even.
        pack = np.where(urgent, 2 * (got.time // SECOND * 1000 + got.sensor % 1000) + 1, 2 * window)
        leaves = np.where(urgent, got.time, (window + 1) * _GATHERED + self._offset[gateway])
        latency = SECOND * np.where(urgent, 0.1, 1.0) * (0.1 + scattered(self._seed, _LATENCY, gateway, pack))
        late = ~urgent & (scattered(self._seed, _LATE, gateway, pack) < self._ways.late)
        waits = -self._ways.lateness * SECOND * np.log1p(-scattered(self._seed, _LATE, gateway, pack, 1))
        published = leaves + np.floor(latency + np.where(late, np.minimum(waits, _LATEST), 0.0)).astype(np.int64)
        for uplink in uplinks:
            held = (gateway == uplink.gateway) & (published >= uplink.begin) & (published < uplink.end)
            published[held] = uplink.end + np.floor(latency[held]).astype(np.int64)
        return gateway, pack, published

    def messages(self, heard: Columns, uplinks: Sequence[Uplink], begin: int, end: int) -> list[TownMessage]:
        """Return what is published in [begin, end), in order, of readings heard since `begin` - `LOOKBACK`."""
        got = self.received(heard)
        gateway, pack, published = self.departures(got, uplinks)
        order = np.lexsort((got.time, got.sensor, pack, gateway))
        order = order[(published[order] >= begin - MINUTE) & (published[order] < end)]
        if not len(order):
            return []
        new = np.flatnonzero(np.diff(gateway[order], prepend=-1) | np.diff(pack[order], prepend=-1))
        found = []
        for rows in np.split(order, new[1:]):
            owner, at = int(gateway[rows[0]]), int(published[rows[0]])
            times = [at]
            again = self._again(owner, int(pack[rows[0]]))
            if again is not None:
                times.append(at + again)
            if not any(begin <= time < end for time in times):
                continue
            payload = self._payload(owner, got, rows)
            name, form = self._gateways[owner], "senml-cbor" if self._binary(owner) else "senml"
            found += [TownMessage(t, name, f"telemetry/{name}/{form}", payload) for t in times if begin <= t < end]
        return sorted(found, key=lambda message: (message.at, message.gateway, message.payload))

    def _again(self, gateway: int, pack: int) -> int | None:
        """Return how much later a pack is sent once more, because its confirmation was lost."""
        chance: Floats = scattered(self._seed, _TWICE, gateway, np.array([pack, pack]), np.array([0, 1]))
        return int((1 + 28 * chance[1]) * SECOND) if chance[0] < self._ways.twice else None

    def _binary(self, gateway: int) -> bool:
        # Every fourth gateway speaks CBOR, so that both forms are in daily use.
        return gateway % 4 == 3

    def _payload(self, gateway: int, got: Columns, rows: Ints) -> bytes:
        base = int(got.time[rows[0]]) // SECOND
        binary = self._binary(gateway)
        name, unit, number, time, zero = (0, 1, 2, 6, -3) if binary else ("n", "u", "v", "t", "bt")
        records: list[dict[int | str, object]] = []
        for row in rows.tolist():
            sensor, value = int(got.sensor[row]), float(got.value[row])
            si = SCALES[Kinds.QUANTITIES[sensor % Kinds.COUNT]].si
            record: dict[int | str, object] = {} if records else {zero: base}
            record[name] = self._names[sensor]
            if si:
                record[unit] = si
            record[number] = int(value) if value.is_integer() else value
            if later := int(got.time[row]) // SECOND - base:
                record[time] = later
            records.append(record)
        return cbor2.dumps(records) if binary else msgspec.json.encode(records)


def sensor_names(numbers: Sequence[str]) -> list[tuple[str, Quantity]]:
    """Return (device, quantity) of every sensor in a town, from its households' numbers such as `007`."""
    return [
        (f"{device}-{number}", quantity)
        for number in numbers
        for device, quantity in zip(Kinds.DEVICES, Kinds.QUANTITIES, strict=True)
    ]
