from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulators.registers import Uses, accumulated, metered, totals

_use = st.tuples(
    st.integers(0, 2), st.integers(0, 86_399), st.integers(1, 40_000), st.integers(0, 200_000)
).map(lambda use: (use[0], use[1], min(use[2], 86_400 - use[1]), use[3]))  # fmt: skip
_times = st.lists(st.integers(0, 86_400), min_size=1, max_size=20, unique=True).map(sorted)


def _uses(rows: list[tuple[int, int, int, int]]) -> Uses:
    columns = np.array(rows, np.int64).reshape(len(rows), 4).T
    return Uses(*columns)


@given(rows=st.lists(_use, max_size=12), times=_times)
def test_a_register_is_the_sum_of_what_was_drawn_before(
    rows: list[tuple[int, int, int, int]], times: list[int]
) -> None:
    found = accumulated(_uses(rows), np.array([times] * 3))
    for row in range(3):
        for column, at in enumerate(times):
            want = sum(
                amount * min(max(at - start, 0), lasts) // lasts for own, start, lasts, amount in rows if own == row
            )
            assert found[row, column] == want


@given(rows=st.lists(_use, max_size=12))
def test_the_last_second_shows_the_days_total(rows: list[tuple[int, int, int, int]]) -> None:
    uses = _uses(rows)
    assert np.array_equal(accumulated(uses, np.full((3, 1), 86_400))[:, 0], totals(uses, 3))


@given(rows=st.lists(_use, max_size=12), begin=st.integers(0, 80_000), lasts=st.integers(1, 80_000))
def test_a_cut_supply_gives_nothing_and_leaves_the_rest(
    rows: list[tuple[int, int, int, int]], begin: int, lasts: int
) -> None:
    uses, end = _uses(rows), begin + lasts
    cut = uses.until(1, begin, end)
    at = np.array([[begin, min(end, 86_400)]] * 3)
    before, after = accumulated(uses, at), accumulated(cut, at)
    assert np.array_equal(before[:, 0], after[:, 0])
    assert after[1, 1] == after[1, 0]
    assert np.array_equal(before[[0, 2]], after[[0, 2]])


def test_bins_are_used_evenly() -> None:
    bins = np.zeros((1, 288), np.int64)
    bins[0, 1] = 3000
    assert metered(bins, np.array([[0, 300, 450, 600, 86_400]])).tolist() == [[0, 0, 1500, 3000, 3000]]
