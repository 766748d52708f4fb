"""Until when something is to be valid, as people write it: so long from now, a day, or a moment."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from shouwang.errors import SettingsError

_SPAN = re.compile(r"([1-9]\d{0,4}) ?(min|h|d|days?|weeks?)")
_UNITS = {
    "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "day": timedelta(days=1),
    "days": timedelta(days=1), "week": timedelta(weeks=1), "weeks": timedelta(weeks=1),
}  # fmt: skip


def expiry(written: str, now: datetime) -> datetime:
    """Return the moment (UTC) at which a time from `now`, a day or a moment is over.

    A day counts to its end; what is written without a zone is UTC.

    Raises:
        SettingsError: it is none of these, or over already.
    """
    ends = _moment(written.strip(), now)
    if ends is None:
        raise SettingsError(
            f"--expires {written!r} cannot be read: write a time from now such as '90 days' or '12 h', a last day such "
            "as 2027-01-31, or a moment such as 2027-01-31T18:00+08:00"
        )
    if ends <= now:
        raise SettingsError(f"--expires {written!r} is over already: name a moment that lies ahead")
    return ends


def _moment(written: str, now: datetime) -> datetime | None:
    span = _SPAN.fullmatch(written)
    try:
        if span is not None:
            return now + int(span[1]) * _UNITS[span[2]]
        if len(written) == len("2027-01-31"):
            return datetime.combine(date.fromisoformat(written) + timedelta(days=1), time(), UTC)
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
