"""Who is taken at once when very many findings come, and how the others are cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alerts.storms.turns import in_turn
from detectors.finding import Finding, Kind, Phase, Severity
from tests.alerts_world import finding

MOST = 10


def _many(number: int, **about: Any) -> list[Finding]:
    return [replace(finding(household=f"h-{n:03}"), **about) for n in range(number)]


def test_few_findings_are_all_taken_at_once() -> None:
    few = _many(MOST)
    assert in_turn(few, MOST) == (few, ())


def test_of_many_only_smoke_and_what_is_urgent_is_taken_at_once_and_smoke_first() -> None:
    many = _many(4 * MOST, severity=Severity.HIGH)
    urgent, fire = replace(many[7], severity=Severity.URGENT), replace(many[30], kind=Kind.SMOKE)
    turns = in_turn([*many[:7], urgent, *many[8:], fire], MOST)
    assert list(turns.at_once) == [fire, urgent]
    assert [len(some) for some in turns.later] == [10, 10, 10, 9]


def test_what_others_wait_for_keeps_all_but_the_urgent_waiting() -> None:
    few = _many(3)
    fire = finding(Kind.SMOKE, household="fire")
    assert in_turn([*few, fire], MOST, behind=True) == ([fire], [few])


def test_the_urgent_are_cut_into_slices_too_when_there_are_very_many() -> None:
    many = _many(3 * MOST, severity=Severity.URGENT)
    turns = in_turn([*many, *_many(MOST, kind=Kind.LEAK)], MOST)
    assert list(turns.at_once) == many[:MOST]
    assert [some[0].kind for some in turns.later] == [many[0].kind, many[0].kind, Kind.LEAK]


def test_the_graver_goes_before_the_less_grave() -> None:
    low, high = _many(15, severity=Severity.LOW), _many(15, kind=Kind.TAMPER, severity=Severity.HIGH)
    later = in_turn([*low, *high], MOST).later
    assert [one.severity for some in later for one in some] == [Severity.HIGH] * 15 + [Severity.LOW] * 15


def test_what_is_told_of_one_kind_in_one_household_stays_together_in_its_order() -> None:
    many = _many(2 * MOST)
    first = replace(many[3], severity=Severity.LOW, time=many[3].time - 1)
    worse = replace(many[3], severity=Severity.URGENT, time=many[3].time + 1)
    over = replace(many[3], phase=Phase.CLEARED, time=many[3].time + 2)
    turns = in_turn([over, worse, *many, first], MOST)
    assert list(turns.at_once) == [first, many[3], worse, over]
