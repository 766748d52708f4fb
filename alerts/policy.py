"""Which ladder an alert climbs: rungs, policies, and how one is chosen by kind, severity and time of day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from typing import Any

from alerts.errors import PolicyError
from detectors.finding import Kind, Severity
from registry.instants import SECOND


class Do(StrEnum):
    """What a step does when it is due."""

    SMS = "sms"
    CALL = "call"
    PREFERRED = "preferred"  # by the medium that person prefers
    VISIT = "visit"
    REVIEW = "review"
    MAINTENANCE = "maintenance"
    CALL_TASK = "call_task"  # a person calls, not the machine
    # Timers of the system's own; no policy file may name them.
    SETTLE = "settle"
    ABSENCE_ENDED = "absence_ended"
    UNSHELVE = "unshelve"
    RECHECK = "recheck"  # of a closed alert: whether what was reported is still so
    CAP_ENDED = "cap_ended"  # there is room for another visit


SENDS = frozenset({Do.SMS, Do.CALL, Do.PREFERRED})
TASKS = frozenset({Do.VISIT, Do.REVIEW, Do.MAINTENANCE, Do.CALL_TASK})
TIMERS = frozenset({Do.SETTLE, Do.ABSENCE_ENDED, Do.UNSHELVE, Do.RECHECK, Do.CAP_ENDED})


class OnReturn(StrEnum):
    """What becomes of a running ladder when the condition ends by itself."""

    REVIEW = "review"  # pending steps are cancelled; somebody writes down what happened
    CONTINUE = "continue"  # the ladder goes on as if it had not ended
    CLOSE = "close"  # the alert closes by itself: for ladders that disturb nobody


@dataclass(frozen=True, slots=True)
class Action:
    """What a step does, to whom, in which words.

    `who` is resident, contact-1 (and so on), contacts, caseworker, duty_officer, or `person:ID` for one person.
    `message` is a key of `alerts.wording`; a task's message tells its assignee of it, '' tells nobody.
    `within` is how long a task may take, microseconds.
    """

    do: Do
    who: str = ""
    message: str = ""
    within: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the action as JSON, durations in seconds."""
        return {"do": self.do.value, "who": self.who, "message": self.message, "within": self.within // SECOND}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Action:
        """Return the action that `to_json` wrote."""
        return cls(Do(value["do"]), value["who"], value["message"], int(value["within"]) * SECOND)


@dataclass(frozen=True, slots=True)
class Rung:
    """An action and how long after the ladder's start it is due, microseconds."""

    after: int
    action: Action


@dataclass(frozen=True, slots=True)
class Policy:
    """An escalation ladder, its rungs in the order they are due.

    While nobody holds the alert, a message on the last rung is repeated every `repeat` microseconds, a task on
    it is recalled whenever it is overdue: a ladder never ends in silence. `recheck` microseconds after somebody
    closed an alert that is still reported it is looked at again; 0 is never.
    """

    name: str
    on_return: OnReturn
    repeat: int
    rungs: tuple[Rung, ...]
    recheck: int = 0

    @property
    def reach(self) -> int:
        """How far the ladder goes: 0 to somebody's list of tasks, 1 to a telephone, 2 to the door."""
        does = {rung.action.do for rung in self.rungs}
        told = any(rung.action.message for rung in self.rungs)
        return 2 if Do.VISIT in does else int(told)

    def to_json(self) -> dict[str, Any]:
        """Return the policy as JSON, durations in seconds."""
        return {
            "name": self.name,
            "on_return": self.on_return.value,
            "repeat": self.repeat // SECOND,
            "recheck": self.recheck // SECOND,
            "steps": [{"after": rung.after // SECOND, **rung.action.to_json()} for rung in self.rungs],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Policy:
        """Return the policy that `to_json` wrote."""
        rungs = tuple(Rung(int(step["after"]) * SECOND, Action.from_json(step)) for step in value["steps"])
        return cls(
            name=value["name"],
            on_return=OnReturn(value["on_return"]),
            repeat=int(value["repeat"]) * SECOND,
            rungs=rungs,
            recheck=int(value.get("recheck", 0)) * SECOND,
        )


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of day, from `start` up to but not including `end`; it may go over midnight."""

    start: time
    end: time

    def __contains__(self, moment: time) -> bool:
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


@dataclass(frozen=True, slots=True)
class Rule:
    """When a policy applies; `hours` None is all day."""

    policy: Policy
    kinds: frozenset[Kind]
    severities: frozenset[Severity]
    hours: Hours | None = None

    def applies(self, kind: Kind, severity: Severity, local: time) -> bool:
        """Say whether this is the policy for such an alert at this local time of day."""
        within = self.hours is None or local in self.hours
        return kind in self.kinds and severity in self.severities and within


@dataclass(frozen=True, slots=True)
class Policies:
    """Rules in order; the first that applies is taken."""

    rules: tuple[Rule, ...]

    def choose(self, kind: Kind, severity: Severity, local: time) -> Policy:
        """Return the ladder for a kind and severity at a local time of day.

        Raises:
            PolicyError: no rule covers it; files read by `alerts.policy_file` always do.
        """
        for rule in self.rules:
            if rule.applies(kind, severity, local):
                return rule.policy
        raise PolicyError(f"no policy covers {kind} of severity {severity.label} at {local:%H:%M}; add one")

    def gaps(self) -> Iterable[tuple[Kind, Severity, time]]:
        """Yield what no rule covers; coverage changes only at midnight and where a rule's hours begin or end."""
        edges = {time(0)}
        for rule in self.rules:
            if rule.hours is not None:
                edges |= {rule.hours.start, rule.hours.end}
        for kind in Kind:
            for severity in Severity:
                for moment in sorted(edges):
                    if not any(rule.applies(kind, severity, moment) for rule in self.rules):
                        yield kind, severity, moment
