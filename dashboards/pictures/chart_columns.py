"""What a chart of one sensor shows: a value for each bucket, this home's habit as a band, and where nothing was heard.

Pure: cells counted by the database in, columns out. Instants are microseconds UTC, values in SI units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from registry.instants import DAY, HOUR, MINUTE, to_datetime, to_micros
from registry.readings import Times, Values

Measure = Literal["use", "mean", "max"]
"""What a bucket's value is: the amount used, the mean of what was measured, or the most that was."""
Span = tuple[int, int]
"""[begin, end)."""

QUARTER: Final = 15 * MINUTE
HABIT_DAYS: Final = 28
"""A habit is what was stored of so many days before the day itself."""
SHARES: Final = (0.1, 0.5, 0.9)
"""The quantiles of the band."""
_ENOUGH: Final = 5  # days of the same kind; of fewer nothing is said of a habit
_MOST, _OVERDUE, _FEW = 0.9, 2.5, 3  # so many times what nine in ten pauses last is too long; from so many pauses on
_ON_THE_WAY: Final = HOUR  # the newest reading may still be under way
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Cells:
    """What is counted of a sensor in stretches of `width`: n that hold a reading, in the order of time.

    `time` (n,) int64 is where each begins; `readings` (n,) how many it holds; `value` (n,) float64 their measure, NaN
    where a register's use is unknown.
    """

    time: Times
    readings: NDArray[np.int64]
    value: Values
    width: int


@dataclass(frozen=True, slots=True)
class Grid:
    """m buckets from `HABIT_DAYS` before the first day that is shown; those from `shown` on are drawn.

    `edges` (m + 1,) int64 are where they begin and the last one ends; `day` and `slot` (m,) say which of the days and
    which of a day's buckets each is by the clock on the wall; `weekend` (days,) which days are Saturdays and Sundays.
    """

    edges: Times
    day: NDArray[np.int64]
    slot: NDArray[np.int64]
    weekend: NDArray[np.bool_]
    shown: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which nothing was heard although it should have been; `use` is what a register told afterwards."""

    begin: int
    end: int
    use: float | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """k buckets as they are drawn: `times` (k,) where each begins, `values` (k,) and `habit` (3, k), NaN unknown."""

    times: Times
    values: Values
    habit: Values
    silences: tuple[Silence, ...]


def width_for(length: timedelta) -> int:
    """Return the width of buckets in which so much time is drawn: quarters of an hour, hours or days."""
    if length <= timedelta(days=2, hours=1):
        return QUARTER
    return HOUR if length <= timedelta(days=15) else DAY


def grid(start: datetime, stop: datetime, width: int, zone: str) -> Grid:
    """Return the buckets of [start, stop) and of the days before, counted from each midnight in `zone`."""
    clock = ZoneInfo(zone)
    first = start.astimezone(clock).date() - timedelta(days=HABIT_DAYS)
    days = [first + timedelta(days=n) for n in range((stop.astimezone(clock).date() - first).days + 2)]
    midnights = [to_micros(datetime.combine(each, time(), clock)) for each in days]
    if width == DAY:  # of 23 or 25 hours where clocks are changed
        edges = np.array(midnights, np.int64)
    else:
        edges = np.concatenate([np.arange(*ends, width) for ends in pairwise(midnights)] + [midnights[-1:]])
    count = int(np.searchsorted(edges, to_micros(stop)))
    local = [to_datetime(moment).astimezone(clock) for moment in edges[:count].tolist()]
    return Grid(
        edges=edges[: count + 1],
        day=np.array([(moment.date() - first).days for moment in local], np.int64),
        slot=np.array([(moment.hour * HOUR + moment.minute * MINUTE) // width for moment in local], np.int64),
        weekend=np.array([each.weekday() >= _SATURDAY for each in days]),
        shown=int(np.searchsorted(edges, to_micros(start), side="right")) - 1,
    )


def columns(cells: Cells, over: Grid, measure: Measure, *, now: int, away: Sequence[Span] = ()) -> Columns:
    """Return what is drawn: what is known by `now`, with habits that leave out times `away`."""
    begins, ends = over.edges[:-1], over.edges[1:]
    value, told = cells.value.copy(), []
    for begin, end, closing in silences(cells, min(now, int(ends[-1]))):
        use = None
        if measure == "use" and closing is not None and bool(np.any((begins >= begin) & (ends <= end))):
            # Used some time in whole buckets of silence: it belongs to none of them, and not to the next one either.
            use, value[closing] = float(value[closing]), np.nan
        told.append(Silence(begin, end, None if use is None or np.isnan(use) else use))
    values = _bucketed(cells, value, over.edges, measure)
    at_home = values.copy()
    for left, back in away:
        at_home[(begins < back) & (ends > left)] = np.nan
    shown = slice(over.shown, None)
    least = int(ends[over.shown] - begins[over.shown]) // 2
    return Columns(
        times=begins[shown],
        values=values[shown],
        habit=habit(at_home, over),
        silences=tuple(one for one in told if one.end > begins[over.shown] and one.end - one.begin >= least),
    )


def silences(cells: Cells, until: int) -> list[tuple[int, int, int | None]]:
    """Return the pauses by `until` that are too long for this sensor, each with the cell in which it was heard again.

    Too long is 2.5 times what nine in ten of its pauses last; of a sensor that spoke less than four times, a day.
    """
    if not len(cells.time):
        return []
    pauses = np.diff(cells.time)
    limit = _OVERDUE * float(np.quantile(pauses, _MOST, method="higher")) if len(pauses) >= _FEW else float(DAY)
    found: list[tuple[int, int, int | None]] = [
        (int(cells.time[row]) + cells.width, int(cells.time[row + 1]), row + 1)
        for row in np.flatnonzero(pauses > limit).tolist()
    ]
    last = int(cells.time[-1]) + cells.width
    if until - last > limit + _ON_THE_WAY:
        found.append((last, until, None))
    return found


def habit(values: Values, over: Grid) -> Values:
    """Return the quantiles (3, k) of the same bucket on days of the same kind, of the `HABIT_DAYS` before each day."""
    days, slots = int(over.day[-1]) + 1, int(over.slot.max()) + 1
    table = np.full((days, slots), np.nan)
    table[over.day, over.slot] = values
    weekend = over.weekend[:days]
    before = np.lib.stride_tricks.sliding_window_view(table[:-1], HABIT_DAYS, axis=0)
    alike = np.lib.stride_tricks.sliding_window_view(weekend[:-1], HABIT_DAYS) == weekend[HABIT_DAYS:, None]
    known = np.sort(np.where(alike[:, None, :], before, np.nan), axis=2)  # what is unknown comes last
    count = np.isfinite(known).sum(axis=2)
    band = np.empty((len(SHARES), *count.shape))
    for row, share in enumerate(SHARES):
        place = share * np.maximum(count - 1, 0)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(count - 1, 0))
        ends = np.take_along_axis(known, np.stack((low, high), axis=2), axis=2)
        band[row] = ends[:, :, 0] + (place - low) * (ends[:, :, 1] - ends[:, :, 0])
    band[:, count < _ENOUGH] = np.nan
    drawn = slice(over.shown, None)
    return band[:, over.day[drawn] - HABIT_DAYS, over.slot[drawn]]


def _bucketed(cells: Cells, value: Values, edges: Times, measure: Measure) -> Values:
    """Return the value of each bucket (m,) that cells fall into, NaN where none of them has one."""
    buckets = len(edges) - 1
    at = np.searchsorted(edges, cells.time, side="right") - 1
    rows = np.flatnonzero(np.isfinite(value) & (at >= 0) & (at < buckets))
    at, value = at[rows], value[rows]
    if measure == "max":
        most = np.full(buckets, np.nan)
        np.fmax.at(most, at, value)
        return most
    weight = cells.readings[rows].astype(np.float64) if measure == "mean" else np.ones(len(rows))
    total = np.bincount(at, value * weight, minlength=buckets).astype(np.float64)  # of nothing it counts in integers
    unknown = np.bincount(at, minlength=buckets) == 0
    total[unknown] = np.nan
    if measure == "mean":
        total[~unknown] /= np.bincount(at, weight, minlength=buckets)[~unknown]
    return total
