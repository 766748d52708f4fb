"""What each home shows of its area: a device not heard, electricity that plunged, water that nobody draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.area_tree import AreaTree
from detectors.bank import Bank, Column
from detectors.runs import Mask, Positions
from detectors.slices import slice_of
from registry.instants import SECOND
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable

LOOK = 300
"""Seconds between two looks."""
_HOUR = 3600
_NEVER = 2**32 - 1
_SLACK = 120  # seconds a gateway gathers and a network takes
_STALE = 2 * _HOUR  # a reading older than this when it is heard tells of the past
_DARK_WATTS = 2.0  # below this a home draws nothing: less than the standby of one appliance
_READ_LATELY = 2700  # a water meter of 15 or 30 minutes has told of the time up to this long ago
_DRY = 3 * _HOUR
_LIVELY = 36 * _HOUR  # a home that has drawn no water for longer is away: it tells nothing of its area
_TWO_DAYS = 576  # looks after which a chance has forgotten most of what was before
_METERS = (
    (Quantity.VOLUME, "metered", "drawn"),
    (Quantity.ENERGY, "read", "lit"),
    (Quantity.POWER, "read", "lit"),
)
_Floats = NDArray[np.float64]
_Seconds = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Signs:
    """One sign, of n homes or devices: who shows it, of whom it is known, and each one's own chance to show it."""

    shown: Mask
    known: Mask
    chance: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layout:
    """Who belongs to what.

    `home` (d,) is each device's, `gateway` (d,) too, -1 where unknown; `meter` (h,) is the device that measures each
    home's electricity, -1 where none does.
    """

    homes: int
    home: Positions
    gateway: Positions
    gateways: tuple[str, ...]
    meter: Positions
    tree: AreaTree
    devices: Positions
    """Those with a gateway, gateway by gateway."""
    first: Positions
    """Where each gateway begins among them."""

    @classmethod
    def of(cls, sensors: SensorTable) -> Layout:
        """Read who belongs to what."""
        used = np.flatnonzero(sensors.quantity)
        home = np.zeros(len(sensors.devices), np.intp)
        home[sensors.device[used]] = sensors.household[used]
        meter = np.full(len(sensors.households), -1, np.intp)
        for quantity in (Quantity.POWER, Quantity.ENERGY):  # a register says more than a gauge
            rows = used[sensors.quantity[used] == quantity]
            meter[sensors.household[rows]] = sensors.device[rows]
        names = sorted(set(sensors.gateways) - {""})
        number = {name: at for at, name in enumerate(names)} | {"": -1}
        gateway = np.array([number[name] for name in sensors.gateways], np.intp)
        devices = np.argsort(gateway, kind="stable")
        devices = devices[gateway[devices] >= 0]
        first = np.searchsorted(gateway[devices], np.arange(len(names)))
        tree = AreaTree.of(sensors.areas, sensors.places)
        return cls(len(meter), home, gateway, tuple(names), meter, tree, devices, first)


class Columns:
    """Columns by device or home that lie each by itself: a look reads all rows of a few of them."""

    def __init__(self, *columns: Column) -> None:
        self._banks = {column.name: Bank(column) for column in columns}

    @property
    def nbytes(self) -> int:
        """Bytes per row."""
        return sum(bank.nbytes for bank in self._banks.values())

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return a column as a view: what is written into it stays."""
        return self._banks[column][column]

    def reach(self, size: int) -> None:
        """Make room for rows below `size`."""
        for bank in self._banks.values():
            bank.reach(size)

    def saved(self, size: int) -> dict[str, NDArray[Any]]:
        """Return the first rows of every column, for `place`."""
        return {name: bank.rows()[:size] for name, bank in self._banks.items()}

    def place(self, saved: Mapping[str, NDArray[Any]], at: Positions, size: int) -> None:
        """Begin anew with so many rows, and put each saved row where it is now, -1 for nowhere.

        Raises:
            StateError: the columns are not these.
        """
        for name, bank in self._banks.items():
            bank.take(saved[name][:0])
            bank.reach(size)
            bank.rows()[at[at >= 0]] = saved[name][at >= 0]


class Evidence:
    """What was heard of every device and home, and how often each shows a sign by chance.

    Only maxima are kept of a time between two looks, so nothing depends on the order of rows within it. A chance
    is the share of earlier looks that found the sign (of drawing no water: at that hour of the day, by UTC),
    forgotten with a half-life of about two days (water: five), so that a home is measured against itself. A
    reading more than two hours old when it is heard says nothing of the present, but that its device is heard.
    16 bytes a device, 44 a household.
    """

    def __init__(self, sensors: SensorTable, known_after: int = 8) -> None:
        """Take the sensors, and the receptions from which on a device's usual gap is known."""
        self._sensors = sensors
        self._few = known_after
        self._first = np.empty(0, np.uint32)  # where `_receive` notes first receptions; not a state
        self.devices = Columns(
            Column("heard", "u4", 0),  # last reception, seconds since 1970
            Column("gap", "f4", 0.0),  # a long but usual gap between receptions, seconds
            Column("chance", "f4", 0.2),  # to be silent
            Column("gaps", "u4", 0),
        )
        self.homes = Columns(
            Column("read", "u4", 0),  # last reading of electricity
            Column("lit", "u4", 0),  # last reading that showed some use
            Column("dark", "f4", 0.2),  # chance to be without electricity
            Column("metered", "u4", 0),  # last reading of water
            Column("drawn", "u4", 0),  # last reading that showed use
            Column("dry", "u1", 230, 24),  # chance to have drawn none for hours, of 255, by hour of the day
        )

    def hear(self, batch: Observations, received: _Seconds, rows: Mask | slice, since: int) -> None:
        """Take those rows of a batch, received at (n,), that came after the look at `since` and before the next."""
        sensors = self._sensors
        self.devices.reach(len(sensors.devices))
        self.homes.reach(len(sensors.households))
        heard = received[rows].astype(np.uint32)
        self._receive(sensors.device[batch.sensor[rows]].astype(np.intp), heard, since)
        now = int(heard.max())
        for quantity, any_use, some_use in _METERS:
            part = slice_of(batch, sensors, quantity)
            if not len(part):
                continue
            if quantity == Quantity.VOLUME:
                uses = part.use > 0
            elif quantity == Quantity.ENERGY:
                hours = (part.time - part.previous) / (_HOUR * SECOND)
                uses = ~(part.use <= _DARK_WATTS * hours)  # what is unknown (a first reading) is no sign
            else:
                uses = part.value > _DARK_WATTS
            time, home = (part.time // SECOND).astype(np.uint32), part.household
            if not isinstance(rows, slice):
                own = rows[part.rows]
            elif now - int(time.min()) >= _STALE:
                own = np.ones(len(part), np.bool_)
            else:
                own = None
            if own is not None:
                own &= received[part.rows] - time < _STALE
                uses, time, home = uses[own], time[own], home[own]
            np.maximum.at(self.homes[any_use], home, time)
            np.maximum.at(self.homes[some_use], home[uses], time[uses])

    def _receive(self, device: Positions, received: NDArray[np.uint32], since: int) -> None:
        bank = self.devices
        before = bank["heard"][device]
        # What is known already is learned from one look in eight: it costs most, and changes little.
        learns = (bank["gaps"][device] < self._few) | ((device + since // LOOK) & 7 == 0)
        new = np.flatnonzero(learns & (before > 0) & (before < since))
        # A gap ends with the first of several receptions since the last look, whatever came when.
        key = device[new]
        if len(self._first) < len(self._sensors.devices):
            self._first = np.empty(len(self._sensors.devices), np.uint32)
        first = self._first
        first[key] = _NEVER
        np.minimum.at(first, key, received[new])
        gap = (first[key] - before[new]).astype(np.float32)
        usual, count = bank["gap"][key], bank["gaps"][key]
        gap = np.where(count >= self._few, np.minimum(gap, 4 * usual), gap)  # an outage is no habit
        step = np.where(gap > usual, np.float32(0.25), np.float32(0.03125))  # leans to the longest that are usual
        bank["gap"][key] = np.where(count == 0, gap, usual + step * (gap - usual))
        bank["gaps"][key] = count + 1
        np.maximum.at(bank["heard"], device, received)

    def heard(self) -> _Seconds:
        """Return when each device (d,) was last heard, seconds since 1970, 0 if never."""
        self.devices.reach(len(self._sensors.devices))
        heard: _Seconds = self.devices["heard"][: len(self._sensors.devices)].astype(np.int64)
        return heard

    def excuse(self, seconds: int) -> None:
        """Take a time in which nobody could be heard out of every device's silence."""
        heard = self.devices["heard"]
        heard[heard > 0] += np.uint32(max(seconds, 0))

    def silence(self, now: int) -> Signs:
        """Say which devices have not been heard for longer than is usual."""
        bank, size = self.devices, len(self._sensors.devices)
        bank.reach(size)
        known = bank["gaps"][:size] >= self._few
        limit = np.float32(1.2) * bank["gap"][:size] + np.float32(_SLACK)
        silent = (np.uint32(now) - bank["heard"][:size]).astype(np.float32)
        return Signs(known & (silent > limit), known, bank["chance"][:size])

    def missed(self, since: _Seconds, now: int) -> _Floats:
        """Return how many usual gaps (at most 20) each device (d,) has let pass since a moment (d,) of its own."""
        gap = np.maximum(self.devices["gap"][: len(since)], 1.0)
        missed: _Floats = np.floor((now - since - _SLACK) / gap).clip(0, 20)
        return missed

    def darkness(self, silence: Signs, layout: Layout) -> Signs:
        """Say which homes are without electricity: the meter reports no use, or is silent while others are heard."""
        self.homes.reach(layout.homes)
        bank = self.homes
        known = np.zeros(layout.homes, np.bool_)
        known[layout.home[silence.known & ~silence.shown]] = True  # somebody there is heard
        read, lit = bank["read"][: layout.homes], bank["lit"][: layout.homes]
        known &= (layout.meter >= 0) & (read > 0) & silence.known[layout.meter]
        shown = known & (silence.shown[layout.meter] | (read > lit))
        return Signs(shown, known, bank["dark"][: layout.homes])

    def dryness(self, now: int, homes: int) -> Signs:
        """Say which homes have drawn no water for three hours, of those that still did a day and a half ago."""
        self.homes.reach(homes)
        bank = self.homes
        drawn = bank["drawn"][:homes]
        known = (bank["metered"][:homes] >= now - _READ_LATELY) & (drawn >= now - _LIVELY)
        shown = known & (drawn <= now - _READ_LATELY - _DRY)
        chance = bank["dry"][:homes, now // _HOUR % 24].astype(np.float32) / np.float32(255)
        return Signs(shown, known, chance)

    def learn(self, column: str, signs: Signs, but: Positions) -> None:
        """Note how often a sign is found; homes or devices of an incident learn nothing from it."""
        learning = signs.known.copy()
        learning[but] = False
        bank = self.devices if column == "chance" else self.homes
        chance = bank[column][: len(learning)]
        step = signs.shown.astype(np.float32)
        step -= chance
        step *= np.float32(1 / _TWO_DAYS)
        step *= learning
        chance += step

    def learn_hour(self, now: int, signs: Signs, but: Positions) -> None:
        """Note once an hour how often a home has drawn no water at that hour of the day."""
        learning = signs.known.copy()
        learning[but] = False
        chance: NDArray[Any] = self.homes["dry"][: len(learning), now // _HOUR % 24]
        moved = chance + np.rint((255.0 * signs.shown - chance) / 8).astype(np.int16)
        chance[learning] = moved[learning].astype(np.uint8)
