"""Words for what is stored as codes: statuses, kinds, steps, and the lines of a timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from alerts.people import ABOVE, LINE
from dashboards.words.languages import Translate

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
    "tap": "Tap left open",
    "burst": "Burst pipe",
    "surge": "Electricity surge",
    "drop": "Electricity drop",
    "appliance": "Appliance left on",
    "cold": "No heating",
    "smoke": "Smoke",
    "outage": "Supply failed",
    "tamper": "Tampering",
    "offline": "Device silent",
    "battery": "Battery low",
    "stuck": "Sensor stuck",
    "clock": "Device clock wrong",
    "meter": "Meter changed or reset",
    "drift": "Habits changed",
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
    "ended_by_itself": "Ended before anybody was disturbed",
    "part_of_another": "Part of another alert or incident",
    "resident_fine": "Resident says they are fine",
    "other": "Something else",
}
FALSE_ALARMS: Final[Mapping[str, str]] = {
    "at_home_not_using": "At home and well, but used nothing",
    "away_unregistered": "Away, and nobody had told us",
    "device_fault": "The device was faulty",
    "wrong_household": "Wrong household",
    "other": "Another reason",
}
ROLES: Final[Mapping[str, str]] = {
    "resident": "Resident",
    "contact": "Contact",
    "caseworker": "Caseworker",
    "duty_officer": "Duty officer",
}
TASKS: Final[Mapping[str, str]] = {
    "visit": "Visit",
    "review": "Review",
    "maintenance": "Maintenance",
    "call_task": "Call by a person",
    "contact": "Correct a number or address",
}
CAUSES: Final[Mapping[str, str]] = {
    "power": "Electricity failed",
    "water": "Water failed",
    "radio": "Gateways silent",
    "gateway": "Gateway silent",
    "unknown": "Many alarms at once",
}
EFFECTS: Final[Mapping[str, str]] = {
    "power": "While it lasts, silence in these homes raises no alarm; what is still silent an hour after its end does.",
    "water": "While it lasts, silence in these homes raises no alarm; what is still silent an hour after its end does.",
    "radio": "Devices that fell silent with it are not reported one by one unless they outlast it.",
    "gateway": "Devices that fell silent with it are not reported one by one unless they outlast it.",
    "unknown": "While it lasts, these homes are not told one by one; what is still so then is raised, a few a minute.",
}
"""What an incident does to the alerts of its homes."""
_WHO: Final[Mapping[str, str]] = {
    "resident": "the resident",
    "contacts": "the contacts",
    "caseworker": "the caseworker",
    "duty_officer": "the duty officer",
    "on_call": "whoever is on call",
}
_STEPS: Final[Mapping[str, str]] = {
    "sms": "SMS to {who}",
    "call": "Call to {who}",
    "message": "Message to {who}",
    "preferred": "Message to {who}",
    "visit": "Visit by {who}",
    "review": "Review by {who}",
    "maintenance": "Maintenance by {who}",
    "call_task": "Call by {who}",
    "settle": "Look whether it is over",
    "absence_ended": "Look again: the absence ends",
    "unshelve": "Comes back",
    "recheck": "Look whether it is still so",
    "remind": "Reminder to whoever has the task",
    "overdue": "If nothing is heard by then, {who} is told",
    "tell": "Message about a task to {who}",
    "follow_up": "Follow-up visit by {who}",
    "cap_ended": "Look whether there is room for a visit",
    "maintenance_ended": "Look again: the announced work ends",
    "storm_ended": "Its turn, once the many alarms at once are over",
    "flapping_ended": "Look whether it has been quiet since",
}
_WHY_QUIET: Final[Mapping[str, str]] = {
    "backlog": "it arrived late and may be over",
    "absence": "the household is away",
    "cap": "today's limit of visits is reached, by stronger alerts",
    "storm": "many alarms of its kind at once around here; one incident stands for them",
    "maintenance": "announced work explains it",
}
_BECAUSE: Final[Mapping[str, str]] = {
    "hours": "it is not for this hour",
    "severity": "it is not for this severity",
    "language": "nobody there speaks the language it is for",
    "channel": "nobody there can be reached in the way it asks for",
    "answered": "somebody has answered",
}
_MEANINGS: Final[Mapping[str, str]] = {
    "fine": "I am fine",
    "help": "I need help",
    "acknowledge": "I take it",
    "escalate": "tell the next in line",
    "close": "close it",
    "unclear": "not understood",
}
_MEDIA: Final[Mapping[str, str]] = {"sms": "SMS", "call": "Call", "message": "Message"}
ACTIONS: Final[Mapping[str, str]] = {
    "viewed": "Viewed",
    "listed": "Looked through a list",
    "reveal": "Revealed",
    "shown": "Shown where they have to go",
    "export": "Exported",
    "import": "Imported",
    "sign-in": "Signed in",
    "sign-in-failed": "Failed to sign in",
    "sign-out": "Signed out",
    "acknowledge": "Acknowledged",
    "give-back": "Given back",
    "escalate": "Escalated",
    "shelve": "Put aside",
    "unshelve": "Taken up again",
    "close": "Closed",
    "merge": "Merged",
    "split": "Taken apart",
    "accept": "Task accepted",
    "refuse": "Task refused",
    "handover": "Task handed over",
    "transfer": "Task transferred",
    "on-my-way": "Set out",
    "arrived": "Arrived",
    "outcome": "Wrote down the outcome",
    "answer": "Answered a message",
    "overrides": "Changed who is on call",
    "maintenance": "Announced work",
    "households": "Registered a household",
    "people": "Registered a person",
    "contacts": "Registered a contact",
    "devices": "Registered a device",
    "absences": "Registered an absence",
    "note": "Changed the note",
    "end": "Ended it early",
    "lab": "Tried rules on the past",
    "account-made": "Made an account",
    "account-disabled": "Disabled an account",
    "account-enabled": "Enabled an account",
    "password-reset": "Gave a new first password",
    "token-made": "Made a token",
    "token-revoked": "Revoked a token",
    "key-rotated": "Sealed everything with a new key",
    "password": "Changed the password",
    "second-factor": "Set the second factor up",
    "second-factor-off": "Turned the second factor off",
    "revoke": "Signed a browser out",
    "language": "Chose a language",
    "changed": "Changed",
    "removed": "Removed",
}
"""What the audit trail calls what people saw and did."""
_EVENTS: Final[Mapping[str, str]] = {
    "raised": "Raised by the rule {rule}: so since {onset}",
    "joined": "Also seen by the rule {rule}",
    "raised_again": "Raised again by the rule {rule}",
    "grew_worse": "Grew worse: {before} → {severity}",
    "cleared": "No longer seen by the rule {rule}, but by another",
    "returned": "It ended by itself",
    "ladder_started": "The ladder starts",
    "suppressed": "Kept quiet: {why}",
    "acknowledged": "Took it",
    "given_back": "Gave it back",
    "escalated": "Had the next in line told at once",
    "shelved": "Put it aside until {until}",
    "unshelved": "Took it from the shelf",
    "closed": "Closed: {outcome}",
    "notified": "{medium} to {person} prepared ({role})",
    "reached_nobody": "{step}: there was nobody to reach",
    "passed_over": "{step}: passed over, {because}",
    "unreachable": "Nobody of this household can be reached by any telephone or address: the duty officer is told",
    "sent": "{medium} to {person} sent",
    "delivered": "{medium} to {person} arrived",
    "held_back": "{medium} to {person} waits until {until}: enough for one hour",
    "not_sent": "{medium} to {person} called back: the same is said again later",
    "opted_out": "{person} has forbidden this way: {medium}",
    "send_failed": "{medium} to {person} failed",
    "missed": "{person} did not answer the call",
    "answered": "Answered {answer}: {meaning}",
    "help_asked": "Help was asked for: a visit is ordered and the duty officer called at once",
    "task_planned": "{task} planned for {person}, due {due}",
    "task_recalled": "{task} is overdue: reminded",
    "task_accepted": "{task} accepted by {person}",
    "task_set_out": "{person} is on the way",
    "task_arrived": "{person} has arrived",
    "task_refused": "{task} refused by {person}",
    "task_assigned": "{task} goes to {person}",
    "task_unassigned": "{task}: nobody is left to ask, the duty officer is told",
    "task_offered": "{task} handed over to {person}, who has not accepted yet",
    "task_transferred": "{task} transferred to {person}",
    "task_reminded": "{person} was reminded",
    "task_overdue": "Not done in time: those above are told",
    "follow_up_planned": "A follow-up visit is planned for {due}",
    "task_outcome": "{task}: {outcome}",
    "flapping": "It ends and begins again all the time: from now on that is no news",
    "settled": "It has stopped beginning again and again",
    "eased": "Grew weaker: {before} → {severity}",
    "reopened": "It begins again: the same alert goes on (rule {rule})",
    "merged": "Merged: the same cause",
    "split": "Taken apart again: another cause",
}
_EXPLAINED: Final[Mapping[str, str]] = {
    "incident": "An incident in the area explains it",
    "joined": "It is part of a graver alert now: {into}",
}
"""What became of a condition that did not end, but that something else tells of."""
_ADDED: Final = ("reason", "note", "error", "reference")
"""What people or channels said; it follows the phrase."""


def word(_: Translate, words: Mapping[str, str], code: str) -> str:
    """Return the word for a code; a code nobody has put into words yet stands for itself."""
    return _(words[code]) if code in words else code.replace("_", " ")


def step(_: Translate, action: Mapping[str, Any]) -> str:
    """Return what a step does, such as `Call to the resident`."""
    who = str(action.get("who", ""))
    if who.startswith("contact-"):
        named = _("contact {n}").format(n=who.removeprefix("contact-"))
    elif who.startswith(LINE):
        named = _("line {n} on call").format(n=who.removeprefix(LINE))
    elif who.startswith("person:"):
        named = who.removeprefix("person:")
    elif who.startswith(ABOVE):
        levels = who.removeprefix(ABOVE)
        one = _("the duty officers one level up")
        named = one if levels == "1" else _("the duty officers {n} levels up").format(n=levels)
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
    return _("the system") if what == "system" else _(which)


def event(_: Translate, kind: str, detail: Mapping[str, Any], about: str | None, when: Callable[[int], str]) -> str:
    """Return one line of a timeline.

    `about` is the name of the person it tells of; `when` writes an instant (microseconds UTC) in local time.
    """
    elsewhere = detail.get("explained_by")
    phrase = word(_, _EXPLAINED, str(elsewhere)) if elsewhere else word(_, _EVENTS, kind)
    told = phrase.format_map(_Known(_, detail, about, when))
    said = [word(_, FALSE_ALARMS, str(detail["why_false"]))] if detail.get("why_false") else []
    said += [str(detail[key]) for key in _ADDED if detail.get(key)]
    return _(". ").join([told, *said])


class _Known(dict[str, str]):
    """The words for what an event's detail holds, each made when a phrase asks for it."""

    def __init__(self, _: Translate, detail: Mapping[str, Any], about: str | None, when: Callable[[int], str]) -> None:
        super().__init__()
        self._translate = _
        self._detail = detail
        self._about = about
        self._when = when

    def __missing__(self, key: str) -> str:
        _, detail = self._translate, self._detail
        if key == "person":
            return self._about or str(detail.get("by") or _("whoever is there")).rpartition(":")[2]
        if key == "step":
            return step(_, detail)
        if key == "task":
            return word(_, TASKS, str(detail.get("kind", "")))
        if key in ("onset", "until", "due"):
            return self._when(int(detail[key])) if key in detail else "…"
        words = _WORDS.get(key)
        value = str(detail.get(key, "…"))
        return word(_, words, value) if words else value


_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "why": _WHY_QUIET,
    "because": _BECAUSE,
    "outcome": OUTCOMES,
    "role": ROLES,
    "meaning": _MEANINGS,
    "medium": _MEDIA,
    "severity": SEVERITIES,
    "before": SEVERITIES,
    "into": KINDS,
}
