"""Which ladder an alert climbs: rungs, policies, and how one is chosen by kind, severity and time of day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    MESSAGE = "message"  # to any messenger or by e-mail
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
    MAINTENANCE_ENDED = "maintenance_ended"
    STORM_ENDED = "storm_ended"  # it is this alert's turn
    FLAPPING_ENDED = "flapping_ended"  # whether it has been quiet since
    REMIND = "remind"  # whoever has a task that it will soon be due
    OVERDUE = "overdue"  # a task, or whoever holds the alert: somebody above must hear of it
    TELL = "tell"  # one person something about a task
    FOLLOW_UP = "follow_up"  # of a closed alert: go and see them again


SENDS = frozenset({Do.SMS, Do.CALL, Do.MESSAGE, Do.PREFERRED})
TASKS = frozenset({Do.VISIT, Do.REVIEW, Do.MAINTENANCE, Do.CALL_TASK})
DEADLINES = frozenset({Do.REMIND, Do.OVERDUE})
"""They watch over what people have promised; a ladder goes on beside them."""
TIMERS = DEADLINES | {
    Do.SETTLE, Do.ABSENCE_ENDED, Do.UNSHELVE, Do.RECHECK, Do.CAP_ENDED, Do.TELL, Do.FOLLOW_UP, Do.MAINTENANCE_ENDED,
    Do.STORM_ENDED, Do.FLAPPING_ENDED,
}  # fmt: skip


class OnReturn(StrEnum):
    """What becomes of a running ladder when the condition ends by itself."""

    REVIEW = "review"  # pending steps are cancelled; somebody writes down what happened
    CONTINUE = "continue"  # the ladder goes on as if it had not ended
    CLOSE = "close"  # the alert closes by itself: for ladders that disturb nobody


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of day, from `start` up to but not including `end`; it may go over midnight."""

    start: time
    end: time

    def __contains__(self, moment: time) -> bool:
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    @classmethod
    def from_text(cls, text: str) -> Hours:
        """Return the hours that `str` wrote."""
        start, end = text.split("-")
        return cls(time.fromisoformat(start), time.fromisoformat(end))


class Until(StrEnum):
    """What ends the repetitions of a step; whoever takes charge, or closes the alert, ends every step anyway."""

    ANSWERED = "answered"  # any answer to an earlier time, even one that was not understood: somebody is there
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a step that is due is carried out, and to whom; judged when it is due. By default always, to all.

    `hours` are the household's local time, `severities` what the alert is by then (empty: any), `language` such as
    `zh` or `zh_CN` that of the person, `if_channel` (SMS, CALL or MESSAGE) what must be able to reach the person.
    """

    hours: Hours | None = None
    severities: frozenset[Severity] = frozenset()
    language: str = ""
    if_channel: Do | None = None

    def __bool__(self) -> bool:
        return self != _ALWAYS

    def speaks(self, language: str) -> bool:
        """Say whether somebody's language is the one that is asked for: `zh` covers `zh_CN`, not the reverse."""
        asked, theirs = (one.lower().replace("-", "_") for one in (self.language, language))
        return not asked or theirs == asked or theirs.startswith(f"{asked}_")

    def to_json(self) -> dict[str, Any]:
        """Return what is asked for as JSON, without what is not."""
        asked = {
            "hours": str(self.hours) if self.hours else None,
            "severities": [one.label for one in sorted(self.severities)],
            "language": self.language,
            "if_channel": self.if_channel.value if self.if_channel else None,
        }
        return {key: value for key, value in asked.items() if value}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Conditions:
        """Return the conditions that `to_json` wrote, also as part of a larger value."""
        return cls(
            hours=Hours.from_text(value["hours"]) if "hours" in value else None,
            severities=frozenset(Severity[label.upper()] for label in value.get("severities", ())),
            language=value.get("language", ""),
            if_channel=Do(value["if_channel"]) if "if_channel" in value else None,
        )


_ALWAYS = Conditions()


@dataclass(frozen=True, slots=True)
class Action:
    """What a step does, to whom, in which words.

    `who` is resident, contact-1 (and so on), contacts, caseworker, on_call, on_call-2 (and so on), duty_officer, or
    `person:ID` for one
    person. `message` is a key of `alerts.messages.wording`; a task's message tells its assignee of it, '' tells nobody.
    `within` is how long a task may take, microseconds. A step that repeats others knows how many steps `earlier`
    those were, if an answer to one of them makes it needless. `opens` is the first step of a ladder that starts.
    """

    do: Do
    who: str = ""
    message: str = ""
    within: int = 0
    when: Conditions = _ALWAYS
    until: Until = Until.ACKNOWLEDGED
    earlier: tuple[int, ...] = ()
    opens: bool = False

    @property
    def again(self) -> Action:
        """The action as it comes again after the end of its ladder: whatever its conditions, lest all falls silent."""
        return Action(self.do, self.who, self.message, self.within)

    def to_json(self) -> dict[str, Any]:
        """Return the action as JSON, durations in seconds; what is as it is by default is left out."""
        value = {"do": self.do.value, "who": self.who, "message": self.message, "within": self.within // SECOND}
        more = {
            "until": self.until.value if self.until is not Until.ACKNOWLEDGED else None,
            "earlier": list(self.earlier),
            "opens": self.opens,
        }
        return {**value, **self.when.to_json(), **{key: one for key, one in more.items() if one}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Action:
        """Return the action that `to_json` wrote, also that of an earlier version."""
        return cls(
            do=Do(value["do"]),
            who=value["who"],
            message=value["message"],
            within=int(value["within"]) * SECOND,
            when=Conditions.from_json(value),
            until=Until(value.get("until", Until.ACKNOWLEDGED)),
            earlier=tuple(value.get("earlier", ())),
            opens=bool(value.get("opens", False)),
        )


@dataclass(frozen=True, slots=True)
class Rung:
    """An action and how long after the ladder's start it is due, microseconds."""

    after: int
    action: Action


@dataclass(frozen=True, slots=True)
class Written:
    """A step as a file has it: a rung that comes `times` times, `every` so many microseconds."""

    rung: Rung
    times: int = 1
    every: int = 0


def unroll(steps: Sequence[Written]) -> tuple[Rung, ...]:
    """Return the rungs of steps, each repetition one, in the order they are due; those due together as written."""
    planned = sorted(
        (step.rung.after + time_no * step.every, at, time_no)
        for at, step in enumerate(steps)
        for time_no in range(step.times)
    )
    place = {(at, time_no): position for position, (_, at, time_no) in enumerate(planned)}
    rungs = []
    for position, (after, at, time_no) in enumerate(planned):
        action = steps[at].rung.action
        if action.until is Until.ANSWERED:
            action = replace(action, earlier=tuple(position - place[at, before] for before in range(time_no)))
        rungs.append(Rung(after, action))
    return tuple(rungs)


USUAL_REMIND = 2 / 3
"""Of a task's time: late enough to have had a fair chance, early enough to still go."""


@dataclass(frozen=True, slots=True)
class Policy:
    """An escalation ladder, its rungs in the order they are due.

    While nobody holds the alert, a message on the last rung is repeated every `repeat` microseconds, a task on
    it is recalled whenever it is overdue: a ladder never ends in silence. `recheck` microseconds after somebody
    closed an alert that is still reported it is looked at again; 0 is never. Whoever has a task is reminded when this
    share (`remind`) of its time has passed.
    """

    name: str
    on_return: OnReturn
    repeat: int
    rungs: tuple[Rung, ...]
    recheck: int = 0
    remind: float = USUAL_REMIND

    @property
    def patience(self) -> int:
        """How long somebody may hold an alert before others are told: what the last task of the ladder may take."""
        tasks = [rung.action.within for rung in self.rungs if rung.action.within]
        return tasks[-1] if tasks else self.repeat

    @property
    def calls_officers(self) -> bool:
        """Whether the ladder itself tells the duty officers."""
        return any(rung.action.do in SENDS and rung.action.who in ("on_call", "duty_officer") for rung in self.rungs)

    @property
    def reach(self) -> int:
        """How far the ladder goes: 0 to somebody's list of tasks, 1 to a telephone, 2 to the door."""
        return _reach(rung.action for rung in self.rungs)

    def reach_at(self, severity: Severity) -> int:
        """How far the ladder goes for an alert of this severity, `reach` if no step asks for one."""
        asked = (rung.action for rung in self.rungs)
        return _reach(one for one in asked if not one.when.severities or severity in one.when.severities)

    def to_json(self) -> dict[str, Any]:
        """Return the policy as JSON, durations in seconds."""
        return {
            "name": self.name,
            "on_return": self.on_return.value,
            "repeat": self.repeat // SECOND,
            "recheck": self.recheck // SECOND,
            "remind": self.remind,
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
            remind=float(value.get("remind", USUAL_REMIND)),
        )


def _reach(actions: Iterable[Action]) -> int:
    climbed = list(actions)
    if any(action.do is Do.VISIT for action in climbed):
        return 2
    return int(any(action.message for action in climbed))


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
            PolicyError: no rule covers it; files read by `alerts.ladders.policy_file` always do.
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
