from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.appliance import Appliance
from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Sent, Watch, cut, house, told

Extra = Callable[[float, float], float]
"""Watts above the usual, given the day and the hour of the day."""
START = NOON - 12 * HOUR


def watch() -> Watch:
    table = house()
    return Watch(Appliance(table), table)


def heater(day: int, begin: float, end: float, watts: float = 1000.0) -> Extra:
    return lambda on, hour: watts if begin <= (on - day) * 24 + hour < end else 0.0


def meter(days: int, extra: Extra, *, minutes: int = 15, quantity: Quantity = Quantity.ENERGY) -> list[Sent]:
    """Return a home that draws 80 W, and a kettle of 1,500 W for a quarter of an hour in every second."""
    readings, register = [], 1e6
    for number in range(days * DAY // (minutes * MINUTE)):
        day, hour = divmod(number * minutes / 60, 24)
        kettle = 1500 * (int(hour * 4) % 2) if 7 <= hour < 22 and minutes <= 15 else 0
        watts = 80 + kettle + extra(day, hour)
        register += watts * minutes / 60
        at = START + (number + 1) * minutes * MINUTE + number % 7 * SECOND
        value = register if quantity is Quantity.ENERGY else watts
        readings.append(Sent(quantity, at, round(value), at))
    return readings


def brief(findings: list[Finding], day: int) -> list[tuple[str, Severity, float, float]]:
    begin = START + day * DAY
    return [(one.phase, one.severity, (one.onset - begin) / HOUR, round((one.time - begin) / HOUR)) for one in findings]


def test_kettles_all_day_are_no_appliance_left_on() -> None:
    assert watch().see(meter(40, lambda _day, _hour: 0.0)) == []


@pytest.mark.parametrize("quantity", [Quantity.ENERGY, Quantity.POWER])
def test_a_heater_left_on_is_told_after_hours_and_grows_worse(quantity: Quantity) -> None:
    found = watch().see(meter(41, heater(30, 10, 28), quantity=quantity))
    hours = [time for *_, time in brief(found, 30)]
    assert [one[:3] for one in brief(found, 30)] == [
        (Phase.RAISED, Severity.MEDIUM, 10),
        (Phase.RAISED, Severity.HIGH, 10),
        (Phase.CLEARED, Severity.HIGH, 10),
    ]
    assert 13 <= hours[0] <= 16
    assert hours[1] - 10 == 2 * (hours[0] - 10)
    assert hours[2] == 29
    assert {(one.kind, one.source) for one in found} == {(Kind.APPLIANCE, f"meter-0/{quantity.label}")}


def test_a_weak_appliance_is_not_told() -> None:
    assert watch().see(meter(41, heater(30, 10, 28, 250.0))) == []


def test_two_hours_are_an_ordinary_use() -> None:
    assert watch().see(meter(41, heater(30, 10, 12))) == []


def test_a_heating_season_is_told_once() -> None:
    def evenings(day: float, hour: float) -> float:
        return 900.0 if day >= 30 and hour >= 15 else 0.0

    found = watch().see(meter(80, evenings))
    assert len([one for one in found if one.severity is Severity.MEDIUM and one.phase is Phase.RAISED]) == 1
    assert found[0].time < START + 31 * DAY


def test_a_real_case_is_no_habit() -> None:
    def twice(day: float, hour: float) -> float:
        return heater(30, 10, 20)(day, hour) + heater(36, 10, 20)(day, hour)

    def raised(*, real: bool) -> int:
        eye, count = watch(), 0
        for piece in cut(meter(40, twice), range(0, 4000, 96)):
            found = [one for one in eye.see(piece) if one.phase is Phase.RAISED and one.severity is Severity.MEDIUM]
            count += len(found)
            if found and real:
                eye.detector.learn([Verdict("home-0", Kind.APPLIANCE, found[0].time, real=True)], found[0].time)  # type: ignore[attr-defined]
        return count

    assert (raised(real=False), raised(real=True)) == (1, 2)


def test_readings_more_than_an_hour_apart_are_silent() -> None:
    assert watch().see(meter(41, heater(30, 10, 34), minutes=90)) == []
    assert watch().see(meter(41, heater(30, 10, 34), minutes=60)) != []


def test_a_gap_in_the_readings_ends_it() -> None:
    heard = [one for one in meter(41, heater(30, 10, 40)) if not 18 <= (one.time - START - 30 * DAY) / HOUR < 23]
    found = brief(watch().see(heard), 30)
    assert [(phase, time) for phase, _, _, time in found if time < 24] == [
        (Phase.RAISED, found[0][3]),
        (Phase.CLEARED, 23),
    ]


def test_an_outage_ends_it_and_an_absence_does_not() -> None:
    for name, spoken in (("outages", 0), ("absences", 1)):
        eye = watch()
        getattr(eye.table, name).add(0, START + 30 * DAY, START + 32 * DAY)
        found = eye.see(meter(35, heater(30, 10, 18)))
        assert len([one for one in found if one.severity is Severity.MEDIUM and one.phase is Phase.RAISED]) == spoken


def test_the_sentences() -> None:
    facts = watch().see(meter(31, heater(30, 10, 18)))[0].facts
    told_ = sentence(Kind.APPLIANCE, facts, "en", "UTC")
    assert told_.startswith("At least 999 W more than usual have been drawn without a pause for ")
    assert told_.endswith("the usual base of this hour is 79.9 W. No such time is known here.")
    facts = {**facts, "longest": 3600.0}
    assert "The longest such time known here is about 1 h" in sentence(Kind.APPLIANCE, facts, "en", "UTC")
    assert "用电功率持续比平时高出至少 999 瓦" in sentence(Kind.APPLIANCE, facts, "zh_CN", "UTC")


@settings(max_examples=15, deadline=None)
@given(
    minutes=st.sampled_from([7, 20, 55]),
    pattern=st.lists(st.sampled_from([0.0, 0.0, 500.0, 2000.0]), min_size=5, max_size=9),
    cuts=st.lists(st.integers(0, 1500), max_size=30), holes=st.sets(st.integers(0, 600), max_size=20),
    quantity=st.sampled_from([Quantity.ENERGY, Quantity.POWER]),
)  # fmt: skip
def test_a_busy_week_is_the_same_however_it_is_cut(
    minutes: int, pattern: list[float], cuts: list[int], holes: set[int], quantity: Quantity
) -> None:
    stream = meter(
        6, lambda day, hour: pattern[int(day * 6 + hour // 4) % len(pattern)], minutes=minutes, quantity=quantity
    )
    stream = [one for number, one in enumerate(stream) if number not in holes]
    other = [one._replace(sensor=10 + quantity, time=one.time + 3 * MINUTE) for one in stream[5:]]
    stream = sorted(stream + other, key=lambda one: one.time)

    def run(pieces: list[int]) -> list[Finding]:
        table = house("Asia/Kolkata", "Europe/Madrid")
        eye = Watch(Appliance(table, floor=2, rate=500, warm_up=1), table)
        return told([found for piece in cut(stream, pieces) for found in eye.see(piece)])

    assert run(cuts) == run([])
