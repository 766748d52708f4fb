"""Is a value unusual to a River model of the user's choice? One model per sensor, calibrated by its own past."""

from __future__ import annotations

import copy
import importlib
import inspect
import math
import pickle
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from detectors.bank import StateError, pack, unpack
from detectors.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Count, Rule, Share
from registry.errors import ShouwangError
from registry.instants import DAY, HOUR
from registry.quantities import BY_LABEL, Quantity
from registry.readings import Observations, SensorTable


class ModelError(ShouwangError):
    """A River model that does not exist or does not take these parameters."""


@dataclass(slots=True)
class _Watch:
    """What is known of one sensor."""

    model: Any
    learned: int = 0
    unusual: int = 0  # unusual readings in a row, or usual ones in a row while raised
    since: int = 0  # time of the first of them
    ascending: list[float] = field(default_factory=list)  # the remembered scores
    oldest: deque[float] = field(default_factory=deque)  # the same in the order they came
    withheld: deque[float] = field(default_factory=deque)  # unusual ones of an episode that is not over

    def p_value(self, score: float) -> float:
        """Return the share of remembered scores that are at least as high (conformal: the new one counted)."""
        above = len(self.ascending) - bisect_left(self.ascending, score)
        return (1 + above) / (1 + len(self.ascending))

    def remember(self, score: float, memory: int) -> None:
        self.oldest.append(score)
        insort(self.ascending, score)
        if len(self.oldest) > memory:
            del self.ascending[bisect_left(self.ascending, self.oldest.popleft())]

    def release(self, memory: int) -> None:
        """Take what was withheld among the remembered: the episode is over."""
        while self.withheld:
            self.remember(self.withheld.popleft(), memory)


class RiverModel:
    """Raises when a model's score is unusual for the sensor `times` readings in a row; clears after as many usual.

    The model sees `value` (of a register: use per hour) and the hour of the day in UTC as `hour_sin` and
    `hour_cos`, and is asked for a score before it learns. Scores of different models, and even one model's
    scores of different homes, say nothing by themselves (GaussianScorer saturates at 1.0, and meter data has
    far heavier tails than a Gaussian), so a score counts by the share p of the sensor's last `memory` scores
    that are at least as high: unusual is p < `alpha`, and equal scores are never unusual. Unusual scores are
    remembered only once their episode is over, so that a long anomaly does not make itself usual.

    Conformal p-values: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005). Memory is
    the model's own (HalfSpaceTrees 1.3 MB) and about 64 bytes a remembered score. Features that a model wants
    within [0, 1] need its own limits, such as `limits = {value = [0, 500]}` for HalfSpaceTrees.
    """

    def __init__(
        self, sensors: SensorTable, name: str, model: str, quantity: Quantity, *,
        parameters: Mapping[str, Any] | None = None, warm_up: int = 500, alpha: float = 0.001,
        times: int = 3, memory: int = 2000, severity: Severity = Severity.MEDIUM,
    ) -> None:  # fmt: skip
        if alpha * (memory + 1) <= 1:
            raise ModelError(
                f"alpha {alpha} can never be reached with {memory} remembered scores; "
                f"write memory = {math.ceil(1 / alpha)} or more, or a larger alpha"
            )
        self.name = name
        self._about = f"river {model} {parameters} {quantity.label} {warm_up} {alpha} {times} {memory}"
        self._sensors = sensors
        self._model = model
        self._quantity = quantity
        self._prototype = build(model, parameters or {})
        self._supervised = "y" in inspect.signature(self._prototype.score_one).parameters
        self._warm_up = warm_up
        self._alpha = alpha
        self._times = times
        self._memory = memory
        self._watches: dict[int, _Watch] = {}
        self._condition = Condition(sensors, name, Kind.ANOMALY, severity)

    def observe(self, batch: Observations) -> list[Finding]:
        """Score and learn, reading by reading."""
        rows = np.flatnonzero(self._sensors.quantity[batch.sensor] == self._quantity)
        sensor, time = batch.sensor[rows], batch.time[rows]
        value = batch.value[rows]
        if self._quantity.cumulative:
            value = batch.use[rows] * (HOUR / np.maximum(time - batch.previous[rows], 1))
        findings = []
        for row in np.flatnonzero(np.isfinite(value)):
            found = self._look(int(sensor[row]), int(time[row]), float(value[row]))
            if found is not None:
                findings.append(found)
        return findings

    def _look(self, sensor: int, time: int, value: float) -> Finding | None:
        watch = self._watches.get(sensor)
        if watch is None:
            watch = self._watches[sensor] = _Watch(copy.deepcopy(self._prototype))
            self._condition.seen(np.array([sensor], np.int32), np.array([time]))
        score = self._score_and_learn(watch, time, value)
        if not math.isfinite(score) or watch.learned <= self._warm_up:
            return None
        p = watch.p_value(score)
        unusual = p < self._alpha
        raised = bool(self._condition.holds(np.array([sensor], np.int32))[0])
        if unusual:
            watch.withheld.append(score)
            if len(watch.withheld) > self._memory:
                watch.withheld.popleft()
        elif raised:
            watch.remember(score, self._memory)
        else:
            watch.release(self._memory)
            watch.remember(score, self._memory)
        if unusual == raised:
            watch.unusual = 0
            return None
        watch.unusual += 1
        if watch.unusual == 1:
            watch.since = time
        if watch.unusual < self._times:
            return None
        watch.unusual = 0
        if raised:
            watch.release(self._memory)
            return self._condition.end(sensor, time)
        facts: dict[str, Fact] = {
            "template": "river",
            "model": self._model,
            "quantity": self._quantity.label,
            "value": value,
            "p": p,
            "limit": self._alpha,
            "readings": self._times,
            "remembered": len(watch.ascending),
        }
        return self._condition.begin(sensor, time, Raise(watch.since, self._alpha / p, facts))

    def _score_and_learn(self, watch: _Watch, time: int, value: float) -> float:
        angle = 2 * math.pi * (time % DAY) / DAY
        x = {"value": value, "hour_sin": math.sin(angle), "hour_cos": math.cos(angle)}
        watch.learned += 1
        if self._supervised:
            # A supervised detector is told the value as its target and may not see it among the features.
            del x["value"]
            score = watch.model.score_one(x, value)
            watch.model.learn_one(x, value)
        else:
            score = watch.model.score_one(x)
            watch.model.learn_one(x)
        return float(score)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state; the models by pickle."""
        models = np.frombuffer(pickle.dumps(self._watches), np.uint8)
        return pack(self._about, {"models": models, "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned. Never give it bytes from anywhere but our own database.

        Raises:
            StateError: it is none, or River has changed the model's class since.
        """
        saved = unpack(state, self._about)
        try:
            watches = pickle.loads(saved["models"].tobytes())  # noqa: S301 - written by `snapshot`
        except (pickle.UnpicklingError, AttributeError, ImportError, EOFError) as wrong:
            raise StateError(f"a saved {self._model} cannot be read by this River ({wrong})") from wrong
        self._condition.take(saved["condition"])
        self._watches = watches


def build(model: str, parameters: Mapping[str, Any]) -> Any:
    """Return a River anomaly detector by its dotted name below `river.anomaly`.

    A model that takes a `seed` gets 0 where none is given: the same readings shall say the same thing again.

    Raises:
        ModelError: there is no such model, or it does not take these parameters.
    """
    anomaly = importlib.import_module("river.anomaly")
    known = [name for name in anomaly.__all__ if hasattr(getattr(anomaly, name), "learn_one")]
    name = model.removeprefix("river.").removeprefix("anomaly.")
    if name not in known:
        raise ModelError(f"River has no anomaly detector `{model}`; write one of {', '.join(sorted(known))}")
    make = getattr(anomaly, name)
    accepted = inspect.signature(make).parameters
    unknown = sorted(set(parameters) - set(accepted))
    if unknown:
        raise ModelError(f"{name} has no parameter `{unknown[0]}`; it takes {', '.join(accepted) or 'none'}")
    seeded = {"seed": 0} if "seed" in accepted else {}
    try:
        detector = make(**{**seeded, **parameters})
    except (TypeError, ValueError) as wrong:
        raise ModelError(f"{name} does not accept these parameters: {wrong}") from wrong
    if not callable(getattr(detector, "score_one", None)):
        raise ModelError(f"{name} gives no score; write a detector with `score_one`, such as HalfSpaceTrees")
    return detector


class RiverRule(Rule, tag="river"):
    """`type = "river"`."""

    model: str
    quantity: Literal["volume", "energy", "power", "smoke", "temperature", "battery"]
    parameters: dict[str, Any] = {}
    warm_up: Count = 500
    alpha: Share = 0.001
    times: Count = 3
    memory: Count = 2000
    severity: Literal["low", "medium", "high", "urgent"] = "medium"

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return RiverModel(
            sensors, self.name, self.model, BY_LABEL[self.quantity], parameters=self.parameters,
            warm_up=self.warm_up, alpha=self.alpha, times=self.times, memory=self.memory,
            severity=Severity[self.severity.upper()],
        )  # fmt: skip
