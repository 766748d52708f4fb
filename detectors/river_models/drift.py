"""Has what a River drift detector of the user's choice watches changed for good? A task, not an alarm."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detectors.finding import Fact, Finding, Kind, Severity
from detectors.river_models.build import ModelError, Scale, build, is_binary, is_drift, scaler
from detectors.river_models.samples import Readings, Sample, Samples
from detectors.river_models.watch import RiverWatch, Watch
from registry.quantities import Quantity
from registry.readings import SensorTable

_RECENT = 30


@dataclass(slots=True)
class _Drifting(Watch):
    """A subject whose habits are watched."""

    calm: int = 0  # samples since the last drift
    usual: float = 0.0  # mean since the last drift, but for what is recent
    recent: float = 0.0  # smoothed over about 30 samples


class RiverDrift(RiverWatch):
    """Raises when a drift detector says that its subject has changed, from `warm_up` samples on.

    A subject is as in `RiverModel`; its one number is the reading's value, or the only feature. Detectors of yes
    and no (`river.drift.binary`) are told whether it is above `above`. Their thresholds are of the number's own
    size: with `scale = "standard"` it is first divided by its deviation so far, as PageHinkley's are meant. Cleared
    once `warm_up` further samples showed no drift: what was new has become usual. Beside the detector two means
    are kept to say what was usual and what is now; 8 bytes each.
    """

    def __init__(
        self, sensors: SensorTable, name: str, model: str, subject: Quantity | Samples, *,
        parameters: Mapping[str, Any] | None = None, warm_up: int = 500, above: float = 0.0,
        scale: Scale | None = None, severity: Severity = Severity.LOW,
    ) -> None:  # fmt: skip
        self._prototype = build(model, parameters or {})
        if not is_drift(self._prototype):
            raise ModelError(f"{model} watches no drift; it gives a score, see RiverModel")
        samples = Readings(sensors, subject) if isinstance(subject, Quantity) else subject
        about = f"river drift 1 {model} {parameters} {warm_up} {above} {scale}"
        super().__init__(samples, name, about, Kind.DRIFT, severity)
        self._scaler = scaler(scale or "none", self._prototype)
        self._binary = is_binary(self._prototype)
        self._model = model
        self._warm_up = warm_up
        self._above = above

    def _begin(self, time: int) -> Watch:
        return _Drifting(copy.deepcopy(self._prototype), copy.deepcopy(self._scaler), time)

    def _look(self, watch: Watch, sample: Sample) -> Finding | None:
        assert isinstance(watch, _Drifting)  # noqa: S101 - as `_begin` made it
        value = sample.x[sample.target]
        shown = value
        if watch.scaler is not None:
            watch.scaler.learn_one({"value": value})
            shown = watch.scaler.transform_one({"value": value})["value"]
        watch.learned += 1
        watch.model.update(value > self._above if self._binary else shown)
        watch.calm += 1
        watch.recent += (value - watch.recent) / min(watch.calm, _RECENT)
        watch.usual += (value - watch.usual) / watch.calm
        if not watch.model.drift_detected:
            settled = watch.raised and watch.calm >= self._warm_up
            return self._clear(watch, sample) if settled else None
        usual, recent, since = watch.usual, watch.recent, watch.calm
        watch.calm, watch.usual = 0, 0.0
        if watch.raised or watch.learned <= self._warm_up:
            return None
        facts: dict[str, Fact] = {
            **self._samples.told(sample),
            "template": "river_drift",
            "model": self._model,
            "value": recent,
            "usual": usual,
            "readings": min(_RECENT, since),
            "remembered": since,
        }
        ratio = abs(recent - usual) / (abs(usual) + math.ulp(1.0))
        return self._raise(watch, sample, sample.time, 1.0 + min(ratio, 100.0), facts)
