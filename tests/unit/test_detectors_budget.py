"""Thresholds follow what people found: to hold the budget, and never against a confirmed case."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.budget import CALL, FALSE_VISITS, Budget
from detectors.finding import Kind, Severity
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR
from tests.unit.detector_streams import NOON, house

EVERYBODY = np.arange(3, dtype=np.int32)
quick = settings(max_examples=60, deadline=None)


def budget(rate: float = FALSE_VISITS) -> Budget:
    return Budget(house("UTC", "UTC", "UTC"), rate)


def found(real: bool, day: float = 0, home: int = 0, *, visited: bool = True, kind: Kind = Kind.INACTIVITY) -> Verdict:  # noqa: FBT001 - reads as a verdict
    return Verdict(f"home-{home}", kind, NOON + round(day * DAY), real, visited)


def learn(one: Budget, day: float, *verdicts: Verdict) -> None:
    one.learn(verdicts, NOON + round(day * DAY), EVERYBODY)


def test_nothing_moves_before_anybody_learned() -> None:
    one = budget()
    one.pass_days(NOON + 400 * DAY, EVERYBODY)
    assert one.theta_shift(Severity.URGENT) == 0
    assert one.delta(EVERYBODY).tolist() == [0, 0, 0]


def test_a_days_step_is_that_of_the_design() -> None:
    one = budget(rate=2.0)  # six false visits a day are expected of three homes
    learn(one, 0, *[found(real=False) for _ in range(10)])
    one.pass_days(NOON + DAY, EVERYBODY)
    assert one.theta_shift(Severity.HIGH) == pytest.approx(0.02 * (10 - 6) / math.sqrt(6))
    one.pass_days(NOON + 2 * DAY, EVERYBODY)
    assert one.theta_shift(Severity.HIGH) == pytest.approx(0.02 * (10 - 6 - 6) / math.sqrt(6))


def test_a_household_is_measured_by_its_own_false_alarms() -> None:
    one = budget(rate=0.01)
    learn(one, 0, *[found(real=False) for _ in range(3)], found(real=False, home=1, visited=False))
    assert one.delta(EVERYBODY) == pytest.approx([math.log(4), math.log(1 + CALL), 0], abs=1e-6)
    one.pass_days(NOON + 100 * DAY, EVERYBODY[:2])
    assert one.delta(EVERYBODY) == pytest.approx([math.log(4 / 2), math.log((1 + CALL) / 2), 0], abs=1e-6)
    one.pass_days(NOON + 100_000 * DAY, EVERYBODY)
    assert one.delta(EVERYBODY) == pytest.approx([-1, -1, -1]), "a ratio of 0.3 and a delta of -1 are the least"
    learn(one, 100_000, *[found(real=False) for _ in range(10**5)])
    assert one.delta(EVERYBODY)[0] == pytest.approx(3)


def test_only_visits_move_everybody() -> None:
    one = budget()
    learn(one, 0, *[found(real=False, visited=False) for _ in range(100)])
    quiet = budget()
    learn(quiet, 0)
    for each in (one, quiet):
        each.pass_days(NOON + DAY, EVERYBODY)
    assert one.theta_shift(Severity.HIGH) == quiet.theta_shift(Severity.HIGH) < 0


def test_a_level_that_sends_nobody_is_never_later_than_the_next() -> None:
    one = budget()
    learn(one, 0, *[found(real=False) for _ in range(100)])
    one.pass_days(NOON + DAY, EVERYBODY)
    assert one.theta_shift(Severity.LOW) == 0 < one.theta_shift(Severity.MEDIUM)
    one.pass_days(NOON + 1000 * DAY, EVERYBODY)
    assert one.theta_shift(Severity.LOW) <= one.theta_shift(Severity.MEDIUM)


def test_other_kinds_teach_it_nothing() -> None:
    one = budget()
    learn(one, 0, found(real=False, kind=Kind.LEAK), found(real=True, kind=Kind.SMOKE))
    assert one.delta(EVERYBODY).tolist() == [0, 0, 0]


def test_a_service_without_outcomes_does_not_run_away() -> None:
    one = budget()
    learn(one, 0)
    one.pass_days(NOON + 20_000 * DAY, EVERYBODY)
    assert one.theta_shift(Severity.HIGH) == -1
    learn(one, 20_000, *[found(real=False) for _ in range(10**4)])
    one.pass_days(NOON + 20_001 * DAY, EVERYBODY)
    assert one.theta_shift(Severity.HIGH) == 3


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="allow more than 0"):
        budget(0)


_STEPS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 2), st.booleans(), st.booleans()), min_size=1, max_size=30
)


@quick
@given(steps=_STEPS, at=st.integers(0, 30), home=st.integers(0, 2), rate=st.sampled_from([1e-4, FALSE_VISITS, 0.1]))
def test_a_confirmed_case_never_makes_it_less_sensitive(
    steps: list[tuple[int, int, bool, bool]], at: int, home: int, rate: float
) -> None:
    without, confirmed = budget(rate), budget(rate)
    day = 0
    for number, (days, number_of_home, real, visited) in enumerate(steps):
        day += days
        verdict = found(real, day, number_of_home, visited=visited)
        learn(without, day, verdict)
        learn(confirmed, day, verdict)
        if number == at:
            learn(confirmed, day, found(real=True, day=day, home=home))
            assert confirmed.delta(EVERYBODY)[home] <= 0
        assert (confirmed.delta(EVERYBODY) <= without.delta(EVERYBODY)).all()
        assert all(confirmed.theta_shift(level) == without.theta_shift(level) for level in Severity)


@quick
@given(steps=_STEPS)
def test_a_false_alarm_never_makes_it_more_sensitive(steps: list[tuple[int, int, bool, bool]]) -> None:
    one, more = budget(), budget()
    day = 0
    for days, home, real, visited in steps:
        day += days
        learn(one, day, found(real, day, home, visited=visited))
        learn(more, day, found(real, day, home, visited=visited), found(real=False, day=day, home=home))
    for each in (one, more):
        each.pass_days(NOON + (day + 1) * DAY, EVERYBODY)
    assert (more.delta(EVERYBODY) >= one.delta(EVERYBODY)).all()
    assert more.theta_shift(Severity.HIGH) >= one.theta_shift(Severity.HIGH)


@quick
@given(steps=_STEPS, at=st.integers(0, 30), looks=st.integers(1, 9))
def test_it_goes_on_after_a_restart_and_however_often_it_looks_at_the_clock(
    steps: list[tuple[int, int, bool, bool]], at: int, looks: int
) -> None:
    one, other = budget(), budget()
    day = 0
    for number, (days, home, real, visited) in enumerate(steps):
        day += days
        learn(one, day, found(real, day, home, visited=visited))
        for look in range(looks):
            other.pass_days(NOON + (day - days) * DAY + look * days * DAY // looks, EVERYBODY)
        learn(other, day, found(real, day, home, visited=visited))
        if number == at:
            saved = pickle.loads(pickle.dumps(other.rows()))  # noqa: S301 - our own
            other = budget()
            other.take(saved)
    assert other.delta(EVERYBODY).tolist() == one.delta(EVERYBODY).tolist()
    assert other.theta_shift(Severity.HIGH) == one.theta_shift(Severity.HIGH)


def test_households_are_found_again_whatever_their_numbers() -> None:
    one = budget()
    learn(one, 0, found(real=False, home=2))
    longer = house("UTC", "UTC", "UTC", "UTC")
    longer.households.reverse()
    longer._household_index = {name: number for number, name in enumerate(longer.households)}
    other = Budget(longer)
    other.take(one.rows())
    assert other.delta(np.arange(4, dtype=np.int32)) == pytest.approx([0, math.log(2), 0, 0], abs=1e-6)


@pytest.mark.parametrize(("factor", "homes"), [(4.0, 1000), (0.5, 1000), (4.0, 4000)])
def test_the_rate_of_false_visits_comes_to_what_was_asked(factor: float, homes: int) -> None:
    """Homes whose chance alarms thin out as e^-threshold, some far more often than others."""
    table = house(*["UTC"] * homes)
    one = Budget(table, 1e-3 if homes == 4000 else 4e-3)
    rng = np.random.default_rng(7)
    everybody = np.arange(homes, dtype=np.int32)
    own = factor * one.rate * rng.lognormal(-0.32, 0.8, homes)  # of mean 1 around the common rate
    counts = []
    for day in range(900):
        threshold = one.theta_shift(Severity.MEDIUM) + one.delta(everybody)
        alarmed = np.flatnonzero(rng.random(homes) < own * np.exp(-threshold))
        counts.append(len(alarmed))
        now = NOON + day * DAY + 6 * HOUR
        one.learn([found(real=False, day=day, home=int(home)) for home in alarmed], now, everybody)
    measured = float(np.mean(counts[-300:])) / homes
    assert measured == pytest.approx(one.rate, rel=0.15)
