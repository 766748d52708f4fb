"""What a virtual town refuses to do."""

from __future__ import annotations

from registry.errors import ShouwangError


class SimulationError(ShouwangError):
    """The virtual town was asked for what it cannot simulate."""


class EventError(SimulationError):
    """An event is not of the form `kind@target@time`, or names what the town does not have."""
