from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.finding import Finding, Kind, Phase, Severity
from detectors.low_use import LowUse
from registry.instants import HOUR, MINUTE
from tests.unit.detector_streams import NOON, Watch, house


def watch(litres: float = 10, hours: float = 12) -> Watch:
    table = house()
    return Watch(LowUse(table, "twelve", litres=litres, hours=hours), table)


def brief(findings: list[Finding]) -> list[tuple[str, float, float]]:
    """Tell findings as (phase, onset, time) in hours since noon."""
    return [(one.phase.value, (one.onset - NOON) / HOUR, (one.time - NOON) / HOUR) for one in findings]


def hourly(*litres: float, start: float = 1000) -> list[tuple[int, float]]:
    """Return a register that is read every hour from noon, with the use of each hour."""
    readings, register = [(NOON, start)], start
    for hour, use in enumerate(litres, 1):
        register += use
        readings.append((NOON + hour * HOUR, register))
    return readings


def test_twelve_hours_without_ten_litres() -> None:
    """50 L by 13:00, 9 L at 15:00, then nothing: proven at 01:00, since 13:00 everything fits below 10 L."""
    found = watch().water(hourly(50, 0, 9, *[0] * 9, 0, 1))
    assert brief(found) == [("raised", 1, 13), ("cleared", 1, 14)]
    raised = found[0]
    assert (raised.household, raised.kind, raised.rule, raised.source) == (
        "home-0", Kind.INACTIVITY, "twelve", "meter-0/volume",
    )  # fmt: skip
    assert raised.severity is Severity.MEDIUM
    assert raised.facts == {
        "template": "low_use", "limit": 10, "window": 12 * 3600, "used": 9, "since_at": NOON + HOUR,
        "lasted": 12 * 3600, "longest": 0, "times": 0, "days": 13 / 24,
    }  # fmt: skip
    assert found[1].facts["lasted"] == 13 * 3600


def test_exactly_ten_litres_are_not_less_than_ten() -> None:
    assert brief(watch().water(hourly(50, 0, 10, *[0] * 10))) == []
    assert brief(watch().water(hourly(50, 0, 10, *[0] * 12))) == [("raised", 3, 15)]


def test_a_meter_that_is_not_heard_is_not_a_person_who_is_silent() -> None:
    """Nothing for 30 h, then a register 40 L on: people were there, only the radio was not."""
    eye = watch()
    assert eye.water(hourly(50)) == []
    assert eye.detector.tick(NOON + 31 * HOUR) == []
    assert eye.water([(NOON + 31 * HOUR, 1090.0)]) == []


def test_a_register_that_stood_still_over_a_gap_proves_low_use() -> None:
    assert brief(watch().water([*hourly(50), (NOON + 31 * HOUR, 1053.0)])) == [("raised", 1, 31)]


def test_a_reset_starts_a_new_window_and_clears() -> None:
    eye = watch()
    assert brief(eye.water(hourly(50, *[0] * 13))) == [("raised", 1, 13)]
    assert brief(eye.water([(NOON + 15 * HOUR, 0.0)])) == [("cleared", 1, 15)]
    assert brief(eye.water([(NOON + hour * HOUR, 2.0) for hour in range(16, 28)])) == [("raised", 15, 27)]


def test_steps_back_and_their_recovery_are_no_use() -> None:
    readings = hourly(50, *[0] * 13, start=100_000)
    readings[5] = (readings[5][0], 100_010.0)
    assert brief(watch().water(readings)) == [("raised", 1, 13)]


def test_what_is_said_of_habit_is_what_was_known_before_the_onset() -> None:
    eye = watch()
    found = eye.water(hourly(50, *[0] * 8, 50, *[0] * 12, 60, *[0] * 12))
    assert brief(found) == [("raised", 10, 22), ("cleared", 10, 23), ("raised", 23, 35)]
    assert [one.facts["longest"] for one in found if one.phase is Phase.RAISED] == [8 * 3600, 12 * 3600]
    assert [one.facts["times"] for one in found if one.phase is Phase.RAISED] == [0, 1]


@pytest.mark.parametrize("grain", [0.01, 0.1])
def test_fine_registers_are_late_by_less_than_a_thirtieth_never_early(grain: float) -> None:
    """0.6 L an hour, read every minute: 12 h of less than 7.2 L always; 30 cells of 1/3 L fit 33 min each."""
    eye = watch(litres=6.0)
    readings = [(NOON + n * MINUTE, 1000 + n * grain * (0.01 / grain)) for n in range(24 * 60)]
    assert eye.water(readings) == []
    slower = watch(litres=7.5)
    found = brief(slower.water(readings))
    assert len(found) == 1
    assert 12 <= found[0][2] <= 12 + 7.5 / 30 / 0.6


Step = tuple[int, int]
_STEPS = st.tuples(
    st.sampled_from([1, 7, 30, 60, 100, 400]), st.sampled_from([0, 0, 0, 0, 1, 2, 5, 9, 10, 11, 40, -500])
)


def plainly(steps: list[Step], litres: int, window: int) -> list[tuple[str, int, int, int]]:
    """Judge reading by reading over all that was read, as the rule says it in words; minutes since noon."""
    minute, total, onset = 0, 0, None
    seen = [(0, 0)]
    pauses = [(0, 0)]
    findings = []
    for gap, use in steps:
        minute += gap
        if use < 0:
            seen = []
        total += max(use, 0)
        seen.append((minute, total))
        start = next(when for when, level in seen if level > total - litres)
        pauses.append((minute, minute - start))
        if minute - start >= window and onset is None:
            onset = start
            known = max(pause for when, pause in pauses if when <= start)
            findings.append(("raised", onset, minute, known))
        elif minute - start < window and onset is not None:
            findings.append(("cleared", onset, minute, 0))
            onset = None
    return findings


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(_STEPS, max_size=60), litres=st.sampled_from([1, 3, 10, 30]), hours=st.integers(1, 12),
    cuts=st.integers(1, 60),
)  # fmt: skip
def test_litre_registers_are_judged_exactly_as_told_plainly(
    steps: list[Step], litres: int, hours: int, cuts: int
) -> None:
    minute, register = 0, 100_000 * 3
    readings = [(NOON, float(register))]
    for gap, use in steps:
        minute += gap
        # A reset to a register of its own, far from any modulus and from what was before.
        register = register - 9_000 if use < 0 else register + use
        readings.append((NOON + minute * MINUTE, float(register)))
    eye = watch(litres, hours)
    found = [one for start in range(0, len(readings), cuts) for one in eye.water(readings[start : start + cuts])]
    told = [
        (
            one.phase.value,
            (one.onset - NOON) // MINUTE,
            (one.time - NOON) // MINUTE,
            round(float(one.facts.get("longest", 0)) / 60),
        )
        for one in found
    ]
    assert told == plainly(steps, litres, hours * 60)
