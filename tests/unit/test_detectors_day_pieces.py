from __future__ import annotations

import numpy as np
import pytest

from detectors.calendar.day_pieces import after, ever, summed
from detectors.columns.runs import Runs

KEYS = (np.array([3, 3, 3, 5, 7, 7], np.int32), np.array([3, 5, 7], np.int32))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(5))
def test_what_a_run_says_so_far_is_what_a_walk_over_its_rows_says(key: np.ndarray, seed: int) -> None:
    chance = np.random.default_rng(seed)
    added, marked = chance.integers(1, 9, len(key)), chance.random(len(key)) < 0.4
    before = 100 * key
    sums: list[int] = []
    since: list[bool] = []
    rest: list[bool] = []
    for row, own in enumerate(key):
        begins = row == 0 or key[row - 1] != own
        upto = before[row] if begins else sums[-1]
        sums.append(int(added[row] if marked[row] else upto + added[row]))
        since.append(bool(marked[row] or (not begins and since[-1])))
        rest.append(not marked[row:][key[row:] == own].any())

    runs = Runs.grouped(key)
    assert summed(runs, added, marked, before).tolist() == sums
    assert ever(runs, marked).tolist() == since
    assert after(runs, marked).tolist() == rest
