"""How often evidence reaches so high by chance: counted, and beyond what was counted extrapolated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calendar.local_slots import SLOTS
from detectors.silence.evidence_tail import EvidenceTail


def counted(scale: float, per_day: float, days: int, homes: int = 200, seed: int = 3) -> EvidenceTail:
    """Return what so many days of exponential peaks with a mean of `scale` teach."""
    random = np.random.default_rng(seed)
    tail = EvidenceTail()
    for _ in range(days):
        tail.note(random.exponential(scale, random.poisson(per_day * homes)))
        tail.watched(homes * SLOTS)
        tail.learn(1)
    return tail


def test_before_anything_is_counted_the_prior_stands() -> None:
    tail = EvidenceTail()
    assert tail.rate(0) == pytest.approx(8)
    assert tail.threshold(12 / 365.25) == pytest.approx(5.5, abs=0.05)


@pytest.mark.parametrize("scale", [0.7, 1.0, 2.0])
@pytest.mark.parametrize("a_year", [365.25, 12, 1])
def test_thresholds_have_the_rate_they_are_asked_for(scale: float, a_year: float) -> None:
    tail = counted(scale, per_day=6, days=90)
    asked = a_year / 365.25
    truth = 6 * np.exp(-tail.threshold(asked) / scale)
    assert 1 / 1.4 < truth / asked < 1.4


def test_a_threshold_is_the_evidence_of_its_rate() -> None:
    tail = counted(1.5, per_day=6, days=30)
    for rate in (2.0, 0.3, 0.03, 1e-3, 1e-5):
        assert tail.rate(tail.threshold(rate)) == pytest.approx(rate, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(peaks=st.lists(st.floats(0, 60), max_size=80), rates=st.lists(st.floats(1e-7, 5), min_size=2, max_size=2))
def test_what_is_rarer_needs_more_evidence(peaks: list[float], rates: list[float]) -> None:
    tail = EvidenceTail()
    tail.note(np.array(peaks))
    tail.watched(20 * SLOTS)
    tail.learn(1)
    rare, common = sorted(rates)
    assert tail.threshold(rare) >= tail.threshold(common)
    assert tail.rate(tail.threshold(common) + 1) <= tail.rate(tail.threshold(common))


def test_nothing_counts_before_it_is_learned() -> None:
    tail = EvidenceTail()
    before = tail.threshold(0.01)
    tail.note(np.full(500, 9.0))
    tail.watched(100 * SLOTS)
    assert tail.threshold(0.01) == before
    tail.learn(1)
    assert tail.threshold(0.01) > before


def test_what_was_counted_fades_with_a_half_life_of_60_days() -> None:
    tail = counted(2.0, per_day=6, days=60)
    before = tail.rate(10)
    again = EvidenceTail()
    again.take(tail.rows())
    again.learn(600)
    assert abs(again.rate(10) - 8 * np.exp(-10)) < abs(before - 8 * np.exp(-10)) / 5


def test_a_restored_tail_is_the_same() -> None:
    tail, again = counted(1.2, per_day=6, days=9), EvidenceTail()
    tail.note(np.array([3.0, 7.0]))
    tail.watched(50)
    again.take(tail.rows())
    tail.learn(1)
    again.learn(1)
    assert [again.threshold(rate) for rate in (1, 0.1, 1e-3)] == [tail.threshold(rate) for rate in (1, 0.1, 1e-3)]
