"""Several signs of one household become one alarm, and a graver one; nothing is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.columns.bank import StateError
from detectors.explanation import sentence
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.fusion import SIGNS, Fusion
from registry.instants import HOUR, MINUTE
from tests.unit.detector_streams import NOON, house

HOME = "home-0"


def said(
    kind: Kind,
    hours: float = 0.0,
    severity: Severity = Severity.MEDIUM,
    *,
    lasts: float = 1.0,
    home: str = HOME,
    meter: str = "meter-0",
) -> Finding:
    """Return what a detector raises some hours after noon about what has lasted for some."""
    time = NOON + round(hours * HOUR)
    facts: dict[str, Fact] = {
        "template": "low_use",
        "used": 0,
        "lasted": lasts * 3600,
        "since_at": time,
        "limit": 10,
        "window": 43200,
    }
    facts |= {"longest": 7200, "times": 1, "days": 30.0}
    source = f"{meter}/{SIGNS.get(kind, 'volume')}"
    onset = time - round(lasts * HOUR)
    return Finding(home, kind, f"rule-{kind}", source, Phase.RAISED, severity, onset, time, 1.5, facts)


def over(raised: Finding, hours: float) -> Finding:
    return replace(raised, phase=Phase.CLEARED, time=NOON + round(hours * HOUR), score=0.0, facts={"lasted": 60.0})


def fused(*findings: Finding) -> list[Finding]:
    return Fusion(house()).fuse(sorted(findings, key=Finding.order))


def told(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(one.kind.value, one.phase.value, one.severity.label) for one in findings]


def test_a_sign_beside_a_silence_makes_it_graver_and_is_no_alarm_of_its_own() -> None:
    silence = said(Kind.INACTIVITY, lasts=9)
    first, graver = fused(silence, said(Kind.TAP, 2, lasts=2))
    assert first == silence
    assert (graver.kind, graver.onset, graver.severity) == (Kind.INACTIVITY, silence.onset, Severity.HIGH)
    assert (graver.time, graver.facts["signs"], graver.facts["tap_for"]) == (NOON + 2 * HOUR, "tap", 7200.0)
    assert sentence(graver.kind, graver.facts, "en", "UTC").endswith("; besides, water has been running for 2 h.")
    assert sentence(graver.kind, graver.facts, "zh_CN", "UTC").endswith("；此外，已连续放水 2 小时。")


def test_a_sign_before_a_silence_joins_it_when_it_comes() -> None:
    tap = said(Kind.TAP, lasts=2)
    alone, withdrawn, graver = fused(tap, said(Kind.INACTIVITY, 5))
    assert alone == tap
    assert sorted(told([withdrawn, graver])) == [("inactivity", "raised", "high"), ("tap", "cleared", "medium")]
    end = next(one for one in (withdrawn, graver) if one.kind is Kind.TAP)
    assert (end.onset, end.facts["reason"], end.facts["into"]) == (tap.onset, "joined", "inactivity")


def test_each_independent_sign_counts_once() -> None:
    silence = said(Kind.INACTIVITY, severity=Severity.LOW)
    findings = fused(
        silence,
        said(Kind.DROP, 1),
        said(Kind.SURGE, 2),  # the same meter: no second sign
        said(Kind.TAP, 3),
        said(Kind.BURST, 4),
    )
    assert told(findings) == [("inactivity", "raised", word) for word in ("low", "medium", "high")]
    assert findings[-1].facts["signs"] == "drop,surge,tap"


def test_what_its_own_detector_finds_worse_is_graver_still() -> None:
    silence = said(Kind.INACTIVITY, severity=Severity.LOW)
    worse = replace(silence, severity=Severity.MEDIUM, time=NOON + 3 * HOUR)
    assert told(fused(silence, said(Kind.COLD, 1), worse)) == [
        ("inactivity", "raised", word) for word in ("low", "medium", "high")
    ]


def test_a_grave_sign_is_not_hidden_in_a_lesser_silence() -> None:
    findings = fused(said(Kind.INACTIVITY, severity=Severity.LOW), said(Kind.BURST, 1, Severity.URGENT))
    assert told(findings) == [("inactivity", "raised", "low"), ("inactivity", "raised", "urgent")]


def test_a_sign_beside_what_cannot_be_graver_is_told_by_itself() -> None:
    findings = fused(said(Kind.INACTIVITY, severity=Severity.URGENT), said(Kind.TAP, 1))
    assert told(findings) == [("inactivity", "raised", "urgent"), ("tap", "raised", "medium")]


def test_a_sign_long_before_or_after_is_another_matter() -> None:
    assert len(told(fused(said(Kind.INACTIVITY), said(Kind.TAP, 12.1)))) == 2
    assert [one.severity for one in fused(said(Kind.TAP), said(Kind.INACTIVITY, 12.1))] == [Severity.MEDIUM] * 2


def test_what_has_ended_is_no_sign() -> None:
    tap = said(Kind.TAP)
    findings = fused(tap, over(tap, 1), said(Kind.INACTIVITY, 2))
    assert told(findings)[-1] == ("inactivity", "raised", "medium")


def test_a_sign_that_outlasts_the_silence_it_joined_stands_by_itself() -> None:
    silence, lamp = said(Kind.INACTIVITY), said(Kind.APPLIANCE, 1)
    findings = fused(silence, lamp, over(silence, 3), over(lamp, 4))
    assert told(findings) == [
        ("inactivity", "raised", "medium"),
        ("inactivity", "raised", "high"),
        ("appliance", "raised", "medium"),
        ("inactivity", "cleared", "high"),
        ("appliance", "cleared", "medium"),
    ]
    assert (findings[2].onset, findings[2].time) == (lamp.onset, NOON + 3 * HOUR)


def test_one_that_was_taken_back_comes_again_as_something_new() -> None:
    lamp, silence = said(Kind.APPLIANCE), said(Kind.INACTIVITY, 1)
    findings = fused(lamp, silence, over(silence, 3), over(lamp, 4))
    again = [one for one in findings if one.kind is Kind.APPLIANCE]
    assert [one.phase for one in again] == [Phase.RAISED, Phase.CLEARED] * 2
    assert [one.onset for one in again] == [lamp.onset] * 2 + [NOON + 3 * HOUR] * 2


def test_two_signs_without_a_silence_make_the_first_graver() -> None:
    drop = said(Kind.DROP)
    findings = fused(drop, said(Kind.COLD, 5))
    assert told(findings) == [("drop", "raised", "medium"), ("drop", "raised", "high")]
    assert findings[1].onset == drop.onset
    assert told(fused(drop, said(Kind.COLD, 6.1))) == [("drop", "raised", "medium"), ("cold", "raised", "medium")]
    assert told(fused(drop, said(Kind.COLD, 5, Severity.LOW))) == [
        ("drop", "raised", "medium"),
        ("cold", "raised", "low"),
    ]


@pytest.mark.parametrize("kind", sorted(set(Kind) - set(SIGNS) - {Kind.INACTIVITY}))
def test_smoke_and_whatever_is_no_sign_goes_its_own_way(kind: Kind) -> None:
    other = said(kind, 1)
    assert other in fused(said(Kind.INACTIVITY), said(Kind.DROP, 0.5), other)


def test_households_have_nothing_to_do_with_each_other() -> None:
    findings = [said(Kind.INACTIVITY), said(Kind.TAP, 1, home="home-1", meter="meter-1")]
    assert fused(*findings) == findings


def test_what_an_outage_explains_is_no_sign() -> None:
    table = house()
    table.outages.add(0, NOON, NOON + 3 * HOUR)
    findings = [said(Kind.INACTIVITY, -1), said(Kind.DROP, 1)]
    assert Fusion(table).fuse(findings) == findings


def test_what_happened_in_an_outage_is_no_sign_of_the_silence_after_it() -> None:
    table = house()
    table.outages.add(0, NOON, NOON + 3 * HOUR)
    findings = [said(Kind.DROP, 1), said(Kind.INACTIVITY, 5)]
    assert Fusion(table).fuse(findings) == findings


def test_what_had_joined_a_sign_joins_the_silence_with_it() -> None:
    drop, cold, silence = said(Kind.DROP), said(Kind.COLD, 1), said(Kind.INACTIVITY, 2, Severity.LOW)
    findings = fused(drop, cold, silence, over(drop, 3), over(cold, 4), over(silence, 5))
    assert told(findings) == [
        ("drop", "raised", "medium"),
        ("drop", "raised", "high"),
        ("drop", "cleared", "high"),
        ("inactivity", "raised", "high"),
        ("inactivity", "cleared", "high"),
    ]
    assert findings[3].facts["signs"] == "drop,cold"


def test_a_sign_goes_over_to_the_silence_that_another_rule_still_sees() -> None:
    first = said(Kind.INACTIVITY)
    second = replace(said(Kind.INACTIVITY, 1), rule="another")
    tap = said(Kind.TAP, 2)
    findings = fused(first, second, tap, over(first, 3))
    assert [one for one in told(findings) if one[0] == "tap"] == []
    assert [(one.rule, one.severity.label) for one in findings if one.time == NOON + 3 * HOUR] == [
        ("another", "high"),
        ("rule-inactivity", "high"),
    ]


def test_a_foreign_state_is_refused() -> None:
    with pytest.raises(StateError):
        Fusion(house()).restore(b"nonsense")


quick = settings(max_examples=60, deadline=None)
_HOURS = st.integers(0, 30 * 60).map(lambda minutes: minutes * MINUTE)


@st.composite
def lives(draw: st.DrawFn) -> list[Finding]:
    """Draw what detectors say of two homes: conditions that begin, may grow worse, and may end."""
    findings: list[Finding] = []
    for number in range(draw(st.integers(1, 10))):
        kind = draw(st.sampled_from([Kind.INACTIVITY, Kind.INACTIVITY, Kind.SMOKE, *SIGNS]))
        home = draw(st.sampled_from(["home-0", "home-0", "home-1"]))
        raised = said(kind, draw(_HOURS) / HOUR, draw(st.sampled_from(Severity)), home=home, meter=f"meter-{number}")
        findings.append(raised)
        moment = raised.time
        for severity in Severity:
            if severity > raised.severity and draw(st.booleans()):
                moment += draw(_HOURS)
                findings.append(replace(raised, severity=severity, time=moment))
        if draw(st.booleans()):
            end = replace(findings[-1], phase=Phase.CLEARED, time=moment + 1 + draw(_HOURS), facts={"lasted": 1.0})
            findings.append(end)
    return sorted(findings, key=lambda one: (*one.order(), one.phase is Phase.RAISED, one.severity))


@quick
@given(findings=lives(), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_it_does_not_matter_how_the_stream_is_cut_nor_whether_the_engine_restarts(
    findings: list[Finding], cuts: list[int]
) -> None:
    pieces = [0, *sorted(min(cut, len(findings)) for cut in cuts), len(findings)]
    one, found = Fusion(house("UTC", "UTC")), []
    for begin, end in pairwise(pieces):
        found += one.fuse(findings[begin:end])
        state = one.snapshot()
        one = Fusion(house("UTC", "UTC"))
        one.restore(state)
    whole = Fusion(house("UTC", "UTC")).fuse(findings)
    assert sorted(found, key=repr) == sorted(whole, key=repr)


@quick
@given(findings=lives())
def test_every_end_has_its_beginning_and_nothing_is_less_grave_than_was_found(findings: list[Finding]) -> None:
    fusion = Fusion(house("UTC", "UTC"))
    open_now: dict[tuple[str, str, str, str, int], Severity] = {}
    identities = set()
    holding: dict[tuple[str, str, str, str, int], Severity] = {}
    for found in findings:
        whose = (found.household, found.kind.value, found.rule, found.source, found.onset)
        if found.phase is Phase.RAISED:
            holding[whose] = found.severity
        else:
            del holding[whose]
        for one in fusion.fuse([found]):
            key = (one.household, one.kind.value, one.rule, one.source, one.onset)
            identity = (*key, one.phase, one.severity)
            assert identity not in identities, "an identity is told once"
            identities.add(identity)
            if one.phase is Phase.CLEARED:
                assert one.severity == open_now.pop(key)
            else:
                assert one.severity > open_now.get(key, 0), "what is raised again has grown worse"
                open_now[key] = one.severity
        for household in ("home-0", "home-1"):
            worst = max((grave for key, grave in holding.items() if key[0] == household), default=0)
            assert max((grave for key, grave in open_now.items() if key[0] == household), default=0) >= worst
        smoke = {key for key in holding if key[1] == "smoke"}
        assert smoke == {key for key in open_now if key[1] == "smoke"}, "smoke is never folded away"
    assert bool(open_now) == bool(holding)
