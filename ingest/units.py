"""In which units a quantity may be sent, and which of its values can be: what is asked of every record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from registry.quantities import SCALES, Quantity


class Unit(NamedTuple):
    """A unit as a linear function of the quantity's own in SI."""

    factor: float
    offset: float


class Rule(NamedTuple):
    """What a value of a quantity may be: its units, its plausible SI range, and whether it is a switch."""

    units: Mapping[str, Unit]
    low: float
    high: float
    switch: bool


# Units of the SenML registry (RFC 8428 §12.1, RFC 8798) that mean one of ours by a linear conversion.
_FURTHER_UNITS: Mapping[Quantity, Mapping[str, Unit]] = {
    Quantity.ENERGY: {"J": Unit(1 / 3600, 0.0)},
    Quantity.TEMPERATURE: {"K": Unit(1.0, -273.15)},
    Quantity.BATTERY: {"/100": Unit(1.0, 0.0)},
}

RULES: Mapping[str, Rule] = {
    quantity.label: Rule(
        units={
            **{unit: Unit(factor, 0.0) for unit, factor in scale.factors.items()},
            **_FURTHER_UNITS.get(quantity, {}),
        },
        low=scale.low,
        high=scale.high,
        switch=quantity in (Quantity.ALARM, Quantity.TAMPER),
    )
    for quantity, scale in SCALES.items()
}
"""By the label of a quantity."""
