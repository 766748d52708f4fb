"""Does a smoke detector itself say that it smells smoke?"""

from __future__ import annotations

from detectors.finding import Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Rule
from detectors.threshold import Threshold
from registry.quantities import Quantity
from registry.readings import SensorTable


def smoke_alarm(sensors: SensorTable, name: str = "smoke-alarm") -> Threshold:
    """Watch the alarm contact: 1 raises at once and urgently, 0 clears (DESIGN §7: the device's own alarm)."""
    return Threshold(sensors, name, Quantity.ALARM, Kind.SMOKE, Severity.URGENT, limit=0.5, until=0.5)


class SmokeAlarmRule(Rule, tag="smoke_alarm"):
    """`type = "smoke_alarm"`."""

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return smoke_alarm(sensors, self.name)
