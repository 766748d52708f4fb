from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import surprise
from detectors.columns.bank import Bank
from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase
from detectors.generic import Generic
from detectors.registers import Registers
from registry.instants import MINUTE
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Sent, Watch, batch, house

EVERY = 5 * MINUTE
DAY = 288


def look(values: np.ndarray, **parameters: float) -> list[Finding]:
    table = house("Europe/Madrid")
    watch = Watch(Generic(table, **{"alpha": 1e-4, "rest": 100, **parameters}), table)  # type: ignore[arg-type] # by name
    times = NOON + EVERY * np.arange(len(values))
    return watch.see(
        [Sent(Quantity.POWER, int(at), float(value), int(at)) for at, value in zip(times, values, strict=True)]
    )


def rhythm(rows: int, seed: int = 1) -> np.ndarray:
    """Return a day's rhythm with noise: 20 for twelve hours, 80 for twelve."""
    noise = np.random.default_rng(seed).normal(0.0, 2.0, rows)
    return np.where(np.arange(rows) % DAY < DAY // 2, 20.0, 80.0) + noise


def test_a_spike_is_raised_at_once_and_cleared_when_it_has_been_calm() -> None:
    values = rhythm(3000)
    values[2500:2503] = 400.0
    raised, cleared = look(values)
    assert (raised.phase, raised.kind, raised.time) == (Phase.RAISED, Kind.ANOMALY, NOON + 2500 * EVERY)
    assert NOON + 2602 * EVERY <= cleared.time <= NOON + 2610 * EVERY
    told = sentence(raised.kind, raised.facts, "en", "UTC")
    assert told.startswith("Unusual power: 400 W, where the mean is 48")
    assert told.endswith("this has not happened before in 9 days.")


@pytest.mark.parametrize("hour", [14 * 12, 4 * 12])
def test_an_ordinary_value_at_the_wrong_time_of_day_is_unusual(hour: int) -> None:
    values = rhythm(14 * DAY)
    at = 12 * DAY + hour
    values[at : at + 40] = 100.0 - values[at : at + 40]
    times = [
        one.time
        for one in look(values, alpha=1e-3)
        if one.phase is Phase.RAISED and one.time >= NOON + 11 * DAY * EVERY
    ]
    assert times
    assert at <= (times[0] - NOON) // EVERY < at + 40


def test_what_is_usual_in_a_heavy_tail_is_rarely_raised() -> None:
    """Of 20,000 log-normal values a Gaussian of the same spread would call 300 rarer than one in ten thousand."""
    values = np.exp(np.random.default_rng(4).normal(0.0, 1.0, 20_000))
    assert (np.abs(values - values.mean()) > 3.9 * values.std()).sum() > 100
    assert sum(one.phase is Phase.RAISED for one in look(values, rest=1)) <= 40


def test_scores_lie_between_0_and_1_and_what_lasts_is_news_once() -> None:
    table = house("UTC")
    detector = Generic(table)
    values = rhythm(3000)
    values[2500:2600] = 400.0
    sent = [Sent(Quantity.POWER, NOON + row * EVERY, value, 0) for row, value in enumerate(values.tolist())]
    seen = Registers().interpret(batch(sent), table).observations()
    scores = detector.scores(seen)
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert scores[2500] > 0.999
    assert scores[2501:2600].max() < 0.99


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=80), st.integers(0, 23))
def test_any_series_has_a_finite_rarity(values: list[float], hour: int) -> None:
    state = Bank(*surprise.COLUMNS).rows().copy()
    for value in values:
        rare = surprise.rarity(state, np.array([value]), np.array([hour]), 10)
        assert 0 <= rare[0] <= 12
    for column in state.dtype.names or ():
        assert np.isfinite(state[column]).all()


def test_what_is_remembered_of_a_series_is_as_large_as_stated() -> None:
    assert Bank(*surprise.COLUMNS).nbytes == 464
