"""What a smoke detector shows in clean air: a leaky minimum of its own readings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.columns.runs import Runs
from detectors.smoke.clean_air import UNIT, UNKNOWN, clean, follow, levels
from registry.instants import DAY, HOUR, MINUTE

_RISE = 2 * 10**-3 * DAY  # µs in which clean air may rise by a thousandth of a %/m
Reading = tuple[int, int, float]


def air_of(readings: list[Reading], cuts: list[int]) -> list[int]:
    """Return clean air after each (sensor, gap, level), shown in pieces that end at the cuts."""
    clock, last = {0: 1, 1: 1}, {0: 0, 1: 0}
    state = np.full(2, UNKNOWN, np.int64)
    told: list[int] = []
    rows = []
    for sensor, gap, level in readings:
        clock[sensor] += gap
        rows.append((sensor, clock[sensor], last[sensor], level))
        last[sensor] = clock[sensor]
    ends = sorted({*(min(cut, len(rows)) for cut in cuts), len(rows)})
    for begin, end in zip([0, *ends], ends, strict=False):
        if begin == end:
            continue
        part = [rows[at] for at in range(begin, end)]
        runs = Runs.of(np.array([row[0] for row in part], np.int32))
        time, previous = (np.array([row[at] for row in part], np.int64)[runs.order] for at in (1, 2))
        shown = levels(np.array([row[3] for row in part], np.float64)[runs.order])
        air = follow(runs, shown, time, previous, state[runs.key])
        state[runs.key[runs.tail]] = air[runs.tail]
        piece = np.empty(end - begin, np.int64)
        piece[runs.order] = air
        told += piece.tolist()
    return told


def one_by_one(readings: list[Reading]) -> list[int]:
    """The recursion as its docstring states it."""
    state: dict[int, float] = {}
    told = []
    for sensor, gap, level in readings:
        before = state.get(sensor)
        risen = 0 if before is None else before + min(gap, HOUR)
        state[sensor] = min(round(level * UNIT) * _RISE, risen)
        told.append(int(state[sensor]))
    return told


_readings = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 2 * HOUR), st.floats(0, 100)), max_size=40
)  # fmt: skip


@given(readings=_readings, cuts=st.lists(st.integers(0, 40), max_size=5))
def test_clean_air_is_the_leaky_minimum_however_the_stream_is_cut(readings: list[Reading], cuts: list[int]) -> None:
    assert air_of(readings, cuts) == one_by_one(readings)


def after(readings: list[Reading]) -> float:
    return int(clean(np.array(air_of(readings, [])))[-1]) / UNIT


def test_dust_that_settles_over_months_is_followed() -> None:
    quarters = [(0, 15 * MINUTE, 0.1 + 3 * n / (96 * 60)) for n in range(96 * 60)]
    assert after(quarters) == pytest.approx(3.1, abs=0.01)


def test_three_hours_of_smouldering_are_not() -> None:
    day = [(0, 15 * MINUTE, 0.2)] * 96
    assert after([*day, *[(0, 15 * MINUTE, 8.0)] * 12]) == pytest.approx(0.2 + 0.0625, abs=0.002)


def test_nothing_is_learned_from_silence() -> None:
    day = [(0, 15 * MINUTE, 0.2)] * 96
    assert after([*day, (0, 30 * DAY, 8.0)]) < 0.25


def test_the_first_reading_of_a_new_detector_may_be_a_fire() -> None:
    assert after([(0, MINUTE, 8.0)]) == 0
