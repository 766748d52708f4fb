"""What the detectors learn from how an alert ended: that it was real, that it was false, or nothing."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.model import Alert, Outcome
from registry.errors import ShouwangError

_SAYS: Mapping[Outcome, bool | None] = {
    Outcome.HELPED: True,
    Outcome.EMERGENCY_SERVICES: True,
    Outcome.FOUND_WELL: False,
    Outcome.FALSE_ALARM: False,
    Outcome.RESIDENT_FINE: False,
    Outcome.NOT_AT_HOME: None,  # they may be lying behind the door: whoever goes again will tell
    Outcome.COULD_NOT_ENTER: None,
    Outcome.OVER_BEFORE_ARRIVAL: None,  # nobody looked
    Outcome.ENDED_BY_ITSELF: None,
    Outcome.PART_OF_ANOTHER: None,
    Outcome.OTHER: None,
}


def was_real(alert: Alert) -> bool | None:
    """Return whether a closed alert was about somebody who needed help; None where that is not known.

    That a call for help was a mistake says nothing about the detector: it only raised what the resident answered.

    Raises:
        LessonError: the alert is open.
    """
    if alert.outcome is None:
        raise LessonError(f"alert {alert.id} is {alert.status}: what it was is known when it is closed")
    real = _SAYS[alert.outcome]
    return None if alert.help_at is not None and real is False else real


class LessonError(ShouwangError):
    """Something was to be learned from an alert that has not ended."""
