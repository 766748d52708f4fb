"""What befell an area: one cause behind the silence of many homes, told once and not home by home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID, uuid5

from detectors.finding import Fact, Phase

_NAMESPACE = UUID("5a1c6a0e-1c58-5f4e-8c0c-3f3a8d1f7b52")


class Cause(StrEnum):
    """What failed."""

    POWER = "power"  # electricity meters fall silent, or show no use, while others in these homes are heard
    WATER = "water"  # nobody in an area draws water at an hour when many do
    RADIO = "radio"  # several gateways of an area fall silent together
    GATEWAY = "gateway"  # one gateway falls silent: a maintenance matter


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as it stands: begun, grown, or ended.

    `area` is the code of the smallest area around it ("" where the homes have none), `source` the gateway
    concerned, else "". `onset` and `time` are microseconds UTC: when it began, and the engine's time at which
    that, its growth or its end could be said. `homes` of `of` homes are affected. `origin` is the area it was
    first seen in: an incident that grows beyond it stays the same incident.
    """

    cause: Cause
    area: str
    source: str
    phase: Phase
    onset: int
    time: int
    homes: int
    of: int
    origin: str
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        """The same incident has the same id, however often it is told."""
        return incident_id(self.cause, self.origin, self.source, self.onset)


def incident_id(cause: Cause, origin: str, source: str, onset: int) -> UUID:
    """Return the id of an incident: of its cause, the area (and gateway) it was first seen in, and its onset."""
    return uuid5(_NAMESPACE, f"incident\0{cause.value}\0{origin}\0{source}\0{onset}")
