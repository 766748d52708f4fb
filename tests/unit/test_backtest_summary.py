from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.finding import Finding, Kind, Phase, Severity
from registry.instants import DAY, HOUR
from shouwang.backtest.inject import Befallen
from shouwang.backtest.report import Report, Said
from shouwang.backtest.roster import YEAR, Watched
from shouwang.backtest.summary import Delays, Point, counts, delays, found, levels, lines, matched, worst
from shouwang.backtest.trials import Answer, Played

START = 1_700_000_000_000_000
HOMES = {name: Watched("UTC", START, START + round(YEAR), round(YEAR / 2)) for name in ("a", "b")}


def raised(
    home: str, day: float, *, rate: float | None = None, severity: Severity = Severity.HIGH, rule: str = "rule"
) -> Finding:
    onset = START + round(day * DAY)
    facts = {} if rate is None else {"rate": rate}
    return Finding(home, Kind.INACTIVITY, rule, "m/volume", Phase.RAISED, severity, onset, onset + 8 * HOUR, 1.0, facts)


def cleared(finding: Finding) -> Finding:
    return replace(finding, phase=Phase.CLEARED, time=finding.time + DAY // 4)


def report(*said: Said, played: Sequence[Played] = (), targets: Sequence[float] = ()) -> Report:
    return Report(100, 0, HOMES, said, played, targets)


def fell(
    *answers: tuple[int, str, float | None, float], standing: Sequence[tuple[int, str, float | None]] = ()
) -> Played:
    told = tuple(Answer(voice, rule, rate, 3, round(hours * HOUR)) for voice, rule, rate, hours in answers)
    return Played("a", START, Befallen.FALL, 0.0, told, frozenset(standing))


def test_alerts_are_counted_by_kind_and_by_rule_as_if_it_were_alone() -> None:
    first, joins, later = raised("a", 10), raised("a", 10.1, rule="other"), raised("b", 100)
    said = Said("set", None, (), [first, joins, cleared(first), cleared(joins), later])
    together, other, own = counts(said, report(said))
    assert (together.rule, together.alerts, together.open, together.homes) == (None, 2, 1, 2)
    assert together.per_year == 1
    assert together.per_1000_days == pytest.approx(2000 / 365.25 / 2)
    assert together.settled == 1, "the first was in its household's first month"
    assert together.settled_per_year == pytest.approx(1 / (2 - 60 / 365.25))
    assert (other.rule, other.alerts, own.rule, own.alerts) == ("other", 1, "rule", 2)
    assert together.raised_after == 8


def test_a_level_counts_those_that_reached_it_or_a_severer_one() -> None:
    low, high = raised("a", 50, rate=12.0), raised("a", 50, rate=1.0, severity=Severity.URGENT)
    straight = raised("b", 60, rate=1.0, severity=Severity.URGENT)
    early = raised("b", 5, rate=12.0)
    said = Said("set", None, (), [low, high, cleared(low), early, cleared(early), straight])
    twelve, one = levels(said, report(said))
    assert (twelve.asked, twelve.measured, one.asked, one.measured) == (12, 1.5, 1, 1)
    assert twelve.settled == one.settled == pytest.approx(2 / (2 - 60 / 365.25))


def test_rules_without_rates_have_no_levels() -> None:
    said = Said("set", None, (), [raised("a", 50)])
    assert levels(said, report(said)) == []


def test_a_delay_is_to_the_first_alarm_and_none_is_infinite() -> None:
    played = [
        fell((0, "rule", 12.0, 5), (0, "rule", 1.0, 9), (1, "rule", None, 2)),
        fell((1, "rule", None, 3)),
        fell((0, "rule", 12.0, 1), standing=[(0, "rule", 24.0)]),
    ]
    assert delays(played, Befallen.FALL, 0).hours == (5, math.inf)
    assert delays(played, Befallen.FALL, 0, "rule", 4.0).hours == (9, math.inf, math.inf)
    assert delays(played, Befallen.FALL, 0, "rule", 24.0).hours == (5, math.inf)
    assert delays(played, Befallen.FALL, 1).hours == (2, 3, math.inf)
    assert delays(played, Befallen.LEAK, 0).hours == ()


def test_quantiles_of_delays_count_what_was_not_found() -> None:
    some = Delays((1, 2, 3, math.inf))
    assert [some.quantile(share) for share in (0.25, 0.5, 0.75, 0.9)] == [1, 2, 3, math.inf]
    assert (some.within(2), Delays(()).quantile(0.5), Delays(()).within(9)) == (0.5, math.inf, 0)


def point(rate: float, *hours: float) -> Point:
    return Point(rate, Delays(hours))


def test_delays_at_a_rate_lie_between_the_points_around_it() -> None:
    ladder = [point(16, 6, 6), point(4, 10, 10), point(0, 99, 99)]
    at = matched(ladder, 8)
    assert at.median == at.p90 == pytest.approx(8)
    assert matched(ladder, 4).median == 10
    assert matched(ladder, 3).median is None
    assert matched(ladder, 17).median is None
    assert matched([point(16, 6, 8), point(4, 10, math.inf)], 8).p90 == math.inf


@given(target=st.floats(1, 50), rates=st.lists(st.floats(0.1, 100), min_size=1, max_size=8, unique=True))
def test_fewer_false_alarms_never_match_a_shorter_delay(target: float, rates: list[float]) -> None:
    ladder = [point(rate, 100 / rate) for rate in rates]
    at = matched(ladder, target).median
    if min(rates) <= target <= max(rates):
        assert at is not None
        assert at >= 100 / min(one for one in rates if one >= target) - 1e-9
        assert at <= 100 / max(one for one in rates if one <= target) + 1e-9
    else:
        assert at is None


def test_rules_with_a_ladder_are_lines_and_others_points() -> None:
    first, second = raised("a", 50), raised("b", 60, rate=2.0)
    low, high = raised("a", 50, rate=2.0), raised("a", 50, rate=1.0, severity=Severity.URGENT)
    said = [
        Said("fixed", None, (), [first]),
        Said("asked", None, (), [first]),
        Said("asked", "rule", (2.0, 1.0), [low, high, second]),
    ]
    played = [fell((0, "fixed", None, 12), (1, "rule", 1.0, 9), (2, "rule", 2.0, 6), (2, "rule", 1.0, 9))]
    fixed, ladder = lines(report(*said, played=played, targets=(0.8,)))
    years = 2 - 60 / 365.25
    assert fixed.fixed == Point(1 / years, Delays((12,)))
    assert ladder.fixed is None
    assert [one.rate for one in ladder.points] == [1 / years, 2 / years]
    assert 6 < (ladder.matched[0].median or 0) < 9


def test_levels_of_one_rule_are_found_apart() -> None:
    low, high = raised("a", 50, rate=12.0), raised("a", 50, rate=1.0, severity=Severity.URGENT)
    said = Said("set", None, (), [low, high])
    both = found(report(said, played=[fell((0, "rule", 12.0, 5), (0, "rule", 1.0, 9))]))
    assert [(one.asked, one.delays.hours) for one in both] == [(None, (5,)), (12, (5,)), (1, (9,))]


def test_the_worst_households_have_most_alerts() -> None:
    first = raised("b", 10)
    said = Said("set", None, (), [first, cleared(first), raised("b", 50), raised("a", 60)])
    assert worst(said, 1) == [("b", 2)]
