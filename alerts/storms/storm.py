"""What a storm is: many alerts of one kind in one area within minutes, so that one call list stands for all of them.

Detectors know blackouts and water cuts (`detectors.area_incidents`). Whatever they did not think of, a rule gone
wrong or a fault of a vendor's, must not become ten thousand telephone calls either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID, uuid5

from detectors.finding import Kind
from registry.instants import HOUR, MINUTE

_NAMESPACE = UUID("3c1b6f0a-5f0e-5a7d-9a51-7d1c0d9f2b64")
DEVICE = "device"
"""The family of all kinds that are a technician's: a vendor's fault shows as several of them."""
_DEVICE_KINDS = frozenset({Kind.OFFLINE, Kind.STUCK, Kind.CLOCK, Kind.METER, Kind.BATTERY, Kind.TAMPER})
LONGEST = HOUR
"""How long a storm may keep anybody quiet before what is still reported is raised, whether it goes on or not."""
TELL_AGAIN = 15 * MINUTE
"""How soon the duty officer is told again while nobody has taken charge of a storm."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When it is a storm: more than `fewest` alerts, and more than `share` of an area's homes, `within` microseconds.

    What is still reported when it ends is raised `a_minute` alerts a minute.
    """

    fewest: int = 20
    share: float = 0.01
    within: int = 5 * MINUTE
    a_minute: int = 10

    def most(self, homes: int) -> int:
        """Return how many alerts of a family an area of so many homes may have before it is a storm."""
        return max(self.fewest, int(self.share * homes))


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm. Instants are microseconds UTC; `heard_at` is when an alert last joined it."""

    id: UUID
    family: str
    area: str
    began_at: int
    heard_at: int
    told_at: int | None = None
    held_by: str | None = None
    ended_at: int | None = None
    part_of: UUID | None = None


class Around(NamedTuple):
    """An area around a household, and its level."""

    code: str
    level: str


class StormBook(Protocol):
    """What storms ask of storage."""

    def areas(self, area: str) -> Sequence[Around]:
        """Return an area and those around it, the smallest first."""
        ...

    def homes(self, area: str) -> int:
        """Return how many households an area has."""
        ...

    def woken(self, kinds: Sequence[Kind], area: str, since: int) -> Sequence[UUID]:
        """Return the alerts of these kinds in an area whose ladder has started since, without those of storms."""
        ...

    def storms(self, family: str) -> Sequence[Storm]:
        """Return the open storms of a family."""
        ...

    def storm(self, storm: UUID) -> Storm | None:
        """Return a storm, or the larger one that it turned out to be part of."""
        ...

    def save_storm(self, storm: Storm) -> None:
        """Write a storm down as it stands, and the incident that shows it."""
        ...

    def storms_due(self, now: int, limits: Limits) -> Sequence[Storm]:
        """Return the open storms that have to be told of or are over, locked; those others work on are skipped."""
        ...

    def waiting_in(self, storm: UUID, limit: int) -> Sequence[UUID]:
        """Return alerts that a storm, or what became part of it, keeps quiet: in the fair order, at most `limit`."""
        ...

    def crowd(self, storm: UUID) -> int:
        """Return how many open alerts a storm keeps quiet."""
        ...

    def line_up(self, storm: UUID, now: int, a_minute: int) -> None:
        """Set the time at which each alert that a storm keeps quiet has its turn: the fair order, so many a minute."""
        ...


def family_of(kind: Kind) -> str:
    """Return what an alert of a kind is counted with."""
    return DEVICE if kind in _DEVICE_KINDS else kind.value


def kinds_of(family: str) -> Sequence[Kind]:
    """Return the kinds that are counted together."""
    return sorted(_DEVICE_KINDS) if family == DEVICE else [Kind(family)]


def storm_id(family: str, area: str, began_at: int) -> UUID:
    """Return the id of a storm, which is its incident's too."""
    return uuid5(_NAMESPACE, f"storm\0{family}\0{area}\0{began_at}")
