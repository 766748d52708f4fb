"""What each outcome teaches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.ladders.policy_file import built_in
from alerts.life.lessons import LessonError, was_real
from alerts.life.lifecycle import open_alert
from alerts.model import NOBODY_SEEN, SYSTEMS_OWN, Alert, Outcome, Status
from tests.alerts_world import NOON, finding


def closed(outcome: Outcome) -> Alert:
    alert = open_alert(finding(), built_in().rules[0].policy, None, NOON).alert
    return replace(alert, status=Status.CLOSED, closed_at=NOON, outcome=outcome)


def test_who_needed_help_was_real_and_who_was_seen_well_was_not() -> None:
    said = {outcome: was_real(closed(outcome)) for outcome in Outcome}
    assert {outcome for outcome, real in said.items() if real} == {Outcome.HELPED, Outcome.EMERGENCY_SERVICES}
    assert {outcome for outcome, real in said.items() if real is False} == {
        Outcome.FOUND_WELL,
        Outcome.FALSE_ALARM,
        Outcome.RESIDENT_FINE,
    }


@pytest.mark.parametrize("outcome", sorted(NOBODY_SEEN | SYSTEMS_OWN))
def test_where_nobody_was_seen_nobody_knows(outcome: Outcome) -> None:
    assert was_real(closed(outcome)) is None


def test_a_call_for_help_that_was_needed_counts() -> None:
    assert was_real(replace(closed(Outcome.HELPED), help_at=NOON)) is True


def test_an_open_alert_teaches_nothing_yet() -> None:
    with pytest.raises(LessonError, match="unacknowledged"):
        was_real(replace(closed(Outcome.OTHER), status=Status.UNACKNOWLEDGED, outcome=None))
