"""How a rule set names a River detector: by its class, its parameters, and what it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from detectors.finding import Severity
from detectors.protocol import Detector
from detectors.river_models.build import Scale, build, is_drift
from detectors.river_models.drift import RiverDrift
from detectors.river_models.model import RiverModel
from detectors.river_models.samples import OF_QUANTITY, Feature, HouseholdHours
from detectors.rule import Count, Rule, RulesError, Share
from registry.quantities import BY_LABEL, Quantity
from registry.readings import SensorTable

_Level = Literal["low", "medium", "high", "urgent"]


class RiverRule(Rule, tag="river"):
    """`type = "river"`: an anomaly detector raises `anomaly`, a drift detector `drift`."""

    model: str
    quantity: Literal["volume", "energy", "power", "smoke", "temperature", "battery", "alarm", "tamper"] | None = None
    features: list[Feature] = []
    parameters: dict[str, Any] = {}
    scale: Scale | None = None
    warm_up: Count = 500
    alpha: Share = 0.001
    times: Count = 3
    memory: Count = 2000
    above: float = 0.0
    severity: _Level | None = None

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        subject = self._subject(sensors)
        if is_drift(build(self.model, self.parameters)):
            if self.features and (len(self.features) > 1 or self.features[0] not in _OF_ONE):
                known = ", ".join(_OF_ONE)
                raise RulesError(f"drift is watched in one number; write `quantity`, or `features` with one of {known}")
            return RiverDrift(
                sensors, self.name, self.model, subject, parameters=self.parameters, warm_up=self.warm_up,
                above=self.above, scale=self.scale, severity=Severity[(self.severity or "low").upper()],
            )  # fmt: skip
        return RiverModel(
            sensors, self.name, self.model, subject, parameters=self.parameters, warm_up=self.warm_up,
            alpha=self.alpha, times=self.times, memory=self.memory, scale=self.scale,
            severity=Severity[(self.severity or "medium").upper()],
        )  # fmt: skip

    def _subject(self, sensors: SensorTable) -> Quantity | HouseholdHours:
        if (self.quantity is None) == (not self.features):
            raise RulesError("it must know what to look at; write either `quantity` or `features`")
        if self.quantity is not None:
            return BY_LABEL[self.quantity]
        if not any(one in OF_QUANTITY for one in self.features):
            raise RulesError(f"its `features` are those of any home; write at least one of {', '.join(OF_QUANTITY)}")
        if len(set(self.features)) < len(self.features):
            raise RulesError("a feature is named twice in `features`; write each once")
        return HouseholdHours(sensors, self.features)


_OF_ONE: Mapping[str, Quantity] = {name: of for name, of in OF_QUANTITY.items() if name != "idle"}
