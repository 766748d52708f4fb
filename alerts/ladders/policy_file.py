"""Policies as people write them: TOML in, checked policies out, every error naming file, policy and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import time
from enum import Enum
from importlib.resources import files
from itertools import pairwise
from typing import NoReturn, TypeVar

from alerts.errors import PolicyError
from alerts.ladders.policy import (
    SENDS,
    TASKS,
    TIMERS,
    USUAL_REMIND,
    Action,
    Conditions,
    Do,
    Hours,
    OnReturn,
    Policies,
    Policy,
    Rule,
    Rung,
    Until,
    Written,
    unroll,
)
from alerts.ladders.policy_lines import line_of
from alerts.messages.wording import MESSAGES
from detectors.finding import Kind, Severity
from registry.instants import DAY, HOUR, MINUTE, SECOND

_E = TypeVar("_E", bound=Enum)

_UNITS: Mapping[str, int] = {"s": SECOND, "min": MINUTE, "h": HOUR, "day": DAY, "days": DAY}
_DURATION = re.compile(r"(\d{1,6}) ?(s|min|h|days?)")
_HOURS = re.compile(r"([01]?\d|2[0-3])(?::([0-5]\d))?-([01]?\d|2[0-3])(?::([0-5]\d))?")
_WHO = re.compile(r"resident|contacts|contact-[1-9]\d?|caseworker|on_call(-[2-9])?|duty_officer")
_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")
_POLICY_KEYS = frozenset({"kinds", "severities", "hours", "on_return", "repeat", "recheck", "remind", "steps"})
_CONDITION_KEYS = frozenset({"hours", "severities", "language", "if_channel"})
_STEP_KEYS = frozenset({"after", "who", "do", "message", "within", "repeat", "every", "until"}) | _CONDITION_KEYS
_STAFF = frozenset({"caseworker", "on_call", "duty_officer"})
_MOST_TIMES = 20
_NO_CHANNEL = frozenset(Do) - {Do.SMS, Do.CALL, Do.MESSAGE}
_LOOKED_AT_AGAIN = frozenset({Kind.INACTIVITY, Kind.SMOKE})
"""Kinds in which a life may depend on it that what was closed too early is looked at again."""


def built_in() -> Policies:
    """Return the ladders that come with the system (`alerts/ladders/policies.toml`)."""
    return parse(
        files("alerts.ladders").joinpath("policies.toml").read_text(encoding="utf-8"), "alerts/ladders/policies.toml"
    )


def parse(text: str, file: str) -> Policies:
    """Read policies from TOML; `file` is what error messages call it.

    Raises:
        PolicyError: something is wrong, or some alert would have no ladder; a line for the first error of each policy.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{file} is not TOML: {error}") from error
    rules, problems = [], []
    for name, table in document.items():
        try:
            rules.append(_Reader(text, file, name).rule(table))
        except PolicyError as error:
            problems.append(str(error))
    if problems:
        raise PolicyError("\n".join(problems))
    policies = Policies(tuple(rules))
    for kind, severity, moment in policies.gaps():
        raise PolicyError(
            f"{file}: no policy covers kind {kind.value!r} of severity {severity.label!r} at {moment:%H:%M}; "
            "add one without hours after the others"
        )
    return policies


class _Reader:
    """Reads one policy; knows where it is, so that errors can say so."""

    def __init__(self, text: str, file: str, policy: str) -> None:
        self._text = text
        self._file = file
        self._policy = policy

    def rule(self, table: object) -> Rule:
        if not isinstance(table, dict):
            self._refuse("", "is no policy; write [name] with its keys below")
        self._known(table, _POLICY_KEYS, "")
        kinds = self._choices(table.get("kinds"), "kinds", Kind)
        severities = (
            self._choices(table["severities"], "severities", Severity) if "severities" in table else frozenset(Severity)
        )
        repeat = self._duration(table.get("repeat"), "repeat")
        if repeat < MINUTE:
            self._refuse("repeat", "is shorter than a minute; nobody could answer in between")
        policy = Policy(
            self._policy,
            self._choice(table.get("on_return"), "on_return", OnReturn),
            repeat,
            self._rungs(table),
            self._recheck(table.get("recheck"), kinds),
            self._remind(table.get("remind")),
        )
        return Rule(policy, kinds, severities, self._hours(table.get("hours"), "hours"))

    def _remind(self, value: object) -> float:
        if value is None:
            return USUAL_REMIND
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            self._refuse("remind", "is no share of a task's time between 0 and 1; write a number such as 0.67")
        return float(value)

    def _recheck(self, value: object, kinds: frozenset[Kind]) -> int:
        recheck = 0 if value in (None, 0) else self._duration(value, "recheck")
        if 0 < recheck < MINUTE:
            self._refuse("recheck", "is shorter than a minute; whoever closed the alert has hardly hung up")
        if not recheck and (needed := sorted(kinds & _LOOKED_AT_AGAIN)):
            self._refuse(
                "recheck",
                f"is missing or 0, but {' and '.join(needed)} must be looked at again when an alert was closed "
                "that is still reported; write a duration such as '6 h'",
            )
        return recheck

    def _rungs(self, table: Mapping[str, object]) -> tuple[Rung, ...]:
        steps = table.get("steps")
        if not isinstance(steps, list) or not steps:
            self._refuse("steps", "is missing or empty; a policy needs at least one step")
        written = [self._step(step, f"steps[{at}]") for at, step in enumerate(steps, 1)]
        for at, (earlier, later) in enumerate(pairwise(written), 2):
            if later.rung.after < earlier.rung.after:
                self._refuse(f"steps[{at}].after", "is earlier than the step before it; put steps in order")
        rungs = unroll(written)
        # That one comes again until somebody takes charge: were it passed over, the ladder would end in silence.
        last = max(range(len(written)), key=lambda at: (_last_due(written[at]), at))
        if rungs[-1].action.when:
            asked = min(_CONDITION_KEYS & steps[last].keys())
            self._refuse(
                f"steps[{last + 1}].{asked}",
                "is a condition on the step that is due last; that one comes again while nobody has taken charge, "
                "so it must always be carried out: add one without conditions after it",
            )
        return rungs

    def _step(self, step: object, key: str) -> Written:
        if not isinstance(step, dict):
            self._refuse(key, "is no step; write { after = …, who = …, do = … }")
        self._known(step, _STEP_KEYS, f"{key}.")
        do = self._choice(step.get("do"), f"{key}.do", Do, without=TIMERS)
        who = step.get("who")
        if not isinstance(who, str) or not _WHO.fullmatch(who):
            self._refuse(
                f"{key}.who",
                f"is {who!r}; write resident, contact-1 (or -2, …), contacts, caseworker, on_call, on_call-2 "
                "(or -3, …) or duty_officer",
            )
        if do in TASKS and who not in _STAFF:
            self._refuse(
                f"{key}.who", f"is {who!r}, but a {do.value} is a task for caseworker, on_call or duty_officer"
            )
        message = step.get("message", "")
        if message not in MESSAGES and (do in SENDS or message != ""):
            self._refuse(f"{key}.message", f"is {message!r}; choose one of {', '.join(sorted(MESSAGES))}")
        if (do in TASKS) != ("within" in step):
            self._refuse(f"{key}.within", "says how long a task may take: give it to tasks, and only to them")
        within = self._duration(step["within"], f"{key}.within") if do in TASKS else 0
        if do in TASKS and within < MINUTE:
            self._refuse(f"{key}.within", "is shorter than a minute")
        times, every, until = self._repetition(step, do, key)
        action = Action(do, who, str(message), within, self._conditions(step, key), until)
        return Written(Rung(self._duration(step.get("after"), f"{key}.after"), action), times, every)

    def _repetition(self, step: Mapping[str, object], do: Do, key: str) -> tuple[int, int, Until]:
        """Return how often a step comes, how long lies between, and what ends it."""
        if "repeat" not in step:
            for alone in ("every", "until"):
                if alone in step:
                    self._refuse(
                        f"{key}.{alone}", "is about repetitions: say how often with repeat = 3, or leave it out"
                    )
            return 1, 0, Until.ACKNOWLEDGED
        if do in TASKS:
            self._refuse(f"{key}.repeat", "is for messages; a task that is overdue is recalled by itself")
        times = step["repeat"]
        if not isinstance(times, int) or isinstance(times, bool) or not 2 <= times <= _MOST_TIMES:
            self._refuse(f"{key}.repeat", f"is {times!r}; write how often in all, from 2 to {_MOST_TIMES}")
        every = self._duration(step.get("every"), f"{key}.every")
        if every < MINUTE:
            self._refuse(f"{key}.every", "is shorter than a minute; nobody could answer in between")
        return times, every, self._choice(step.get("until", Until.ANSWERED.value), f"{key}.until", Until)

    def _conditions(self, step: Mapping[str, object], key: str) -> Conditions:
        language = step.get("language", "")
        if "language" in step and not (isinstance(language, str) and _LANGUAGE.fullmatch(language)):
            self._refuse(f"{key}.language", f"is {language!r}; write one as the registry does, such as 'zh', 'zh_CN'")
        severities = step.get("severities")
        return Conditions(
            hours=self._hours(step.get("hours"), f"{key}.hours"),
            severities=frozenset() if severities is None else self._choices(severities, f"{key}.severities", Severity),
            language=str(language),
            if_channel=self._choice(step["if_channel"], f"{key}.if_channel", Do, without=_NO_CHANNEL)
            if "if_channel" in step
            else None,
        )

    def _duration(self, value: object, key: str) -> int:
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            self._refuse(key, f"is {value!r}; write a duration such as '30 s', '5 min', '2 h' or '1 day'")
        return int(found[1]) * _UNITS[found[2]]

    def _hours(self, value: object, key: str) -> Hours | None:
        if value is None:
            return None
        found = _HOURS.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            self._refuse(key, f"is {value!r}; write local hours such as '23-06' or '22:30-06:00'")
        start = time(int(found[1]), int(found[2] or 0))
        end = time(int(found[3]), int(found[4] or 0))
        if start == end:
            self._refuse(key, "begins and ends at the same time; leave it out for the whole day")
        return Hours(start, end)

    def _choices(self, value: object, key: str, choices: type[_E]) -> frozenset[_E]:
        if not isinstance(value, list) or not value:
            self._refuse(key, "is missing; write a list of one or more")
        return frozenset(self._choice(one, key, choices) for one in value)

    def _choice(self, value: object, key: str, choices: type[_E], without: Iterable[_E] = ()) -> _E:
        by_word = {_word(one): one for one in choices if one not in without}
        word = value.lower() if isinstance(value, str) else value
        if not isinstance(word, str) or word not in by_word:
            self._refuse(key, f"is {value!r}; choose of {', '.join(by_word)}")
        return by_word[word]

    def _known(self, table: Mapping[str, object], keys: frozenset[str], prefix: str) -> None:
        for key in table:
            if key not in keys:
                self._refuse(f"{prefix}{key}", f"is unknown; the keys here are {', '.join(sorted(keys))}")

    def _refuse(self, key: str, problem: str) -> NoReturn:
        place = f"{self._policy}.{key}" if key else self._policy
        line = line_of(self._text, self._policy, key)
        raise PolicyError(f"{self._file}:{f'{line}:' if line else ''} {place} {problem}")


def _last_due(step: Written) -> int:
    return step.rung.after + (step.times - 1) * step.every


def _word(choice: Enum) -> str:
    return choice.label if isinstance(choice, Severity) else str(choice.value)
