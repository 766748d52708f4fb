"""Instants: microseconds since 1970 in UTC inside columns, aware datetimes at the edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
"""Microseconds in a second; columns of time are int64 microseconds since 1970-01-01T00:00Z."""
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970 in UTC, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(micros: int) -> datetime:
    """Return microseconds since 1970 in UTC as an aware datetime, exactly."""
    return _EPOCH + timedelta(microseconds=int(micros))
