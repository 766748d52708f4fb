"""What can go wrong on the way in."""

from __future__ import annotations

from registry.errors import ShouwangError


class IngestError(ShouwangError):
    """Telemetry cannot be received."""


class BrokerError(IngestError):
    """The MQTT broker cannot be started or reached."""
