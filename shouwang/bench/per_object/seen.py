"""What is each question shown? One reading, as River's users have it: plain numbers, one at a time."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from registry.quantities import Quantity


class Seen(NamedTuple):
    """One reading; instants in microseconds UTC, `moment` is `time` without a zone, as River compares them.

    `previous` is the time of the sensor's reading before, `time` itself where there is none, `gap` the time between;
    `use` since then in litres or watt-hours, 0 where unknown; `known` is false for the first reading of a register and
    after a reset, `reset` true for the latter. `received` is when it was heard, `device` the number of who sent it.
    """

    quantity: Quantity
    device: int
    time: int
    moment: datetime
    previous: int
    gap: int
    value: float
    use: float
    known: bool
    reset: bool
    received: int


class Watch(Protocol):
    """A question asked of one sensor, one device or one home."""

    def see(self, seen: Seen) -> bool:
        """Take the next reading; return whether it is unusual."""
        ...


HOURLY = 2
"""Hours; readings further apart say too little about a single one."""
