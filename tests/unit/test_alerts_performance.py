"""Targets and bands: how much of what telecare services reach, in five colours."""

from __future__ import annotations

import pytest

from alerts.checks.performance import TARGETS, Band, Result, band, coverage_band, visits_band

ANSWERED, ANSWERED_LATER, VISITED = TARGETS


def test_the_targets_are_those_of_telecare_services() -> None:
    assert [(one.seconds, one.share) for one in TARGETS] == [(60, 0.975), (180, 0.99), (45 * 60, 0.9)]


@pytest.mark.parametrize(
    ("in_time", "expected"),
    [
        (1000, Band.AHEAD),
        (988, Band.AHEAD),  # 12 missed of the 25 that the target allows
        (987, Band.ON_TARGET),
        (975, Band.ON_TARGET),
        (974, Band.JUST_SHORT),
        (950, Band.JUST_SHORT),
        (949, Band.SHORT),
        (900, Band.SHORT),
        (899, Band.FAR_SHORT),
        (0, Band.FAR_SHORT),
    ],
)
def test_a_band_is_how_often_more_was_missed_than_the_target_allows(in_time: int, expected: Band) -> None:
    result = Result(ANSWERED, 1000, in_time)
    assert band([result]) is expected
    assert result.met is (in_time >= 975)


def test_the_worst_target_decides() -> None:
    good, bad = Result(ANSWERED, 100, 100), Result(VISITED, 100, 70)
    assert (band([good]), band([bad]), band([good, bad])) == (Band.AHEAD, Band.SHORT, Band.SHORT)


@pytest.mark.parametrize("count", [1, 3, 39])
def test_one_miss_among_few_says_nothing(count: int) -> None:
    assert Result(ANSWERED, count, count - 1).met
    assert band([Result(ANSWERED, count, count - 1)]) is Band.ON_TARGET
    assert band([Result(ANSWERED, count, count)]) is Band.AHEAD


def test_two_misses_among_few_do() -> None:
    assert band([Result(ANSWERED, 10, 8)]) is Band.JUST_SHORT


def test_where_nothing_happened_there_is_no_band() -> None:
    nothing = Result(ANSWERED, 0, 0)
    assert (nothing.share, nothing.met) == (None, None)
    assert band([nothing]) is None
    assert band([nothing, Result(VISITED, 10, 10)]) is Band.AHEAD


@pytest.mark.parametrize(
    ("false", "home_days", "expected"),
    [
        (0, 10_000, Band.AHEAD),
        (11, 10_000, Band.ON_TARGET),
        (22, 10_000, Band.JUST_SHORT),
        (44, 10_000, Band.SHORT),
        (45, 10_000, Band.FAR_SHORT),
        (1, 30, Band.ON_TARGET),  # one is always allowed
        (2, 30, Band.JUST_SHORT),
        (0, 0, None),
    ],
)
def test_false_visits_are_banded_by_the_budget(false: int, home_days: float, expected: Band | None) -> None:
    assert visits_band(false, home_days, 1.1 / 1000) is expected


@pytest.mark.parametrize(
    ("heard", "homes", "expected"),
    [
        (975, 1000, Band.AHEAD),
        (950, 1000, Band.ON_TARGET),
        (900, 1000, Band.JUST_SHORT),
        (800, 1000, Band.SHORT),
        (799, 1000, Band.FAR_SHORT),
        (0, 1, Band.ON_TARGET),  # one is always allowed
        (0, 0, None),
    ],
)
def test_homes_heard_are_banded_by_their_share(heard: int, homes: int, expected: Band | None) -> None:
    assert coverage_band(heard, homes) is expected
