from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detectors.bank import StateError
from detectors.finding import Finding, Kind
from detectors.river_build import ModelError, build
from detectors.river_model import RiverModel
from registry.instants import HOUR, MINUTE
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Watch, house


def watch(model: str, quantity: Quantity = Quantity.POWER, **options: Any) -> Watch:
    table = house()
    chosen: dict[str, Any] = {"warm_up": 100, "alpha": 0.01, "times": 3, "memory": 500, **options}
    return Watch(RiverModel(table, "mine", model, quantity, **chosen), table)


def load(hours: int, odd: range, height: float = 4000.0) -> list[tuple[int, float]]:
    """Return a home's power every ten minutes, noisy, with a plateau where `odd` says."""
    rng = np.random.default_rng(3)
    values = rng.gamma(2.0, 100.0, hours * 6)
    values[odd.start : odd.stop] = height
    return [(NOON + n * 10 * MINUTE, float(value)) for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("GaussianScorer", {}),
        ("river.anomaly.StandardAbsoluteDeviation", {}),
        ("HalfSpaceTrees", {"limits": {"value": [0, 5000]}, "window_size": 50}),
    ],
)
def test_any_model_finds_what_is_far_from_everything_it_saw(model: str, parameters: dict[str, Any]) -> None:
    eye = watch(model, parameters=parameters, alpha=0.005)
    found = eye.water(load(200, range(1000, 1030)), Quantity.POWER)
    raised = [one for one in found if one.phase == "raised" and one.onset == NOON + 1000 * 10 * MINUTE]
    assert [one.time for one in raised] == [NOON + 1002 * 10 * MINUTE]
    assert raised[0].kind is Kind.ANOMALY
    assert raised[0].facts["value"] == 4000
    assert raised[0].facts["p"] < 0.005  # type: ignore[operator] # a number
    assert len(found) <= 4


def test_false_alarms_are_as_rare_as_alpha_says_however_heavy_the_tail() -> None:
    """|z| > 4 of a Gaussian would be told hundreds of times in such data."""
    rng = np.random.default_rng(8)
    values = rng.pareto(1.1, 6000)
    eye = watch("StandardAbsoluteDeviation", alpha=0.01, times=1, warm_up=500, memory=1000)
    found = eye.water([(NOON + n * MINUTE, float(one)) for n, one in enumerate(values)], Quantity.POWER)
    raised = sum(one.phase == "raised" for one in found)
    assert 20 < raised < 100


def test_equal_scores_are_not_unusual() -> None:
    """GaussianScorer saturates at 1.0: two plateaus that both score so, of which the first is remembered."""
    eye = watch("GaussianScorer", parameters={"grace_period": 10}, times=1)
    readings = [(NOON + n * MINUTE, 1e6 if n % 20 == 0 and n else float(n % 7)) for n in range(1, 1500)]
    assert [one for one in eye.water(readings, Quantity.POWER) if one.time > NOON + 400 * MINUTE] == []


def test_registers_are_judged_by_their_use_per_hour() -> None:
    eye = watch("StandardAbsoluteDeviation", Quantity.VOLUME, times=1)
    time, register = NOON, 0.0
    readings = [(time, register)]
    for number in range(300):
        time += HOUR if number % 2 else 2 * HOUR
        register += (10 + number % 5) * (1 if number % 2 else 2)
        readings.append((time, register))
    assert eye.water(readings) == []
    (found,) = eye.water([(time + HOUR // 2, register + 500)])
    assert found.facts["value"] == 1000


def test_warm_up_is_silent() -> None:
    assert watch("StandardAbsoluteDeviation", warm_up=2000).water(load(200, range(1000, 1030)), Quantity.POWER) == []


def test_a_model_without_a_seed_of_its_own_says_the_same_twice() -> None:
    def say() -> list[Finding]:
        eye = watch("HalfSpaceTrees", parameters={"limits": {"value": [0, 5000]}}, times=1, alpha=0.02)
        return eye.water(load(120, range(500, 510)), Quantity.POWER)

    assert say() == say()
    assert say()


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("Oracle", {}, "write one of .*HalfSpaceTrees"),
        ("os.system", {}, "no anomaly detector"),
        ("HalfSpaceTrees", {"trees": 3}, "it takes n_trees"),
        ("ThresholdFilter", {}, "does not accept these parameters"),
    ],
)
def test_what_river_does_not_have_is_refused(model: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build(model, parameters)


def test_an_alpha_that_can_never_be_reached_is_refused() -> None:
    with pytest.raises(ModelError, match="memory = 10000 or more"):
        watch("GaussianScorer", alpha=0.0001)


def test_a_state_of_other_parameters_is_refused() -> None:
    state = watch("GaussianScorer").detector.snapshot()
    with pytest.raises(StateError, match="is about"):
        watch("GaussianScorer", alpha=0.02).detector.restore(state)
