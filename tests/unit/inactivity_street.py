"""Homes that live their days by chance, and a detector of silence that listens to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.finding import Finding, Phase
from detectors.inactivity import Inactivity
from detectors.registers import Registers
from detectors.rules import RuleSet
from detectors.silence.quarter_hours import SLOT
from registry.instants import HOUR, MINUTE
from registry.quantities import Quantity
from registry.readings import SensorTable
from tests.unit.detector_streams import Sent, batch

MONDAY = 1_767_571_200_000_000
"""Midnight UTC, Monday 2026-01-05."""
RATES = (12.0, 4.0, 1.0, 0.365)
DRAWS = (0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.2)
"""How likely a home of these tests draws water in a quarter of each hour, over 0.35."""


def table_of(homes: int, *quantities: Quantity) -> SensorTable:
    """Return homes with one meter of each quantity; sensor = 10 * home + quantity."""
    table = SensorTable()
    for home in range(homes):
        for quantity in quantities or (Quantity.VOLUME,):
            table.add(10 * home + quantity, f"m-{home}-{quantity}", quantity, f"home-{home}", "UTC")
    return table


@dataclass
class Street:
    """Homes that live their days, and the detector that listens; one reading for each `step`."""

    table: SensorTable
    step: int = 15 * MINUTE
    seed: int = 7
    now: int = MONDAY
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rules = RuleSet([Inactivity(self.table, rates=RATES)])
        self.registers = Registers()
        self.random = np.random.default_rng(self.seed)
        self.register = np.full(len(self.table.households), 1000.0)

    @property
    def eye(self) -> Inactivity:
        [detector] = self.rules.detectors
        assert isinstance(detector, Inactivity)
        return detector

    def live(self, hours: float, *, still: Sequence[int] = (), mute: Sequence[int] = ()) -> list[Finding]:
        """Let time pass; `still` homes use nothing, `mute` meters do not report. Return what is new."""
        told: list[Finding] = []
        sent: list[Sent] = []
        end = self.now + round(hours * HOUR)
        while self.now < end:
            quarters = max(self.step // SLOT, 1)
            share = 0.35 * DRAWS[self.now // HOUR % 24] * min(self.step / SLOT, 1)
            uses = 5.0 * self.random.binomial(quarters, share, len(self.register))
            uses[list(still)] = 0
            self.register += uses
            self.now += self.step
            sent += [
                Sent(10 * home + Quantity.VOLUME, self.now, float(self.register[home]), self.now)
                for home in range(len(self.register))
                if home not in mute
            ]
            if self.now % (3 * HOUR) == 0 or self.now == end:
                told += self.see(sent)
                sent = []
        return told

    def see(self, sent: list[Sent]) -> list[Finding]:
        told = self.rules.observe(self.registers.interpret(batch(sent), self.table).observations())
        told += self.rules.tick(self.now)
        self.findings += told
        return told

    def of(self, home: int, phase: Phase | None = None) -> list[Finding]:
        return [
            one for one in self.findings if one.household == f"home-{home}" and (phase is None or one.phase is phase)
        ]


def raised(findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.phase is Phase.RAISED]
