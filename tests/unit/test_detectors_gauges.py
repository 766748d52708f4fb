"""Smoke, battery, tamper: rules on gauges."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from detectors.finding import Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.smoke_alarm import smoke_alarm
from detectors.smoke_level import SmokeLevel
from detectors.threshold import battery, tamper
from registry.instants import SECOND
from registry.quantities import Quantity
from registry.readings import SensorTable
from tests.unit.detector_streams import NOON, Watch, house


def seen(make: Callable[[SensorTable], Detector], quantity: Quantity, *values: float) -> list[Finding]:
    """Show a gauge's values, one every ten seconds from noon."""
    table = house()
    readings = [(NOON + n * 10 * SECOND, value) for n, value in enumerate(values)]
    return Watch(make(table), table).water(readings, quantity)


def brief(findings: list[Finding]) -> list[tuple[str, float, float]]:
    return [(one.phase.value, (one.onset - NOON) / SECOND, (one.time - NOON) / SECOND) for one in findings]


def test_the_smoke_detectors_own_alarm_is_told_at_once_and_cleared_by_itself() -> None:
    found = seen(smoke_alarm, Quantity.ALARM, 0, 1, 1, 0, 0, 1)
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
        ((0, 5, 6, 5, 5, 5, 5, 5, 5), []),
        ((0, 5, 6, 5, 5, 5, 5, 5, 5, 5), [("raised", 30, 90)]),  # falling starts it anew
        ((5, 5, 5, 4, 5, 5, 5, 5, 5), []),  # 4 is not above 4
        ((12, 5, 3, 2, 12, 1.9, 12), [("raised", 0, 0), ("cleared", 0, 50), ("raised", 60, 60)]),
    ],
)
def test_smoke_levels(values: tuple[float, ...], expected: list[tuple[str, float, float]]) -> None:
    assert brief(seen(SmokeLevel, Quantity.SMOKE, *values)) == expected


def test_the_level_known_without_a_fire_is_told() -> None:
    found = seen(SmokeLevel, Quantity.SMOKE, 0.5, 3, 12, 20, 1, 11)
    assert [one.facts["highest"] for one in found if "highest" in one.facts] == [3, 3]


def test_a_battery_is_low_below_15_and_well_again_from_25() -> None:
    found = seen(battery, Quantity.BATTERY, 15, 14.9, 16, 24, 10, 25, 20)
    assert brief(found) == [("raised", 10, 10), ("cleared", 10, 50)]
    assert (found[0].kind, found[0].severity) == (Kind.BATTERY, Severity.LOW)
    assert found[0].facts["value"] == pytest.approx(14.9)


def test_an_opened_device_is_told() -> None:
    found = seen(tamper, Quantity.TAMPER, 0, 1, 0)
    assert brief(found) == [("raised", 10, 10), ("cleared", 10, 20)]
    assert (found[0].kind, found[0].severity) == (Kind.TAMPER, Severity.MEDIUM)
