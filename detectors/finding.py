"""What a detector says: household, kind, onset, score, and the facts its sentence is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """What is unusual. An alert is one open episode of one kind in one household."""

    INACTIVITY = "inactivity"  # somebody may lie on the floor
    SMOKE = "smoke"
    COLD = "cold"  # no heating in a cold spell
    TAP = "tap"  # water runs at a tap's rate and nobody turns it off
    BURST = "burst"  # far more water in hours than this home ever uses
    EXCESS = "excess"  # far more water than a day needs
    LEAK = "leak"  # water that never stops
    SURGE = "surge"  # far more electricity than this hour usually needs
    DROP = "drop"  # far less
    APPLIANCE = "appliance"  # something strong stays switched on
    OUTAGE = "outage"  # the supply of an area failed, and this household depends on it
    TAMPER = "tamper"
    OFFLINE = "offline"  # a device that fell silent: a ticket, not an alarm for a life
    STUCK = "stuck"  # a sensor that says the same whatever happens
    CLOCK = "clock"  # a device whose clock is wrong
    METER = "meter"  # a register that restarted: swapped, reset
    BATTERY = "battery"
    DRIFT = "drift"  # habits that changed over weeks: worth a talk, not an alarm
    ANOMALY = "anomaly"  # a model of the user's own


class Severity(IntEnum):
    """How soon somebody must act."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    URGENT = 4

    @property
    def label(self) -> str:
        """The word used in policies, the API and on screen."""
        return self.name.lower()


class Phase(StrEnum):
    """Whether a condition began or ended."""

    RAISED = "raised"
    CLEARED = "cleared"


Fact = str | float | int
"""A typed fact: durations in seconds, instants as microseconds since 1970 (names ending in `_at`), SI units."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a detector says about one household.

    `onset` and `time` are microseconds UTC: when the condition began, and the event time at which it could be
    said (of a `CLEARED` finding: when it ended). `source` names what it was seen on, `{device}/{quantity}` or
    a device. (household, kind, rule, source, onset, phase, severity) identify it; saying it twice changes nothing.
    A condition that is raised again with its onset and a higher severity has grown worse; it ends once.
    """

    household: str
    kind: Kind
    rule: str
    source: str
    phase: Phase
    severity: Severity
    onset: int
    time: int
    score: float
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def order(self) -> tuple[int, str, str, str, str]:
        """The one order in which findings are told, however the stream was cut."""
        return (self.time, self.household, self.kind, self.rule, self.source)
