"""Smoke: the detector's own alarm, levels that are a fire and those that are a meal, and a second sensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.smoke_alarm import smoke_alarm
from detectors.smoke_level import SmokeLevel
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import SensorTable
from simulators.smoke import plume
from tests.unit.detector_streams import NOON, Sent, Watch, house

Told = tuple[int, float]
_TICK = 10 * SECOND


def brief(findings: Sequence[Finding]) -> list[tuple[str, float, float]]:
    return [(one.phase.value, (one.onset - NOON) / SECOND, (one.time - NOON) / SECOND) for one in findings]


def watched() -> Watch:
    table = house()
    return Watch(SmokeLevel(table), table)


def every(step: int, *values: float, begin: int = NOON) -> list[Told]:
    return [(begin + n * step, value) for n, value in enumerate(values)]


def seen(step: int, *values: float) -> list[Finding]:
    return watched().water(every(step, *values), Quantity.SMOKE)


def source(shape: str, begin: int, lasts: float, peak: float, until: float = 2 * 3600) -> Iterator[Told]:
    """Yield what a detector in clean air of 0.1 %/m shows of a source of smoke, every ten seconds."""
    elapsed = np.arange(0, until, 10.0)
    for at, level in zip(elapsed, 0.1 + plume(shape, elapsed, lasts, peak), strict=True):
        yield begin + int(at) * SECOND, round(float(level), 2)


def meal(begin: int, peak: float) -> list[Told]:
    return list(source("cooking", begin, 900, peak))


def raised(findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.phase is Phase.RAISED]


def test_the_smoke_detectors_own_alarm_is_told_at_once_and_cleared_by_itself() -> None:
    table = house()
    found = Watch(smoke_alarm(table), table).water(every(_TICK, 0, 1, 1, 0, 0, 1), Quantity.ALARM)
    assert brief(found) == [("raised", 10, 10), ("cleared", 10, 30), ("raised", 50, 50)]
    assert {(one.kind, one.severity) for one in found} == {(Kind.SMOKE, Severity.URGENT)}
    assert [one.facts.get("times") for one in found] == [0, None, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 10, 0), []),
        ((0, 10.1), [("raised", 10, 10)]),
        ((0, 5, 5, 5, 5, 5, 5), []),  # 50 s
        ((0, 5, 5, 5.5, 6, 6, 6, 6), [("raised", 10, 70)]),
        ((0, 5, 6, 5, 5.2, 4.9, 5, 4.9), [("raised", 10, 70)]),  # flickers, but does not fall
        ((0, 9, 8.8, 8.6, 8.4, 8.2, 8, 7.8, 7.6, 7.4, 7.2, 7, 6.8, 6.6, 6.4), []),  # falls
        ((0, 9, 8.8, 8.6, 8.4, 8.2, 8, 7.8, *([7.8] * 6)), [("raised", 10, 130)]),  # falls no longer
        ((5, 5, 5, 4, 5, 5, 5, 5, 5), []),  # 4 is not above 4
    ],
)
def test_levels_are_a_fire(values: tuple[float, ...], expected: list[tuple[str, float, float]]) -> None:
    found = seen(_TICK, *values)
    assert brief(found) == expected
    assert {one.severity for one in found} <= {Severity.HIGH}


def test_two_readings_minutes_apart_are_enough() -> None:
    assert brief(seen(15 * MINUTE, 0.1, 5, 5.1, 5)) == [("raised", 900, 1800)]
    assert brief(seen(15 * MINUTE, 0.1, 5, 4.2, 0.3, 0.1)) == []


def test_a_fire_ends_after_three_minutes_of_clean_air_and_a_flicker_does_not_end_it() -> None:
    flickers = [12, 5, 3, 1.9, 12, 11, 1.5, 1.5, 3, 12]
    found = seen(_TICK, *flickers, *[1.9] * 30)
    assert brief(found) == [("raised", 0, 0), ("cleared", 0, 280)]
    assert found[1].facts["lasted"] == 280


def test_smoke_that_stays_above_ten_becomes_urgent_by_itself() -> None:
    found = seen(_TICK, 0, *[18] * 30)
    assert brief(found) == [("raised", 10, 10), ("raised", 10, 70)]
    assert [one.severity for one in found] == [Severity.HIGH, Severity.URGENT]
    assert found[1].facts["lasted"] == 60
    ended = seen(_TICK, 0, *[18] * 30, *[0.1] * 30)
    assert (ended[-1].phase, ended[-1].severity) == (Phase.CLEARED, Severity.URGENT)


def test_a_slow_smoulder_that_never_gets_high_is_found() -> None:
    found = watched().water(list(source("smouldering", NOON, 3 * 3600, 2.5, until=3 * 3600)), Quantity.SMOKE)
    assert [one.facts["template"] for one in found] == ["smoke_slow"]
    assert 60 * MINUTE < found[0].time - NOON < 90 * MINUTE
    assert found[0].onset < found[0].time


def test_haze_that_stays_below_one_is_no_smoke() -> None:
    assert seen(15 * MINUTE, *[0.1] * 96, *[1.0] * 96) == []


def test_a_detector_that_gathers_dust_gives_no_alarm_and_still_sees_a_fire() -> None:
    eye = watched()
    days = [(NOON + n * 15 * MINUTE, 0.2 + 5 * n / (96 * 90)) for n in range(96 * 90)]
    assert eye.water(days, Quantity.SMOKE) == []
    begin = days[-1][0] + MINUTE
    fire = [(begin + n * _TICK, 5.2 + level) for n, level in enumerate((1.0, 4.4, 4.6, 4.7, 4.7, 4.7, 4.7, 4.7, 4.8))]
    found = eye.water(fire, Quantity.SMOKE)
    assert [(one.onset, one.time) for one in found] == [(begin + 10 * SECOND, begin + 70 * SECOND)]


def lunches(eye: Watch, count: int, peak: float = 6.0) -> list[list[Finding]]:
    return [eye.water(meal(NOON + day * DAY, peak), Quantity.SMOKE) for day in range(count)]


def test_cooking_at_its_usual_hour_is_told_until_it_has_been_seen_twice() -> None:
    assert [len(raised(found)) for found in lunches(watched(), 6)] == [1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(("shift", "peak"), [(5 * HOUR, 6.0), (0, 8.0)])
def test_another_hour_or_more_smoke_than_usual_is_told(shift: int, peak: float) -> None:
    eye = watched()
    lunches(eye, 6)
    found = raised(eye.water(meal(NOON + 6 * DAY + shift, peak), Quantity.SMOKE))
    assert len(found) == 1
    assert found[0].facts["template"] == "smoke_level"
    assert found[0].facts["highest"] == pytest.approx(6.1, abs=0.1)


def test_nobody_cooks_in_a_home_where_nobody_is() -> None:
    eye = watched()
    lunches(eye, 6)
    eye.table.absences.add(0, NOON + 5 * DAY + 12 * HOUR, NOON + 8 * DAY)
    assert len(raised(eye.water(meal(NOON + 6 * DAY, 6.0), Quantity.SMOKE))) == 1


@pytest.mark.parametrize(
    ("shape", "peak", "minutes"), [("flaming", 18.0, 3), ("flaming", 7.0, 12), ("smouldering", 12.0, 60)]
)
def test_a_fire_at_the_usual_hour_of_cooking_is_found(shape: str, peak: float, minutes: int) -> None:
    eye = watched()
    lunches(eye, 6)
    begin = NOON + 6 * DAY
    found = raised(eye.water(list(source(shape, begin, 5400, peak)), Quantity.SMOKE))
    assert found[0].time - begin < minutes * MINUTE


def test_a_real_fire_is_not_learned_as_a_meal() -> None:
    eye = watched()
    lunches(eye, 6)
    fire = Verdict("home-0", Kind.SMOKE, NOON + 6 * DAY, real=True)
    assert isinstance(eye.detector, SmokeLevel)
    eye.detector.learn([Verdict("home-0", Kind.SMOKE, NOON, real=False)], NOON)
    assert raised(eye.water(meal(NOON + 6 * DAY, 6.0), Quantity.SMOKE)) == []
    eye.detector.learn([fire], NOON + 7 * DAY)
    assert len(raised(eye.water(meal(NOON + 7 * DAY, 6.0), Quantity.SMOKE))) == 1


def test_a_fire_told_while_it_smokes_is_not_learned_either() -> None:
    eye = watched()
    assert isinstance(eye.detector, SmokeLevel)
    smoke = meal(NOON, 6.0)
    assert len(raised(eye.water(smoke[:150], Quantity.SMOKE))) == 1
    eye.detector.learn([Verdict("home-0", Kind.SMOKE, smoke[149][0], real=True)], smoke[149][0])
    eye.water(smoke[150:], Quantity.SMOKE)
    later = [raised(eye.water(meal(NOON + day * DAY, 6.0), Quantity.SMOKE)) for day in (1, 2, 3)]
    assert [len(found) for found in later] == [1, 1, 0]


def test_an_hour_is_usual_once_smoke_was_seen_in_it_twice() -> None:
    eye = watched()
    lunches(eye, 3)
    dinners = [eye.water(meal(NOON + 6 * HOUR + day * DAY, 6.0), Quantity.SMOKE) for day in (3, 4, 5)]
    assert [len(raised(found)) for found in dinners] == [1, 1, 0]


def two_rooms() -> SensorTable:
    """A home with two smoke detectors (1 and 2 the first's level and alarm, 3 and 4 the second's), a thermometer."""
    table = SensorTable()
    for room in (0, 1):
        table.add(1 + 2 * room, f"room-{room}", Quantity.SMOKE, "home", "UTC")
        table.add(2 + 2 * room, f"room-{room}", Quantity.ALARM, "home", "UTC")
    table.add(5, "thermometer", Quantity.TEMPERATURE, "home", "UTC")
    table.add(6, "elsewhere", Quantity.ALARM, "neighbours", "UTC")
    table.add(7, "elsewhere", Quantity.SMOKE, "neighbours", "UTC")
    return table


FIRE = [Sent(1, NOON + n * _TICK, 5.0, NOON + n * _TICK) for n in range(9)]


@pytest.mark.parametrize(
    ("second", "template"),
    [
        ([(3, 0, 2.5)], "smoke_twice"),
        ([(4, 30, 1.0)], "smoke_alarm_too"),
        ([(5, 0, 57.0)], "smoke_heat"),
        ([(5, -600, 20.0), (5, 0, 30.0)], "smoke_heat"),
        ([(3, -1200, 2.5), (3, 0, 2.2)], "smoke_twice"),  # it began earlier and still smokes
        ([(3, 0, 1.9)], None),
        ([(2, 30, 1.0)], None),  # the same chamber
        ([(6, 30, 1.0)], None),  # another home
        ([(4, -1200, 1.0)], None),  # long ago
        ([(7, -9000, 5.0), (7, -4800, 5.0), (4, -1200, 1.0)], None),  # whatever still smokes elsewhere
        ([(5, -600, 20.0), (5, 0, 29.9)], None),
        ([(5, -3600, 10.0), (5, 0, 30.0)], None),  # a morning's warmth
    ],
)
def test_a_second_sensor_makes_a_fire_urgent(second: list[tuple[int, int, float]], template: str | None) -> None:
    table = two_rooms()
    eye = Watch(SmokeLevel(table), table)
    more = [Sent(sensor, NOON + at * SECOND, value, NOON) for sensor, at, value in second]
    told = eye.see(sorted([*FIRE, *more], key=lambda one: one.time))
    found = [one for one in told if one.household == "home"]
    assert [(one.severity, one.time) for one in found] == [(Severity.HIGH, NOON + MINUTE)]  # never later
    worse = eye.detector.tick(NOON + 2 * MINUTE)
    assert [one.facts["template"] for one in worse] == ([template] if template else [])
    for one in worse:
        assert (one.severity, one.onset, one.phase) == (Severity.URGENT, found[0].onset, Phase.RAISED)
        assert one.time == NOON + MINUTE
    assert eye.detector.tick(NOON + 3 * MINUTE) == []


def test_a_restored_detector_still_waits_for_the_second_sensor() -> None:
    table = two_rooms()
    first, second = Watch(SmokeLevel(table), table), Watch(SmokeLevel(table), table)
    first.see(FIRE)
    second.detector.restore(first.detector.snapshot())
    second.registers.restore(first.registers.snapshot())
    second.see([Sent(4, NOON + 5 * MINUTE, 1.0, NOON)])
    assert [one.severity for one in second.detector.tick(NOON + 5 * MINUTE)] == [Severity.URGENT]


def test_every_fire_is_explained_in_both_languages() -> None:
    table = two_rooms()
    found = []
    for more in ([Sent(3, NOON, 2.5, 0)], [Sent(4, NOON, 1, 0)], [Sent(5, NOON, 60, 0)]):
        eye = Watch(SmokeLevel(table), table)
        found += eye.see([*more, *FIRE]) + eye.detector.tick(0)
    eye = watched()
    found += [one for lunch in lunches(eye, 3) for one in lunch]
    for day, smoke in enumerate((source("smouldering", 0, 7200, 3.9), source("flaming", 0, 900, 18.0)), 5):
        found += eye.water([(NOON + day * DAY + at, level) for at, level in smoke], Quantity.SMOKE)
    found += seen(_TICK, *[18] * 9) + watched().water(list(source("smouldering", NOON, 9000, 2.5)), Quantity.SMOKE)
    sentences = {
        str(one.facts["template"]): sentence(one.kind, one.facts, "en", "UTC") for one in raised(found)
    }  # fmt: skip
    assert set(sentences) == {
        "smoke_level", "smoke_slow", "smoke_lasting", "smoke_twice", "smoke_alarm_too", "smoke_heat",
    }  # fmt: skip
    for one in raised(found):
        for language in ("en", "zh_CN"):
            told = sentence(one.kind, one.facts, language, "UTC")
            assert "{" not in told
            assert any(digit in told for digit in "0123456789")
    first = sentence(found[0].kind, found[0].facts, "en", "UTC")
    assert first == (
        "Smoke of 5 %/m, above 4 %/m for 1 min. No smoke without a fire is known here; "
        "this has not happened before in less than 1 day."
    )
