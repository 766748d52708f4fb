"""A picture of the past in two lanes: what was raised above, what a rule set would have raised below. Pure geometry.

Places are per cent of the width, so that marks and letters keep their size on a telephone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dashboards.experiment import Beside, Raised, Would

_DAYS_A_TICK: Final = (1, 2, 7, 14)
_TICKS: Final = 12
_LEAST: Final = 0.3
"""Per cent that a bar is wide at the least."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One alert: `lane` 0 was raised, 1 would have been; at `at`, `wide` per cent; `paired` if both lanes have it."""

    lane: int
    at: float
    wide: float
    severity: int
    paired: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across both lanes: `whole` if it begins a month, so that its name is the month's."""

    at: float
    when: datetime
    whole: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn."""

    marks: Sequence[Mark]
    ticks: Sequence[Tick]


def draw(lines: Sequence[Beside], begin: datetime, end: datetime, zone: str) -> Picture:
    """Return the picture of a comparison from `begin` to `end`, with the days of a zone (IANA)."""
    span = max((end - begin).total_seconds(), 1.0)

    def at(moment: datetime) -> float:
        return round(100 * min(max((moment - begin).total_seconds() / span, 0.0), 1.0), 2)

    marks = []
    for line in lines:
        for lane, one in enumerate((line.raised, line.would)):
            if one is not None:
                first, last = at(one.raised_at), at(_over(one) or end)
                wide = max(round(last - first, 2), _LEAST)
                marks.append(Mark(lane, first, wide, one.severity, line.raised is not None and line.would is not None))
    return Picture(marks, [Tick(at(when), when, when.day == 1) for when in _ticks(begin, end, ZoneInfo(zone))])


def _over(one: Raised | Would) -> datetime | None:
    return one.closed_at if isinstance(one, Raised) else one.ended_at


def _ticks(begin: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return midnights: of the first of each month, or of every so many days where there are few months."""
    days = (end - begin) / timedelta(days=1)
    first = (begin.astimezone(zone) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    every = [first + timedelta(days=number) for number in range(int(days) + 1)]
    if days > _TICKS * _DAYS_A_TICK[-1] / 2:
        found = [day for day in every if day.day == 1]
        step = -(-len(found) // _TICKS)
        return [day for day in found[:: step or 1] if day < end]
    step = next(step for step in _DAYS_A_TICK if days / step <= _TICKS)
    return [day for day in every[::step] if day < end]
