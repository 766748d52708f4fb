"""What a sensor can measure: names, accepted units, SI conversion, and the range a value can have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Quantity(IntEnum):
    """The quantities of DESIGN §5; the number is how columns name them."""

    VOLUME = 1
    ENERGY = 2
    POWER = 3
    SMOKE = 4
    ALARM = 5
    TEMPERATURE = 6
    BATTERY = 7
    TAMPER = 8

    @property
    def label(self) -> str:
        """The name used in records, CSV and URLs, such as `volume`."""
        return _LABELS[self]

    @property
    def cumulative(self) -> bool:
        """Whether a value is a register that only counts up (water, energy) and its use a difference."""
        return self in (Quantity.VOLUME, Quantity.ENERGY)


_LABELS = {one: one.name.lower() for one in Quantity}


@dataclass(frozen=True, slots=True)
class Scale:
    """How a quantity is written: accepted units with their factor to SI, and the plausible SI range."""

    si: str
    factors: Mapping[str, float]
    low: float
    high: float


SCALES: Mapping[Quantity, Scale] = {
    # Registers: nine digits of a cubic metre or of a kilowatt-hour are more than any home's meter shows.
    Quantity.VOLUME: Scale("l", {"l": 1.0, "m3": 1000.0}, 0.0, 1e12),
    Quantity.ENERGY: Scale("Wh", {"Wh": 1.0, "kWh": 1000.0}, 0.0, 1e12),
    # Feed-in from a roof makes power negative; a megawatt is no household.
    Quantity.POWER: Scale("W", {"W": 1.0, "kW": 1000.0}, -1e6, 1e6),
    Quantity.SMOKE: Scale("%/m", {"%/m": 1.0}, 0.0, 100.0),
    Quantity.ALARM: Scale("", {"": 1.0, "/": 1.0}, 0.0, 1.0),
    Quantity.TEMPERATURE: Scale("Cel", {"Cel": 1.0}, -60.0, 400.0),
    Quantity.BATTERY: Scale("%EL", {"%EL": 1.0, "%": 1.0}, 0.0, 100.0),
    Quantity.TAMPER: Scale("", {"": 1.0, "/": 1.0}, 0.0, 1.0),
}
"""SI unit, accepted units and plausible range per quantity. SenML's `/` is a plain ratio (RFC 8428 §12.1)."""

BY_LABEL: Mapping[str, Quantity] = {quantity.label: quantity for quantity in Quantity}
