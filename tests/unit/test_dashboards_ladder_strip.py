"""A ladder as lanes over time: who stands where, and that no time is written over another."""

from __future__ import annotations

from itertools import pairwise

import pytest

from alerts.ladders.policy import Action, Do, Policy, Rung
from alerts.ladders.policy_file import built_in
from dashboards.pictures.ladder_strip import LANES, lane, sign, strip
from registry.instants import MINUTE

_POLICIES = [rule.policy for rule in built_in().rules]


@pytest.mark.parametrize(
    ("who", "named"),
    [
        ("resident", "resident"),
        ("contacts", "contact"),
        ("contact-2", "contact"),
        ("caseworker", "caseworker"),
        ("on_call", "duty_officer"),
        ("on_call-2", "duty_officer"),
        ("duty_officer+1", "duty_officer"),
    ],
)
def test_everybody_has_a_lane(who: str, named: str) -> None:
    assert LANES[lane(Rung(0, Action(Do.CALL, who=who)))] == named


def test_what_is_done_has_its_sign() -> None:
    signs = {do: sign(Rung(0, Action(do, who="resident"))) for do in (Do.SMS, Do.CALL, Do.VISIT, Do.REVIEW)}
    assert signs == {Do.SMS: "sms", Do.CALL: "call", Do.VISIT: "visit", Do.REVIEW: "task"}


@pytest.mark.parametrize("policy", _POLICIES, ids=lambda one: one.name)
def test_the_built_in_ladders_stand_in_order_and_their_times_can_be_read(policy: Policy) -> None:
    drawn = strip(policy)
    places = [mark.x for mark in drawn.marks]
    assert places == sorted(places)
    assert places[0] >= 0
    assert places[-1] <= 100
    assert [mark.nth for mark in drawn.marks] == list(range(1, len(policy.rungs) + 1))
    for row in (0, 1):
        assert all(then.x - before.x >= 20 for before, then in pairwise(t for t in drawn.ticks if t.row == row))
    assert [tick.after for tick in drawn.ticks] == sorted({rung.after for rung in policy.rungs})
    assert max(rung.after for rung in policy.rungs) <= 10 * MINUTE or places[-1] == 100
