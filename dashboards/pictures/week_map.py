"""When is something usually used in a home? The share of hours with use, by day of the week and hour of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dashboards.pictures.chart_columns import Cells, Span
from registry.instants import HOUR, to_datetime
from registry.readings import Times, Values

WEEKS: Final = 8
_STANDBY: Final = 0.2
_ABOVE: Final = 1.5
_THURSDAY: Final = 3  # on which 1970 began


@dataclass(frozen=True, slots=True)
class WeekMap:
    """`share` (7, 24) is the share of known hours with use, NaN where none is known; Monday is row 0.

    `by_hour` (24,) is the same over all days of the week.
    """

    share: Values
    by_hour: Values

    @property
    def shares(self) -> list[list[int | None]]:
        """Whole percents by day and hour, None where nothing is known."""
        return [[None if np.isnan(one) else round(100 * one) for one in day] for day in self.share.tolist()]

    @property
    def most(self) -> tuple[int, float] | None:
        """The hour of the day with use most often, and its share; None where nothing is known."""
        return self._extreme(np.nan_to_num(self.by_hour, nan=-1.0).argmax())

    @property
    def fewest(self) -> tuple[int, float] | None:
        """The hour of the day with use most seldom, and its share; None where nothing is known."""
        return self._extreme(np.nan_to_num(self.by_hour, nan=2.0).argmin())

    def _extreme(self, hour: np.intp) -> tuple[int, float] | None:
        share = float(self.by_hour[hour])
        return None if np.isnan(share) else (int(hour), share)


def week_map(cells: Cells, zone: str, *, away: Sequence[Span] = (), standby: bool = False) -> WeekMap:
    """Return the map of a register's use in cells of at most an hour, by the clock on the wall in `zone`.

    With `standby` (electricity, which never rests) an hour has use if it is half as much again as the quiet ones, the
    fifth of the hours with the least. Hours touched by an absence do not count.
    """
    known = np.isfinite(cells.value)
    for left, back in away:
        known &= (cells.time >= back) | (cells.time + cells.width <= left)
    hours, place = np.unique(_by_the_wall(cells.time[known], zone) // HOUR, return_inverse=True)
    use = np.bincount(place, cells.value[known], minlength=len(hours))
    least = _ABOVE * float(np.quantile(use, _STANDBY)) if standby and len(use) else 0.0
    week = (hours + _THURSDAY * 24) % 168
    used = use > least
    return WeekMap(_share(week, used, 168).reshape(7, 24), _share(week % 24, used, 24))


def _by_the_wall(time: Times, zone: str) -> Times:
    """Return instants (n,) as the clock on the wall shows them; its offset from UTC is looked up once an hour."""
    clock = ZoneInfo(zone)
    hours, place = np.unique(time // HOUR, return_inverse=True)
    offsets = [to_datetime(hour * HOUR).astimezone(clock).utcoffset() or timedelta() for hour in hours.tolist()]
    shown: Times = time + np.array([offset // timedelta(microseconds=1) for offset in offsets], np.int64)[place]
    return shown


def _share(place: NDArray[np.int64], used: NDArray[np.bool_], places: int) -> Values:
    told = np.bincount(place, minlength=places)
    with_use = np.bincount(place, used, minlength=places)
    share = np.full(places, np.nan)
    np.divide(with_use, told, out=share, where=told > 0)
    return share
