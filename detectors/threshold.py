"""Is a gauge beyond a limit? Two limits, so that a value between them changes nothing (hysteresis)."""

from __future__ import annotations

from detectors.columns.bank import pack, unpack
from detectors.columns.slices import slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule, RulesError
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable


class Threshold:
    """Raises at the first value beyond `limit`, clears at the first beyond `until` the other way.

    With `until` above `limit` low values are unusual (raised below `limit`, cleared at `until` or above), with
    `until` below or equal high ones (raised at `limit` or above, cleared below `until`). 24 bytes a sensor.
    """

    def __init__(
        self, sensors: SensorTable, name: str, quantity: Quantity, kind: Kind, severity: Severity,
        *, limit: float, until: float,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"threshold {quantity.label} {limit} {until}"
        self._sensors = sensors
        self._quantity = quantity
        self._template = str(kind)
        self._limit = limit
        self._until = until
        self._condition = Condition(sensors, name, kind, severity)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge the gauge's values."""
        seen = slice_of(batch, self._sensors, self._quantity)
        if not len(seen):
            return []
        runs, value, time = seen.runs, seen.value, seen.time
        if self._until > self._limit:
            on, off = value < self._limit, value >= self._until
        else:
            on, off = value >= self._limit, value < self._until
        holds = runs.switch(on, off, self._condition.holds(runs.key))

        def describe(row: int) -> Raise:
            facts: dict[str, Fact] = {
                "template": self._template,
                "value": float(value[row]),
                "limit": self._limit,
            }
            return Raise(int(time[row]), 1.0, facts)

        return self._condition.follow(runs, time, holds, describe)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(self._about, {"condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        self._condition.take(unpack(state, self._about)["condition"])


def battery(sensors: SensorTable, name: str = "battery", *, percent: float = 15.0, until: float = 25.0) -> Threshold:
    """Watch batteries: low below `percent`, well again from `until` (a cell recovers a little when it rests)."""
    return Threshold(sensors, name, Quantity.BATTERY, Kind.BATTERY, Severity.LOW, limit=percent, until=until)


def tamper(sensors: SensorTable, name: str = "tamper") -> Threshold:
    """Watch the tamper contact of a device: 1 is open."""
    return Threshold(sensors, name, Quantity.TAMPER, Kind.TAMPER, Severity.MEDIUM, limit=0.5, until=0.5)


class BatteryRule(Rule, tag="battery"):
    """`type = "battery"`."""

    percent: Amount = 15.0
    until: Amount = 25.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        if self.until <= self.percent:
            raise RulesError("`until` must be above `percent`: it says when the battery is well again")
        return battery(sensors, self.name, percent=self.percent, until=self.until)


class TamperRule(Rule, tag="tamper"):
    """`type = "tamper"`."""

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return tamper(sensors, self.name)
