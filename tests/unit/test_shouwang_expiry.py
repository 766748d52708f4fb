"""When a token ends, as people write it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shouwang.errors import SettingsError
from shouwang.expiry import expiry

NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "ends"),
    [
        ("90 days", datetime(2027, 2, 20, 4, 30, tzinfo=UTC)),
        ("1d", datetime(2026, 11, 23, 4, 30, tzinfo=UTC)),
        ("12 h", datetime(2026, 11, 22, 16, 30, tzinfo=UTC)),
        (" 2 weeks ", datetime(2026, 12, 6, 4, 30, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 23, tzinfo=UTC)),  # the last day counts
        ("2027-01-31T18:00+08:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
        ("2027-01-31T18:00", datetime(2027, 1, 31, 18, tzinfo=UTC)),
    ],
)
def test_a_time_from_now_a_day_and_a_moment_are_understood(written: str, ends: datetime) -> None:
    assert expiry(written, NOW) == ends


@pytest.mark.parametrize("written", ["", "soon", "0 days", "90", "2027-13-01", "31.01.2027", "-1 day", "9999-12-31"])
def test_what_cannot_be_read_says_what_to_write(written: str) -> None:
    with pytest.raises(SettingsError, match="'90 days' or '12 h', a last day such as 2027-01-31"):
        expiry(written, NOW)


@pytest.mark.parametrize("written", ["2026-11-21", "2026-11-22T04:30", "2026-11-22T12:30+08:00"])
def test_what_is_over_already_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match="name a moment that lies ahead"):
        expiry(written, NOW)
