"""What do the readings between two looks at an area say of its devices and homes?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detectors.columns.runs import Mask, Positions
from detectors.columns.slices import Slice, sensors_of, slice_of
from registry.instants import SECOND
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable

LOOK = 300
"""Seconds between two looks."""
_HOUR = 3600
_STALE = 2 * _HOUR  # a reading older than this when it is heard tells of the past
_DARK_WATTS = 2.0  # below this a home draws nothing: less than the standby of one appliance
_METERS = (
    (Quantity.VOLUME, "metered", "drawn"),
    (Quantity.ENERGY, "read", "lit"),
    (Quantity.POWER, "read", "lit"),
)
_Seconds = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Metered:
    """m readings of meters in homes (m,): taken at `time` (m,), and at `used` (m,) if they show use, else 0.

    `any_use` and `some_use` name the columns of `Evidence` that keep the latest of both.
    """

    any_use: str
    some_use: str
    home: NDArray[np.int32]
    time: _Seconds
    used: _Seconds


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was heard between two looks, of devices (n,) at `received` (n,), in no order; all in seconds since 1970."""

    first: int
    last: int
    device: Positions
    received: _Seconds
    meters: tuple[Metered, ...]


def hearings(batch: Observations, sensors: SensorTable) -> Iterator[Hearing]:
    """Yield the readings of a batch that is not empty, one time between two looks after another.

    A reading of a meter that is more than two hours old when it is heard says nothing of its home.
    """
    received = batch.received // SECOND
    device = sensors.device[sensors_of(batch)].astype(np.intp)
    first, last = int(received.min()), int(received.max())
    meters = []
    for quantity, any_use, some_use in _METERS:
        if len(part := slice_of(batch, sensors, quantity)):
            meters.append(_metered(part, received, last, quantity, any_use, some_use))
    heard = received.astype(np.uint32)
    if first // LOOK == last // LOOK:
        yield Hearing(first, last, device, heard, tuple(each for each, _ in meters if len(each.home)))
        return
    look = received // LOOK
    order = _ascending(look)
    device, heard, ascending = device[order], heard[order], look[order]
    cuts = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    looks = ascending[np.append(0, cuts)]
    cut_meters = [_cut(each, look[rows], looks) for each, rows in meters if len(each.home)]
    for nth, (begin, end) in enumerate(pairwise([0, *cuts.tolist(), len(heard)])):
        moments = heard[begin:end]
        own = tuple(each[nth] for each in cut_meters if len(each[nth].home))
        yield Hearing(int(moments.min()), int(moments.max()), device[begin:end], moments, own)


def _metered(
    part: Slice, received: NDArray[np.int64], last: int, quantity: Quantity, any_use: str, some_use: str
) -> tuple[Metered, Positions]:
    """Return what meters say that is not too old, and which rows of the batch that is."""
    uses: Mask
    if quantity == Quantity.VOLUME:
        uses = part.use > 0
    elif quantity == Quantity.ENERGY:
        hours = (part.time - part.previous) / (_HOUR * SECOND)
        uses = ~(part.use <= _DARK_WATTS * hours)  # what is unknown (a first reading) is no sign
    else:
        uses = part.value > _DARK_WATTS
    seconds, home, rows = part.time // SECOND, part.household, part.rows
    if last - int(seconds.min()) >= _STALE:
        new = np.flatnonzero(received[rows] - seconds < _STALE)
        seconds, home, rows, uses = seconds[new], home[new], rows[new], uses[new]
    time = seconds.astype(np.uint32)
    return Metered(any_use, some_use, home, time, time * uses), rows


def _cut(whole: Metered, look: NDArray[np.int64], looks: NDArray[np.int64]) -> list[Metered]:
    """Return what meters say in one part for each of the `looks` (ascending), by the look (m,) of every reading."""
    order = _ascending(look)
    home, time, used = whole.home[order], whole.time[order], whole.used[order]
    cuts = [*np.searchsorted(look[order], looks).tolist(), len(home)]
    return [
        Metered(whole.any_use, whole.some_use, home[begin:end], time[begin:end], used[begin:end])
        for begin, end in pairwise(cuts)
    ]


def _ascending(look: NDArray[np.int64]) -> Positions | slice:
    """Return an order in which looks ascend."""
    return slice(None) if (look[1:] >= look[:-1]).all() else np.argsort(look, kind="stable")
