"""How surprising is a value, given only those before it? Several views of one series, each against its own tail.

A view is a number that is small while all goes as usual: the distance of a value from its mean, from a forecast out
of the last few values, from what is usual at this hour; the distance of a short mean from the long one; how much
rougher or smoother the series runs than it does. How rare such a number is comes from the view's own past: below
its `_KEPT` largest values by their rank, beyond them by Weissman's extrapolation with Hill's tail index, so that a
heavy tail makes a large value ordinary and no Gaussian is assumed.

Sources: Weissman, Estimation of parameters and large quantiles based on the k largest observations, JASA 73 (1978);
Hill, A simple general approach to inference about the tail of a distribution, Annals of Statistics 3 (1975).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import Column

Values = NDArray[np.float64]
_VIEWS = 5
_KEPT = 12
_HOURS = 24
_LEAST_TAIL = 0.2  # smallest tail index: a series without extremes so far still has some to come
_FULL = 3000  # numbers that a tail remembers; from then on its largest fade
_LONG = 1500.0  # readings that the long mean and the deviation remember
_SHORT = 20.0  # readings of the short mean
_FORECAST = 0.3  # weight of the newest value in the forecast
_SEASONS = 60.0  # readings that the mean of an hour of the day remembers
_KNOWN = 12  # readings of an hour of the day before it is known
_BASE = 0.02  # weight of the newest value in the level that the hours of the day stand upon
_CLIP = 1.3  # a number counts as this much more than the largest known at most, so that one spike hides no other
_WINSOR = 4.0  # deviations that a value moves the long mean by at most
_MOST = 12.0  # decimal places of rarity; beyond, one is as rare as the other

COLUMNS = (
    Column("seen", "u4", 0),  # values so far
    Column("level", "f8", 0.0),  # long mean, winsorised
    Column("power", "f8", 0.0),  # long variance about it
    Column("forecast", "f8", 0.0),
    Column("error", "f8", 0.0),  # mean absolute error of the forecast
    Column("short", "f8", 0.0),  # short mean
    Column("last", "f8", 0.0),  # the last value
    Column("rough", "f8", 0.0),  # short mean of absolute steps
    Column("usual", "f8", 0.0),  # long mean of absolute steps
    Column("base", "f8", 0.0),  # level that the hours of the day stand upon
    Column("rest", "f8", 0.0),  # mean absolute distance from it and the hour's mean
    Column("hour", "f4", 0.0, _HOURS),  # mean of each hour of the day, about the level
    Column("days", "u1", 0, _HOURS),  # readings in each, at most 255
    Column("count", "u2", 0, _VIEWS),  # numbers that each view's tail has seen, at most `_FULL`
    Column("tail", "f4", 0.0, _VIEWS * _KEPT),  # the largest of each view, ascending
)
"""What is remembered of a series, for a `Bank`; 464 bytes."""


def rarity(state: NDArray[Any], value: Values, hour: NDArray[np.int64], warm_up: int) -> Values:
    """Take the next value of each of n series and return how rare it is, in decimal places: 3 is one in a thousand.

    `state` (n,) structured rows of `COLUMNS`, changed in place; `hour` (n,) of the day, 0 to 23, in any one zone.
    Nothing is rare among fewer than `warm_up` values.
    """
    _begin(state, value)
    places = _places(state, _views(state, value, hour), warm_up)
    _learn(state, value, hour)
    rarest: Values = places.max(axis=1)
    return rarest


def _begin(state: NDArray[Any], value: Values) -> None:
    new = np.flatnonzero(state["seen"] == 0)
    for column in ("level", "forecast", "short", "last", "base"):
        state[column][new] = value[new]


def _views(state: NDArray[Any], value: Values, hour: NDArray[np.int64]) -> Values:
    """Return the five numbers of each series (n, 5), NaN where one is not to be had yet."""
    deviation = np.sqrt(state["power"]) + 1e-9
    rows = np.arange(len(value))
    known = state["days"][rows, hour] >= _KNOWN
    hourly = state["base"] + state["hour"][rows, hour]
    short = state["short"] + (value - state["short"]) / _SHORT
    step = state["rough"] + (np.abs(value - state["last"]) - state["rough"]) / _SHORT
    usual = state["usual"] + 0.02 * deviation
    rougher = np.where(state["usual"] > 0, np.maximum(step / usual, usual / (step + 0.02 * deviation)), 0.0)
    return np.stack(
        (
            np.abs(value - state["level"]) / deviation,
            np.abs(value - state["forecast"]) / (state["error"] + 0.05 * deviation),
            np.where(known, np.abs(value - hourly) / (state["rest"] + 0.05 * deviation), np.nan),
            np.abs(short - state["level"]) / deviation,
            rougher,
        ),
        axis=1,
    )


def _places(state: NDArray[Any], views: Values, warm_up: int) -> Values:
    """Return how rare each number is among those of its view before (n, 5), in decimal places, and remember it."""
    tail = state["tail"].reshape(-1, _VIEWS, _KEPT).astype(np.float64)
    count = state["count"].astype(np.float64)
    least = tail[:, :, 0] + 1e-6
    index = np.maximum(np.log((tail + 1e-6) / least[:, :, None]).mean(axis=2), _LEAST_TAIL)
    among = np.log10(np.maximum(count, _KEPT) / _KEPT)
    given = ~np.isnan(views)
    views = np.where(given, views, 0.0)
    ratio = views / least
    beyond = among + np.log10(np.maximum(ratio, 1.0)) / index
    places = np.where(ratio > 1.0, np.minimum(beyond, _MOST), among * ratio)
    warm = count >= warm_up
    kept = np.where(warm, np.minimum(views, _CLIP * tail[:, :, -1] + 1e-12), views)
    tail *= np.where(count >= _FULL, 1.0 - 0.5 / _FULL, 1.0)[:, :, None]
    tail[:, :, 0] = np.maximum(tail[:, :, 0], kept)
    tail.sort(axis=2)
    state["tail"] = tail.reshape(len(tail), -1)
    state["count"] = np.minimum(count + given, _FULL)
    return np.where(warm & given, places, 0.0)


def _learn(state: NDArray[Any], value: Values, hour: NDArray[np.int64]) -> None:
    seen = state["seen"]
    young = seen <= 20
    weight = 1.0 / np.minimum(seen + 1.0, _LONG)
    deviation = np.sqrt(state["power"]) + 1e-9
    moved = np.where(young, value, np.clip(value, *_about(state["level"], _WINSOR * deviation)))
    distance = moved - state["level"]
    state["level"] += weight * distance
    state["power"] += weight * (distance**2 * (1.0 - weight) - state["power"])

    def follow(column: str, number: Values, most: float) -> None:
        limited = np.where(young, number, np.minimum(number, most * state[column] + 1e-9))
        state[column] += weight * (limited - state[column])

    follow("error", np.abs(value - state["forecast"]), 5.0)
    state["forecast"] += _FORECAST * (value - state["forecast"])
    state["short"] += (value - state["short"]) / _SHORT
    step = np.abs(value - state["last"])
    state["rough"] += (step - state["rough"]) / _SHORT
    follow("usual", step, 8.0)
    state["last"] = value

    rows = np.arange(len(value))
    days = state["days"][rows, hour]
    known = days >= _KNOWN
    state["base"] += np.where(known, _BASE * (value - state["hour"][rows, hour] - state["base"]), 0.0)
    follow("rest", np.abs(value - state["hour"][rows, hour] - state["base"]), 5.0)
    mean = state["hour"][rows, hour]
    state["hour"][rows, hour] = mean + (moved - state["level"] - mean) / np.minimum(days + 1.0, _SEASONS)
    state["days"][rows, hour] = np.minimum(days.astype(np.int64) + 1, 255)
    state["base"] = np.where(days + 1 >= _KNOWN, state["base"], state["level"])
    state["seen"] = seen + 1


def _about(middle: Values, distance: Values) -> tuple[Values, Values]:
    return middle - distance, middle + distance
