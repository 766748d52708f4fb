"""Words for what is wrong with devices and with what they send, by their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from registry.quantities import SCALES, Quantity

PROBLEMS: Final[Mapping[str, str]] = {
    "silent": "Silent",
    "battery": "Battery low",
    "clock": "Clock wrong",
    "stuck": "Stuck",
    "tamper": "Tampered with",
}
TROUBLES: Final[Mapping[str, str]] = {
    "unheard": "Never reported",
    "offline": "Silent",
    "battery": "Battery low",
    "clock": "Clock wrong",
    "stuck": "Stuck",
    "tamper": "Tampered with",
}
REASONS: Final[Mapping[str, str]] = {
    "malformed": "Not the promised format",
    "unknown_topic": "Unknown topic",
    "too_large": "Too large",
    "unsupported_version": "Unsupported version",
    "unsupported_field": "Unsupported field",
    "missing_field": "Field missing",
    "wrong_type": "Wrong type",
    "bad_name": "Bad name",
    "unknown_device": "Device not registered",
    "wrong_gateway": "Wrong gateway",
    "unknown_quantity": "Unknown quantity",
    "wrong_unit": "Wrong unit",
    "impossible_value": "Impossible value",
    "time_too_far_ahead": "Time in the future",
    "time_too_old": "Clock never set",
}
FORMATS: Final[Mapping[str, str]] = {
    "senml": "SenML, JSON",
    "senml-cbor": "SenML, CBOR",
    "chirpstack": "ChirpStack",
    "zigbee2mqtt": "zigbee2mqtt",
}
QUANTITIES: Final[Mapping[str, str]] = {
    "volume": "Water register",
    "energy": "Electricity register",
    "power": "Power",
    "smoke": "Smoke",
    "alarm": "Smoke alarm",
    "temperature": "Temperature",
    "battery": "Battery",
    "tamper": "Tamper contact",
}
_WRITTEN: Final = {"l": "L", "Cel": "°C", "%EL": "%"}
UNITS: Final[Mapping[str, str]] = {
    quantity.label: _WRITTEN.get(SCALES[quantity].si, SCALES[quantity].si) for quantity in Quantity
}
"""Units as people write them, by quantity; those of messages are SenML's."""
