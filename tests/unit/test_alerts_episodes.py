from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from alerts.life.episodes import Rung, fold, follow
from alerts.model import episode_id
from detectors.finding import Finding, Kind, Phase, Severity

FIRST = Finding(
    "home", Kind.INACTIVITY, "rule", "meter/volume", Phase.RAISED, Severity.HIGH, 100, 200, 1.0, {"used": 3}
)
FIRST_ENDS = replace(FIRST, phase=Phase.CLEARED, time=300)
OTHER = replace(FIRST, rule="other", severity=Severity.URGENT, onset=150, time=250, facts={})
OTHER_ENDS = replace(OTHER, phase=Phase.CLEARED, time=400)


def test_a_raised_and_a_cleared_finding_are_an_episode() -> None:
    (one,) = fold([FIRST, FIRST_ENDS])
    assert (one.id, one.household, one.kind) == (episode_id("home", Kind.INACTIVITY, 100), "home", Kind.INACTIVITY)
    assert (one.onset, one.raised_at, one.ended_at) == (100, 200, 300)
    assert (one.rule, one.severity, one.facts) == ("rule", Severity.HIGH, {"used": 3})


def test_others_join_while_it_is_open_and_it_ends_with_the_last() -> None:
    (one,) = fold([FIRST, OTHER, FIRST_ENDS])
    assert (one.severity, one.ended_at, one.rule) == (Severity.URGENT, None, "rule")
    assert one.sources == {"other meter/volume": 150}
    (one,) = fold([FIRST, OTHER, FIRST_ENDS, OTHER_ENDS])
    assert one.ended_at == 400


def test_what_comes_after_the_end_is_another_episode() -> None:
    first, second = fold([FIRST, FIRST_ENDS, OTHER])
    assert (first.ended_at, second.onset, second.ended_at) == (300, 150, None)


def test_the_same_onset_again_has_an_id_of_its_own() -> None:
    again = replace(OTHER, onset=100, time=350)
    first, second = fold([FIRST, FIRST_ENDS, again])
    assert first.onset == second.onset
    assert first.id != second.id


def test_a_condition_that_grows_worse_keeps_its_levels() -> None:
    first = replace(FIRST, severity=Severity.MEDIUM, facts={"rate": 12.0})
    worse = replace(FIRST, severity=Severity.URGENT, time=260, facts={"rate": 1})
    again = replace(FIRST, severity=Severity.HIGH, time=270, facts={"rate": 4})
    (one,) = fold([first, worse, again, worse, FIRST_ENDS])
    assert one.severity is Severity.URGENT
    assert one.levels == (Rung(Severity.MEDIUM, 200, "rule", 12.0), Rung(Severity.URGENT, 260, "rule", 1.0))
    assert (one.raised_at, one.ended_at, one.facts) == (200, 300, {"rate": 12.0})


def test_kinds_and_households_are_apart() -> None:
    assert len(fold([FIRST, replace(FIRST, kind=Kind.LEAK), replace(FIRST, household="next")])) == 3


def test_an_end_without_a_beginning_is_nothing() -> None:
    assert fold([FIRST_ENDS]) == []
    (one,) = fold([FIRST, replace(FIRST_ENDS, onset=99)])
    assert one.ended_at is None


@given(findings=st.lists(st.sampled_from([FIRST, FIRST_ENDS, OTHER, OTHER_ENDS]), max_size=12))
def test_saying_a_thing_twice_changes_nothing(findings: list[Finding]) -> None:
    episode = None
    for finding in findings:
        episode = follow(episode, finding)
        if episode is not None and episode.ended_at is not None:
            episode = None
        elif episode is not None:
            assert follow(episode, finding) == episode
    once = fold(findings)
    assert fold([finding for finding in findings for _ in range(2)]) == once
    assert len({one.id for one in once}) == len(once)
    assert sum(one.ended_at is None for one in once) <= 1
