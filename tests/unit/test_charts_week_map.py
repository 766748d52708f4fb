"""When something is used in a home, by hour of the week on its own clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from dashboards.pictures.chart_columns import QUARTER, Cells
from dashboards.pictures.week_map import week_map
from registry.instants import DAY, HOUR, to_micros
from registry.readings import Values

ZONE = "Asia/Shanghai"
MONDAY = datetime(2026, 9, 7, tzinfo=ZoneInfo(ZONE))
WEEK = 7 * DAY


def _cells(value: Values, start: datetime = MONDAY, width: int = HOUR) -> Cells:
    return Cells(to_micros(start) + width * np.arange(len(value)), np.ones(len(value), np.int64), value, width)


def _mornings(weeks: int = 4) -> Values:
    """Return hours with use from 07:00 to 08:00 each day, and on Mondays from 20:00 to 21:00."""
    use = np.zeros((weeks, 7, 24))
    use[:, :, 7] = 5.0
    use[:, 0, 20] = 1.0
    return use.reshape(-1)


def test_use_stands_at_its_day_and_hour() -> None:
    shares = week_map(_cells(_mornings()), ZONE).shares
    assert [shares[day][7] for day in range(7)] == [100] * 7
    assert [shares[day][20] for day in range(7)] == [100, 0, 0, 0, 0, 0, 0]
    assert sum(map(sum, shares)) == 800  # type: ignore[arg-type] # every hour is known


def test_shares_are_of_the_weeks_that_are_known() -> None:
    use = _mornings(4).reshape(4, 7, 24)
    use[0, 2, 7] = np.nan
    use[1, 2, 7] = 0.0
    assert week_map(_cells(use.reshape(-1)), ZONE).shares[2][7] == 67


def test_an_hour_nothing_is_known_of_is_not_an_hour_without_use() -> None:
    half = _mornings(2).reshape(-1)
    half[12::24] = np.nan
    found = week_map(_cells(half), ZONE)
    assert found.shares[3][12] is None
    assert found.shares[3][11] == 0
    assert np.isnan(found.by_hour[12])


def test_weeks_away_do_not_count() -> None:
    use = np.concatenate((_mornings(2), np.zeros(168)))
    gone = (to_micros(MONDAY) + 2 * WEEK, to_micros(MONDAY) + 3 * WEEK)
    assert week_map(_cells(use), ZONE).shares[4][7] == 67
    assert week_map(_cells(use), ZONE, away=[gone]).shares[4][7] == 100


def test_standby_is_no_use() -> None:
    power = np.full(24 * 28, 60.0)
    power += np.arange(len(power)) % 5  # a refrigerator
    power[19::24] = 900.0
    found = week_map(_cells(power), ZONE, standby=True)
    assert [found.shares[day][19] for day in range(7)] == [100] * 7
    assert found.shares[0][3] == 0
    assert week_map(_cells(power), ZONE).shares[0][3] == 100


def test_quarters_of_an_hour_are_put_together_by_the_clock_on_the_wall() -> None:
    delhi = "Asia/Kolkata"  # five and a half hours ahead
    start = datetime(2026, 9, 7, tzinfo=ZoneInfo(delhi))
    use = np.zeros(96 * 7)
    use[7 * 4 + 2 :: 96] = 3.0  # 07:30
    assert week_map(_cells(use, start, QUARTER), delhi).shares[0][7] == 100
    assert week_map(_cells(use, start, QUARTER), delhi).shares[0][8] == 0


def test_it_says_when_use_is_most_and_least_often() -> None:
    use = np.tile(np.r_[np.zeros(6), np.ones(18)], 14)
    use[10::48] = 0.0
    use[7] = 0.0
    found = week_map(_cells(use), ZONE)
    assert found.most == (6, 1.0)
    assert found.fewest == (0, 0.0)


def test_of_nothing_nothing_is_said() -> None:
    found = week_map(_cells(np.empty(0)), ZONE)
    assert (found.most, found.fewest) == (None, None)
    assert found.shares[0] == [None] * 24
    assert week_map(_cells(np.empty(0)), ZONE, standby=True).most is None


def test_a_home_elsewhere_has_its_own_hours() -> None:
    use = _mornings(1)
    start = MONDAY + timedelta(hours=0)
    assert week_map(_cells(use, start), "Europe/Berlin").shares[0][1] == 100
