from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from detectors.columns.bank import StateError
from detectors.finding import Finding, Kind
from detectors.river_models.build import ModelError, Scale, build
from detectors.river_models.model import RiverModel
from detectors.river_models.samples import HouseholdHours
from registry.instants import HOUR, MINUTE
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Sent, Watch, house


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


class Spy:
    """A model that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []

    def score_one(self, x: dict[str, float]) -> float:
        self.asked.append(("score", x["value"]))
        return 0.0

    def learn_one(self, x: dict[str, float]) -> None:
        self.asked.append(("learn", x["value"]))


def test_each_reading_is_scored_before_it_is_learned() -> None:
    eye = watch("GaussianScorer")
    assert isinstance(eye.detector, RiverModel)
    eye.detector._prototype, eye.detector._supervised = Spy(), False
    eye.water([(NOON + n * MINUTE, float(n)) for n in range(3)], Quantity.POWER)
    (spied,) = eye.detector._watches.values()
    assert spied.model.asked == [
        (what, float(n)) for n in range(3) for what in (("score", "learn") if n else ("learn",))
    ]


ANY = {
    "GaussianScorer": {},
    "HalfSpaceTrees": {"n_trees": 3, "height": 4, "window_size": 20},
    "LODA": {"n_random_cuts": 10},
    "LocalOutlierFactor": {"n_neighbors": 5},
    "OneClassSVM": {"nu": 0.2},
    "PredictiveAnomalyDetection": {},
    "StandardAbsoluteDeviation": {},
    "QuantileFilter": {"q": 0.98, "anomaly_detector": {"model": "anomaly.HalfSpaceTrees", "n_trees": 3}},
    "ThresholdFilter": {"threshold": 0.9, "anomaly_detector": {"model": "river.anomaly.GaussianScorer"}},
}


@pytest.mark.parametrize("model", ANY)
def test_every_anomaly_detector_of_river_runs_repeats_itself_and_survives_a_snapshot(model: str) -> None:
    options: dict[str, Any] = {"parameters": ANY[model], "warm_up": 20, "alpha": 0.05, "times": 1, "memory": 60}
    readings = load(30, range(100, 110))
    eye, again = watch(model, **options), watch(model, **options)
    assert eye.water(readings[:90], Quantity.POWER) == again.water(readings[:90], Quantity.POWER)
    restored = watch(model, **options)
    restored.detector.restore(eye.detector.snapshot())
    restored.registers.restore(eye.registers.snapshot())
    found = eye.water(readings[90:], Quantity.POWER)
    assert restored.water(readings[90:], Quantity.POWER) == found
    assert again.water(readings[90:], Quantity.POWER) == found


def test_this_suite_knows_every_anomaly_detector_of_river() -> None:
    river = importlib.import_module("river.anomaly")
    assert set(ANY) == {name for name in river.__all__ if hasattr(getattr(river, name), "score_one")}


@pytest.mark.parametrize("scale", [None, "minmax"])
def test_trees_find_what_is_beyond_their_unit_box_once_features_are_scaled(scale: Scale | None) -> None:
    """Unscaled, every value above 1 is the same to HalfSpaceTrees, and an equal score is never unusual."""
    parameters = {"window_size": 50, "n_trees": 20}
    readings = load(200, range(1000, 1030))
    odd = (NOON + 1000 * 10 * MINUTE, NOON + 1030 * 10 * MINUTE)

    def hits(chosen: Scale | None) -> int:
        found = watch("HalfSpaceTrees", parameters=parameters, scale=chosen, times=1).water(readings, Quantity.POWER)
        return sum(one.phase == "raised" and odd[0] <= one.onset < odd[1] for one in found)

    assert hits("none") == 0
    assert hits(scale) > 0


def test_a_households_hours_are_watched_as_one_vector() -> None:
    """Water in the day and electricity in the night are each usual; together at night they are not."""
    table = house()
    hours = HouseholdHours(table, ["water", "electricity", "hour_sin", "hour_cos"])
    eye = Watch(
        RiverModel(
            table, "mine", "LocalOutlierFactor", hours, parameters={"n_neighbors": 5}, warm_up=100, alpha=0.02,
            times=1, memory=200,
        ),
        table,
    )  # fmt: skip
    rng = np.random.default_rng(7)
    sent, water, energy = [], 0.0, 0.0
    for n in range(24 * 20):
        day = 8 <= n % 24 < 20 or n == 24 * 19 + 3
        water += (30.0 if day else 0.0) + rng.random()
        energy += (100.0 if day else 1000.0 if n % 24 < 6 else 300.0) + 10 * rng.random()
        time = NOON + 12 * HOUR + (n + 1) * HOUR
        sent += [Sent(Quantity.VOLUME, time, water, time), Sent(Quantity.ENERGY, time, energy, time)]
    found = [one for one in eye.see(sent) if one.phase == "raised"]
    assert NOON + 12 * HOUR + (24 * 19 + 4) * HOUR in {one.time for one in found}
    assert len(found) <= 20
    (last,) = [one for one in found if one.time == NOON + 12 * HOUR + (24 * 19 + 4) * HOUR]
    assert (last.household, last.source, last.facts["template"]) == ("home-0", "home-0", "river_features")
    assert str(last.facts["seen"]).startswith("water 3")


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("Oracle", {}, "write one of .*HalfSpaceTrees"),
        ("os.system", {}, "no anomaly detector"),
        ("HalfSpaceTrees", {"trees": 3}, "it takes n_trees"),
        ("ThresholdFilter", {}, "does not accept these parameters"),
        ("DriftRetrainingClassifier", {}, "no anomaly detector or drift detector"),
        ("QuantileFilter", {"q": 0.9, "anomaly_detector": {"model": "os.path"}}, "River has no `os.path`"),
        ("QuantileFilter", {"q": 0.9, "anomaly_detector": {"model": "anomaly.LODA", "bins": 3}}, "it takes n_bins"),
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
