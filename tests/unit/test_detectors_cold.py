from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cold import Cold, ColdRule
from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.rule import RulesError
from registry.instants import DAY, HOUR, MINUTE
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Sent, Watch, cut, house, told

START = NOON - 12 * HOUR
Degrees = Callable[[float], float]
"""Temperature by hours since the start."""


def watch() -> Watch:
    table = house()
    return Watch(Cold(table), table)


def room(hours: float, degrees: Degrees, *, minutes: int = 15) -> list[Sent]:
    readings = []
    for number in range(round(hours * 60 / minutes)):
        at = START + number * minutes * MINUTE
        readings.append(Sent(Quantity.TEMPERATURE, at, degrees(number * minutes / 60), at))
    return readings


def fails(begin: float, *steps: tuple[float, float], usual: float = 19.0) -> Degrees:
    """Return a room of the usual temperature that has others from hours after the beginning on."""
    return lambda hour: next((value for after, value in reversed(steps) if hour >= begin + after), usual)


def brief(findings: list[Finding], begin: float) -> list[tuple[str, str, float, float]]:
    return [
        (one.phase, one.severity.label, (one.onset - START) / HOUR - begin, (one.time - START) / HOUR - begin)
        for one in findings
    ]


def test_a_room_that_cools_below_16_is_told_by_steps_as_one_cold() -> None:
    found = watch().see(room(400, fails(300, (0, 15.0), (30, 11.5), (40, 19.0))))
    assert brief(found, 300) == [
        ("raised", "low", 0, 6), ("raised", "medium", 0, 24), ("raised", "high", 0, 33), ("cleared", "high", 0, 40),
    ]  # fmt: skip
    assert {one.kind for one in found} == {Kind.COLD}
    assert [one.facts.get("limit") for one in found] == [16, 16, 12, None]


def test_bitter_cold_is_told_after_an_hour_whatever_is_known() -> None:
    found = watch().see(room(10, fails(5, (0, 9.0))))
    assert brief(found, 5) == [("raised", "high", 0, 1)]


def test_a_window_opened_for_half_an_hour_is_nothing() -> None:
    def aired(hour: float) -> float:
        return 6.0 if hour % 24 in (8.0, 8.25) else 19.0

    assert watch().see(room(24 * 30, aired)) == []


def test_a_home_that_is_often_at_15_degrees_is_told_only_what_is_colder() -> None:
    def thrifty(hour: float) -> float:
        return 15.2 if hour % 24 < 10 else 17.0

    usual = watch().see(room(24 * 40, thrifty))
    assert [one for one in usual if one.time > START + 2 * DAY] == []
    found = watch().see(room(24 * 42, lambda hour: 13.5 if hour > 24 * 40 else thrifty(hour)))
    assert [(one.phase, one.severity) for one in found if one.time > START + 40 * DAY] == [
        (Phase.RAISED, Severity.LOW), (Phase.RAISED, Severity.MEDIUM),
    ]  # fmt: skip


def test_what_is_not_known_yet_is_not_judged_unless_it_is_dangerous() -> None:
    assert watch().see(room(60, lambda _hour: 15.0)) == []


def test_it_is_over_when_it_is_clearly_warmer() -> None:
    found = watch().see(room(400, fails(300, (0, 15.0), (10, 16.2), (20, 16.5))))
    assert brief(found, 300)[-1][:1] == ("cleared",)
    assert brief(found, 300)[-1][3] == 20


def test_readings_more_than_two_hours_apart_are_not_judged() -> None:
    assert watch().see(room(400, fails(300, (0, 5.0)), minutes=150)) == []


def test_who_is_registered_as_away_is_not_told_to_freeze() -> None:
    eye = watch()
    eye.table.absences.add(0, START + 290 * HOUR, START + 500 * HOUR)
    assert eye.see(room(400, fails(300, (0, 5.0)))) == []


def test_a_fire_is_another_question() -> None:
    assert watch().see(room(400, fails(300, (0, 90.0)))) == []


def test_the_sentences() -> None:
    found = watch().see(room(400, fails(300, (0, 15.0))))[0]
    assert sentence(Kind.COLD, found.facts, "en", "UTC").startswith("15 °C indoors, below 16 °C for 6 h (since ")
    assert sentence(Kind.COLD, found.facts, "en", "UTC").endswith("Below 16 °C were 2% of the hours known here.")
    new = watch().see(room(10, fails(5, (0, 9.0))))[0]
    assert sentence(Kind.COLD, new.facts, "en", "UTC").endswith("What is usual here is not known yet.")
    assert sentence(Kind.COLD, new.facts, "zh_CN", "UTC").startswith("室内 9 °C，低于 10 °C 已有 1 小时")


def test_limits_that_do_not_descend_are_refused() -> None:
    with pytest.raises(RulesError, match="descend"):
        ColdRule(name="cold", cool=10.0).build(house())


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(1, 40), st.sampled_from([8.0, 11.0, 13.0, 15.0, 16.2, 19.0])), max_size=12),
    minutes=st.sampled_from([10, 45, 100]), cuts=st.lists(st.integers(0, 2500), max_size=30),
    holes=st.sets(st.integers(0, 300), max_size=20),
)  # fmt: skip
def test_a_winter_is_the_same_however_it_is_cut_and_restored(
    steps: list[tuple[int, float]], minutes: int, cuts: list[int], holes: set[int]
) -> None:
    at, plan = 100, []
    for lasts, value in steps:
        at += lasts
        plan.append((float(at), value))
    stream = [one for nth, one in enumerate(room(at + 50, fails(0, *plan), minutes=minutes)) if nth not in holes]
    stream += [one._replace(sensor=10 + Quantity.TEMPERATURE, time=one.time + MINUTE) for one in stream[3:]]
    stream.sort(key=lambda one: one.time)

    def run(pieces: list[int], *, restored: bool) -> list[Finding]:
        table = house("UTC", "UTC")
        eye, found = Watch(Cold(table), table), []
        for piece in cut(stream, pieces):
            if restored:
                state = eye.detector.snapshot()
                eye.detector = Cold(table)
                eye.detector.restore(state)
            found += eye.see(piece)
        return told(found)

    whole = run([], restored=False)
    assert run(cuts, restored=False) == whole
    assert run(cuts, restored=True) == whole
