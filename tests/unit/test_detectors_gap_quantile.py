from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.finding import Finding, Phase
from detectors.gap_quantile import _EDGES, GapQuantile, Scope, limits
from registry.instants import DAY, HOUR, SECOND
from tests.unit.detector_streams import NOON, Watch, house

YEAR = 365.25 * DAY


def life(days: int, pauses: list[int], begin: int = NOON) -> list[tuple[int, float]]:
    """Return hourly readings: each day's pause in hours, then use in every hour until the day is over."""
    used = 0
    readings = [(begin, 0.0)]
    for day in range(days):
        pause = pauses[day % len(pauses)]
        for hour in range(1, 25):
            used += hour > pause
            readings.append((begin + day * DAY + hour * HOUR, float(used)))
    return readings


def silent(after: list[tuple[int, float]], hours: int) -> list[tuple[int, float]]:
    last, used = after[-1]
    return [(last + hour * HOUR, used) for hour in range(1, hours + 1)]


def raised(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.phase is Phase.RAISED]


def watch(rate: float = 12.0, scope: Scope = "household", zones: tuple[str, ...] = ("UTC",)) -> Watch:
    table = house(*zones)
    return Watch(GapQuantile(table, rate=rate, scope=scope), table)


def test_a_pause_longer_than_nearly_all_known_ones_is_raised_once() -> None:
    past = life(60, [6, 7, 8, 9])
    eye = watch()
    assert raised(eye.water(past)) == []
    (one,) = raised(eye.water(silent(past, 40)))
    # 60 days expect 2 pauses a year's twelfth that long: among 15 of 9 h, just there.
    assert 9 * HOUR < one.time - one.onset <= 12 * HOUR
    assert one.onset == past[-1][0]
    assert one.facts["rate"] == 12
    assert one.facts["own"] == 1
    (end,) = eye.water([(silent(past, 41)[-1][0], past[-1][1] + 1)])
    assert (end.phase, end.onset) == (Phase.CLEARED, one.onset)


def test_the_fewer_alarms_are_asked_for_the_longer_it_waits() -> None:
    past = life(90, [4, 5, 6, 7, 8, 9, 10, 11])
    waits = []
    for rate in (48, 12, 4, 1):
        eye = watch(rate)
        eye.water(past)
        (one,) = raised(eye.water(silent(past, 60)))
        waits.append(one.time - one.onset)
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


def test_a_new_household_is_judged_by_everybody_until_thirty_days() -> None:
    old = life(90, [6, 7, 8, 9])
    new = life(10, [15, 16], begin=NOON + 80 * DAY)
    eye = watch(zones=("UTC", "UTC"))
    findings = raised(eye.water(old[: 80 * 24]))
    both = sorted([(time, value, 1) for time, value in old[80 * 24 :]] + [(time, value, 11) for time, value in new])
    for time, value, sensor in both:
        findings += raised(eye.water([(time, value)], sensor))
    assert findings
    assert {one.household for one in findings} == {"home-1"}
    assert {one.facts["own"] for one in findings} == {0}


def test_nothing_is_raised_before_anybody_is_known() -> None:
    eye = watch()
    assert raised(eye.water(silent([(NOON, 5.0)], 24 * 29))) == []


def test_pauses_of_those_known_to_be_away_are_neither_raised_nor_learned() -> None:
    past = life(60, [6, 7, 8, 9])
    left = past[-1][0]
    eye = watch()
    eye.table.absences.add(0, left + HOUR, left + 5 * DAY)
    eye.water(past)
    before = eye.detector.snapshot()
    away = silent(past, 100)
    assert eye.water([*away, (left + 101 * HOUR, past[-1][1] + 1)]) == []
    again = watch()
    again.detector.restore(before)
    assert isinstance(eye.detector, GapQuantile)
    assert isinstance(again.detector, GapQuantile)
    assert (eye.detector._bank["counts"] == again.detector._bank["counts"]).all()


def counted(*hours: float) -> tuple[np.ndarray, np.ndarray]:
    bins = np.searchsorted(_EDGES, hours, side="right") - 1
    return np.bincount(bins, minlength=len(_EDGES)).astype(float)[None], np.array([max(hours)])


def test_inside_what_is_known_the_limit_is_the_quantile() -> None:
    hours = np.arange(1, 101) / 5  # 0.2 h to 20 h in one year
    counts, longest = counted(*hours)
    (limit,) = limits(counts, np.array([YEAR]), longest, 12)
    assert sum(one > limit for one in hours) == pytest.approx(12, abs=1.5)


def test_beyond_what_is_known_the_tail_is_exponential() -> None:
    counts, longest = counted(*np.random.default_rng(1).exponential(2.0, 5000))
    read = np.array([YEAR])
    one, tenth, hundredth = (float(limits(counts, read, longest, rate)[0]) for rate in (0.999, 0.1, 0.01))
    assert one == pytest.approx(longest[0], abs=0.01)
    assert tenth - one == pytest.approx(2.0 * np.log(10), rel=0.15)
    assert hundredth - tenth == pytest.approx(tenth - one, rel=1e-3)


@given(
    hours=st.lists(st.floats(0.3, 200), min_size=1, max_size=60),
    years=st.floats(0.05, 5),
    rates=st.lists(st.floats(0.01, 200), min_size=2, max_size=2),
)
def test_asking_for_fewer_alarms_never_shortens_the_limit(hours: list[float], years: float, rates: list[float]) -> None:
    counts, longest = counted(*hours)
    often, seldom = (limits(counts, np.array([years * YEAR]), longest, rate)[0] for rate in sorted(rates)[::-1])
    assert seldom >= often - 1e-9
    assert often > 0


def test_facts_of_the_sentence_are_seconds() -> None:
    past = life(60, [6, 7, 8, 9])
    eye = watch()
    eye.water(past)
    (one,) = raised(eye.water(silent(past, 40)))
    assert float(one.facts["lasted"]) == (one.time - one.onset) / SECOND
    assert 8 * 3600 < float(one.facts["limit"]) < float(one.facts["lasted"])
