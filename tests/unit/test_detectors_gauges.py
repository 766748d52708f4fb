"""Battery, tamper: rules on gauges."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from detectors.finding import Finding, Kind, Severity
from detectors.protocol import Detector
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


def test_a_battery_is_low_below_15_and_well_again_from_25() -> None:
    found = seen(battery, Quantity.BATTERY, 15, 14.9, 16, 24, 10, 25, 20)
    assert brief(found) == [("raised", 10, 10), ("cleared", 10, 50)]
    assert (found[0].kind, found[0].severity) == (Kind.BATTERY, Severity.LOW)
    assert found[0].facts["value"] == pytest.approx(14.9)


def test_an_opened_device_is_told() -> None:
    found = seen(tamper, Quantity.TAMPER, 0, 1, 0)
    assert brief(found) == [("raised", 10, 10), ("cleared", 10, 20)]
    assert (found[0].kind, found[0].severity) == (Kind.TAMPER, Severity.MEDIUM)
