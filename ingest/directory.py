"""The registry as ingest looks things up: who speaks for a device, and the id of each sensor that has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.decoders.senml import is_name
from registry.quantities import BY_LABEL

NOBODY = -1
"""Instead of a gateway's number: what is sent under this name must be looked at record by record."""


class Owner(NamedTuple):
    """Who may speak for a device, and whom it watches."""

    gateway: str
    household: str


class Directory:
    """Devices by id, sensors by name (`{device}/{quantity}`), and of each sensor, by its id, what a column needs.

    `version` is the registry's own count of its changes, by which its keeper knows when to read it again. `gateways`
    numbers the gateways. `gateway` (s,) int32 is the number of the one that speaks for a sensor, `NOBODY` where the
    sensor's name is none that SenML can write; `quantity` (s,) int8 of `Quantity`. Ids that no sensor has hold nothing.
    """

    def __init__(
        self,
        version: int,
        devices: Mapping[str, Owner] | None = None,
        sensors: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        """Begin with devices, and with the ids of sensors by device and label."""
        self.version = version
        self.devices: dict[str, Owner] = dict(devices or {})
        self.sensors: dict[str, int] = {}
        self.gateways: dict[str, int] = {}
        self.gateway: NDArray[np.int32] = np.full(1, NOBODY, np.int32)
        self.quantity: NDArray[np.int8] = np.zeros(1, np.int8)
        for (device, label), sensor in (sensors or {}).items():
            if device in self.devices:
                self.enter(device, self.devices[device], {label: sensor})

    def enter(self, device: str, owner: Owner, sensors: Mapping[str, int]) -> None:
        """Enter a device and the ids of its sensors by their quantities' labels, or correct what is known of it."""
        self.devices[device] = owner
        speaker = self.gateways.setdefault(owner.gateway, len(self.gateways))
        for label, sensor in sensors.items():
            name = f"{device}/{label}"
            if sensor >= len(self.quantity):
                self._reach(sensor)
            self.sensors[name] = sensor
            self.gateway[sensor] = speaker if is_name(name) else NOBODY
            self.quantity[sensor] = BY_LABEL[label]

    def _reach(self, sensor: int) -> None:
        size, had = max(sensor + 1, 2 * len(self.quantity)), len(self.quantity)
        gateway, quantity = np.full(size, NOBODY, np.int32), np.zeros(size, np.int8)
        gateway[:had], quantity[:had] = self.gateway, self.quantity
        self.gateway, self.quantity = gateway, quantity
