"""A reading is (sensor, time, value); a batch of them is three columns, and which sensor is which a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from registry.quantities import Quantity
from registry.spans import Spans

_T = TypeVar("_T", bound=np.generic)
Times = NDArray[np.int64]
Sensors = NDArray[np.int32]
Values = NDArray[np.float64]
Flags = NDArray[np.int16]


class Flag(IntFlag):
    """What the interpretation of a reading found; stored beside it."""

    FIRST = 1  # the first reading of its sensor: a register without a difference
    LATE = 2  # older than the sensor's last: stored, not scored
    RESET = 4  # the register restarted (meter swapped or reset): the use since the last reading is unknown
    ROLLOVER = 8  # the register passed its last digit and went on from zero
    STEP_BACK = 16  # the register stood slightly lower than before: counted as no use


@dataclass(frozen=True, slots=True)
class ReadingBatch:
    """Readings as they were sent, n rows.

    `sensor` (n,) int32 database ids; `time` (n,) int64 microseconds UTC; `value` (n,) float64 in SI units
    (registers as sent: cumulative); `received` (n,) int64 microseconds: when the service heard it, by the
    clock of the engine that drives it (live, town or the recording's own).
    """

    sensor: Sensors
    time: Times
    value: Values
    received: Times

    def __len__(self) -> int:
        return len(self.sensor)

    def only(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> ReadingBatch:
        """Return the rows chosen by a mask or by positions, in the same order."""
        return ReadingBatch(self.sensor[rows], self.time[rows], self.value[rows], self.received[rows])


NO_READINGS = ReadingBatch(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Observations:
    """Interpreted readings that may be scored: in event-time order, no duplicates, none late, n rows.

    `use` (n,) float64 is the amount since the sensor's previous reading (litres, watt-hours), NaN where it is
    unknown (first reading, reset) or the quantity is no register. `previous` (n,) int64 is the time of the
    sensor's previous reading, 0 where there is none. `total` (n,) float64 is the use summed since the
    sensor's first reading, NaN where the quantity is no register. `flags` (n,) int16 of `Flag`.
    """

    sensor: Sensors
    time: Times
    value: Values
    received: Times
    use: Values
    previous: Times
    total: Values
    flags: Flags
    shared: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What one detector worked out of these readings and the next would work out again: `detectors.columns.slices`."""

    def __len__(self) -> int:
        return len(self.sensor)

    def only(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Observations:
        """Return the rows chosen by a mask or by positions, in the same order."""
        return Observations(
            self.sensor[rows], self.time[rows], self.value[rows], self.received[rows],
            self.use[rows], self.previous[rows], self.total[rows], self.flags[rows],
        )  # fmt: skip


@dataclass(slots=True)
class SensorTable:
    """Which sensor is which, as columns indexed by sensor id (row 0 is nobody); it grows, it never shrinks.

    `quantity` (s,) int8 of `Quantity`, 0 where an id is unused; `device` and `household` (s,) int32 index
    `devices` and `households`; `zones` and `areas` hold the IANA zone and the area's code ("" where unknown) of
    each household, `gateways` the gateway of each device ("" where unknown); `places` are the codes of all areas
    there are, also of those that hold others. `zone` (h or more,) int32 says `zones` by number, an index of the
    different ones, `zone_names`.

    What is known of households' circumstances lies beside them: `absences` as registered, `outages` while an
    incident in their area keeps them from using anything, `dependent` those whose life hangs on the supply.
    """

    quantity: NDArray[np.int8] = field(default_factory=lambda: np.zeros(1, np.int8))
    device: NDArray[np.int32] = field(default_factory=lambda: np.zeros(1, np.int32))
    household: NDArray[np.int32] = field(default_factory=lambda: np.zeros(1, np.int32))
    devices: list[str] = field(default_factory=list)
    households: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    areas: list[str] = field(default_factory=list)
    gateways: list[str] = field(default_factory=list)
    zone: NDArray[np.int32] = field(default_factory=lambda: np.zeros(1, np.int32))
    zone_names: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    absences: Spans = field(default_factory=Spans)
    outages: Spans = field(default_factory=Spans)
    dependent: set[int] = field(default_factory=set)
    _device_index: dict[str, int] = field(default_factory=dict)
    _household_index: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.quantity)

    def add(
        self, sensor: int, device: str, quantity: Quantity, household: str, zone: str, *,
        area: str = "", gateway: str = "",
    ) -> None:  # fmt: skip
        """Enter a sensor, or correct what is known of it."""
        if sensor >= len(self.quantity):
            size = max(sensor + 1, 2 * len(self.quantity))
            self.quantity = _grown(self.quantity, size)
            self.device = _grown(self.device, size)
            self.household = _grown(self.household, size)
        at = self._household_index.setdefault(household, len(self.households))
        if at == len(self.households):
            self.households.append(household)
            self.zones.append("")
            self.areas.append(area)
        self.areas[at] = area
        if self.zones[at] != zone:
            self._move(at, zone)
        device_at = self._device_index.setdefault(device, len(self.devices))
        if device_at == len(self.devices):
            self.devices.append(device)
            self.gateways.append(gateway)
        self.gateways[device_at] = gateway
        self.quantity[sensor] = int(quantity)
        self.device[sensor] = device_at
        self.household[sensor] = at

    def _move(self, home: int, zone: str) -> None:
        if zone not in self.zone_names:
            self.zone_names.append(zone)
        if home >= len(self.zone):
            self.zone = _grown(self.zone, 2 * home)
        self.zones[home], self.zone[home] = zone, self.zone_names.index(zone)

    def name(self, sensor: int) -> str:
        """Return a sensor's public name, `{device}/{quantity}`, as in SenML and in URLs."""
        quantity = Quantity(int(self.quantity[sensor]))
        return f"{self.devices[int(self.device[sensor])]}/{quantity.label}"

    def household_number(self, household: str) -> int | None:
        """Return the number of a household in `households`, None if it has no sensor."""
        return self._household_index.get(household)

    def device_number(self, device: str) -> int | None:
        """Return the number of a device in `devices`, None if it has no sensor."""
        return self._device_index.get(device)

    def household_of(self, sensor: int) -> str:
        """Return the id of the household a sensor watches."""
        return self.households[int(self.household[sensor])]


def _grown(column: NDArray[_T], size: int) -> NDArray[_T]:
    larger = np.zeros(size, column.dtype)
    larger[: len(column)] = column
    return larger
