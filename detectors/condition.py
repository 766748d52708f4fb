"""What a rule says of each sensor over time: since when its condition holds, and how often it has held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bank import NEVER, Bank, Column
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
    """Tells the beginnings and ends of one kind of condition; 24 bytes a sensor.

    A raised finding carries, beside its own facts, how often this happens by chance here: `times` it was raised
    before in `days` since the sensor was first seen. A cleared one carries the onset it was raised with and
    `lasted` in seconds.
    """

    def __init__(self, sensors: SensorTable, rule: str, kind: Kind, severity: Severity) -> None:
        self._sensors = sensors
        self._rule = rule
        self._kind = kind
        self._severity = severity
        self._bank = Bank(Column("first", "i8", NEVER), Column("onset", "i8", NEVER), Column("times", "i8", 0))

    def holds(self, sensor: Sensors) -> Mask:
        """Return whether the condition holds now for each of some sensors."""
        self._bank.reach(len(self._sensors))
        raised: Mask = self._bank["onset"][sensor] != NEVER
        return raised

    def first(self, sensor: int) -> int:
        """Return when the sensor was first seen, microseconds UTC."""
        return int(self._bank["first"][sensor])

    def follow(self, runs: Runs, time: Times, holds: Mask, describe: Callable[[int], Raise]) -> list[Finding]:
        """Return what changes as the condition `holds` or not after each row; `describe` a row that raises it."""
        self._bank.reach(len(self._sensors))
        known = read(self._bank, runs.key)
        new = np.flatnonzero(runs.head & (known["first"] == NEVER))
        self._bank["first"][runs.key[new]] = time[new]
        was = runs.previous(holds, known["onset"] != NEVER)
        return [
            self.begin(int(runs.key[row]), int(time[row]), describe(int(row)))
            if holds[row]
            else self.end(int(runs.key[row]), int(time[row]))
            for row in np.flatnonzero(holds != was)
        ]

    def seen(self, sensor: Sensors, time: Times) -> None:
        """Note when sensors (each once) were first seen."""
        self._bank.reach(len(self._sensors))
        first = self._bank["first"]
        new = first[sensor] == NEVER
        if new.any():
            first[sensor[new]] = time[new]

    def begin(self, sensor: int, time: int, why: Raise) -> Finding:
        """Raise the condition of one sensor."""
        times = int(self._bank["times"][sensor])
        days = (time - self.first(sensor)) / DAY
        self._bank["onset"][sensor] = why.onset
        self._bank["times"][sensor] = times + 1
        facts = {**why.facts, "times": times, "days": days}
        return self._finding(sensor, Phase.RAISED, onset=why.onset, time=time, score=why.score, facts=facts)

    def end(self, sensor: int, time: int) -> Finding:
        """Clear the condition of one sensor."""
        onset = int(self._bank["onset"][sensor])
        self._bank["onset"][sensor] = NEVER
        facts: dict[str, Fact] = {"lasted": (time - onset) / SECOND}
        return self._finding(sensor, Phase.CLEARED, onset=onset, time=time, score=0.0, facts=facts)

    def rows(self) -> NDArray[Any]:
        """Return the state, for `pack`."""
        return self._bank.rows()

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
