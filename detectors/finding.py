"""What a detector says: household, kind, onset, score, and the facts its sentence is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """What is unusual. An alert is one open episode of one kind in one household."""

    INACTIVITY = "inactivity"  # somebody may lie on the floor
    EXCESS = "excess"  # far more water than a day needs
    LEAK = "leak"  # water that never stops
    SMOKE = "smoke"
    TAMPER = "tamper"
    OFFLINE = "offline"  # a device that fell silent: a ticket, not an alarm for a life
    BATTERY = "battery"
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
    a device. (household, kind, rule, source, onset) identify it; saying it twice changes nothing.
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
