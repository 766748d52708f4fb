"""Words for the rule sets that come with the service, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RULES: Final[Mapping[str, str]] = {
    "default": "What is built in",
    "shanghai-12h": "Shanghai, Shenzhen: less than 10 L in 12 h (shanghai-12h)",
    "jingan-day": "Shanghai Jing'an: a day below 10 L or above 2,000 L (jingan-day)",
    "taicang-24h": "Taicang: less than 10 L in 24 h (taicang-24h)",
    "longgang-leak": "Shenzhen Longgang: use in every half hour of a day (longgang-leak)",
    "gap-quantile-12": "Longest pauses, 12 false alarms a year (gap-quantile-12)",
    "gap-quantile-4": "Longest pauses, 4 false alarms a year (gap-quantile-4)",
    "gap-quantile-1": "Longest pauses, 1 false alarm a year (gap-quantile-1)",
    "survival-12": "Unlikely silence, 12 false alarms a year (survival-12)",
    "survival-4": "Unlikely silence, 4 false alarms a year (survival-4)",
    "survival-1": "Unlikely silence, 1 false alarm a year (survival-1)",
}
