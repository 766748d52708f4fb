"""What is known of one incident while it lasts, and how is it told?"""

from __future__ import annotations

from uuid import UUID

import msgspec

from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.incident import Cause, Incident, incident_id
from registry.instants import MINUTE, SECOND

_AT_ONCE = 30 * MINUTE


class Episode(msgspec.Struct):
    """An incident that lasts, or did lately; homes and devices by name, since their numbers are those of a process.

    `affected` are the homes that show it, `devices` those that were silent when it was recognised, `frozen` the
    homes whose evidence it takes away, `called` those who depend on the supply and the onset they were told with.
    """

    cause: Cause
    origin: str
    area: str
    source: str
    onset: int
    time: int
    of: int
    by_chance: float
    affected: list[str]
    devices: list[str]
    frozen: list[str] = []
    called: dict[str, int] = {}
    told: int = 0
    end: int | None = None

    def covers(self, area: str) -> bool:
        """Say whether an area lies within this incident's."""
        return self.cause is not Cause.GATEWAY and bool(self.area) and area.startswith(self.area)

    def explains(self, cause: Cause, area: str, source: str) -> bool:
        """Say whether what was found in an area, or behind a gateway, is this incident or follows from it."""
        if self.cause is cause is Cause.GATEWAY:
            return self.source == source
        if cause is Cause.GATEWAY:
            return self.covers(area) and self.cause in (Cause.POWER, Cause.RADIO)
        return self.covers(area) and self.cause in (cause, Cause.POWER)

    def part_of(self, cause: Cause, area: str, onset: int) -> bool:
        """Say whether this incident is what was found, as far as it was seen before."""
        if self.cause is Cause.GATEWAY:
            near = abs(self.onset - onset) <= _AT_ONCE
            return cause in (Cause.RADIO, Cause.POWER) and near and self.area.startswith(area) and bool(area)
        return self.cause is cause and self.area.startswith(area)

    @property
    def id(self) -> UUID:
        """The id of the incident as it is told."""
        return incident_id(self.cause, self.origin, self.source, self.onset)

    @property
    def homes_of(self) -> int:
        """Of how many homes those affected are some."""
        return max(self.of, len(self.affected))

    def as_told(self, phase: Phase, time: int, into: Episode | None = None) -> Incident:
        """Return the incident as it stands at a time (microseconds UTC); what has grown to be another says which."""
        facts: dict[str, Fact] = {
            "template": f"incident_{self.cause.value}",
            "homes": len(self.affected),
            "of": self.homes_of,
            "since_at": self.onset,
            "devices": len(self.devices),
            "by_chance": self.by_chance,
            "lasted": (time - self.onset) / SECOND,
        }
        if self.source:
            facts["gateway"] = self.source
        if into is not None:
            facts["into"] = str(into.id)
        return Incident(
            self.cause, self.area, self.source, phase, self.onset, time, len(self.affected), self.homes_of,
            self.origin, facts,
        )  # fmt: skip

    def call(self, household: str, rule: str, phase: Phase, time: int) -> Finding:
        """Return what is said of a home that depends on the supply."""
        onset = self.called[household]
        facts: dict[str, Fact] = {"lasted": (time - onset) / SECOND}
        if phase is Phase.RAISED:
            facts |= {
                "template": f"outage_{self.cause.value}",
                "homes": len(self.affected),
                "of": self.homes_of,
                "since_at": onset,
                "by_chance": self.by_chance,
            }
        score = 1.0 if phase is Phase.RAISED else 0.0
        return Finding(household, Kind.OUTAGE, rule, self.cause.value, phase, Severity.HIGH, onset, time, score, facts)
