from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.river_models.conformal import Conformal


def test_p_is_the_share_of_past_scores_as_high_the_new_one_counted() -> None:
    past = Conformal(10)
    assert past.p_value(1.0) == 1.0
    for score in (1.0, 2.0, 2.0, 3.0):
        past.remember(score)
    assert [past.p_value(one) for one in (0.5, 2.0, 2.5, 3.0, 9.0)] == [1.0, 0.8, 0.4, 0.4, 0.2]


@given(st.lists(st.integers(0, 5).map(float), max_size=60), st.integers(1, 8))
def test_only_the_last_scores_count(scores: list[float], memory: int) -> None:
    past = Conformal(memory)
    for score in scores:
        past.remember(score)
    last = scores[-memory:]
    assert len(past) == len(last)
    assert past.p_value(2.0) == (1 + sum(one >= 2.0 for one in last)) / (1 + len(last))


def test_what_is_withheld_counts_once_it_is_released() -> None:
    past = Conformal(10)
    past.remember(1.0)
    past.withhold(5.0)
    assert past.p_value(5.0) == 0.5
    past.release()
    assert past.p_value(5.0) == pytest.approx(2 / 3)
    past.release()
    assert len(past) == 2


def test_p_is_below_alpha_as_seldom_as_alpha_says_however_heavy_the_tail() -> None:
    rng = np.random.default_rng(2)
    past, unusual = Conformal(1000), 0
    for number, score in enumerate(rng.pareto(0.8, 21_000)):
        unusual += number >= 1000 and past.p_value(score) < 0.01
        past.remember(score)
    assert 140 < unusual < 260
