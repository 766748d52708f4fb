"""What a rule says of each sensor over time: since when its condition holds, and how often it has held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bank import NEVER, Column, QuantityBank
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.records import read
from detectors.runs import Mask, Runs
from registry.instants import DAY, SECOND
from registry.readings import Sensors, SensorTable, Times


class Raise(NamedTuple):
    """Why a condition begins: its onset in microseconds UTC, its score (1 is the limit) and its facts."""

    onset: int
    score: float
    facts: Mapping[str, Fact]


class Condition:
    """Tells the beginnings and ends of one kind of condition; 24 bytes a sensor that it is asked of.

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

    def holds(self, sensor: Sensors) -> Mask:
        """Return whether the condition holds now for each of some sensors."""
        at = self._bank.at(sensor)
        raised: Mask = self._bank["onset"][at] != NEVER
        return raised

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
        at = self._bank.at(runs.key)
        known = read(self._bank, at)
        new = np.flatnonzero(runs.head & (known["first"] == NEVER))
        self._bank["first"][at[new]] = time[new]
        was = runs.previous(holds, known["onset"] != NEVER)
        return [
            self.begin(int(runs.key[row]), int(time[row]), describe(int(row)))
            if holds[row]
            else self.end(int(runs.key[row]), int(time[row]))
            for row in np.flatnonzero(holds != was)
        ]

    def seen(self, sensor: Sensors, time: Times) -> None:
        """Note when sensors (each once) were first seen."""
        if not len(sensor):
            return
        at = self._bank.at(sensor)
        first = self._bank["first"]
        new = first[at] == NEVER
        if new.any():
            first[at[new]] = time[new]

    def begin(self, sensor: int, time: int, why: Raise) -> Finding:
        """Raise the condition of one sensor."""
        own = self._bank.one(sensor)
        times, days = int(own["times"]), (time - int(own["first"])) / DAY
        own["onset"], own["times"] = why.onset, times + 1
        facts = {**why.facts, "times": times, "days": days}
        return self._finding(sensor, Phase.RAISED, onset=why.onset, time=time, score=why.score, facts=facts)

    def end(self, sensor: int, time: int) -> Finding:
        """Clear the condition of one sensor."""
        own = self._bank.one(sensor)
        onset = int(own["onset"])
        own["onset"] = NEVER
        facts: dict[str, Fact] = {"lasted": (time - onset) / SECOND}
        return self._finding(sensor, Phase.CLEARED, onset=onset, time=time, score=0.0, facts=facts)

    def rows(self) -> NDArray[Any]:
        """Return the state, for `pack`."""
        return self._bank.saved()

    def take(self, rows: NDArray[Any]) -> None:
        """Continue from what `rows` returned."""
        self._bank.take(rows)

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
