from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from river.drift import PageHinkley

from detectors import page_hinkley
from detectors.columns.bank import Bank


def bank_says(values: NDArray[np.float64], *, delta: float, threshold: float, least: int) -> list[int]:
    """Return at which values one stream drifts; reset as River's object is, at the value after."""
    bank = Bank(*page_hinkley.columns(1))
    state = bank.rows()
    drifts = []
    for at, value in enumerate(values):
        up, down = page_hinkley.update(state, np.array([[value]]), delta=delta, threshold=threshold, least=least)
        if (up | down).any():
            drifts.append(at)
            page_hinkley.reset(state, up | down)
    return drifts


def river_says(values: NDArray[np.float64], *, delta: float, threshold: float, least: int) -> list[int]:
    detector = PageHinkley(min_instances=least, delta=delta, threshold=threshold)
    drifts = []
    for at, value in enumerate(values):
        detector.update(float(value))  # type: ignore[no-untyped-call] # River has no types
        if detector.drift_detected:
            drifts.append(at)
    return drifts


@pytest.mark.parametrize("seed", range(20))
def test_the_bank_drifts_exactly_where_rivers_object_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.normal(0, 1.5, 12), rng.integers(5, 120, 12))
    values = level + rng.normal(0, 1, len(level))
    threshold, least = float(rng.integers(5, 15)), int(rng.integers(1, 30))
    found = bank_says(values, delta=0.3, threshold=threshold, least=least)
    assert found == river_says(values, delta=0.3, threshold=threshold, least=least)
    assert found


def test_streams_do_not_touch_each_other_and_nan_is_no_value() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, (400, 3)) + np.where(np.arange(400)[:, None] > 200, [2.0, 0.0, -2.0], 0.0)
    missing = rng.random((400, 3)) < 0.3
    state = Bank(*page_hinkley.columns(3)).rows()
    told: list[list[int]] = [[], [], []]
    for at in range(400):
        up, down = page_hinkley.update(
            state, np.where(missing[at], np.nan, values[at])[None, :], delta=0.5, threshold=8, least=7
        )
        for stream in np.flatnonzero((up | down)[0]).tolist():
            told[stream].append(int(np.count_nonzero(~missing[: at + 1, stream])) - 1)
        page_hinkley.reset(state, up | down)
    for stream in range(3):
        assert told[stream] == bank_says(values[~missing[:, stream], stream], delta=0.5, threshold=8, least=7)
    assert told[0]
    assert told[2]
