from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from registry.numbering import Numbering
from registry.shards import shard_of


@given(st.text(min_size=1, max_size=40), st.integers(1, 64))
def test_a_household_belongs_to_one_shard(household: str, shards: int) -> None:
    assert 0 <= shard_of(household, shards) < shards
    assert shard_of(household, 1) == 0


def test_shards_are_about_equal() -> None:
    counted = Counter(shard_of(f"hh-{number}", 12) for number in range(12_000))
    assert len(counted) == 12
    assert max(counted.values()) < 1.15 * min(counted.values())


@given(st.lists(st.integers(1, 5_000), max_size=60))
def test_a_sensor_keeps_its_number_and_none_is_left_out(sensors: list[int]) -> None:
    numbering = Numbering()
    given_out = [numbering.give(one) for one in sensors]
    assert set(given_out) == set(range(1, len(set(sensors)) + 1))
    assert numbering.numbers(np.array(sensors, np.int32)).tolist() == given_out

    again = Numbering()
    again.give(7_000)
    again.restore(numbering.save())
    assert again.numbers(np.array(sensors, np.int32)).tolist() == given_out
    assert again.numbers(np.array([7_000, 9_999], np.int32)).tolist() == [0, 0]
    assert again.give(9_999) == len(set(sensors)) + 1
