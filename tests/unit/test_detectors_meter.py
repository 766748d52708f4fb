from __future__ import annotations

import pytest

from detectors.finding import Finding, Kind, Severity
from detectors.meter import Meter
from registry.instants import HOUR
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Watch, house


def seen(*values: float, quantity: Quantity = Quantity.VOLUME) -> list[Finding]:
    """Show a register once an hour."""
    table = house()
    return Watch(Meter(table), table).water([(NOON + n * HOUR, one) for n, one in enumerate(values)], quantity)


def brief(findings: list[Finding]) -> list[tuple[str, float, float]]:
    return [(one.phase.value, (one.onset - NOON) / HOUR, (one.time - NOON) / HOUR) for one in findings]


@pytest.mark.parametrize("quantity", [Quantity.VOLUME, Quantity.ENERGY])
def test_a_swapped_meter_is_told_once_and_cleared_after_a_day_of_counting(quantity: Quantity) -> None:
    found = seen(437_500, 437_506, 70, 75, *(80 + n for n in range(30)), quantity=quantity)
    assert brief(found) == [("raised", 2, 3), ("cleared", 2, 26)]
    assert (found[0].kind, found[0].severity) == (Kind.METER, Severity.LOW)
    assert found[0].facts["template"] == f"meter_{quantity.label}"
    assert (found[0].facts["before"], found[0].facts["after"]) == (437_506, 70)


def test_a_rollover_needs_nobody() -> None:
    assert seen(99_990, 99_998, 4, 9, *range(10, 50)) == []


def test_a_corrupted_copy_is_no_swap() -> None:
    """DAIAD saw -12,288 L for one reading."""
    assert seen(50_000, 50_010, 37_730, 50_012, 50_015) == []


def test_a_litre_that_steps_back_is_no_swap() -> None:
    assert seen(50_000, 49_990, 49_995, 50_001) == []


def test_a_second_reset_is_part_of_the_first() -> None:
    found = seen(437_500, 437_506, 5_000, 5_010, 3, 4, *range(5, 40))
    assert brief(found) == [("raised", 2, 3), ("cleared", 2, 28)]
