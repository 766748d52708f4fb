"""What was raised beside what would have been: paired, counted, and drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.experiment import Raised, Result, Watched, Would, compare
from dashboards.pictures.lab_lanes import draw

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 12, 31, tzinfo=UTC)


def _day(number: float) -> datetime:
    return BEGIN + timedelta(days=number)


def _would(onset: float, raised: float, ended: float | None, kind: str = "inactivity", home: str = "a") -> Would:
    over = None if ended is None else _day(ended)
    return Would(home, kind, 3, "mine", _day(onset), _day(raised), over, {}, "Asia/Shanghai")


def _raised(
    onset: float, raised: float, closed: float | None, outcome: str | None, kind: str = "inactivity", home: str = "a"
) -> Raised:
    over = None if closed is None else _day(closed)
    return Raised("1", home, kind, 3, "old", _day(onset), _day(raised), over, outcome, {}, "Asia/Shanghai")


def _result(*alerts: Would, more: int = 0) -> Result:
    return Result(BEGIN, END, 1000, 0.9, {"a": Watched(364.0, "Asia/Shanghai")}, list(alerts), more)


def test_the_same_matter_is_one_line() -> None:
    found = compare(_result(_would(10, 10.5, 12)), [_raised(10, 11, 13, "helped")], "UTC")
    [line] = found.lines
    assert line.sooner == timedelta(hours=12)
    assert line.at == _day(10.5)
    figures = found.figures
    assert (figures.real, figures.real_found, figures.unknown) == (1, 1, 0)
    assert (figures.delay, figures.delay_would) == (timedelta(days=1), timedelta(hours=12))


@pytest.mark.parametrize(
    "other",
    [_would(14, 14.5, 15), _would(10, 10.5, 12, kind="leak"), _would(10, 10.5, 12, home="b"), _would(1, 2, 9)],
    ids=["later", "kind", "home", "over"],
)
def test_another_matter_is_another_line(other: Would) -> None:
    found = compare(_result(other), [_raised(10, 11, 13, "false_alarm")], "UTC")
    assert len(found.lines) == 2
    assert (found.figures.false, found.figures.false_again, found.figures.unknown) == (1, 0, 1)


def test_each_counts_once() -> None:
    twice = [_raised(10, 11, 13, "false_alarm"), _raised(10, 12, 13, "false_alarm")]
    found = compare(_result(_would(10, 10.5, None)), twice, "UTC")
    assert [(line.raised is not None, line.would is not None) for line in found.lines] == [(True, True), (True, False)]
    assert found.figures.per_1000 == pytest.approx(2000 / 364)
    assert found.figures.per_1000_would == pytest.approx(1000 / 364)


def test_what_is_left_out_counts_as_unknown() -> None:
    figures = compare(_result(_would(1, 2, 3), more=9), [], "UTC").figures
    assert (figures.would, figures.unknown, figures.delay) == (10, 10, None)


def test_months_are_those_of_the_readers_calendar() -> None:
    evening = [_raised(30, 30.8, 31, None)]  # 31 January, 19:12 UTC: February in Shanghai
    for zone, counts in (("UTC", (1, 0)), ("Asia/Shanghai", (0, 1))):
        months = compare(_result(), evening, zone).months
        assert (months[0].raised, months[1].raised) == counts
    assert len(compare(_result(), [], "UTC").months) == 12


def test_a_picture_has_both_lanes_and_the_months() -> None:
    found = compare(_result(_would(91, 91, 182)), [_raised(182.1, 182, None, None)], "UTC")
    picture = draw(found.lines, BEGIN, END, "UTC")
    below, above = picture.marks
    assert (below.lane, above.lane) == (1, 0)
    assert (below.at, below.wide) == (25.0, 25.0)
    assert (above.at, above.wide) == (50.0, 50.0)
    assert not below.paired
    assert [tick.when.month for tick in picture.ticks] == list(range(2, 13))
    assert all(tick.whole for tick in picture.ticks)


def test_a_short_past_has_days_for_ticks() -> None:
    picture = draw([], BEGIN, BEGIN + timedelta(days=20), "UTC")
    assert [tick.when.day for tick in picture.ticks] == list(range(2, 21, 2))
