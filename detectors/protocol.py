"""The shape of a detector: columns in, findings out; nothing else gets in or out."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from detectors.finding import Finding
from registry.readings import Observations


class Detector(Protocol):
    """One question asked of every household.

    A detector is pure: no clock, no I/O, no randomness that is not seeded. Its findings depend on the readings
    alone, never on how they were cut into batches. Rows it does not care about (another quantity) it ignores.
    """

    name: str
    """The rule's name, unique within a rule set; it keys the snapshot."""

    def observe(self, batch: Observations) -> list[Finding]:
        """Take readings in event-time order and return what they show, in any order."""
        ...

    def tick(self, now: int) -> list[Finding]:
        """Take the engine's clock (microseconds UTC) and return what only time can show."""
        ...

    def snapshot(self) -> bytes:
        """Return the whole state; `restore` of it continues as if nothing had happened."""
        ...

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` of the same rule returned."""
        ...


@runtime_checkable
class Daily(Protocol):
    """A detector that takes stock of all households together, once a day of the engine's clock.

    What it pools changes there and nowhere else, so that findings do not depend on how a day was cut into batches.
    """

    def dawn(self, day: int) -> None:
        """Hear that a day (since 1970, UTC) has begun, before its first reading is received."""
        ...
