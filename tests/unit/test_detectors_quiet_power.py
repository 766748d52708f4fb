"""Something switched on is a rise of power beyond those that come by themselves in a home."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calendar.local_slots import SLOTS
from detectors.columns.bank import Bank
from detectors.columns.runs import Runs
from detectors.silence.quiet_power import POWER_COLUMNS, learn_rises, rises, settle_rises, switched_on

ONE = np.array([0])


def bank(homes: int = 1) -> Bank:
    made = Bank(*POWER_COLUMNS)
    made.reach(homes)
    return made


def rise_of(of: Bank, watts: list[float], home: int = 0) -> list[float]:
    column, homes = np.array(watts, np.float32), np.full(len(watts), home)
    found: list[float] = rises(of, Runs.grouped(homes.astype(np.int32)), homes, column).tolist()
    return found


def live(of: Bank, rise: np.ndarray, home: int = 0) -> float:
    """Live a local day of 96 slots with such rises and return the quiet rise after it."""
    learn_rises(of, np.full(SLOTS, home), np.arange(SLOTS), rise.astype(np.float32))
    settle_rises(of, np.array([home]))
    return float(of["quiet_rise"][home])


def test_a_rise_is_what_lies_above_the_lower_of_two_slots_before() -> None:
    found = rise_of(bank(), [100, 300, 300, 300, 50])
    assert np.isnan(found[0])
    assert found[1:] == [200, 200, 0, -250]


def test_what_was_left_on_is_no_rise() -> None:
    home = bank()
    rise_of(home, [100, 1500, 1500])
    assert rise_of(home, [1500] * 5) == [0] * 5


@settings(max_examples=40, deadline=None)
@given(watts=st.lists(st.integers(0, 3000), min_size=1, max_size=20), at=st.integers(0, 20))
def test_rises_may_come_in_any_pieces(watts: list[int], at: int) -> None:
    whole, pieces = bank(), bank()
    column = [float(one) for one in watts]
    parts = [part for part in (column[:at], column[at:]) if part]
    found = [rise for part in parts for rise in rise_of(pieces, part)]
    assert np.array_equal(found, rise_of(whole, column), equal_nan=True)


def test_switched_on_is_three_tenths_and_twenty_watts_above_the_quiet_rise() -> None:
    home = bank()
    assert live(home, np.full(SLOTS, 100.0)) == 100
    rise = np.array([149, 151, np.nan], np.float32)
    assert switched_on(home, np.zeros(3, np.int64), rise).tolist() == [False, True, False]


def test_nobody_is_known_to_switch_on_before_the_first_midnight() -> None:
    home = bank()
    learn_rises(home, np.zeros(SLOTS, np.int64), np.arange(SLOTS), np.full(SLOTS, 100, np.float32))
    assert not switched_on(home, ONE, np.array([5000], np.float32)).any()


def test_the_quiet_rise_is_that_of_the_quietest_four_hours() -> None:
    rise = np.full(SLOTS, 400.0)
    rise[4:20] = 90.0  # from 1 to 5 h at night
    assert live(bank(), rise) == 90


def test_one_visit_to_the_kitchen_at_night_does_not_move_it() -> None:
    rise = np.full(SLOTS, 400.0)
    rise[4:20] = 90.0
    rise[11] = 2000.0
    assert live(bank(), rise) == 90


def test_it_follows_by_a_fifth_a_day() -> None:
    home = bank()
    assert live(home, np.full(SLOTS, 100.0)) == 100
    assert live(home, np.full(SLOTS, 200.0)) == 120
    assert live(home, np.full(SLOTS, 200.0)) == 136


def test_a_day_without_readings_changes_nothing() -> None:
    home = bank()
    live(home, np.full(SLOTS, 100.0))
    settle_rises(home, ONE)
    assert home["quiet_rise"][0] == 100


def test_homes_learn_each_their_own() -> None:
    both = bank(2)
    live(both, np.full(SLOTS, 100.0), 0)
    live(both, np.full(SLOTS, 300.0), 1)
    assert both["quiet_rise"][:2].tolist() == [100, 300]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), cuts=st.lists(st.integers(0, SLOTS), max_size=6))
def test_a_day_may_come_in_any_pieces(seed: int, cuts: list[int]) -> None:
    whole, pieces = bank(), bank()
    column = np.random.default_rng(seed).choice([-40, 0, 90, 300, 2000], SLOTS).astype(np.float32)
    live(whole, column)
    for part in np.split(np.arange(SLOTS), sorted(cuts)):
        learn_rises(pieces, np.zeros(len(part), np.int64), part, column[part])
    settle_rises(pieces, ONE)
    assert pieces["quiet_rise"][0] == whole["quiet_rise"][0]
    blocks = np.roll(column, -4).reshape(6, 16)
    assert whole["quiet_rise"][0] == np.sort(blocks, axis=1)[:, -2].min()
