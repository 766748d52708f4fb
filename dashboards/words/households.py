"""Words for who is watched and by what: why somebody is vulnerable, what a sensor measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CATEGORIES: Final[Mapping[str, str]] = {
    "elderly_alone": "Elderly, lives alone",
    "disabled": "Disabled",
    "relief": "On relief",
    "other": "Other reason",
}
RISKS: Final[Mapping[str, str]] = {"low": "Low risk", "medium": "Medium risk", "high": "High risk"}
WHY_VULNERABLE: Final[Mapping[str, str]] = {
    "elderly_alone": "Somebody elderly lives here alone: after a fall nobody else is there to notice.",
    "disabled": "Somebody with a disability lives here, who may not be able to call for help.",
    "relief": "This household is on relief: it has little to fall back on when something goes wrong.",
    "other": "This household is watched for a reason of its own.",
    "dependent": "A life here hangs on the electricity supply: when it fails, that alone is an alarm.",
}
"""By category; `dependent` is added where the registry says `disabled` at risk `high`."""

QUANTITIES: Final[Mapping[str, str]] = {
    "volume": "Water",
    "energy": "Electricity",
    "power": "Power",
    "smoke": "Smoke in the air",
    "alarm": "Smoke alarm",
    "temperature": "Temperature",
    "battery": "Battery",
    "tamper": "Tamper contact",
}
TROUBLES: Final[Mapping[str, str]] = {
    "unheard": "Never heard",
    "offline": "Silent",
    "battery": "Battery low",
    "clock": "Clock wrong",
    "stuck": "Always says the same",
    "tamper": "Tampered with",
}
PERIODS: Final[Mapping[str, str]] = {"day": "One day", "week": "One week", "month": "One month", "year": "One year"}
