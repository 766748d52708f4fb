"""Which instant a local time of day is, also on the two days a year on which clocks are changed.

A time that does not exist (clocks went forward over it) is read with the offset before the change, so it comes as much
later as the clocks were changed: 02:30 becomes 03:30. A time that exists twice (clocks went back over it) is the first
of the two. That is how RFC 5545 §3.3.5 reads a DATE-TIME with a TZID, so what is exported as iCalendar means the same
there as here.
"""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from registry.instants import to_datetime, to_micros


def instant(day: date, at: time, zone: ZoneInfo) -> int:
    """Return a local time of day as microseconds UTC."""
    return to_micros(datetime.combine(day, at.replace(fold=0), zone))


def local(at: int, zone: ZoneInfo) -> datetime:
    """Return an instant (microseconds UTC) as local time; `fold` is 1 the second time a time of day comes."""
    return to_datetime(at).astimezone(zone)
