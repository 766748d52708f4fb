"""Which device stands in which home, behind which gateway, and in which area is all that?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.areas.tree import AreaTree
from detectors.columns.runs import Mask, Positions
from registry.quantities import Quantity
from registry.readings import SensorTable


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Who belongs to what.

    `home` (d,) is each device's, `gateway` (d,) too, -1 where unknown, `leaf` (d,) the area of its home as in
    `AreaTree`; `meter` (h,) is the device that measures each home's electricity, -1 where none does.
    """

    homes: int
    home: Positions
    gateway: Positions
    gateways: tuple[str, ...]
    leaf: Positions
    meter: Positions
    tree: AreaTree
    within: NDArray[np.float64]
    """How many homes each area (a,) has."""
    devices: Positions
    """Those with a gateway, gateway by gateway."""
    first: Positions
    """Where each gateway begins among them."""

    @classmethod
    def of(cls, sensors: SensorTable) -> Layout:
        """Read who belongs to what."""
        used = np.flatnonzero(sensors.quantity)
        home = np.zeros(len(sensors.devices), np.intp)
        home[sensors.device[used]] = sensors.household[used]
        meter = np.full(len(sensors.households), -1, np.intp)
        for quantity in (Quantity.POWER, Quantity.ENERGY):  # a register says more than a gauge
            rows = used[sensors.quantity[used] == quantity]
            meter[sensors.household[rows]] = sensors.device[rows]
        names = sorted(set(sensors.gateways) - {""})
        number = {name: at for at, name in enumerate(names)} | {"": -1}
        gateway = np.array([number[name] for name in sensors.gateways], np.intp)
        devices = np.argsort(gateway, kind="stable")
        devices = devices[gateway[devices] >= 0]
        first = np.searchsorted(gateway[devices], np.arange(len(names)))
        tree = AreaTree.of(sensors.areas, sensors.places)
        within = tree.total(tree.leaf)
        return cls(len(meter), home, gateway, tuple(names), tree.leaf[home], meter, tree, within, devices, first)

    def by_gateway(self, devices: Positions) -> Positions:
        """Return how many of some devices each gateway (g,) has."""
        return np.bincount(self.gateway[devices] + 1, minlength=len(self.gateways) + 1)[1:]

    def metered(self, devices: Positions) -> Mask:
        """Return the homes (h,) whose electricity one of some devices measures."""
        metered = np.zeros(self.homes, np.bool_)
        home = self.home[devices]
        metered[home[self.meter[home] == devices]] = True
        return metered
