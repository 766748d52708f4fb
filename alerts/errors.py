"""What the alert desk refuses, as one small tree."""

from __future__ import annotations

from registry.errors import ShouwangError


class AlertError(ShouwangError):
    """Something about an alert, a task or a message cannot be done."""


class NotFound(AlertError):  # noqa: N818 - said as the desk says it
    """There is no such alert, task or message."""


class Conflict(AlertError):  # noqa: N818 - said as the desk says it
    """It cannot be done in the state things are in now; look again, then decide."""


class Invalid(AlertError):  # noqa: N818 - said as the desk says it
    """What was asked makes no sense whatever the state; correct the request."""


class PolicyError(AlertError):
    """A policy file cannot be used; the message names file, policy and key."""


class ScheduleError(Invalid):
    """An on-call schedule cannot be used; the message names the file, the schedule and the key or event."""
