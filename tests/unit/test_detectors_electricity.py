from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.electricity import Electricity
from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR, MINUTE
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Sent, Watch, cut, house, told

Watts = Callable[[float, float], float]
"""Factor on the usual power, given the day and the hour of the day."""
START = NOON - 12 * HOUR


def watch(**parameters: float) -> Watch:
    table = house()
    return Watch(Electricity(table, **parameters), table)  # type: ignore[arg-type]


def meter(days: float, factor: Watts = lambda _day, _hour: 1.0, *, minutes: int = 30, seed: int = 7) -> list[Sent]:
    """Return a register: 60 W at night, 250 W by day, each reading by chance a third more or less."""
    chance = np.random.default_rng(seed)
    readings, register = [], 5_000_000.0
    for number in range(round(days * DAY / (minutes * MINUTE))):
        hours = number * minutes / 60
        day, hour = divmod(hours, 24)
        watts = (250 if 7 <= hour < 22 else 60) * np.exp(0.3 * chance.normal()) * factor(day, hour)
        register += watts * minutes / 60
        at = START + (number + 1) * minutes * MINUTE
        readings.append(Sent(Quantity.ENERGY, at, round(register), at))
    return readings


def during(day: int, begin: float, end: float, factor: float) -> Watts:
    return lambda on, hour: factor if on == day and begin <= hour < end else 1.0


def brief(findings: list[Finding]) -> list[tuple[str, str, float, float]]:
    """Return kind, phase, onset and time in hours after the midnight of day 40."""
    begin = START + 40 * DAY
    return [(one.kind, one.phase, (one.onset - begin) / HOUR, (one.time - begin) / HOUR) for one in findings]


def test_an_ordinary_life_says_nothing() -> None:
    assert watch().see(meter(60)) == []


@pytest.mark.parametrize("minutes", [1, 15, 60])
def test_a_surge_is_told_within_its_hours_and_ends(minutes: int) -> None:
    days = 41.5 if minutes > 1 else 20.5
    on = 40 if minutes > 1 else 19
    found = watch().see(meter(days, during(on, 10, 16, 4.0), minutes=minutes))
    assert [(one.kind, one.phase) for one in found] == [(Kind.SURGE, Phase.RAISED), (Kind.SURGE, Phase.CLEARED)]
    begin = START + on * DAY
    assert begin + 12 * HOUR <= found[0].time <= begin + 14 * HOUR
    assert begin + 16 * HOUR < found[1].time <= begin + 20 * HOUR
    facts = found[0].facts
    assert float(facts["used"]) > 2 * float(facts["usual"])
    assert 0.6 < float(facts["usual"]) < 1.5


def test_far_less_by_day_is_a_drop() -> None:
    found = watch().see(meter(41.5, during(40, 9, 20, 0.2)))
    assert [(one.kind, one.phase) for one in found] == [(Kind.DROP, Phase.RAISED), (Kind.DROP, Phase.CLEARED)]
    assert brief(found)[0][3] <= 14
    assert found[0].facts["template"] == "electricity_drop"


@pytest.mark.parametrize("hour", [2, 12])
def test_nothing_at_all_for_two_hours_is_told_day_and_night(hour: int) -> None:
    found = watch().see(meter(41, during(40, hour, hour + 5, 0.0)))
    assert brief(found) == [
        ("drop", "raised", hour, hour + 2),
        ("drop", "cleared", hour, brief(found)[-1][3]),
    ]
    assert hour + 5 < brief(found)[-1][3] <= hour + 10
    assert (found[0].facts["template"], found[0].facts["before"]) == ("electricity_none", 0)


def test_a_register_that_often_stands_still_is_not_without_electricity() -> None:
    coarse = [one._replace(value=one.value // 1000 * 1000) for one in meter(60)]
    assert [one for one in watch().see(coarse) if one.facts.get("template") == "electricity_none"] == []


def test_a_new_home_is_not_judged_before_its_habits_are_known() -> None:
    assert watch().see(meter(14, during(9, 10, 16, 6.0))) == []


def test_who_is_registered_as_away_drops_nothing_and_unlearns_nothing() -> None:
    def away(day: float, hour: float) -> float:
        return 0.15 if 30 <= day < 38 else during(42, 10, 16, 6.0)(day, hour)

    unknown = [one for one in watch().see(meter(43, away)) if one.phase is Phase.RAISED]
    assert [one.kind for one in unknown] == [Kind.DROP, Kind.SURGE]
    eye = watch()
    eye.table.absences.add(0, START + 30 * DAY, START + 38 * DAY)
    known = [one for one in eye.see(meter(43, away)) if one.phase is Phase.RAISED]
    assert [one.kind for one in known] == [Kind.SURGE]
    never_away = watch().see(meter(43, during(42, 10, 16, 6.0)))[0]
    assert float(known[0].facts["usual"]) == pytest.approx(float(never_away.facts["usual"]), rel=0.05)
    assert float(unknown[-1].facts["usual"]) < 0.95 * float(never_away.facts["usual"])


def test_an_outage_is_neither_surge_nor_drop() -> None:
    eye = watch()
    eye.table.outages.add(0, START + 40 * DAY + 9 * HOUR, START + 40 * DAY + 20 * HOUR)
    assert eye.see(meter(41, during(40, 9, 20, 0.0))) == []


def test_a_cold_spell_is_told_at_most_once() -> None:
    found = watch().see(meter(60, lambda day, _hour: 2.5 if 30 <= day < 50 else 1.0))
    assert len([one for one in found if one.phase is Phase.RAISED]) <= 1
    assert {one.kind for one in found} <= {Kind.SURGE}


def test_readings_more_than_two_hours_apart_are_not_judged() -> None:
    assert watch().see(meter(60, during(40, 9, 22, 8.0), minutes=180)) == []


def test_a_replaced_meter_is_no_surge() -> None:
    swapped = [one._replace(value=one.value - 4_990_000) if one.time > START + 40 * DAY else one for one in meter(42)]
    assert watch().see(swapped) == []


def test_a_home_that_was_told_often_must_be_stranger_and_a_real_case_takes_that_back() -> None:
    surges = {20, 23, 26, 29, 32, 35, 38, 41, 44}

    def factor(day: float, hour: float) -> float:
        return 4.0 if day in surges and 10 <= hour < 16 else 1.0

    def raised(*, real: bool) -> int:
        eye, count = watch(), 0
        for piece in cut(meter(46, factor), range(0, 5000, 48)):
            found = [one for one in eye.see(piece) if one.phase is Phase.RAISED]
            count += len(found)
            for one in found if real else ():
                eye.detector.learn([Verdict(one.household, one.kind, one.time, real=True)], one.time)  # type: ignore[attr-defined]
        return count

    assert 1 <= raised(real=False) < raised(real=True)


def test_the_sentences() -> None:
    facts = watch().see(meter(41, during(40, 2, 7, 0.0)))[0].facts
    assert sentence(Kind.DROP, facts, "en", "UTC").startswith("No electricity at all for 2 h (since ")
    assert sentence(Kind.DROP, facts, "en", "UTC").endswith(
        "not even the refrigerator. This has not happened here before."
    )
    facts = watch().see(meter(41, during(40, 10, 16, 4.0)))[0].facts
    assert "kWh. By chance so much happens about once in " in sentence(Kind.SURGE, facts, "en", "UTC")
    assert "度。偶然出现如此多的用电约每 " in sentence(Kind.SURGE, facts, "zh_CN", "UTC")


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 9), minutes=st.sampled_from([7, 20, 45, 60, 110]),
    cuts=st.lists(st.integers(0, 2000), max_size=30), holes=st.sets(st.integers(0, 700), max_size=20),
)  # fmt: skip
def test_a_busy_month_is_the_same_however_it_is_cut(seed: int, minutes: int, cuts: list[int], holes: set[int]) -> None:
    def factor(day: float, hour: float) -> float:
        return (0.0, 0.1, 5.0, 1.0, 1.0)[int(day * 7 + hour // 5) * (seed + 3) % 5]

    stream = [one for number, one in enumerate(meter(12, factor, minutes=minutes, seed=seed)) if number not in holes]
    other = [one._replace(sensor=10 + Quantity.ENERGY, time=one.time + 7 * MINUTE) for one in stream[::2]]
    stream = sorted(stream + other, key=lambda one: one.time)

    def run(pieces: list[int]) -> list[Finding]:
        table = house("Asia/Kolkata", "Europe/Madrid")
        eye = Watch(Electricity(table, surges=300, drops=300, hours=2, warm_up=2), table)
        return told([found for piece in cut(stream, pieces) for found in eye.see(piece)])

    whole = run([])
    assert {one.phase for one in whole} == {Phase.RAISED, Phase.CLEARED}
    assert run(cuts) == whole
