from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Severity
from detectors.river_models.build import ModelError
from detectors.river_models.drift import RiverDrift
from detectors.rule import RulesError
from detectors.rules import load
from registry.instants import MINUTE
from registry.quantities import Quantity
from registry.readings import SensorTable
from tests.unit.detector_streams import NOON, Watch, house

NUMBERS: dict[str, dict[str, Any]] = {
    "ADWIN": {},
    "KSWIN": {"alpha": 0.0005},
    "PageHinkley": {"threshold": 20.0, "delta": 0.3},
    "NoDrift": {},
    "DummyDriftDetector": {"t_0": 700},
}
YES_OR_NO: dict[str, dict[str, Any]] = {"DDM": {}, "EDDM": {}, "FHDDM": {}, "HDDMA": {}, "HDDMW": {}}


SILENT = {"NoDrift", "FHDDM"}  # the one by its nature; the other tells of fewer, not of more


def watch(model: str, quantity: Quantity = Quantity.POWER, **options: Any) -> Watch:
    table = house()
    return Watch(RiverDrift(table, "mine", model, quantity, **{"warm_up": 100, **options}), table)


def load_of(before: float, after: float, change: int = 1000, size: int = 1500) -> list[tuple[int, float]]:
    rng = np.random.default_rng(3)
    level = np.where(np.arange(size) < change, before, after)
    return [(NOON + n * 10 * MINUTE, float(value)) for n, value in enumerate(rng.gamma(4.0, level / 4))]


def at(finding: Finding) -> int:
    return (finding.time - NOON) // (10 * MINUTE)


@pytest.mark.parametrize("model", ["ADWIN", "river.drift.KSWIN", "PageHinkley"])
def test_a_drift_is_told_with_what_was_and_what_is(model: str) -> None:
    parameters = NUMBERS[model.rpartition(".")[2]]
    found = watch(model, parameters=parameters, scale="standard").water(load_of(200, 500), Quantity.POWER)
    first = next(one for one in found if at(one) >= 1000)
    assert at(first) < 1200
    assert (first.phase, first.kind, first.severity) == ("raised", Kind.DRIFT, Severity.LOW)
    assert 180 <= float(first.facts["usual"]) <= 300
    assert float(first.facts["value"]) > 1.05 * float(first.facts["usual"])
    assert "has changed" in sentence(first.kind, first.facts, "en", "UTC")


def test_it_ends_when_the_new_has_become_usual() -> None:
    found = watch("ADWIN", warm_up=150).water(load_of(200, 500), Quantity.POWER)
    raised, cleared = (one for one in found if at(one) >= 1000)
    assert (cleared.phase, cleared.onset) == ("cleared", raised.onset)
    assert at(cleared) - at(raised) >= 150


def test_warm_up_is_silent() -> None:
    assert watch("ADWIN", warm_up=1400).water(load_of(200, 500), Quantity.POWER) == []


@pytest.mark.parametrize("model", [*NUMBERS, *YES_OR_NO])
def test_every_drift_detector_of_river_runs_repeats_itself_and_survives_a_snapshot(model: str) -> None:
    options: dict[str, Any] = {"parameters": {**NUMBERS, **YES_OR_NO}[model], "above": 600.0, "scale": "standard"}
    readings = load_of(200, 900, change=700, size=1000)
    eye, again = watch(model, **options), watch(model, **options)
    before = eye.water(readings[:650], Quantity.POWER)
    assert again.water(readings[:650], Quantity.POWER) == before
    restored = watch(model, **options)
    restored.detector.restore(eye.detector.snapshot())
    restored.registers.restore(eye.registers.snapshot())
    found = eye.water(readings[650:], Quantity.POWER)
    assert restored.water(readings[650:], Quantity.POWER) == found
    assert again.water(readings[650:], Quantity.POWER) == found
    assert bool(before + found) == (model not in SILENT)


def test_this_suite_knows_every_drift_detector_of_river() -> None:
    base = importlib.import_module("river.base")
    known = {
        name
        for place in ("river.drift", "river.drift.binary")
        for name, one in inspect.getmembers(importlib.import_module(place), inspect.isclass)
        if issubclass(one, base.DriftDetector | base.BinaryDriftDetector)
    }
    assert known == {*NUMBERS, *YES_OR_NO}


def test_an_anomaly_detector_is_no_drift_detector() -> None:
    with pytest.raises(ModelError, match="watches no drift"):
        watch("LODA")


FILTER = "parameters = { threshold = 0.9, anomaly_detector = { model = 'anomaly.LODA' } }"
RIVER = "[[rule]]\ntype = 'river'\nname = 'a'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = 'ADWIN'", "write either `quantity` or `features`"),
        ("model = 'ADWIN'\nquantity = 'power'\nfeatures = ['water']", "write either `quantity` or `features`"),
        ("model = 'ADWIN'\nfeatures = ['water', 'electricity']", "drift is watched in one number"),
        ("model = 'ADWIN'\nfeatures = ['idle']", "drift is watched in one number"),
        ("model = 'LODA'\nfeatures = ['hour_sin']", "write at least one of water"),
        ("model = 'LODA'\nfeatures = ['water', 'water']", "named twice"),
        ("model = 'LODA'\nfeatures = ['noise']", "Invalid enum value 'noise'"),
        ("model = 'LODA'\nquantity = 'power'\nscale = 'log'", "Invalid enum value 'log'"),
    ],
)
def test_what_a_rule_set_may_not_ask_of_river(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(RIVER + text, encoding="utf-8")
    with pytest.raises(RulesError, match=message):
        load(file, SensorTable())


@pytest.mark.parametrize(
    "text",
    [
        "model = 'ADWIN'\nfeatures = ['water']",
        "model = 'drift.binary.DDM'\nquantity = 'alarm'\nabove = 0.5",
        "model = 'HalfSpaceTrees'\nfeatures = ['water', 'electricity', 'idle', 'hour_sin', 'hour_cos', 'weekend']",
        "model = 'ThresholdFilter'\nquantity = 'power'\n" + FILTER,
    ],
)
def test_what_a_rule_set_may_ask_of_river(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(RIVER + text, encoding="utf-8")
    assert load(file, SensorTable()).detectors[-1].name == "a"
