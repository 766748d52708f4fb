"""Words for what is stored as codes: statuses, kinds, steps, and the lines of a timeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dashboards.languages import Translate

STATUSES: Final[Mapping[str, str]] = {
    "unacknowledged": "Nobody has taken it",
    "acknowledged": "Taken",
    "returned": "Ended by itself, not reviewed",
    "shelved": "Put aside",
    "suppressed": "Kept quiet",
    "closed": "Closed",
    "open": "Open",
    "accepted": "Accepted",
    "done": "Done",
    "cancelled": "Called off",
    "pending": "To come",
    "ringing": "Ringing",
    "delivered": "Delivered",
    "answered": "Answered",
    "missed": "Missed",
    "queued": "Waiting to be sent",
    "sent": "Sent",
    "failed": "Failed",
}
KINDS: Final[Mapping[str, str]] = {
    "inactivity": "No sign of life",
    "excess": "Too much water",
    "leak": "Leak",
    "smoke": "Smoke",
    "tamper": "Tampering",
    "offline": "Device silent",
    "battery": "Battery low",
    "anomaly": "Unusual",
}
SEVERITIES: Final[Mapping[str, str]] = {"low": "Low", "medium": "Medium", "high": "High", "urgent": "Urgent"}
OUTCOMES: Final[Mapping[str, str]] = {
    "found_well": "Found well",
    "false_alarm": "False alarm",
    "helped": "Needed help and got it",
    "emergency_services": "Emergency services called",
    "not_at_home": "Nobody at home",
    "could_not_enter": "Could not get in",
    "over_before_arrival": "Over before it arrived",
    "resident_fine": "Resident says they are fine",
    "other": "Something else",
}
ROLES: Final[Mapping[str, str]] = {
    "resident": "Resident",
    "contact": "Contact",
    "caseworker": "Caseworker",
    "duty_officer": "Duty officer",
}
TASKS: Final[Mapping[str, str]] = {"visit": "Visit", "review": "Review", "maintenance": "Maintenance"}
_WHO: Final[Mapping[str, str]] = {
    "resident": "the resident",
    "contacts": "the contacts",
    "caseworker": "the caseworker",
    "duty_officer": "the duty officer",
}
_STEPS: Final[Mapping[str, str]] = {
    "sms": "SMS to {who}",
    "call": "Call to {who}",
    "preferred": "Message to {who}",
    "visit": "Visit by {who}",
    "review": "Review by {who}",
    "maintenance": "Maintenance by {who}",
    "settle": "Look whether it is over",
    "absence_ended": "Look again: the absence ends",
    "unshelve": "Comes back",
}
_WHY_QUIET: Final[Mapping[str, str]] = {
    "backlog": "it arrived late and may be over",
    "absence": "the household is away",
}
_EVENTS: Final[Mapping[str, str]] = {
    "raised": "Raised",
    "joined": "Another source says the same",
    "raised_again": "Raised again",
    "cleared": "One source reports that it ended",
    "returned": "The condition ended by itself",
    "ladder_started": "The ladder starts",
    "suppressed": "Kept quiet",
    "acknowledged": "Taken",
    "shelved": "Put aside",
    "unshelved": "Back from the shelf",
    "closed": "Closed",
    "notified": "Message prepared",
    "reached_nobody": "There was nobody to reach",
    "sent": "Sent",
    "send_failed": "Sending failed",
    "missed": "Nobody answered",
    "answered": "Answered",
    "help_asked": "Help was asked for",
    "task_planned": "A task was given out",
    "task_recalled": "An overdue task was called back",
    "task_accepted": "The task was accepted",
    "task_outcome": "An outcome was written down",
}


def word(_: Translate, words: Mapping[str, str], code: str) -> str:
    """Return the word for a code; a code nobody has put into words yet stands for itself."""
    return _(words[code]) if code in words else code.replace("_", " ")


def step(_: Translate, action: Mapping[str, Any]) -> str:
    """Return what a step does, such as `Call to the resident`."""
    who = str(action.get("who", ""))
    if who.startswith("contact-"):
        named = _("contact {n}").format(n=who.removeprefix("contact-"))
    elif who.startswith("person:"):
        named = who.removeprefix("person:")
    else:
        named = word(_, _WHO, who) if who else _("whoever is there")
    return word(_, _STEPS, str(action.get("do", ""))).format(who=named)


def why_quiet(_: Translate, code: str) -> str:
    """Return why an alert wakes nobody."""
    return word(_, _WHY_QUIET, code)


def actor(_: Translate, actor: str, name: str | None) -> str:
    """Return who did something: a person by name, a token by its name, a sensor by its own, or the system."""
    if name:
        return name
    what, _colon, which = actor.partition(":")
    return _("the system") if what == "system" else which


def event(_: Translate, kind: str, detail: Mapping[str, Any]) -> str:
    """Return one line of a timeline: what happened, then what is known of it."""
    told = word(_, _EVENTS, kind)
    known = [_known(_, key, value) for key, value in detail.items() if value not in (None, "", [], {})]
    said = [part for part in known if part]
    return f"{told}: {', '.join(said)}" if said else told


def _known(_: Translate, key: str, value: Any) -> str:
    if key in _UNSAID:
        return ""
    if key == "outcome":
        return word(_, OUTCOMES, str(value))
    if key == "role":
        return word(_, ROLES, str(value)).lower()
    if key == "why":
        return why_quiet(_, str(value))
    if key in ("do", "who", "medium", "source", "text", "note", "reason", "answer", "name", "error", "kind"):
        return str(value).replace("_", " ")
    return f"{key.replace('_', ' ')} {value}"


_UNSAID: Final = frozenset({"notification", "task", "message_id", "step", "no", "person", "phone"})
