"""Streams of readings for the tests of detectors: a house with every quantity, and what may befall its meters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
from hypothesis import strategies as st

from detectors.finding import Finding, Phase
from detectors.protocol import Detector
from detectors.registers import Registers
from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import ReadingBatch, SensorTable

_T = TypeVar("_T")
NOON = 1_767_000_000 * SECOND // DAY * DAY + 12 * HOUR
"""12:00 UTC of a winter day."""


class Sent(NamedTuple):
    """One reading as it arrives."""

    sensor: int
    time: int
    value: float
    received: int


def house(*zones: str) -> SensorTable:
    """Return a table with one device of all quantities per household; sensor = 10 * household + quantity."""
    table = SensorTable()
    for number, zone in enumerate(zones or ("UTC",)):
        for quantity in Quantity:
            table.add(10 * number + quantity, f"meter-{number}", quantity, f"home-{number}", zone)
    return table


def batch(readings: Sequence[Sent]) -> ReadingBatch:
    return ReadingBatch(
        np.array([one.sensor for one in readings], np.int32),
        np.array([one.time for one in readings], np.int64),
        np.array([one.value for one in readings], np.float64),
        np.array([one.received for one in readings], np.int64),
    )


def cut(readings: Sequence[Sent], cuts: Sequence[int]) -> Iterator[Sequence[Sent]]:
    """Yield a stream in pieces that end at the given positions."""
    ends = sorted({min(one, len(readings)) for one in cuts} | {len(readings)})
    start = 0
    for end in ends:
        yield readings[start:end]
        start = end


@dataclass
class Watch:
    """A detector with the registers before it, as an engine has them."""

    detector: Detector
    table: SensorTable
    registers: Registers = field(default_factory=Registers)

    def see(self, readings: Sequence[Sent]) -> list[Finding]:
        interpreted = self.registers.interpret(batch(readings), self.table)
        return self.detector.observe(interpreted.observations())

    def water(self, readings: Sequence[tuple[int, float]], sensor: int = Quantity.VOLUME) -> list[Finding]:
        """Show (time, value) of one sensor, each received when it was taken."""
        return self.see([Sent(sensor, time, value, time) for time, value in readings])


def told(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings in an order that no cut can change."""
    return sorted(findings, key=lambda one: (one.source, one.time, one.kind, one.phase is Phase.RAISED, one.onset))


_STEPS = (SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 29 * MINUTE, 30 * MINUTE, HOUR, 5 * HOUR, 26 * HOUR)
_BACK = (0, -SECOND, -HOUR)
_USES: tuple[float | str, ...] = (0, 0, 0, 0, 0.25, 1, 3, 12, 700, -1, -30, -12000, "reset", "restore")


class _Dice:
    """Chooses by the digits of one number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def of(self, choices: Sequence[_T]) -> _T:
        self._number, digit = divmod(self._number, len(choices))
        return choices[digit]


def stream_of(numbers: Sequence[int]) -> list[Sent]:
    """Make of each number one arrival: late and repeated readings, steps back, resets, rollovers, fires."""
    clock = [NOON + 7 * HOUR * (sensor % 4) for sensor in range(20)]
    register = {1: 99_980.0, 11: 437_506.0, 2: 999_990.0, 12: 0.0}
    kept = dict(register)
    received = NOON + DAY
    arrivals: list[Sent] = []
    for number in numbers:
        dice = _Dice(number)
        sensor = dice.of((1, 1, 1, 1, 11, 11, 2, 3, 4, 4, 4, 5, 5, 7, 8, 15))
        time = clock[sensor] + dice.of(_STEPS + _BACK)
        clock[sensor] = max(clock[sensor], time)
        quantity = Quantity(sensor % 10)
        if quantity.cumulative:
            use = dice.of(_USES)
            if use == "reset":
                register[sensor] = dice.of((0.0, 2.0, 70.0))
            elif use == "restore":
                register[sensor] = kept[sensor]
            else:
                register[sensor] = max(register[sensor] + float(use), 0.0)
                kept[sensor] = max(kept[sensor], register[sensor])
            value = register[sensor] % (1e5 if sensor == 1 else 1e6)
        elif quantity in (Quantity.ALARM, Quantity.TAMPER):
            value = dice.of((0.0, 1.0))
        else:
            value = dice.of((0.0, 1.0, 3.0, 5.0, 5.5, 11.0, 20.0, 90.0))
        received += dice.of((0, 0, SECOND, HOUR, 23 * HOUR, 25 * HOUR, 60 * HOUR))
        arrivals.append(Sent(sensor, time, value, received))
    return arrivals


def streams(size: int = 60) -> st.SearchStrategy[list[Sent]]:
    """Draw the arrivals at two houses."""
    return st.lists(st.integers(0, 2**30), max_size=size).map(stream_of)
