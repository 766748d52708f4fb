"""What the detectors learn from how an alert ended: that it was real, that it was false, or nothing."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.model import Alert, FalseAlarm, Outcome
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

_NOT_OF_THIS_HOME = frozenset({FalseAlarm.DEVICE_FAULT, FalseAlarm.WRONG_HOUSEHOLD})


def was_real(alert: Alert) -> bool | None:
    """Return whether a closed alert was about somebody who needed help; None where that is not known.

    That an alarm was false because a device was broken, or hung in another home, says nothing about the habits of this
    one. That somebody was away does: it was a visit for nothing, which the budget of false visits must hold.

    That a call for help was a mistake says nothing about the detector: it only raised what the resident answered.

    Raises:
        LessonError: the alert is open.
    """
    if alert.outcome is None:
        raise LessonError(f"alert {alert.id} is {alert.status}: what it was is known when it is closed")
    real = None if alert.why in _NOT_OF_THIS_HOME else _SAYS[alert.outcome]
    return None if alert.help_at is not None and real is False else real


class LessonError(ShouwangError):
    """Something was to be learned from an alert that has not ended."""
