"""Addresses of the webhooks below the public base URL: named by requests, served by `dashboards.webhooks`."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote
from uuid import UUID

INBOUND: Final = "/webhooks/twilio/inbound"
"""Configured at Twilio for the number; the others are named by each request."""
STATUS: Final = "/webhooks/twilio/status"
VOICE: Final = "/webhooks/twilio/voice"
MACHINE: Final = "/webhooks/twilio/machine"


def status(notification: UUID) -> str:
    """Return where Twilio says what became of an SMS or a call."""
    return f"{STATUS}/{notification}"


def voice(notification: UUID) -> str:
    """Return where Twilio asks what to say when somebody takes a call."""
    return f"{VOICE}/{notification}"


def key(notification: UUID, turn: int) -> str:
    """Return where Twilio posts the key pressed; `turn` counts how often this call has asked."""
    return f"{VOICE}/{notification}/key?turn={turn}"


def waiting(notification: UUID, turn: int, pressed: str, waited: int) -> str:
    """Return where Twilio asks on after a key whose worth depends on who took the call; `waited` counts how often."""
    return f"{key(notification, turn)}&pressed={quote(pressed)}&waited={waited}"


def machine(notification: UUID) -> str:
    """Return where Twilio says whether a person or a machine took a call."""
    return f"{MACHINE}/{notification}"
