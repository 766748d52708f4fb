"""The engine's clock: the real one, and a town's, which stands, then runs, and never goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from registry.instants import to_datetime
from shouwang.clock import LiveClock, TownClock, micros

START = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)


class Stopwatch:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_towns_clock_stands_until_it_is_told_to_begin() -> None:
    watch = Stopwatch()
    clock = TownClock(START, 60.0, watch)
    watch.seconds += 500
    assert clock.now() == START
    clock.begin()
    assert clock.now() == START


def test_a_towns_clock_runs_as_fast_as_it_was_told() -> None:
    watch = Stopwatch()
    clock = TownClock(START, 60.0, watch)
    clock.begin()
    watch.seconds += 30
    assert clock.now() == START + timedelta(minutes=30)
    watch.seconds += 0.5
    assert clock.now() == START + timedelta(minutes=30, seconds=30)
    assert (clock.kind, clock.speed) == ("town", 60.0)


def test_to_begin_again_changes_nothing() -> None:
    watch = Stopwatch()
    clock = TownClock(START, 10.0, watch)
    clock.begin()
    watch.seconds += 7
    clock.begin()
    assert clock.now() == START + timedelta(seconds=70)


@given(st.floats(0.1, 10_000), st.lists(st.floats(0, 1_000), min_size=1, max_size=20))
def test_a_towns_clock_never_goes_back(speed: float, steps: list[float]) -> None:
    watch = Stopwatch()
    clock = TownClock(START, speed, watch)
    seen = [clock.now()]
    clock.begin()
    for step in steps:
        watch.seconds += step
        seen.append(clock.now())
    assert seen == sorted(seen)
    assert seen[0] == START


def test_micros_says_the_same_as_the_clock() -> None:
    watch = Stopwatch()
    clock = TownClock(START, 3.0, watch)
    clock.begin()
    watch.seconds += 1.25
    assert to_datetime(micros(clock)) == clock.now() == START + timedelta(seconds=3.75)


def test_the_real_clock_is_in_utc_and_runs_at_its_own_speed() -> None:
    before = datetime.now(UTC)
    now = LiveClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)
    assert (LiveClock.kind, LiveClock.speed) == ("live", 1.0)
