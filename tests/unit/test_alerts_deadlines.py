"""How long somebody may hold an alert, and when they are reminded."""

from __future__ import annotations

from datetime import time

import pytest

from alerts.errors import PolicyError
from alerts.ladders.policy import Do, Policy
from alerts.ladders.policy_file import built_in, parse
from alerts.life import handling, lifecycle
from detectors.finding import Kind, Severity
from registry.instants import DAY, HOUR, MINUTE
from tests.alerts_world import NOON, finding

LADDER = """
[all]
kinds = [EVERY_KIND]
on_return = "review"
repeat = "20 min"
recheck = "6 h"
remind = 0.5
steps = [
    { after = "0 min", who = "resident", do = "sms", message = "check" },
    { after = "5 min", who = "caseworker", do = "visit", within = "40 min", message = "visit" },
    { after = "9 min", who = "duty_officer", do = "call", message = "officer" },
]
""".replace("EVERY_KIND", ", ".join(f'"{kind}"' for kind in Kind))


def _held(policy: Policy, severity: Severity = Severity.MEDIUM) -> list[tuple[Do, int, str]]:
    """Return what is pending once somebody has acknowledged an alert: what, minutes from then, who hears of it."""
    opened = lifecycle.open_alert(finding(severity=severity), policy, None, NOON).alert
    held = handling.acknowledge(opened, "person:wang", NOON)
    return [(step.action.do, (step.due - NOON) // MINUTE, step.action.who) for step in held.steps]


def _policy(text: str) -> Policy:
    (rule,) = parse(text, "test.toml").rules
    return rule.policy


def test_a_hold_ends_when_the_ladders_own_task_would_be_due() -> None:
    assert _held(_policy(LADDER)) == [(Do.REMIND, 20, ""), (Do.OVERDUE, 40, "on_call")]


def test_without_a_task_a_hold_lasts_as_long_as_the_ladder_waits_to_ask_again() -> None:
    without = "\n".join(line for line in LADDER.splitlines() if "visit" not in line)
    assert _held(_policy(without)) == [(Do.REMIND, 10, ""), (Do.OVERDUE, 20, "on_call")]


def test_the_share_of_the_time_is_two_thirds_unless_the_policy_says_otherwise() -> None:
    assert _held(_policy(LADDER.replace("remind = 0.5\n", ""))) == [(Do.REMIND, 26, ""), (Do.OVERDUE, 40, "on_call")]
    for wrong in ("0", "1", "1.5", "true", '"half"'):
        with pytest.raises(PolicyError, match=r"remind.* between 0 and 1"):
            parse(LADDER.replace("0.5", wrong), "test.toml")


def test_a_policy_keeps_its_share_through_json() -> None:
    policy = _policy(LADDER)
    assert Policy.from_json(policy.to_json()) == policy
    assert Policy.from_json({key: one for key, one in policy.to_json().items() if key != "remind"}).remind == 2 / 3


def test_a_ladder_that_tells_nobody_reminds_nobody() -> None:
    low = built_in().choose(Kind.INACTIVITY, Severity.LOW, time(12))
    assert _held(low, Severity.LOW) == [(Do.OVERDUE, DAY // MINUTE, "")]


def test_every_built_in_ladder_has_an_end_to_how_long_an_alert_is_held() -> None:
    for rule in built_in().rules:
        assert 15 * MINUTE <= rule.policy.patience <= 7 * DAY, rule.policy.name
        if rule.policy.reach == 2:
            assert rule.policy.patience <= HOUR, rule.policy.name
