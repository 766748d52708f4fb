"""What a person found out about an alert, as the detectors hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from detectors.finding import Kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """An alert of a household was `real` (somebody needed help) or false; `time` in microseconds UTC.

    `visited` says that somebody went there for it, rather than that an answer ended it.
    """

    household: str
    kind: Kind
    time: int
    real: bool
    visited: bool = True


@runtime_checkable
class Learner(Protocol):
    """A detector whose thresholds follow verdicts."""

    def learn(self, verdicts: Sequence[Verdict], now: int) -> None:
        """Take verdicts not heard before; `now` is the engine's clock, microseconds UTC."""
        ...
