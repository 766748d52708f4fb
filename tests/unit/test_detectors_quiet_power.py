"""The power a home draws when nobody switches anything on."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bank import Bank
from detectors.local_slots import SLOTS
from detectors.quiet_power import POWER_COLUMNS, learn_power, settle_power

ONE = np.array([0])


def bank(homes: int = 1) -> Bank:
    made = Bank(*POWER_COLUMNS)
    made.reach(homes)
    return made


def live(of: Bank, watts: np.ndarray, home: int = 0) -> float:
    """Live a local day of 96 slots and return the quiet level after it."""
    learn_power(of, np.full(SLOTS, home), np.arange(SLOTS), watts.astype(np.float32))
    settle_power(of, np.array([home]))
    return float(of["quiet_watts"][home])


def test_the_quiet_level_is_that_of_the_quietest_four_hours() -> None:
    watts = np.full(SLOTS, 400.0)
    watts[4:20] = 90.0  # from 1 to 5 h at night
    assert live(bank(), watts) == 90


def test_one_visit_to_the_kitchen_at_night_does_not_move_it() -> None:
    watts = np.full(SLOTS, 400.0)
    watts[4:20] = 90.0
    watts[11] = 2000.0
    assert live(bank(), watts) == 90


def test_it_follows_by_a_fifth_a_day() -> None:
    home = bank()
    assert live(home, np.full(SLOTS, 100.0)) == 100
    assert live(home, np.full(SLOTS, 200.0)) == 120
    assert live(home, np.full(SLOTS, 200.0)) == 136


def test_a_day_without_readings_changes_nothing() -> None:
    home = bank()
    live(home, np.full(SLOTS, 100.0))
    settle_power(home, ONE)
    assert home["quiet_watts"][0] == 100


def test_nothing_is_known_of_a_home_before_its_first_midnight() -> None:
    home = bank()
    learn_power(home, np.zeros(SLOTS, np.int64), np.arange(SLOTS), np.full(SLOTS, 100, np.float32))
    assert np.isnan(home["quiet_watts"][0])


def test_homes_learn_each_their_own() -> None:
    both = bank(2)
    live(both, np.full(SLOTS, 100.0), 0)
    live(both, np.full(SLOTS, 300.0), 1)
    assert both["quiet_watts"][:2].tolist() == [100, 300]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), cuts=st.lists(st.integers(0, SLOTS), max_size=6))
def test_a_day_may_come_in_any_pieces(seed: int, cuts: list[int]) -> None:
    whole, pieces = bank(), bank()
    column = np.random.default_rng(seed).choice([40, 60, 90, 300, 2000], SLOTS).astype(np.float32)
    live(whole, column)
    for part in np.split(np.arange(SLOTS), sorted(cuts)):
        learn_power(pieces, np.zeros(len(part), np.int64), part, column[part])
    settle_power(pieces, ONE)
    assert pieces["quiet_watts"][0] == whole["quiet_watts"][0]
    blocks = np.roll(column, -4).reshape(6, 16)
    assert whole["quiet_watts"][0] == np.sort(blocks, axis=1)[:, -2].min()
