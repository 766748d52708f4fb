"""What a person found out about an alert, as the detectors hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from detectors.finding import Kind
from registry.quantities import Quantity
from registry.readings import Sensors, SensorTable


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


def sensors_of_real(
    verdicts: Sequence[Verdict], kind: Kind, sensors: SensorTable, quantities: Sequence[Quantity]
) -> Sensors:
    """Return the ids of all sensors of some quantities, ascending, in homes where an alert of a kind was real."""
    homes = {sensors.household_number(one.household) for one in verdicts if one.real and one.kind is kind}
    own = np.isin(sensors.household, [home for home in homes if home is not None])
    return np.flatnonzero(own & np.isin(sensors.quantity, quantities)).astype(np.int32)
