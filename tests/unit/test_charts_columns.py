"""What a chart shows: buckets by the clock on the wall, habits of days alike, and silence that is not zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dashboards.pictures.chart_columns import QUARTER, Cells, Columns, Grid, Measure, columns, grid, silences, width_for
from registry.instants import DAY, HOUR, to_micros
from registry.readings import Values

ZONE = "Asia/Shanghai"
MONDAY = datetime(2026, 11, 2, tzinfo=ZoneInfo(ZONE))
NEXT = MONDAY + timedelta(days=1)


def _cells(start: datetime, value: Values, width: int = HOUR) -> Cells:
    time = to_micros(start) + width * np.arange(len(value))
    return Cells(time, np.full(len(value), 4), value.astype(np.float64), width)


def _without(cells: Cells, first: datetime, last: datetime) -> Cells:
    kept = (cells.time < to_micros(first)) | (cells.time >= to_micros(last))
    return Cells(cells.time[kept], cells.readings[kept], cells.value[kept], cells.width)


def _history(days: int = 29) -> Cells:
    """Return hours of so many days up to and with the Monday, each using as much as its day's number."""
    first = NEXT - timedelta(days=days)
    return _cells(first, np.repeat(np.arange(days), 24))


def _drawn(cells: Cells, over: Grid, measure: Measure = "use", now: datetime = NEXT, **more: object) -> Columns:
    return columns(cells, over, measure, now=to_micros(now), **more)  # type: ignore[arg-type] # `away` alone


@pytest.mark.parametrize(
    ("length", "width"),
    [
        (timedelta(days=1), QUARTER),
        (timedelta(days=2, hours=1), QUARTER),  # two days, one of them with 25 hours
        (timedelta(days=7), HOUR),
        (timedelta(days=15), HOUR),
        (timedelta(days=31), DAY),
    ],
)
def test_buckets_widen_with_the_time_that_is_shown(length: timedelta, width: int) -> None:
    assert width_for(length) == width


def test_buckets_begin_at_midnight_of_the_household() -> None:
    over = grid(MONDAY + timedelta(hours=7, minutes=20), NEXT, HOUR, ZONE)
    assert over.edges[over.shown] == to_micros(MONDAY + timedelta(hours=7))
    assert over.edges[-1] == to_micros(NEXT)
    assert over.edges[0] == to_micros(MONDAY - timedelta(days=28))
    assert over.slot[over.shown] == 7
    assert over.weekend.tolist()[:8] == [False] * 5 + [True] * 2 + [False]


def test_a_day_on_which_clocks_change_has_25_hours_of_24_names() -> None:
    night = datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Berlin"))
    over = grid(night, night + timedelta(days=1), HOUR, "Europe/Berlin")
    assert len(over.edges) - 1 - over.shown == 25
    assert over.slot[over.shown :].tolist() == [0, 1, 2, 2, *range(3, 24)]
    days = grid(night, night + timedelta(days=2), DAY, "Europe/Berlin")
    assert np.diff(days.edges[days.shown :]).tolist() == [25 * HOUR, 24 * HOUR]


def test_the_habit_is_of_days_alike_before_and_of_nothing_else() -> None:
    drawn = _drawn(_history(), grid(MONDAY, NEXT, HOUR, ZONE))
    workdays = [day for day in range(28) if day % 7 < 5]
    assert drawn.values.tolist() == [28.0] * 24
    for row, share in enumerate((0.1, 0.5, 0.9)):
        assert drawn.habit[row] == pytest.approx([np.quantile(workdays, share)] * 24)


def test_a_weekend_is_compared_with_weekends() -> None:
    saturday = MONDAY - timedelta(days=2)
    drawn = _drawn(_history(34), grid(saturday, saturday + timedelta(days=1), HOUR, ZONE))
    # 34 days up to and with Monday, day 33: the Saturday is day 31, its weekends are days 24 and 25, and so on.
    weekends = [31 - back for back in (6, 7, 13, 14, 20, 21, 27, 28)]
    assert drawn.habit[1] == pytest.approx([np.median(weekends)] * 24)


def test_nothing_is_said_of_a_habit_of_four_days() -> None:
    over = grid(MONDAY, NEXT, HOUR, ZONE)
    assert np.isnan(_drawn(_history(7), over).habit).all()  # four workdays, and a weekend
    assert np.isfinite(_drawn(_history(8), over).habit).all()


def test_days_away_are_no_habit() -> None:
    week = (to_micros(MONDAY - timedelta(days=7)), to_micros(MONDAY))
    over = grid(MONDAY, NEXT, HOUR, ZONE)
    home = [day for day in range(21) if day % 7 < 5]
    assert _drawn(_history(), over, away=[week]).habit[1] == pytest.approx([np.median(home)] * 24)


def test_a_day_s_habit_counts_whole_days() -> None:
    over = grid(MONDAY, NEXT, DAY, ZONE)
    drawn = _drawn(_history(), over)
    assert drawn.values.tolist() == [28 * 24]
    assert drawn.habit[1] == pytest.approx([24 * np.median([day for day in range(28) if day % 7 < 5])])


def test_what_was_not_reported_is_unknown_and_what_was_not_used_is_nothing() -> None:
    noon = MONDAY + timedelta(hours=12)
    cells = _without(_cells(MONDAY, np.zeros(96), QUARTER), noon, noon + timedelta(hours=2))
    drawn = _drawn(cells, grid(MONDAY, NEXT, QUARTER, ZONE))
    assert np.isnan(drawn.values[48:56]).all()
    assert drawn.values[:48].tolist() == [0.0] * 48
    [silence] = drawn.silences
    assert (silence.begin, silence.end) == (to_micros(noon), to_micros(noon + timedelta(hours=2)))


def test_what_a_register_counted_in_silence_belongs_to_no_bucket() -> None:
    noon = MONDAY + timedelta(hours=12)
    cells = _cells(MONDAY, np.ones(96), QUARTER)
    cells.value[56] = 30.0
    drawn = _drawn(_without(cells, noon, noon + timedelta(hours=2)), grid(MONDAY, NEXT, QUARTER, ZONE))
    assert drawn.silences[0].use == 30.0
    assert np.isnan(drawn.values[56])
    assert drawn.values[57] == 1.0


def test_a_short_silence_within_a_day_leaves_its_use_in_the_day() -> None:
    noon = MONDAY + timedelta(hours=12)
    cells = _history()
    cells.value[-10] = 500.0
    drawn = _drawn(_without(cells, noon, noon + timedelta(hours=2)), grid(MONDAY, NEXT, DAY, ZONE))
    assert drawn.values.tolist() == [21 * 28 + 500.0]
    assert drawn.silences == ()


def test_one_lost_reading_is_no_silence() -> None:
    noon = MONDAY + timedelta(hours=12)
    cells = _without(_cells(MONDAY, np.ones(96), QUARTER), noon, noon + timedelta(minutes=15))
    assert silences(cells, to_micros(NEXT)) == []


def test_a_sensor_that_rarely_speaks_may_pause_for_long() -> None:
    daily = Cells(to_micros(MONDAY) - DAY * np.arange(20)[::-1], np.ones(20, np.int64), np.ones(20), QUARTER)
    assert silences(daily, to_micros(MONDAY + timedelta(days=2))) == []
    [(begin, end, closing)] = silences(daily, to_micros(MONDAY + timedelta(days=4)))
    assert (begin, end, closing) == (to_micros(MONDAY) + QUARTER, to_micros(MONDAY + timedelta(days=4)), None)


def test_who_spoke_twice_is_given_a_day() -> None:
    first = Cells(to_micros(MONDAY) + HOUR * np.arange(2), np.ones(2, np.int64), np.ones(2), QUARTER)
    assert silences(first, to_micros(NEXT)) == []
    assert len(silences(first, to_micros(NEXT + timedelta(hours=3)))) == 1


def test_the_newest_reading_may_be_under_way() -> None:
    cells = _cells(MONDAY, np.ones(48), QUARTER)
    noon = to_micros(MONDAY + timedelta(hours=12))
    assert silences(cells, noon + HOUR) == []
    assert len(silences(cells, noon + 2 * HOUR)) == 1


def test_silence_ends_where_the_present_ends() -> None:
    noon = MONDAY + timedelta(hours=12)
    drawn = _drawn(_cells(MONDAY, np.ones(24), QUARTER), grid(MONDAY, NEXT, QUARTER, ZONE), now=noon)
    [silence] = drawn.silences
    assert (silence.begin, silence.end) == (to_micros(MONDAY + timedelta(hours=6)), to_micros(noon))


def test_silence_before_what_is_shown_is_left_out() -> None:
    cells = _without(_history(), MONDAY - timedelta(days=3), MONDAY - timedelta(days=2))
    assert _drawn(cells, grid(MONDAY, NEXT, HOUR, ZONE)).silences == ()
    assert len(_drawn(cells, grid(MONDAY - timedelta(days=3), NEXT, HOUR, ZONE)).silences) == 1


def test_means_weigh_readings_and_peaks_are_the_highest() -> None:
    time = to_micros(MONDAY) + np.array([0, QUARTER])
    cells = Cells(time, np.array([1, 3]), np.array([10.0, 20.0]), QUARTER)
    over = grid(MONDAY, MONDAY + timedelta(hours=2), HOUR, ZONE)
    assert _drawn(cells, over, "mean").values[0] == 17.5
    assert _drawn(cells, over, "max").values[0] == 20.0
    assert np.isnan(_drawn(cells, over, "max").values[1])


def test_a_sensor_that_never_spoke_has_nothing_to_show() -> None:
    nothing = Cells(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), QUARTER)
    drawn = _drawn(nothing, grid(MONDAY, NEXT, QUARTER, ZONE))
    assert np.isnan(drawn.values).all()
    assert len(drawn.times) == 96
    assert drawn.silences == ()


def test_times_are_instants() -> None:
    drawn = _drawn(_history(), grid(datetime(2026, 11, 1, 16, tzinfo=UTC), NEXT, HOUR, ZONE))
    assert drawn.times[0] == to_micros(MONDAY)
