"""Words for how areas perform and for what is wrong with the service, by their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BANDS: Final[Mapping[str, str]] = {
    "ahead": "Well ahead",
    "on_target": "On target",
    "just_short": "Just short",
    "short": "Short",
    "far_short": "Far short",
}
BAND_MEANINGS: Final[Mapping[str, str]] = {
    "ahead": "every target met, with at most half of the misses it allows",
    "on_target": "every target met",
    "just_short": "up to twice as many misses as the worst target allows",
    "short": "up to four times as many",
    "far_short": "more than four times as many",
}
TARGETS: Final[Mapping[str, str]] = {
    "urgent_60s": "Urgent: answered within 60 s",
    "urgent_180s": "Urgent: answered within 180 s",
    "visit_45min": "Visited within 45 min",
}
COLUMNS: Final[Mapping[str, str]] = {
    "area": "Area",
    "response": "Response times",
    "urgent_60s": "Answered in 60 s",
    "urgent_180s": "Answered in 180 s",
    "visit_45min": "Visited in 45 min",
    "false_visits": "False visits",
    "coverage": "Homes heard",
    "alerts": "Alerts",
    "homes": "Homes",
}
LEVELS: Final[Mapping[str, str]] = {
    "city": "City",
    "district": "District",
    "street": "Street",
    "community": "Community",
}
FLAWS: Final[Mapping[str, str]] = {
    "forgotten_alert": "alerts that nobody holds and nothing is going to happen to",
    "late_step": "steps that ran too late",
    "stuck_message": "messages neither delivered nor given up",
    "silent_holder": "alerts taken by somebody who has done nothing for an hour",
    "overdue_task": "overdue tasks that nobody is told of",
}
