from __future__ import annotations

from detectors.constant_use import ConstantUse
from detectors.finding import Finding, Kind, Severity
from registry.instants import HOUR, MINUTE
from tests.unit.detector_streams import NOON, Watch, house


def watch(slots: int = 48) -> Watch:
    table = house()
    return Watch(ConstantUse(table, "leak", slots=slots), table)


def quarters(*litres: float, start: int = 0, register: float = 1000) -> list[tuple[int, float]]:
    """Return a register that is read every quarter of an hour after noon, with the use of each."""
    readings = [(NOON + start * 15 * MINUTE, register)]
    for number, use in enumerate(litres, start + 1):
        register += use
        readings.append((NOON + number * 15 * MINUTE, register))
    return readings


def brief(findings: list[Finding]) -> list[tuple[str, float, float]]:
    return [(one.phase.value, (one.onset - NOON) / HOUR, (one.time - NOON) / HOUR) for one in findings]


def test_use_in_48_half_hours_is_a_leak() -> None:
    """One litre in the second quarter of every half hour, from 12:30 on: the 48th slot is that of 12:00."""
    found = watch().water(quarters(*[0, 1] * 60))
    assert brief(found) == [("raised", 0.5, 24)]
    assert (found[0].kind, found[0].severity) == (Kind.LEAK, Severity.MEDIUM)
    assert (found[0].facts["lasted"], found[0].facts["used"]) == (24 * 3600, 48)


def test_one_half_hour_without_use_is_none() -> None:
    uses = [0, 1] * 60
    uses[61] = 0
    assert watch().water(quarters(*uses)) == []


def test_it_is_over_once_a_half_hour_passed_without_use() -> None:
    """Use shows at 24:00 for the last time; the slot until 24:30 has it, the next has none, told at 25:00."""
    found = watch().water(quarters(*[0, 1] * 48, *[0] * 8))
    assert brief(found) == [("raised", 0.5, 24), ("cleared", 0.5, 25)]


def test_an_interval_longer_than_a_slot_proves_nothing() -> None:
    half_hours = [(NOON + n * 30 * MINUTE, 1000.0 + n) for n in range(60)]
    assert len(watch().water(half_hours)) == 1
    hours = [(NOON + n * HOUR, 1000.0 + n) for n in range(60)]
    assert watch().water(hours) == []
    with_a_gap = [(time + (MINUTE if n >= 20 else 0), value) for n, (time, value) in enumerate(half_hours)]
    assert len(watch(39).water(with_a_gap)) == 1
    assert watch(42).water(with_a_gap) == []


def test_a_reset_breaks_the_chain() -> None:
    eye = watch(4)
    assert brief(eye.water(quarters(*[1] * 10))) == [("raised", 0, 1.5)]
    assert brief(eye.water(quarters(1, register=0, start=11))) == [("cleared", 0, 2.75)]


def test_the_longest_chain_before_is_told() -> None:
    eye = watch(4)
    found = eye.water(quarters(*[1] * 5, *[0] * 5, *[1] * 9))
    assert brief(found) == [("raised", 2.5, 4)]
    assert found[0].facts["longest"] == 3 * 30 * 60
