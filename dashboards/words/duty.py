"""How the page of on-call schedules writes days and moments in either language."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

_WEEKDAYS: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


def day(of: date, *, chinese: bool) -> str:
    """Return a date with its weekday: `Mon 2 Mar`, `3月2日 周一`."""
    return f"{of.month}月{of.day}日 {_WEEKDAYS[of.weekday()]}" if chinese else f"{of:%a %-d %b}"


def short_day(of: date, *, chinese: bool) -> str:
    """Return what names a day in a narrow column: `Mon 2`, `周一 2`."""
    return f"{_WEEKDAYS[of.weekday()]} {of.day}" if chinese else f"{of:%a %-d}"


def moment(at: datetime, *, chinese: bool) -> str:
    """Return a local moment with its day: `Mon 2 Mar 08:00`, `3月2日 周一 08:00`."""
    return f"{day(at.date(), chinese=chinese)} {at:%H:%M}"
