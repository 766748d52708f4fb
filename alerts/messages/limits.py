"""How much one person is sent: a telephone that never stops ringing is switched off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.model import Alert, Notification
from alerts.people import Medium
from detectors.finding import Severity
from registry.instants import HOUR, MINUTE

PATIENCE = 30 * MINUTE
"""How long a provider may take to say what became of a message, where nobody set anything else."""
WINDOW = HOUR
"""The time in which messages to one person are counted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one person is sent within `WINDOW`, SMS and messages together, and calls.

    `patience` is how long a provider may take to say what became of a message, microseconds.
    """

    texts: int = 6
    calls: int = 4
    patience: int = PATIENCE

    def of(self, medium: Medium) -> int:
        """Return how many of a medium may go to one person."""
        return self.calls if medium is Medium.CALL else self.texts

    def wait(self, medium: Medium, admitted: Sequence[int]) -> int | None:
        """Return until when another message has to wait, None if there is room for it.

        `admitted` are the instants within the last `WINDOW` at which others of its kind were let pass, in order.
        """
        excess = len(admitted) - self.of(medium)
        return None if excess < 0 else admitted[excess] + WINDOW


def counted_with(medium: Medium) -> frozenset[Medium]:
    """Return the media that share a limit."""
    return frozenset({Medium.CALL}) if medium is Medium.CALL else frozenset({Medium.SMS, Medium.MESSAGE})


def goes_at_once(notification: Notification, alert: Alert, *, first: bool) -> bool:
    """Say whether a message goes whatever the limits.

    It does of a pressing alert, as the alert's `first` to that person, and when it is tried again.
    """
    return first or presses(alert) or notification.attempts > 1


def presses(alert: Alert) -> bool:
    """Say whether an alert is urgent or a call for help: nothing about it waits for anything."""
    return alert.severity is Severity.URGENT or alert.help_at is not None
