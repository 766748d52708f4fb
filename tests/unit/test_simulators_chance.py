from __future__ import annotations

import numpy as np
import pytest

from simulators.chance import Dice, chi_square, negative_binomial, placed, poisson, scattered


def test_a_household_days_numbers_do_not_depend_on_who_is_drawn_with_it() -> None:
    together = Dice(5, 1, [3, 4, 9], 20_000)
    alone = Dice(5, 1, [9], 20_000)
    assert np.array_equal(together.uniform(7)[2], alone.uniform(7)[0])
    assert np.array_equal(together.normal(3)[2], alone.normal(3)[0])


@pytest.mark.parametrize("other", [(6, 1, [9], 20_000), (5, 2, [9], 20_000), (5, 1, [8], 20_000), (5, 1, [9], 20_001)])
def test_seed_stream_household_and_day_each_change_the_numbers(other: tuple[int, int, list[int], int]) -> None:
    assert not np.array_equal(Dice(5, 1, [9], 20_000).uniform(4), Dice(*other).uniform(4))


def test_a_block_that_is_used_up_says_so() -> None:
    dice = Dice(5, 1, [9], 20_000)
    dice.uniform(400)
    with pytest.raises(IndexError, match="enlarge"):
        dice.uniform(1)


def test_inverted_counts_have_the_moments_of_their_distributions() -> None:
    chance = scattered(1, 1, np.arange(200_000))
    flushes = poisson(chance, 7.2, 30)
    assert flushes.mean() == pytest.approx(7.2, abs=0.05)
    assert flushes.var() == pytest.approx(7.2, abs=0.15)
    taps = negative_binomial(chance, np.full(200_000, 10.1), np.full(200_000, 7.0), 80)
    assert taps.mean() == pytest.approx(10.1, abs=0.1)
    assert taps.std() == pytest.approx(7.0, abs=0.1)


def test_chi_square_has_its_mean_and_variance() -> None:
    normal = np.random.default_rng(3).standard_normal(200_000)
    minutes = chi_square(normal, 6.5)
    assert minutes.mean() == pytest.approx(6.5, abs=0.05)
    assert minutes.var() == pytest.approx(13.0, abs=0.5)


def test_scattered_numbers_are_even_and_repeatable() -> None:
    numbers = scattered(9, 2, np.arange(100_000), 5)
    assert np.array_equal(numbers, scattered(9, 2, np.arange(100_000), 5))
    assert np.histogram(numbers, 10, (0, 1))[0].min() > 9_500
    assert not np.array_equal(numbers, scattered(9, 2, np.arange(100_000), 6))


def test_events_fall_only_where_there_is_weight_and_in_proportion() -> None:
    weight = np.zeros((2, 10))
    weight[0, 2], weight[0, 7] = 1.0, 3.0
    weight[1, 9] = 1.0
    at = placed(weight, np.tile(np.linspace(0, 0.999, 1000), (2, 1)), 60)
    assert set((at[0] // 60).tolist()) == {2, 7}
    assert (at[0] // 60 == 7).mean() == pytest.approx(0.75, abs=0.01)
    assert set((at[1] // 60).tolist()) == {9}
