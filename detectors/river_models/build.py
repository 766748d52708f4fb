"""Which River object do a name and parameters in a rule set mean?"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, Literal

from registry.errors import ShouwangError

Scale = Literal["none", "standard", "minmax"]

_PLACES = ("anomaly", "drift", "drift.binary")
_SCALES: Mapping[Scale, str] = {"standard": "preprocessing.StandardScaler", "minmax": "preprocessing.MinMaxScaler"}
_WANTS: Mapping[str, Scale] = {
    "HalfSpaceTrees": "minmax",  # its trees cut [0, 1]
    "OneClassSVM": "standard",  # stochastic gradients want features of one size
    "LocalOutlierFactor": "standard",  # so do distances
}


class ModelError(ShouwangError):
    """A River model that does not exist or does not take these parameters."""


def build(model: str, parameters: Mapping[str, Any]) -> Any:
    """Return a River anomaly or drift detector by its name in `river.anomaly`, `river.drift` or `river.drift.binary`.

    A parameter that is itself a River object is a table with the dotted name below `river` as its `model`, such as
    `anomaly_detector = { model = "anomaly.HalfSpaceTrees", n_trees = 5 }`. Whatever takes a `seed` gets 0 where none
    is given: the same readings shall say the same thing again.

    Raises:
        ModelError: there is no such model, or it does not take these parameters.
    """
    known = {
        f"{place}.{name}": found
        for place in _PLACES
        for name, found in inspect.getmembers(importlib.import_module(f"river.{place}"), inspect.isclass)
        if hasattr(found, "score_one") or _watches_drift(found)
    }
    dotted = model.removeprefix("river.")
    if dotted not in known:
        dotted = next((f"{place}.{dotted}" for place in _PLACES if f"{place}.{dotted}" in known), "")
    if not dotted:
        names = ", ".join(sorted(one.rpartition(".")[2] for one in known))
        raise ModelError(f"River has no anomaly detector or drift detector `{model}`; write one of {names}")
    return _made(known[dotted], parameters)


def is_drift(detector: Any) -> bool:
    """Return whether a detector watches for drift, rather than scoring."""
    return _watches_drift(type(detector))


def is_binary(detector: Any) -> bool:
    """Return whether a drift detector wants to be told yes or no, rather than a number."""
    return isinstance(detector, importlib.import_module("river.base").BinaryDriftDetector)


def is_supervised(detector: Any) -> bool:
    """Return whether an anomaly detector, or the one within a filter, scores a target rather than features alone."""
    inner = getattr(detector, "anomaly_detector", None)
    if inner is not None:
        return is_supervised(inner)
    return "y" in inspect.signature(detector.score_one).parameters


def scaler(scale: Scale | None, detector: Any) -> Any:
    """Return River's scaler for features, None where there is none; `scale` None is what the detector wants."""
    if scale is None:
        inner = getattr(detector, "anomaly_detector", detector)
        own = getattr(inner, "limits", None)
        limited = isinstance(own, dict) and bool(own)
        scale = "none" if limited else _WANTS.get(type(inner).__name__, "none")
    return None if scale == "none" else _made(_found(_SCALES[scale]), {})


def _watches_drift(found: type) -> bool:
    return isinstance(getattr(found, "drift_detected", None), property) and hasattr(found, "update")


def _found(dotted: str) -> Any:
    path, _, name = dotted.removeprefix("river.").rpartition(".")
    try:
        found = getattr(importlib.import_module(f"river.{path}"), name, None)
    except ImportError:
        found = None
    if not (inspect.isclass(found) and issubclass(found, importlib.import_module("river.base").Base)):
        raise ModelError(f"River has no `{dotted}`; write its dotted name, such as `anomaly.HalfSpaceTrees`")
    return found


def _made(make: Any, parameters: Mapping[str, Any]) -> Any:
    name = make.__name__
    accepted = inspect.signature(make).parameters
    unknown = sorted(set(parameters) - set(accepted))
    if unknown:
        raise ModelError(f"{name} has no parameter `{unknown[0]}`; it takes {', '.join(accepted) or 'none'}")
    given = {} if parameters.get("seed") is not None or "seed" not in accepted else {"seed": 0}
    for key, value in parameters.items():
        if isinstance(value, Mapping) and isinstance(value.get("model"), str):
            inner = {one: what for one, what in value.items() if one != "model"}
            given[key] = _made(_found(value["model"]), inner)
        else:
            given[key] = value
    try:
        return make(**given)
    except (TypeError, ValueError) as wrong:
        raise ModelError(
            f"{name} does not accept these parameters: {wrong}; "
            "write a model within it as a table such as { model = 'anomaly.HalfSpaceTrees' }"
        ) from wrong
