"""What each home shows of its area: a device not heard, electricity that plunged, water that nobody draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.areas.hearing import LOOK, Hearing
from detectors.areas.layout import Layout
from detectors.columns.bank import Bank, Column
from detectors.columns.runs import Mask, Positions
from registry.readings import SensorTable

_HOUR = 3600
_NEVER = 2**32 - 1
_SLACK = 120  # seconds a gateway gathers and a network takes
_READ_LATELY = 2700  # a water meter of 15 or 30 minutes has told of the time up to this long ago
_DRY = 3 * _HOUR
_LIVELY = 36 * _HOUR  # a home that has drawn no water for longer is away: it tells nothing of its area
_TWO_DAYS = 576  # looks after which a chance has forgotten most of what was before
_TURNS = 8  # what is known of a gap already is learned from one look in so many: it costs most, and changes little
_Floats = NDArray[np.float64]
_Seconds = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Signs:
    """One sign, of n homes or devices: who shows it, of whom it is known, and each one's own chance to show it.

    Of silence and darkness `chance` is a view of the memory itself.
    """

    shown: Mask
    known: Mask
    chance: NDArray[np.float32]


class Columns:
    """Columns by device or home that lie each by itself: a look reads all rows of a few of them."""

    def __init__(self, *columns: Column) -> None:
        self._banks = {column.name: Bank(column) for column in columns}
        self._size = 0

    @property
    def nbytes(self) -> int:
        """Bytes per row."""
        return sum(bank.nbytes for bank in self._banks.values())

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return a column as a view: what is written into it stays."""
        return self._banks[column][column]

    def reach(self, size: int) -> None:
        """Make room for rows below `size`."""
        if size > self._size:
            self._size = size
            for bank in self._banks.values():
                bank.reach(size)

    def saved(self, size: int) -> dict[str, NDArray[Any]]:
        """Return the first rows of every column, for `place`."""
        self.reach(size)
        return {name: bank.rows()[:size] for name, bank in self._banks.items()}

    def place(self, saved: Mapping[str, NDArray[Any]], at: Positions, size: int) -> None:
        """Begin anew with so many rows, and put each saved row where it is now, -1 for nowhere.

        Raises:
            StateError: the columns are not these.
        """
        self._size = size
        for name, bank in self._banks.items():
            bank.take(saved[name][:0])
            bank.reach(size)
            bank.rows()[at[at >= 0]] = saved[name][at >= 0]


@dataclass(frozen=True, slots=True)
class Known:
    """The devices (d,) whose usual gap is known, and what follows from that for a layout; until one more is known.

    `devices` (d,); how many of them are in each home, behind each gateway, in each area: `by_home` (h,),
    `by_gateway` (g,), `by_area` (a,); `meters` (h,) marks homes whose electricity meter is one. `step` (d,) is how far
    the chance of one moves at a look, 0 for others.
    """

    layout: Layout
    devices: Mask
    by_home: NDArray[np.int16]
    by_gateway: Positions
    by_area: _Floats
    meters: Mask
    step: NDArray[np.float32]

    @classmethod
    def of(cls, devices: Mask, layout: Layout) -> Known:
        """Count the devices of a layout that are known."""
        rows = np.flatnonzero(devices)
        meters = (layout.meter >= 0) & devices[layout.meter]
        by_area = layout.tree.total(layout.leaf[rows])
        by_home = np.bincount(layout.home[rows], minlength=layout.homes).astype(np.int16)
        step = devices * np.float32(1 / _TWO_DAYS)
        return cls(layout, devices, by_home, layout.by_gateway(rows), by_area, meters, step)


class Evidence:
    """What was heard of every device and home, and how often each shows a sign by chance.

    Only maxima are kept of a time between two looks, so nothing depends on the order of rows within it. A chance
    is the share of earlier looks that found the sign (of drawing no water: at that hour of the day, by UTC),
    forgotten with a half-life of about two days (water: five), so that a home is measured against itself.
    16 bytes a device, 44 a household.
    """

    def __init__(self, sensors: SensorTable, known_after: int = 8) -> None:
        """Take the sensors, and the receptions from which on a device's usual gap is known."""
        self._sensors = sensors
        self._few = known_after
        self._first = np.empty(0, np.uint32)  # where `_receive` notes first receptions; not a state
        self._turn = np.empty(0, np.bool_)  # devices (d,) that learn before the next look; no state either
        self._turn_of = -1
        self._known: Known | None = None  # and no state
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

    def hear(self, heard: Hearing, since: int) -> None:
        """Take what came after the look at `since` and before the next."""
        self.devices.reach(len(self._sensors.devices))
        self.homes.reach(len(self._sensors.households))
        self._receive(heard.device, heard.received, since)
        for each in heard.meters:
            np.maximum.at(self.homes[each.any_use], each.home, each.time)
            np.maximum.at(self.homes[each.some_use], each.home, each.used)

    def _receive(self, device: Positions, received: NDArray[np.uint32], since: int) -> None:
        bank = self.devices
        learns = np.flatnonzero(self._turns(since)[device])
        before = bank["heard"][device[learns]]
        new = learns[(before > 0) & (before < since)]
        if len(new):
            self._learn_gaps(device[new], received[new])
        np.maximum.at(bank["heard"], device, received)

    def _turns(self, since: int) -> Mask:
        """Return which devices (d,) learn from what is heard after the look at `since`: all that are known little."""
        size = len(self._sensors.devices)
        if self._turn_of != since or len(self._turn) < size:
            self._turn = self.devices["gaps"][:size] < self._few
            self._turn[-(since // LOOK) % _TURNS :: _TURNS] = True
            self._turn_of = since
        return self._turn

    def _learn_gaps(self, key: Positions, received: NDArray[np.uint32]) -> None:
        """Learn from gaps that ended at some moments; of several of a device's, with the first: whatever came when."""
        bank = self.devices
        if len(self._first) < len(self._sensors.devices):
            self._first = np.empty(len(self._sensors.devices), np.uint32)
        first = self._first
        first[key] = _NEVER
        np.minimum.at(first, key, received)
        gap = (first[key] - bank["heard"][key]).astype(np.float32)
        usual, count = bank["gap"][key], bank["gaps"][key]
        gap = np.where(count >= self._few, np.minimum(gap, 4 * usual), gap)  # an outage is no habit
        step = np.where(gap > usual, np.float32(0.25), np.float32(0.03125))  # leans to the longest that are usual
        bank["gap"][key] = np.where(count == 0, gap, usual + step * (gap - usual))
        bank["gaps"][key] = count + 1
        if count.min() < self._few:
            self._known, self._turn_of = None, -1

    def known(self, layout: Layout) -> Known:
        """Return which devices' usual gap is known."""
        size = len(self._sensors.devices)
        self.devices.reach(size)
        known = self._known
        if known is None or known.layout is not layout or len(known.devices) != size:
            known = self._known = Known.of(self.devices["gaps"][:size] >= self._few, layout)
        return known

    def heard(self) -> _Seconds:
        """Return when each device (d,) was last heard, seconds since 1970, 0 if never."""
        self.devices.reach(len(self._sensors.devices))
        heard: _Seconds = self.devices["heard"][: len(self._sensors.devices)].astype(np.int64)
        return heard

    def excuse(self, seconds: int) -> None:
        """Take a time in which nobody could be heard out of every device's silence."""
        heard = self.devices["heard"]
        heard[heard > 0] += np.uint32(max(seconds, 0))

    def silence(self, now: int, layout: Layout) -> Signs:
        """Say which devices have not been heard for longer than is usual."""
        known = self.known(layout).devices
        bank, size = self.devices, len(known)
        limit = np.float32(1.2) * bank["gap"][:size]
        limit += np.float32(_SLACK)
        shown = (np.uint32(now) - bank["heard"][:size]).astype(np.float32) > limit
        shown &= known
        return Signs(shown, known, bank["chance"][:size])

    def missed(self, since: _Seconds, now: int) -> _Floats:
        """Return how many usual gaps (at most 20) each device (d,) has let pass since a moment (d,) of its own."""
        gap = np.maximum(self.devices["gap"][: len(since)], 1.0)
        missed: _Floats = np.floor((now - since - _SLACK) / gap).clip(0, 20)
        return missed

    def darkness(self, silence: Signs, layout: Layout) -> Signs:
        """Say which homes are without electricity: the meter reports no use, or is silent while others are heard."""
        self.homes.reach(layout.homes)
        bank, familiar = self.homes, self.known(layout)
        read, lit = bank["read"][: layout.homes], bank["lit"][: layout.homes]
        silent = np.flatnonzero(silence.shown)
        audible = familiar.by_home.copy()
        np.subtract.at(audible, layout.home[silent], np.int16(1))
        known = audible > 0
        known &= familiar.meters
        known &= read > 0
        shown = read > lit
        shown |= layout.metered(silent)
        shown &= known
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

    def learn_silence(self, silence: Signs, layout: Layout, but: Positions) -> None:
        """Note how often devices are silent; those of an incident learn nothing from it."""
        step = self.known(layout).step
        if len(but):
            step = step.copy()
            step[but] = 0.0
        _move(silence, step)

    def learn_darkness(self, darkness: Signs, but: Positions) -> None:
        """Note how often homes are without electricity; those of an incident learn nothing from it."""
        _move(darkness, _all_but(darkness.known, but) * np.float32(1 / _TWO_DAYS))

    def learn_hour(self, now: int, signs: Signs, but: Positions) -> None:
        """Note once an hour how often a home has drawn no water at that hour of the day."""
        learning = _all_but(signs.known, but)
        chance: NDArray[Any] = self.homes["dry"][: len(learning), now // _HOUR % 24]
        moved = chance + np.rint((255.0 * signs.shown - chance) / 8).astype(np.int16)
        chance[learning] = moved[learning].astype(np.uint8)

    def saved(self) -> dict[str, NDArray[Any]]:
        """Return the whole state, for `place`; devices and homes in the order of their numbers."""
        sensors = self._sensors
        return {**self.devices.saved(len(sensors.devices)), **self.homes.saved(len(sensors.households))}

    def place(self, saved: Mapping[str, NDArray[Any]], devices: Sequence[str], homes: Sequence[str]) -> None:
        """Take what `saved` returned of devices and homes of these names; numbers are those of one process.

        Raises:
            StateError: it is something else.
        """
        for columns, names, known in (
            (self.devices, devices, self._sensors.devices),
            (self.homes, homes, self._sensors.households),
        ):
            number = {name: at for at, name in enumerate(known)}
            columns.place(saved, np.array([number.get(name, -1) for name in names], np.intp), len(known))
        self._turn_of, self._known = -1, None


def _move(signs: Signs, step: NDArray[np.float32]) -> None:
    """Move each one's chance by its own `step` towards what it shows."""
    moved = signs.shown.astype(np.float32)
    moved -= signs.chance
    moved *= step
    chance = signs.chance
    chance += moved


def _all_but(known: Mask, but: Positions) -> Mask:
    if not len(but):
        return known
    others = known.copy()
    others[but] = False
    return others
