"""Which hours of the clock have ended, what a register stood at then, and which hour of a local week that was."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.columns.runs import Mask, Positions, Runs
from detectors.columns.slices import Slice, slice_of
from registry.instants import HOUR, SECOND, to_datetime
from registry.quantities import Quantity
from registry.readings import Flag, Observations, Sensors, SensorTable, Values

COARSEST = 2 * HOUR
"""Readings further apart say too little about a single hour."""
WEEK = 168
_UNKNOWN = int(Flag.FIRST | Flag.RESET)
_MONDAY = 72  # 1970 began on a Thursday
_AHEAD = 240


@dataclass(frozen=True, slots=True)
class HourEnds:
    """n ends of hours that readings show, sensor by sensor, in order of time; and breaks in what they show.

    `row` (n,) is the reading of the slice that shows it; `hour` (n,) the hour's number since 1970 UTC; `total` (n,)
    what the register stood at when it ended, interpolated evenly between the readings (NaN without a register).
    `broken` (n,) marks what is no end but a reading more than `COARSEST` after the one before it, or one whose use is
    unknown: hours after it do not follow hours before it; its `hour` is its own, its `total` NaN. `away` and `cut` (n,)
    mark hours touched by an absence or an outage of the household.
    """

    row: Positions
    runs: Runs
    hour: NDArray[np.int64]
    total: Values
    broken: Mask
    away: Mask
    cut: Mask

    def follows(self, last: NDArray[np.int32]) -> Mask:
        """Return whether each hour follows the one that ended before it; `last` (n,) is what the sensor knew, -1 none.

        `chained` says what it knows afterwards.
        """
        follows: Mask = ~self.broken & (self.runs.previous(self.chained, last) == self.hour - 1)
        return follows

    @property
    def chained(self) -> NDArray[np.int64]:
        """The hours that ended, -1 at breaks."""
        return np.where(self.broken, -1, self.hour)

    def rounds(self) -> list[Positions | slice]:
        """Return the ends in rounds in which no sensor comes twice: first all first ones, then all second."""
        if self.runs.single:
            return [slice(None)] if len(self.row) else []
        nth = np.arange(len(self.row)) - self.runs.start
        order = np.argsort(nth, kind="stable")
        return list(np.split(order, np.flatnonzero(np.diff(nth[order])) + 1)) if len(order) else []


def hour_ends(batch: Observations, sensors: SensorTable, quantity: Quantity) -> HourEnds:
    """Return the ends of hours that the readings of a quantity show; the same object whoever asks."""
    name = f"hours of {quantity.label}"
    if name not in batch.shared:
        batch.shared[name] = _ends(slice_of(batch, sensors, quantity), sensors)
    known: HourEnds = batch.shared[name]
    return known


def _ends(piece: Slice, sensors: SensorTable) -> HourEnds:
    interval = piece.time - piece.previous
    breaks = (piece.flags & _UNKNOWN != 0) | (interval > COARSEST)
    first = piece.previous // HOUR
    some = np.flatnonzero((piece.time // HOUR != first) | breaks)  # most readings are of the hour of the one before
    count = np.where(breaks[some], 1, piece.time[some] // HOUR - first[some])
    row = np.repeat(some, count)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    time, broken = piece.time[row], breaks[row]
    hour = np.where(broken, time // HOUR, first[row] + nth)
    left = (time - (hour + 1) * HOUR) / interval[row]
    total = np.where(broken, np.nan, piece.total[row] - piece.use[row] * left)
    home, began, ended = piece.household[row], hour * HOUR, (hour + 1) * HOUR
    return HourEnds(
        row, Runs.grouped(piece.runs.key[row]), hour, total, broken,
        sensors.absences.touch(home, began, ended), sensors.outages.touch(home, began, ended),
    )  # fmt: skip


class LocalHours:
    """The hour of the local week, 0 from Monday 00:00 to 167; remembers the offsets of each zone by hour."""

    def __init__(self) -> None:
        self._offsets: dict[str, tuple[int, NDArray[np.int64]]] = {}

    def of_ends(self, batch: Observations, sensors: SensorTable, quantity: Quantity) -> NDArray[np.int64]:
        """Return the hour of the week (n,) in which the middle of each hour of `hour_ends` falls; shared like those."""
        name = f"local hours of {quantity.label}"
        if name not in batch.shared:
            ends = hour_ends(batch, sensors, quantity)
            batch.shared[name] = self.of(sensors, ends.runs.key, ends.hour)
        local: NDArray[np.int64] = batch.shared[name]
        return local

    def of(self, sensors: SensorTable, sensor: Sensors, hour: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the hour of the week (n,) in which the middle of each hour (since 1970 UTC) falls."""
        zone = sensors.zone[sensors.household[sensor]]
        local = np.empty(len(hour), np.int64)
        for number, name in enumerate(sensors.zone_names):
            rows = slice(None) if len(sensors.zone_names) == 1 else zone == number
            if len(hour[rows]):
                local[rows] = self._local(name, hour[rows])
        return (local + _MONDAY) % WEEK

    def _local(self, zone: str, hour: NDArray[np.int64]) -> NDArray[np.int64]:
        low, high = int(hour.min()), int(hour.max())
        first, known = self._offsets.get(zone, (low, np.empty(0, np.int64)))
        if low < first or high >= first + len(known):
            clock = ZoneInfo(zone)
            before = [_local_hour(clock, each) for each in range(low, first)]
            after = [_local_hour(clock, each) for each in range(first + len(known), high + _AHEAD)]
            known = np.concatenate((np.array(before, np.int64), known, np.array(after, np.int64)))
            first = min(low, first)
            self._offsets[zone] = first, known
        return known[hour - first]


def _local_hour(zone: ZoneInfo, hour: int) -> int:
    offset = to_datetime(hour * HOUR).astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - an aware datetime has one
    return int(hour * HOUR + HOUR // 2 + offset.total_seconds() * SECOND) // HOUR
