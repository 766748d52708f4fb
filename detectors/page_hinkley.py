"""The Page-Hinkley test for a change of the mean, for many streams at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import Column
from detectors.columns.runs import Mask


def columns(streams: int, dtype: str = "f8") -> tuple[Column, ...]:
    """Return the columns that `update` needs, for so many streams of a row; 22 bytes a stream with `f4`."""
    return (
        Column("mean", dtype, 0.0, streams),
        Column("rise", dtype, 0.0, streams),  # cumulative sums
        Column("fall", dtype, 0.0, streams),
        Column("lowest", dtype, np.inf, streams),  # of `rise`
        Column("highest", dtype, -1.0, streams),  # of `fall`; River begins there
        Column("n", "u2", 0, streams),  # values since the start or the last drift
    )


def reset(state: NDArray[Any], which: Mask) -> None:
    """Begin anew where `which` (rows, streams) says."""
    for name, empty in (("n", 0), ("mean", 0.0), ("rise", 0.0), ("fall", 0.0), ("lowest", np.inf), ("highest", -1.0)):
        state[name][which] = empty


def update(
    state: NDArray[Any],
    value: NDArray[np.float64],
    *,
    delta: float,
    threshold: float,
    least: int,
    alpha: float = 1 - 0.0001,
) -> tuple[Mask, Mask]:
    """Show one value to each stream of each row; NaN is no value and changes nothing.

    `state` (rows,) has `columns`, `value` is (rows, streams). The same recursion as River's `PageHinkley` in mode
    `both` with `min_instances = least`; only the reset after a drift is left to the caller (`reset`), who may want
    to look at what drifted. Source: Page, Continuous Inspection Schemes, Biometrika 41 (1954).

    Returns:
        Two masks (rows, streams): where the mean has risen, and where it has fallen.
    """
    known = ~np.isnan(value)
    n = state["n"] + known.astype(np.uint16)
    mean = state["mean"] + np.where(known, value - state["mean"], 0.0) / np.maximum(n, 1)
    deviation = np.where(known, value - mean, 0.0)
    rise = np.where(known, alpha * state["rise"] + deviation - delta, state["rise"])
    fall = np.where(known, alpha * state["fall"] + deviation + delta, state["fall"])
    lowest = np.where(known, np.minimum(state["lowest"], rise), state["lowest"])
    highest = np.where(known, np.maximum(state["highest"], fall), state["highest"])
    for name, now in (
        ("n", np.minimum(n, 0xFFFF)), ("mean", mean), ("rise", rise), ("fall", fall),
        ("lowest", lowest), ("highest", highest),
    ):  # fmt: skip
        state[name] = now
    judged = known & (n >= least)
    return judged & (rise - lowest > threshold), judged & (highest - fall > threshold)
