"""Policies as files: what they may say, and what people are told when they say it wrong."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import PolicyError
from alerts.ladders.policy import Action, Conditions, Do, Hours, OnReturn, Policy, Rung, Until, Written, unroll
from alerts.ladders.policy_file import built_in, parse
from alerts.messages.wording import MESSAGES
from detectors.finding import Kind, Severity
from registry.instants import DAY, HOUR, MINUTE, SECOND

EVERYTHING = """
[all]
kinds = [EVERY_KIND]
on_return = "review"
repeat = "15 min"
recheck = "6 h"
steps = [{ after = "0 min", who = "resident", do = "sms", message = "check" }]
""".replace("EVERY_KIND", ", ".join(f'"{kind}"' for kind in Kind))


def test_the_built_in_ladders_cover_everything() -> None:
    policies = built_in()
    assert list(policies.gaps()) == []
    day = policies.choose(Kind.INACTIVITY, Severity.MEDIUM, time(12))
    night = policies.choose(Kind.INACTIVITY, Severity.MEDIUM, time(23))
    assert (day.name, night.name) == ("inactivity", "inactivity-night")
    assert policies.choose(Kind.INACTIVITY, Severity.MEDIUM, time(5, 59)) == night
    assert policies.choose(Kind.INACTIVITY, Severity.MEDIUM, time(6)) == day
    assert policies.choose(Kind.SMOKE, Severity.LOW, time(3)).on_return is OnReturn.CONTINUE


def test_the_day_ladder_is_the_one_of_the_cities() -> None:
    day = built_in().choose(Kind.INACTIVITY, Severity.MEDIUM, time(12))
    assert [(rung.after // MINUTE, rung.action.who, rung.action.do.value) for rung in day.rungs] == [
        (0, "resident", "sms"),
        (0, "resident", "call"),
        (5, "resident", "call"),
        (10, "contact-1", "call"),
        (15, "caseworker", "visit"),
        (30, "duty_officer", "call"),
    ]
    assert day.rungs[4].action.within == 45 * MINUTE


@pytest.mark.parametrize("hour", [2, 12])
def test_the_more_severe_inactivity_is_the_sooner_somebody_stands_at_the_door(hour: int) -> None:
    low, medium, high, urgent = (built_in().choose(Kind.INACTIVITY, one, time(hour)) for one in Severity)
    assert low.reach == 0, "it is seen on the board, and disturbs nobody"
    assert low.on_return is OnReturn.CLOSE

    def visited(policy: Policy) -> int:
        return next(rung.after for rung in policy.rungs if rung.action.do is Do.VISIT)

    assert high == urgent
    assert visited(high) < visited(medium)
    told = [(rung.action.do, rung.action.who) for rung in medium.rungs]
    assert [(rung.action.do, rung.action.who) for rung in high.rungs] == told


@pytest.mark.parametrize(
    ("kind", "severity", "first", "reach"),
    [
        (Kind.TAP, Severity.MEDIUM, (Do.SMS, "resident"), 1),
        (Kind.BURST, Severity.HIGH, (Do.CALL, "resident"), 2),
        (Kind.APPLIANCE, Severity.MEDIUM, (Do.SMS, "resident"), 1),
        (Kind.COLD, Severity.MEDIUM, (Do.SMS, "resident"), 1),
        (Kind.SURGE, Severity.MEDIUM, (Do.SMS, "resident"), 1),
        (Kind.DROP, Severity.HIGH, (Do.SMS, "resident"), 2),
        (Kind.STUCK, Severity.MEDIUM, (Do.MAINTENANCE, "caseworker"), 0),
        (Kind.CLOCK, Severity.MEDIUM, (Do.MAINTENANCE, "caseworker"), 0),
        (Kind.METER, Severity.LOW, (Do.MAINTENANCE, "caseworker"), 0),
        (Kind.DRIFT, Severity.LOW, (Do.REVIEW, "caseworker"), 0),
    ],
)
def test_each_kind_is_dealt_with_as_it_deserves(
    kind: Kind, severity: Severity, first: tuple[Do, str], reach: int
) -> None:
    policy = built_in().choose(kind, severity, time(12))
    assert (policy.rungs[0].action.do, policy.rungs[0].action.who) == first
    assert policy.rungs[0].after == 0
    assert policy.reach == reach


def test_a_change_of_habits_may_be_talked_about_within_a_week() -> None:
    (review,) = built_in().choose(Kind.DRIFT, Severity.LOW, time(12)).rungs
    assert review.action.within == 7 * DAY


def test_the_first_policy_that_applies_is_taken() -> None:
    urgent = EVERYTHING.replace("[all]", "[urgent]").replace("on_return", 'severities = ["urgent"]\non_return')
    policies = parse(urgent + EVERYTHING, "p.toml")
    assert policies.choose(Kind.LEAK, Severity.URGENT, time(1)).name == "urgent"
    assert policies.choose(Kind.LEAK, Severity.HIGH, time(1)).name == "all"


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ('who = "resident"', 'who = "neighbour"', r"p\.toml:7: all\.steps\[1\]\.who is 'neighbour'; write resident"),
        ('who = "resident"', 'who = "contact-0"', r"steps\[1\]\.who is 'contact-0'"),
        ('do = "sms"', 'do = "pigeon"', r"steps\[1\]\.do is 'pigeon'; choose of sms, call"),
        ('do = "sms"', 'do = "settle"', r"steps\[1\]\.do is 'settle'"),
        ('message = "check"', 'message = "chekc"', r"steps\[1\]\.message is 'chekc'; choose one of again"),
        (', message = "check"', "", r"steps\[1\]\.message is ''"),
        ('"0 min"', '"soon"', r"steps\[1\]\.after is 'soon'; write a duration such as '30 s'"),
        ('"0 min"', "5", r"steps\[1\]\.after is 5;"),
        ('do = "sms"', 'do = "visit", within = "1 h"', r"steps\[1\]\.who is 'resident', but a visit is a task"),
        ('who = "resident", do = "sms"', 'who = "caseworker", do = "visit"', r"steps\[1\]\.within says how long"),
        ('do = "sms"', 'do = "sms", within = "1 h"', r"steps\[1\]\.within says how long"),
        ('do = "sms"', 'do = "sms", whom = 1', r"steps\[1\]\.whom is unknown; the keys here are after, do"),
        ('"review"', '"retry"', r"all\.on_return is 'retry'; choose of review, continue, close"),
        ('"15 min"', '"0 min"', r"all\.repeat is shorter than a minute"),
        ('repeat = "15 min"', "", r"all\.repeat is None"),
        ('recheck = "6 h"', "", r"all\.recheck is missing or 0, but inactivity and smoke must be looked at again"),
        ('recheck = "6 h"', "recheck = 0", r"all\.recheck is missing or 0"),
        ('recheck = "6 h"', 'recheck = "0 h"', r"all\.recheck is missing or 0"),
        ('recheck = "6 h"', 'recheck = "30 s"', r"all\.recheck is shorter than a minute"),
        ('recheck = "6 h"', "recheck = 6", r"all\.recheck is 6; write a duration"),
        ("on_return", "hours = '9-9'\non_return", r"all\.hours begins and ends"),
        ("on_return", "hours = '25-3'\non_return", r"all\.hours is '25-3'; write local hours"),
        ("on_return", "hours = '23-06'\non_return", r"p\.toml: no policy covers kind 'inactivity' .* at 06:00"),
        ('"smoke", ', "", r"no policy covers kind 'smoke' of severity 'low' at 00:00"),
        ('"smoke"', '"fire"', r"all\.kinds is 'fire'; choose of inactivity"),
        ("on_return", "severities = ['dire']\non_return", r"all\.severities is 'dire'; choose of low, medium"),
        ("on_return", "severity = ['low']\non_return", r"all\.severity is unknown"),
        ("[{", "[ # {", "is not TOML"),
        ('do = "sms"', 'do = "sms", repeat = 1', r"steps\[1\]\.repeat is 1; write how often in all, from 2 to 20"),
        ('do = "sms"', 'do = "sms", repeat = true', r"steps\[1\]\.repeat is True; write how often"),
        ('do = "sms"', 'do = "sms", repeat = 3', r"steps\[1\]\.every is None; write a duration"),
        ('do = "sms"', 'do = "sms", repeat = 3, every = "5 s"', r"steps\[1\]\.every is shorter than a minute"),
        ('do = "sms"', 'do = "sms", every = "5 min"', r"steps\[1\]\.every is about repetitions: say how often"),
        ('do = "sms"', 'do = "sms", until = "answered"', r"steps\[1\]\.until is about repetitions"),
        (
            'do = "sms"',
            'do = "sms", repeat = 2, every = "5 min", until = "noon"',
            r"steps\[1\]\.until is 'noon'; choose",
        ),
        (
            'who = "resident", do = "sms"',
            'who = "on_call", do = "visit", within = "1 h", repeat = 2, every = "5 min"',
            r"steps\[1\]\.repeat is for messages; a task that is overdue is recalled by itself",
        ),
        ('do = "sms"', 'do = "sms", hours = "8-8"', r"steps\[1\]\.hours begins and ends"),
        ('do = "sms"', 'do = "sms", severities = ["dire"]', r"steps\[1\]\.severities is 'dire'; choose of low"),
        ('do = "sms"', 'do = "sms", severities = []', r"steps\[1\]\.severities is missing; write a list"),
        ('do = "sms"', 'do = "sms", language = "Chinese"', r"steps\[1\]\.language is 'Chinese'; write one as the reg"),
        (
            'do = "sms"',
            'do = "sms", if_channel = "visit"',
            r"steps\[1\]\.if_channel is 'visit'; choose of sms, call, mes",
        ),
        ('do = "sms"', 'do = "sms", hours = "8-20"', r"steps\[1\]\.hours is a condition on the step that is due last"),
        ('do = "sms"', 'do = "sms", language = "zh"', r"steps\[1\]\.language is a condition on the step that is due"),
        ("steps = [{", "steps = []\nother = [{", "all.other is unknown"),
    ],
)
def test_errors_name_file_policy_and_key(wrong: str, right: str, message: str) -> None:
    assert wrong in EVERYTHING
    with pytest.raises(PolicyError, match=message):
        parse(EVERYTHING.replace(wrong, right, 1), "p.toml")


def test_what_is_closed_while_it_is_still_reported_is_looked_at_again_as_its_kind_needs() -> None:
    policies = built_in()
    assert {kind.value: policies.choose(kind, Severity.HIGH, time(12)).recheck for kind in Kind} == {
        "inactivity": 6 * HOUR,
        "excess": DAY,
        "leak": DAY,
        "smoke": 10 * MINUTE,
        "tamper": DAY,
        "offline": 30 * DAY,
        "battery": 30 * DAY,
        "anomaly": DAY,
        "cold": 2 * HOUR,
        "tap": 30 * MINUTE,
        "burst": 30 * MINUTE,
        "surge": 2 * HOUR,
        "drop": 2 * HOUR,
        "appliance": 2 * HOUR,
        "outage": HOUR,
        "stuck": 30 * DAY,
        "clock": 30 * DAY,
        "meter": 30 * DAY,
        "drift": 30 * DAY,
    }
    assert policies.choose(Kind.INACTIVITY, Severity.HIGH, time(2)).recheck == 6 * HOUR


def test_only_kinds_that_no_life_depends_on_may_be_left_alone() -> None:
    left = EVERYTHING.replace('recheck = "6 h"\n', "").replace("[all]", "[left]").replace('"inactivity", ', "")
    policies = parse(left.replace('"smoke", ', "") + EVERYTHING, "p.toml")
    assert policies.choose(Kind.LEAK, Severity.HIGH, time(1)).recheck == 0


def test_steps_stand_in_the_order_they_are_due() -> None:
    later = 'steps = [{ after = "5 min", who = "resident", do = "call", message = "check" }, {'
    with pytest.raises(PolicyError, match=r"steps\[2\]\.after is earlier than the step before it"):
        parse(EVERYTHING.replace("steps = [{", later), "p.toml")


def test_no_steps_is_no_policy() -> None:
    with pytest.raises(PolicyError, match=r"p\.toml:2: all\.steps is missing or empty"):
        parse(EVERYTHING[: EVERYTHING.index("steps")], "p.toml")
    with pytest.raises(PolicyError, match=r"p\.toml:1: version is no policy"):
        parse("version = 1\n", "p.toml")


@pytest.mark.parametrize(
    ("text", "micros"),
    [("30 s", 30 * SECOND), ("5min", 5 * MINUTE), ("2 h", 2 * HOUR), ("1 day", DAY), ("3 days", 3 * DAY)],
)
def test_durations(text: str, micros: int) -> None:
    policies = parse(EVERYTHING.replace("0 min", text), "p.toml")
    assert policies.rules[0].policy.rungs[0].after == micros


@given(st.times(), st.times(), st.times())
def test_hours_over_midnight_are_the_rest_of_the_day(start: time, end: time, moment: time) -> None:
    if start != end:
        assert (moment in Hours(start, end)) != (moment in Hours(end, start))


_MINUTES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0, fold=0))
_CONDITIONS = st.builds(
    Conditions,
    st.none() | st.builds(Hours, _MINUTES, _MINUTES),
    st.frozensets(st.sampled_from(Severity)),
    st.sampled_from(["", "zh", "zh_CN", "en"]),
    st.none() | st.sampled_from([Do.SMS, Do.CALL, Do.MESSAGE]),
)
_ACTIONS = st.builds(
    Action,
    st.sampled_from(Do),
    st.sampled_from(["resident", "contact-1", "caseworker", "on_call"]),
    st.sampled_from(sorted(MESSAGES)),
    st.integers(0, 10**6).map(lambda seconds: seconds * SECOND),
    _CONDITIONS,
    st.sampled_from(Until),
    st.lists(st.integers(1, 40), max_size=3).map(tuple),
    st.booleans(),
)
_POLICIES = st.builds(
    Policy,
    st.text(max_size=8),
    st.sampled_from(OnReturn),
    st.integers(60, 10**6).map(lambda seconds: seconds * SECOND),
    st.lists(st.builds(Rung, st.integers(0, 10**6).map(lambda seconds: seconds * SECOND), _ACTIONS)).map(tuple),
    st.integers(0, 10**6).map(lambda seconds: seconds * SECOND),
)


@given(_POLICIES)
def test_a_policy_survives_being_stored(policy: Policy) -> None:
    assert Policy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def test_what_an_earlier_version_stored_is_still_read() -> None:
    step = {"after": 60, "do": "call", "who": "resident", "message": "check", "within": 0}
    stored = {"name": "old", "on_return": "review", "repeat": 900, "steps": [step]}
    rung = Rung(MINUTE, Action(Do.CALL, "resident", "check"))
    assert Policy.from_json(stored) == Policy("old", OnReturn.REVIEW, 15 * MINUTE, (rung,))
    assert rung.action.to_json() == {key: step[key] for key in ("do", "who", "message", "within")}


_STEPS = st.lists(
    st.builds(
        Written,
        st.builds(Rung, st.integers(0, 60).map(lambda minutes: minutes * MINUTE), _ACTIONS),
        st.integers(1, 5),
        st.integers(1, 20).map(lambda minutes: minutes * MINUTE),
    ),
    min_size=1,
    max_size=6,
)


@given(_STEPS)
def test_unrolled_each_repetition_is_one_rung_in_the_order_they_are_due(steps: list[Written]) -> None:
    rungs = unroll(steps)
    dues = [rung.after for rung in rungs]
    assert dues == sorted(dues)
    assert len(rungs) == sum(step.times for step in steps)
    wanted = sorted(step.rung.after + n * step.every for step in steps for n in range(step.times))
    assert dues == wanted


@given(_STEPS)
def test_unrolled_a_repetition_points_at_every_time_before_it_and_at_nothing_else(steps: list[Written]) -> None:
    numbered = [
        Written(Rung(step.rung.after, replace(step.rung.action, who=f"step-{at}")), step.times, step.every)
        for at, step in enumerate(steps)
    ]
    rungs = unroll(numbered)
    for at, rung in enumerate(rungs):
        if rung.action.until is Until.ANSWERED:
            before = [place for place in range(at) if rungs[place].action.who == rung.action.who]
            assert sorted(at - back for back in rung.action.earlier) == before


@pytest.mark.parametrize("layout", ["one line", "a line a step", "tables", "commented"])
def test_an_error_names_its_line_however_the_file_is_laid_out(layout: str) -> None:
    good = '{ after = "0 min", who = "resident", do = "sms", message = "check" }'
    bad = '{ after = "1 min", who = "resident", do = "pigeon", message = "check" }'
    head = EVERYTHING[: EVERYTHING.index("steps")]
    text, line = {
        "one line": (f"{head}steps = [{good}, {bad}]", 7),
        "a line a step": (f"{head}steps = [\n    {good},\n    {bad},\n]\n", 9),
        "tables": (
            head + "".join(f"[[all.steps]]\n{step[2:-2].replace(', ', chr(10))}\n" for step in (good, bad)),
            15,
        ),
        "commented": (f"{head}steps = [  # two {{ of them }}\n    {good},\n\n    {bad},\n]\n", 10),
    }[layout]
    with pytest.raises(PolicyError, match=rf"^p\.toml:{line}: all\.steps\[2\]\.do is 'pigeon'"):
        parse(text, "p.toml")


def test_every_wrong_policy_is_told_of_at_once() -> None:
    first = EVERYTHING.replace("[all]", "[first]").replace('"15 min"', '"soon"')
    with pytest.raises(PolicyError) as told:
        parse(first + EVERYTHING.replace('"sms"', '"pigeon"'), "p.toml")
    assert [line.split(" is ")[0] for line in str(told.value).splitlines()] == [
        "p.toml:5: first.repeat",
        "p.toml:14: all.steps[1].do",
    ]


def test_a_step_may_ask_for_hours_severities_language_and_channel() -> None:
    asked = (
        'steps = [{ after = "0 min", who = "on_call", do = "message", message = "officer", hours = "22:30-06", '
        'severities = ["high", "urgent"], language = "zh", if_channel = "message" }, {'
    )
    rungs = parse(EVERYTHING.replace("steps = [{", asked), "p.toml").rules[0].policy.rungs
    assert rungs[0].action.when == Conditions(
        Hours(time(22, 30), time(6)), frozenset({Severity.HIGH, Severity.URGENT}), "zh", Do.MESSAGE
    )
    assert not rungs[1].action.when


def test_a_step_that_repeats_is_as_many_rungs_each_knowing_those_before_it() -> None:
    again = 'repeat = 3, every = "5 min"'
    asked = (
        f'steps = [{{ after = "0 min", who = "resident", do = "call", message = "check", {again} }}, '
        '{ after = "7 min", who = "contact-1", do = "call", message = "contact" }, {'
    )
    late = EVERYTHING.replace('after = "0 min"', 'after = "10 min"').replace("steps = [{", asked)
    rungs = parse(late, "p.toml").rules[0].policy.rungs
    assert [(rung.after // MINUTE, rung.action.who, rung.action.earlier) for rung in rungs] == [
        (0, "resident", ()),
        (5, "resident", (1,)),
        (7, "contact-1", ()),
        (10, "resident", (3, 2)),
        (10, "resident", ()),
    ]
    until = parse(late.replace(again, f'{again}, until = "acknowledged"'), "p.toml").rules[0].policy.rungs
    assert [rung.action.earlier for rung in until] == [()] * 5


def test_the_examples_of_the_documentation_are_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
    policy, steps = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert parse(policy + EVERYTHING, "p.toml").rules[0].policy.name == "inactivity-night"
    assert len(parse(EVERYTHING[: EVERYTHING.index("steps")] + steps, "p.toml").rules[0].policy.rungs) == 6
