"""What is known of the households behind a recording: where a device hangs, who is away, who depends on the supply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry.csv_files import read_directory
from registry.instants import to_micros
from registry.model import Registry


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device hangs."""

    household: str
    zone: str
    area: str = ""
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where devices hang, who is away, who needs the supply, and the codes of all areas.

    `absences` are [begin, end) in microseconds UTC by household.

    A device without a place is a household of its own in `zone`, which is also where times without an offset are
    read.
    """

    zone: str = "UTC"
    places: Mapping[str, Place] = field(default_factory=dict)
    absences: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    dependent: frozenset[str] = frozenset()
    areas: tuple[str, ...] = ()

    def place(self, device: str) -> Place:
        """Return where a device hangs."""
        return self.places.get(device) or Place(device, self.zone)


def registered(directory: Path, zone: str = "UTC") -> Circumstances:
    """Return what a folder of registry files says.

    Raises:
        RegistryFileError: the files have errors; the message names each by file and line.
    """
    return told(read_directory(directory, Registry()), zone)


def told(registry: Registry, zone: str = "UTC") -> Circumstances:
    """Return what a registry says. A disabled person at high risk depends on the supply (oxygen, a lift)."""
    homes = {home.id: home for home in registry.households}
    absences: dict[str, list[tuple[int, int]]] = {}
    for one in registry.absences:
        absences.setdefault(one.household, []).append((to_micros(one.starts), to_micros(one.ends)))
    return Circumstances(
        zone,
        {
            device.id: Place(
                device.household, homes[device.household].zone, homes[device.household].area, device.gateway
            )
            for device in registry.devices
        },
        absences,
        frozenset(home.id for home in registry.households if home.category == "disabled" and home.risk == "high"),
        tuple(area.code for area in registry.areas),
    )
