"""Is something unusual to a River model of the user's choice? One model each, calibrated by its own past."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.finding import Fact, Finding, Kind, Severity
from detectors.river_models.build import ModelError, Scale, build, is_drift, is_supervised, scaler
from detectors.river_models.conformal import Conformal
from detectors.river_models.samples import Readings, Sample, Samples
from detectors.river_models.watch import RiverWatch, Watch
from registry.quantities import Quantity
from registry.readings import SensorTable


@dataclass(slots=True)
class _Scored(Watch):
    """A subject whose samples are scored."""

    unusual: int = 0  # unusual samples in a row, or usual ones in a row while raised
    since: int = 0  # time of the first of them
    past: Conformal = field(default_factory=lambda: Conformal(1))


class RiverModel(RiverWatch):
    """Raises when a model's score is unusual for its subject `times` samples in a row; clears after as many usual.

    A subject is a sensor, whose readings are the samples, or a household with a vector of features each hour (see
    `samples.py`). The model is asked for a score before it learns. A supervised one is told the first feature as
    its target, and sees only the others. Features are scaled by `scale`, River's own, learned as the model is;
    where none is given, models that cannot do without get the one they want (HalfSpaceTrees without `limits` of
    its own: minmax; OneClassSVM, LocalOutlierFactor: standard). A filter protects the detector within it from
    learning anomalies, and its score is that detector's.

    Scores of different models, and even one model's scores of different homes, say nothing by themselves
    (GaussianScorer saturates at 1.0, and meter data has far heavier tails than a Gaussian), so a score counts by its
    conformal p-value among the subject's last `memory` scores: unusual is p < `alpha`, and equal scores are never
    unusual. Unusual scores are remembered only once their episode is over.

    Memory is the model's own (HalfSpaceTrees 1.3 MB) and about 64 bytes a remembered score.
    """

    def __init__(
        self, sensors: SensorTable, name: str, model: str, subject: Quantity | Samples, *,
        parameters: Mapping[str, Any] | None = None, warm_up: int = 500, alpha: float = 0.001, times: int = 3,
        memory: int = 2000, scale: Scale | None = None, severity: Severity = Severity.MEDIUM,
    ) -> None:  # fmt: skip
        if alpha * (memory + 1) <= 1:
            raise ModelError(
                f"alpha {alpha} can never be reached with {memory} remembered scores; "
                f"write memory = {math.ceil(1 / alpha)} or more, or a larger alpha"
            )
        self._prototype = build(model, parameters or {})
        if is_drift(self._prototype):
            raise ModelError(f"{model} gives no score; it watches for drift, see RiverDrift")
        samples = Readings(sensors, subject) if isinstance(subject, Quantity) else subject
        about = f"river 2 {model} {parameters} {warm_up} {alpha} {times} {memory} {scale}"
        super().__init__(samples, name, about, Kind.ANOMALY, severity)
        self._scaler = scaler(scale, self._prototype)
        self._supervised = is_supervised(self._prototype)
        self._model = model
        self._warm_up = warm_up
        self._alpha = alpha
        self._times = times
        self._memory = memory

    def _begin(self, time: int) -> Watch:
        return _Scored(
            copy.deepcopy(self._prototype), copy.deepcopy(self._scaler), time, past=Conformal(self._memory)
        )  # fmt: skip

    def _look(self, watch: Watch, sample: Sample) -> Finding | None:
        assert isinstance(watch, _Scored)  # noqa: S101 - as `_begin` made it
        score = self._score_and_learn(watch, sample)
        if not math.isfinite(score) or watch.learned <= self._warm_up:
            return None
        p = watch.past.p_value(score)
        unusual = p < self._alpha
        if unusual:
            watch.past.withhold(score)
        else:
            if not watch.raised:
                watch.past.release()
            watch.past.remember(score)
        if unusual == watch.raised:
            watch.unusual = 0
            return None
        watch.unusual += 1
        if watch.unusual == 1:
            watch.since = sample.time
        if watch.unusual < self._times:
            return None
        watch.unusual = 0
        if watch.raised:
            watch.past.release()
            return self._clear(watch, sample)
        facts: dict[str, Fact] = {
            **self._samples.told(sample),
            "model": self._model,
            "p": p,
            "limit": self._alpha,
            "readings": self._times,
            "remembered": len(watch.past),
        }
        return self._raise(watch, sample, watch.since, self._alpha / p, facts)

    def _score_and_learn(self, watch: Watch, sample: Sample) -> float:
        watch.learned += 1
        x, target = sample.x, sample.x[sample.target]
        if self._supervised:
            # A supervised detector is told its target and may not see it among the features.
            x = {name: value for name, value in x.items() if name != sample.target}
        before = watch.scaled(x)
        if watch.scaler is not None:
            watch.scaler.learn_one(dict(x))
        after = watch.scaled(x)
        # A model that has seen nothing may score NaN, and River's PredictiveAnomalyDetection then does so for ever.
        score = math.nan if watch.learned == 1 else self._score(watch.model, before, target)
        if self._supervised:
            watch.model.learn_one(after, target)
        else:
            watch.model.learn_one(after)
        return score

    def _score(self, model: Any, x: Mapping[str, float], target: float) -> float:
        try:
            return float(model.score_one(x, target) if self._supervised else model.score_one(x))
        except ArithmeticError:
            return math.nan  # it diverged: no score is better than a wrong one
