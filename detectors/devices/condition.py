"""What a rule says of each sensor over time: since when its condition holds, and how often it has held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import NEVER, Column, QuantityBank
from detectors.columns.runs import Mask, Runs
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from registry.instants import DAY, SECOND
from registry.readings import Sensors, SensorTable, Times


class Raise(NamedTuple):
    """Why a condition begins: its onset in microseconds UTC, its score (1 is the limit) and its facts."""

    onset: int
    score: float
    facts: Mapping[str, Fact]


class Condition:
    """Tells the beginnings and ends of one kind of condition; 24 bytes a sensor that it has seen, 2 any other.

    A raised finding carries, beside its own facts, how often this happens by chance here: `times` it was raised
    before in `days` since the sensor was first seen. A cleared one carries the onset it was raised with and
    `lasted` in seconds.
    """

    def __init__(self, sensors: SensorTable, rule: str, kind: Kind, severity: Severity) -> None:
        self._sensors = sensors
        self._rule = rule
        self._kind = kind
        self._severity = severity
        self._bank = QuantityBank(Column("times", "i4", 0), Column("first", "i8", NEVER), Column("onset", "i8", NEVER))
        # By sensor id, beside the bank that says when: every batch asks these of every sensor, and they fit a cache.
        self._held, self._seen = np.zeros(1, np.bool_), np.zeros(1, np.bool_)

    def holds(self, sensor: Sensors) -> Mask:
        """Return whether the condition holds now for each of some sensors."""
        try:
            return self._held.take(sensor)
        except IndexError:
            self._reach(sensor)
            return self._held.take(sensor)

    def first(self, sensor: int) -> int:
        """Return when the sensor was first seen, microseconds UTC."""
        return int(self._bank.one(sensor)["first"])

    def onset(self, sensor: int) -> int:
        """Return the onset of what is raised, microseconds UTC."""
        return int(self._bank.one(sensor)["onset"])

    def times(self, sensor: int) -> int:
        """Return how often it was raised."""
        return int(self._bank.one(sensor)["times"])

    def follow(self, runs: Runs, time: Times, holds: Mask, describe: Callable[[int], Raise]) -> list[Finding]:
        """Return what changes as the condition `holds` or not after each row; `describe` a row that raises it."""
        was = runs.previous(holds, self.holds(runs.key))
        if not self._seen.take(runs.key).all():
            self.seen(runs.key[runs.head], time[runs.head])
        return [
            self.begin(int(runs.key[row]), int(time[row]), describe(int(row)))
            if holds[row]
            else self.end(int(runs.key[row]), int(time[row]))
            for row in np.flatnonzero(holds != was)
        ]

    def seen(self, sensor: Sensors, time: Times) -> None:
        """Note when sensors (each once) were first seen."""
        try:
            seen = self._seen.take(sensor)
        except IndexError:
            self._reach(sensor)
            seen = self._seen.take(sensor)
        if not seen.all():
            new = np.flatnonzero(~seen)
            at = self._bank.at(sensor[new])
            self._bank["first"][at] = time[new]
            self._seen[sensor[new]] = True

    def begin(self, sensor: int, time: int, why: Raise) -> Finding:
        """Raise the condition of one sensor."""
        own = self._bank.one(sensor)
        times, days = int(own["times"]), (time - int(own["first"])) / DAY
        own["onset"], own["times"] = why.onset, times + 1
        if sensor >= len(self._held):
            self._reach(np.array([sensor], np.int32))
        self._held[sensor] = True
        facts = {**why.facts, "times": times, "days": days}
        return self._finding(sensor, Phase.RAISED, onset=why.onset, time=time, score=why.score, facts=facts)

    def end(self, sensor: int, time: int) -> Finding:
        """Clear the condition of one sensor."""
        own = self._bank.one(sensor)
        onset = int(own["onset"])
        own["onset"] = NEVER
        self._held[sensor] = False
        facts: dict[str, Fact] = {"lasted": (time - onset) / SECOND}
        return self._finding(sensor, Phase.CLEARED, onset=onset, time=time, score=0.0, facts=facts)

    def rows(self) -> NDArray[Any]:
        """Return the state, for `pack`."""
        return self._bank.saved()

    def take(self, rows: NDArray[Any]) -> None:
        """Continue from what `rows` returned."""
        self._bank.take(rows)
        sensor = rows["sensor"]
        self._held, self._seen = np.zeros(1, np.bool_), np.zeros(1, np.bool_)
        self._reach(sensor)
        self._held[sensor], self._seen[sensor] = rows["onset"] != NEVER, rows["first"] != NEVER

    def _reach(self, sensor: Sensors) -> None:
        """Make room for some sensors."""
        size = max(int(sensor.max(initial=0)) + 1, len(self._sensors), len(self._held))
        held, seen = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        held[: len(self._held)], seen[: len(self._seen)] = self._held, self._seen
        self._held, self._seen = held, seen

    def _finding(
        self, sensor: int, phase: Phase, *, onset: int, time: int, score: float, facts: Mapping[str, Fact]
    ) -> Finding:
        return Finding(
            household=self._sensors.household_of(sensor),
            kind=self._kind,
            rule=self._rule,
            source=self._sensors.name(sensor),
            phase=phase,
            severity=self._severity,
            onset=onset,
            time=time,
            score=score,
            facts=facts,
        )
