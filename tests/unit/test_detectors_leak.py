from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.leak import Leak
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.unit.detector_streams import NOON, Watch, house

Reading = tuple[int, float]
DAWN = NOON - 12 * HOUR
LOW, MEDIUM = Severity.LOW, Severity.MEDIUM


def watch() -> Watch:
    table = house()
    return Watch(Leak(table), table)


def readings(
    days: float, *, every: int = 15 * MINUTE, litres_an_hour: Callable[[float], float] = lambda _: 0.0,
    draws: Iterable[float] = (7.0, 8.1, 9.3, 11.9, 12.2, 14.1, 16.2, 18.0, 18.4, 20.1, 21.3), begin: int = DAWN,
) -> list[Reading]:  # fmt: skip
    """Return a register in whole litres: twelve litres at some hours of each day, and a leak, by hours since dawn."""
    time = np.arange(begin, begin + round(days * DAY), every)
    hours = (time - DAWN) / HOUR
    own = [np.maximum(np.floor((hours - at) / 24) + 1, 0) for at in draws]
    fine = np.arange(0, hours[-1] + 0.1, 0.05)
    lost = np.concatenate(([0.0], np.cumsum([0.05 * litres_an_hour(at) for at in fine])))
    register = 4000 + 12 * np.sum(own, axis=0) + np.interp(hours, np.append(fine, fine[-1] + 0.05), lost)
    return list(zip(time.tolist(), np.floor(register + 1e-6).tolist(), strict=True))


def after(hour: float, rate: float) -> Callable[[float], float]:
    return lambda at: rate if at >= hour else 0.0


def raised(findings: list[Finding]) -> list[tuple[Severity, float]]:
    return [(one.severity, (one.time - DAWN) / HOUR) for one in findings if one.phase is Phase.RAISED]


@pytest.mark.parametrize("every", [MINUTE, 15 * MINUTE, HOUR])
@pytest.mark.parametrize("rate", [1.0, 3.0])
def test_a_leak_of_a_litre_an_hour_is_found_in_a_day_and_a_bit(every: int, rate: float) -> None:
    found = watch().water(readings(6.5, every=every, litres_an_hour=after(5 * 24 + 2, rate)))
    assert [(one.kind, one.severity) for one in found] == [(Kind.LEAK, LOW)]
    assert 24 <= (found[0].time - DAWN) / HOUR - (5 * 24 + 2) <= 26
    assert (found[0].facts["template"], found[0].facts["learned"]) == ("leak", 0)


@pytest.mark.parametrize("rate", [1.0, 3.0, 15.0])
@pytest.mark.parametrize("hour", [2, 14.9])
def test_its_rate_and_what_it_costs_a_day_are_told(rate: float, hour: float) -> None:
    facts = watch().water(readings(9, litres_an_hour=after(7 * 24 + hour, rate)))[0].facts
    assert facts["flow"] == pytest.approx(rate, rel=0.5)
    assert facts["daily"] == pytest.approx(24 * float(facts["flow"]))


def test_a_home_that_pauses_has_none() -> None:
    assert watch().water(readings(60)) == []


def test_half_a_litre_an_hour_is_found_by_the_habit_of_the_home() -> None:
    found = watch().water(readings(36, litres_an_hour=after(30 * 24, 0.6)))
    assert raised(found)[0][0] is LOW
    assert 30 * 24 + 24 < raised(found)[0][1] <= 34 * 24
    assert found[0].facts["template"] == "leak_slow"
    assert float(found[0].facts["still"]) == pytest.approx(11.5 * 3600, rel=0.3)
    assert watch().water(readings(36, litres_an_hour=lambda _: 0.6)) == []  # a habit, if never known otherwise
    assert watch().water(readings(12, litres_an_hour=after(5 * 24, 0.6))) == []  # not known yet


def test_only_whole_days_without_a_pause_count() -> None:
    """Still until eleven on day 30, then a litre each 80 minutes: days 31 and 32 tell."""
    found = watch().water(readings(34, litres_an_hour=after(30 * 24 + 11, 0.75)))
    assert raised(found)[:1] == [(LOW, 33 * 24)]


def test_after_its_end_nothing_is_said_again() -> None:
    eye = watch()
    stream = readings(36, litres_an_hour=lambda at: 0.75 if 24 * 30 <= at < 24 * 33 + 4 else 0.0)
    found = [one for reading in stream for one in eye.water([reading])]
    assert [one.phase for one in found] == [Phase.RAISED, Phase.CLEARED]


def test_it_is_over_once_the_register_stood_for_two_hours() -> None:
    repaired = 3 * 24 + 3.0
    found = watch().water(readings(4.5, litres_an_hour=lambda at: 3.0 if 24 <= at < repaired else 0.0))
    assert [one.phase for one in found] == [Phase.RAISED, Phase.CLEARED]
    assert (found[1].time - DAWN) / HOUR == repaired + 2
    assert found[1].onset == found[0].onset


def test_it_grows_worse_when_it_lasts_three_days_and_ends_as_that() -> None:
    found = watch().water(readings(10, litres_an_hour=lambda at: 3.0 if 24 <= at < 7 * 24 else 0.0))
    assert [(one.phase, one.severity) for one in found] == [
        (Phase.RAISED, LOW), (Phase.RAISED, MEDIUM), (Phase.CLEARED, MEDIUM),
    ]  # fmt: skip
    assert len({one.onset for one in found}) == 1
    assert found[1].time - found[1].onset >= 3 * DAY
    assert (found[0].facts["times"], found[1].facts["times"]) == (0, 0)


def test_a_running_cistern_is_worse_from_the_beginning() -> None:
    assert raised(watch().water(readings(3, litres_an_hour=after(24, 20.0))))[0][0] is MEDIUM


def test_one_that_grows_is_worse_after_a_day_of_that() -> None:
    found = watch().water(readings(5, litres_an_hour=lambda at: 3.0 if at < 30 else 20.0))
    assert raised(found) == [(LOW, 24), (MEDIUM, 72)]
    assert found[1].facts["flow"] == pytest.approx(20, rel=0.3)


def test_use_while_nobody_is_at_home_is_worse_and_told_so() -> None:
    eye = watch()
    eye.table.absences.add(0, DAWN + 26 * HOUR, DAWN + 90 * HOUR)
    found = eye.water(readings(3, litres_an_hour=after(24, 2.0)))
    assert found[0].severity is MEDIUM
    assert found[0].facts["template"] == "leak_away"
    assert "although nobody is at home" in sentence(Kind.LEAK, found[0].facts, "en", "UTC")


def test_silence_is_neither_use_nor_a_pause() -> None:
    """Fifteen hours of readings, six hours of silence with use, and only the hours of readings count."""
    flow = readings(4, litres_an_hour=after(0, 4.0))
    gap = [one for one in flow if not DAWN + 15 * HOUR < one[0] < DAWN + 21 * HOUR]
    assert raised(watch().water(gap))[0] == (LOW, 24 + 6)
    assert watch().water([one for one in flow if one[0] <= DAWN + 15 * HOUR or one[0] >= DAWN + 75 * HOUR]) == []


def test_an_exchanged_meter_neither_proves_nor_ends_a_leak() -> None:
    flow = readings(2, litres_an_hour=after(0, 4.0))
    swapped = [(time, value - (3990 if time >= DAWN + 10 * HOUR else 0)) for time, value in flow]
    found = watch().water(swapped)
    assert [one.phase for one in found] == [Phase.RAISED]
    assert found[0].time == DAWN + 24 * HOUR + 15 * MINUTE


def test_a_register_that_was_exchanged_stands_anew() -> None:
    stops, swap = DAWN + 26 * HOUR, DAWN + 27 * HOUR
    flow = readings(1.5, litres_an_hour=lambda at: 4.0 if at < 26 else 0.0)
    found = watch().water([(time, value - (3990 if time >= swap else 0)) for time, value in flow])
    assert [one.phase for one in found] == [Phase.RAISED, Phase.CLEARED]
    assert found[1].time == swap + 2 * HOUR > stops + 2 * HOUR


@pytest.mark.parametrize("every", [2 * HOUR, 6 * HOUR, DAY])
def test_what_a_coarse_meter_cannot_say_is_not_said(every: int) -> None:
    assert watch().water(readings(30, every=every, litres_an_hour=after(0, 5.0))) == []


@settings(max_examples=30, deadline=None)
@given(
    rate=st.floats(1.0, 50.0), begins=st.integers(30, 70), every=st.sampled_from([5, 15, 30, 60]),
    phase=st.integers(0, 59),
)  # fmt: skip
def test_no_leak_of_a_litre_an_hour_escapes(rate: float, begins: int, every: int, phase: int) -> None:
    stream = readings(
        6, every=every * MINUTE, litres_an_hour=after(begins + phase / 60, rate), begin=DAWN + phase * SECOND
    )
    assert [at <= begins + 1 + 26 for _, at in raised(watch().water(stream))][:1] == [True]
