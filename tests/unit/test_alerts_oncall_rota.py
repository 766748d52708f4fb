"""Who is on call: turns, hours, holidays, exceptions, and the two days a year on which clocks are changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.oncall.civil import instant
from alerts.oncall.rota import now_and_next, on_call, shifts
from alerts.oncall.schedule import HOLIDAY, Cause, Holiday, Override, Rotation, Schedule, Window
from registry.instants import DAY, HOUR, MINUTE, to_micros

NEW_YORK = "America/New_York"
"""Clocks go forward on 8 March 2026 from 02:00 to 03:00, and back on 1 November from 02:00 to 01:00."""
MONDAY = date(2026, 3, 2)
WEEKDAYS = frozenset(range(5))
WEEKEND = frozenset({5, 6})


def at(zone: str, day: date, hour: int, minute: int = 0) -> int:
    return instant(day, time(hour, minute), ZoneInfo(zone))


def schedule(*rotations: Rotation, zone: str = "Asia/Shanghai", **more: tuple[object, ...]) -> Schedule:
    return Schedule("s", "44", "S", zone, rotations, **more)  # type: ignore[arg-type] # each test gives what it needs


def override(person: str, start: int, end: int, no: int = 1, level: int = 1) -> Override:
    return Override(UUID(int=no), person, start, end, level)


WEEKLY = Rotation("weekly", ("ann", "ben", "cho"), 7, MONDAY)


def test_turns_follow_each_other_in_order_and_begin_again() -> None:
    one = schedule(WEEKLY)
    seen = [on_call(one, at("Asia/Shanghai", MONDAY + timedelta(days=7 * week), 8)) for week in range(5)]
    assert seen == ["ann", "ben", "cho", "ann", "ben"]
    assert on_call(one, at("Asia/Shanghai", MONDAY + timedelta(days=7), 7, 59)) == "ann"


def test_nobody_is_on_call_before_the_first_shift() -> None:
    assert on_call(schedule(WEEKLY), at("Asia/Shanghai", MONDAY, 7, 59)) is None
    assert on_call(schedule(), at("Asia/Shanghai", MONDAY, 12)) is None


def test_hand_over_stays_at_eight_local_when_clocks_are_changed() -> None:
    daily = schedule(Rotation("daily", ("ann", "ben"), 1, date(2026, 3, 6)), zone=NEW_YORK)
    around = shifts(daily, at(NEW_YORK, date(2026, 3, 7), 8), at(NEW_YORK, date(2026, 3, 10), 8))
    there = [datetime.fromtimestamp(one.start / 1e6, ZoneInfo(NEW_YORK)) for one in around]
    assert [moment.hour for moment in there] == [8, 8, 8]
    assert [(one.end - one.start) // HOUR for one in around] == [23, 24, 24]
    autumn = shifts(daily, at(NEW_YORK, date(2026, 10, 31), 8), at(NEW_YORK, date(2026, 11, 1), 8))
    assert [(one.end - one.start) // HOUR for one in autumn] == [25]


def test_an_hour_that_does_not_exist_is_as_much_later_as_clocks_went_forward() -> None:
    moment = datetime.fromtimestamp(at(NEW_YORK, date(2026, 3, 8), 2, 30) / 1e6, UTC)
    assert moment == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)  # 03:30 in summer time
    daily = schedule(Rotation("daily", ("ann", "ben"), 1, date(2026, 3, 7), time(2, 30)), zone=NEW_YORK)
    assert on_call(daily, to_micros(moment) - 1) == "ann"
    assert on_call(daily, to_micros(moment)) == "ben"


def test_an_hour_that_comes_twice_hands_over_the_first_time() -> None:
    first = at(NEW_YORK, date(2026, 11, 1), 1, 30)
    assert datetime.fromtimestamp(first / 1e6, UTC) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    daily = schedule(Rotation("daily", ("ann", "ben"), 1, date(2026, 10, 31), time(1, 30)), zone=NEW_YORK)
    assert [on_call(daily, first - 1), on_call(daily, first), on_call(daily, first + HOUR)] == ["ann", "ben", "ben"]


def test_a_day_that_a_zone_skips_is_nobodys_turn() -> None:
    samoa = schedule(Rotation("daily", ("ann", "ben", "cho"), 1, date(2011, 12, 29)), zone="Pacific/Apia")
    tiles = shifts(samoa, at("Pacific/Apia", date(2011, 12, 29), 8), at("Pacific/Apia", date(2012, 1, 1), 8))
    assert [one.person for one in tiles] == ["ann", "cho"]  # 30 December 2011 did not exist there


def test_only_the_hours_of_a_window_are_covered_and_one_over_midnight_belongs_to_its_first_day() -> None:
    nights = Rotation("nights", ("ann",), 7, MONDAY, when=(Window(frozenset({4}), time(22), time(6)),))
    one = schedule(nights)
    friday = date(2026, 3, 6)
    hours = [(friday, 21), (friday, 22), (friday + timedelta(1), 5), (friday + timedelta(1), 6)]
    assert [on_call(one, at("Asia/Shanghai", *when)) for when in hours] == [None, "ann", "ann", None]


def test_of_two_rotations_the_first_that_covers_a_moment_counts() -> None:
    days = Rotation("days", ("ann",), 7, MONDAY, when=(Window(WEEKDAYS, time(8), time(18)),))
    rest = Rotation("rest", ("ben",), 7, MONDAY)
    one = schedule(days, rest)
    assert [on_call(one, at("Asia/Shanghai", MONDAY, hour)) for hour in (8, 17, 18)] == ["ann", "ann", "ben"]
    assert on_call(one, at("Asia/Shanghai", MONDAY + timedelta(5), 12)) == "ben"


def test_each_window_is_a_turn_where_a_shift_is_a_slot() -> None:
    slots = Rotation("slots", ("ann", "ben", "cho"), 0, MONDAY, when=(
        Window(WEEKDAYS, time(8), time(20)), Window(WEEKDAYS, time(20), time(8)), Window(WEEKEND),
    ))  # fmt: skip
    one = schedule(slots)
    tiles = shifts(one, at("Asia/Shanghai", MONDAY, 8), at("Asia/Shanghai", MONDAY + timedelta(3), 8))
    assert [shift.person for shift in tiles] == ["ann", "ben", "cho", "ann", "ben", "cho"]
    assert [(shift.end - shift.start) // HOUR for shift in tiles] == [12] * 6


def test_a_holiday_counts_as_sunday_unless_a_rotation_names_holidays() -> None:
    day = MONDAY + timedelta(2)
    week = Rotation("week", ("ann",), 7, MONDAY, when=(Window(WEEKDAYS),))
    weekend = Rotation("weekend", ("ben",), 7, MONDAY, when=(Window(WEEKEND),))
    feast = Rotation("feast", ("cho",), 7, MONDAY, when=(Window(frozenset({HOLIDAY})),))
    noon = at("Asia/Shanghai", day, 12)
    assert on_call(schedule(week, weekend), noon) == "ann"
    assert on_call(schedule(week, weekend, holidays=(Holiday(day),)), noon) == "ben"
    assert on_call(schedule(week, weekend, feast, holidays=(Holiday(day),)), noon) == "cho"
    worked = Holiday(date(2026, 3, 7), "make-up day", 0)
    assert on_call(schedule(week, weekend, holidays=(worked,)), at("Asia/Shanghai", worked.day, 12)) == "ann"


def test_a_new_holiday_does_not_shift_everybodys_turns() -> None:
    slots = Rotation("slots", ("ann", "ben", "cho"), 0, MONDAY, when=(Window(WEEKDAYS),))
    later = at("Asia/Shanghai", MONDAY + timedelta(10), 12)
    without = on_call(schedule(slots), later)
    assert on_call(schedule(slots, holidays=(Holiday(MONDAY + timedelta(2)),)), later) == without


def test_the_last_override_of_a_level_counts_and_ends() -> None:
    noon = at("Asia/Shanghai", MONDAY, 12)
    one = schedule(WEEKLY, overrides=(override("dan", noon, noon + 4 * HOUR), override("eve", noon, noon + HOUR, 2)))
    assert [on_call(one, noon + hours * HOUR) for hours in (-1, 0, 1, 4)] == ["ann", "eve", "dan", "ann"]
    around = shifts(one, noon, noon + 1)
    assert [(shift.person, shift.cause) for shift in around] == [("eve", Cause.OVERRIDE)]
    tiles = shifts(one, noon - HOUR, noon + 5 * HOUR)
    assert [shift.person for shift in tiles] == ["ann", "eve", "dan", "ann"]
    assert [(shift.end - noon) // HOUR for shift in tiles[:-1]] == [0, 1, 4]


def test_the_second_line_stands_behind_the_first() -> None:
    second = Rotation("second", ("zoe",), 7, MONDAY, level=2)
    noon = at("Asia/Shanghai", MONDAY, 12)
    one = schedule(second, WEEKLY)
    assert (on_call(one, noon), on_call(one, noon, 2), one.levels) == ("ann", "zoe", (1, 2))


def test_who_is_next_is_found_beyond_a_gap() -> None:
    days = Rotation("days", ("ann", "ben"), 0, MONDAY, when=(Window(WEEKDAYS, time(8), time(18)),))
    one = schedule(days)
    evening = at("Asia/Shanghai", MONDAY + timedelta(4), 20)
    running, following = now_and_next(one, evening, 1, 7 * DAY)
    assert running is None
    assert following is not None
    assert (following.person, following.start) == ("ben", at("Asia/Shanghai", MONDAY + timedelta(7), 8))


# Any schedule at all ------------------------------------------------------------------------------------------------

ZONES = ("Asia/Shanghai", NEW_YORK, "Australia/Lord_Howe", "Europe/London", "Pacific/Apia", "America/St_Johns")
BEGIN = to_micros(datetime(2026, 2, 20, tzinfo=UTC))
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 0, 15, 30]))
kinds = st.frozensets(st.integers(0, HOLIDAY), min_size=1)
people = st.lists(st.sampled_from(["ann", "ben", "cho", "dan"]), min_size=1, max_size=4).map(tuple)
starts = st.dates(date(2025, 12, 1), date(2026, 3, 20))
windows = st.lists(st.builds(Window, kinds, times, times), max_size=3).map(tuple)
rotations = st.builds(
    Rotation, st.just("r"), people, st.sampled_from([1, 2, 7, 14]), starts, times, windows, st.integers(1, 2)
) | st.builds(Rotation, st.just("slots"), people, st.just(0), starts, times, windows.filter(bool), st.integers(1, 2))
moments = st.integers(0, 300 * 24 * 60).map(lambda minutes: BEGIN + minutes * MINUTE)


@st.composite
def overrides(draw: st.DrawFn) -> Override:
    start = draw(moments)
    length = draw(st.integers(1, 3 * 24 * 60)) * MINUTE
    return Override(draw(st.uuids()), draw(st.sampled_from("xyz")), start, start + length, draw(st.integers(1, 2)))


schedules = st.builds(
    Schedule,
    st.just("s"), st.just("44"), st.just("S"), st.sampled_from(ZONES),
    st.lists(rotations, max_size=3).map(tuple),
    st.lists(st.builds(Holiday, st.dates(date(2026, 2, 20), date(2026, 12, 31)), st.just(""), st.integers(0, HOLIDAY)),
             max_size=5, unique_by=lambda one: one.day).map(tuple),
    st.lists(overrides(), max_size=4).map(tuple),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(schedules, moments, st.integers(1, 20 * 24 * 60), st.integers(1, 2), st.data())
def test_shifts_tile_the_time_and_on_call_agrees_with_them(
    one: Schedule, start: int, minutes: int, level: int, data: st.DataObject
) -> None:
    end = start + minutes * MINUTE
    tiles = shifts(one, start, end, level)
    assert tiles[0].start <= start
    assert tiles[-1].end >= end
    for before, after in pairwise(tiles):
        assert before.end == after.start
    for tile in tiles:
        assert tile.start < tile.end
        asked = data.draw(st.integers(max(tile.start, start), min(tile.end, end) - 1))
        for moment in (max(tile.start, start), min(tile.end, end) - 1, asked):
            assert on_call(one, moment, level) == tile.person


@settings(max_examples=100, deadline=None)
@given(schedules, moments, st.integers(1, 10 * 24 * 60), st.integers(1, 2), st.data())
def test_a_shift_is_the_same_however_it_is_asked_for(
    one: Schedule, start: int, minutes: int, level: int, data: st.DataObject
) -> None:
    end = start + minutes * MINUTE
    wide = {tile.uid: tile for tile in shifts(one, start, end, level) if tile.person is not None}
    inside = data.draw(st.integers(start, end - 1))
    for tile in shifts(one, inside, min(end, inside + HOUR), level):
        if tile.person is not None:
            assert wide[tile.uid] == tile


@pytest.mark.parametrize("zone", ZONES)
@given(day=st.dates(date(2026, 1, 1), date(2027, 1, 1)), hour=times)
@settings(max_examples=60, deadline=None)
def test_a_local_time_is_its_first_instant_or_as_much_later_as_clocks_went_forward(
    zone: str, day: date, hour: time
) -> None:
    found = instant(day, hour, ZoneInfo(zone))
    wanted = datetime.combine(day, hour)
    around = {
        moment: datetime.fromtimestamp(moment / 1e6, ZoneInfo(zone)).replace(tzinfo=None)
        for moment in range(found - 3 * HOUR, found + 3 * HOUR, 15 * MINUTE)
    }
    existing = [moment for moment, there in around.items() if there == wanted]
    if existing:
        assert found == min(existing)
    else:
        assert around[found] - wanted in (timedelta(minutes=30), timedelta(hours=1))
