"""What a rule says of each device over time; as `Condition`, but of devices, and saved by their names."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import NEVER, Bank, Column
from detectors.columns.runs import Positions
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from registry.instants import SECOND
from registry.readings import SensorTable


class DeviceCondition:
    """Tells the beginnings and ends of one kind of condition; 14 bytes a device, and the rule's own columns.

    A device's number is that of one process, so its state is saved by name.
    """

    def __init__(self, sensors: SensorTable, rule: str, kind: Kind, severity: Severity, *columns: Column) -> None:
        self._sensors = sensors
        self._rule = rule
        self._kind = kind
        self._severity = severity
        self.bank = Bank(
            Column("raised", "i8", NEVER),  # onset of what is raised
            Column("sensor", "i4", 0),  # one of the device's sensors: it knows the household
            Column("times", "u2", 0),  # how often it was raised
            *columns,
        )

    def reach(self) -> Bank:
        """Make room for every device there is; return the bank."""
        self.bank.reach(len(self._sensors.devices))
        return self.bank

    def begin(self, device: int, onset: int, time: int, facts: Mapping[str, Fact]) -> Finding:
        """Raise the condition of one device."""
        times = int(self.bank["times"][device])
        self.bank["raised"][device] = onset
        self.bank["times"][device] = min(times + 1, 0xFFFF)
        return self._finding(device, Phase.RAISED, onset, time, {**facts, "times": times})

    def end(self, device: int, time: int) -> Finding:
        """Clear the condition of one device."""
        onset = int(self.bank["raised"][device])
        self.bank["raised"][device] = NEVER
        return self._finding(device, Phase.CLEARED, onset, time, {"lasted": (time - onset) / SECOND})

    def rows(self) -> dict[str, NDArray[Any]]:
        """Return the state, for `pack`."""
        return {"devices": self.known(self.reach()), "names": np.array(self._sensors.devices, np.str_)}

    def known(self, bank: Bank) -> NDArray[Any]:
        """Return a bank's rows of the devices that there are."""
        return bank.rows()[: len(self._sensors.devices)]

    def take(self, saved: Mapping[str, NDArray[Any]]) -> tuple[Positions, Positions]:
        """Continue from what `rows` returned; devices that the table does not know are left out.

        Returns:
            The numbers of the devices that are known now, and where each was among those saved.
        """
        self.bank.take(saved["devices"][:0])
        self.reach()
        number = {name: at for at, name in enumerate(self._sensors.devices)}
        names = saved["names"].tolist()
        found = np.fromiter(map(number.get, names, repeat(-1)), np.intp, len(names))
        then = np.flatnonzero(found >= 0)
        now = found[then]
        self.bank.rows()[now] = saved["devices"][then]
        return now, then

    def _finding(self, device: int, phase: Phase, onset: int, time: int, facts: Mapping[str, Fact]) -> Finding:
        return Finding(
            household=self._sensors.household_of(int(self.bank["sensor"][device])),
            kind=self._kind,
            rule=self._rule,
            source=self._sensors.devices[device],
            phase=phase,
            severity=self._severity,
            onset=onset,
            time=time,
            score=1.0 if phase is Phase.RAISED else 0.0,
            facts=facts,
        )
