"""What a vendor's format must offer to be understood: one class in one file beside this one."""

from __future__ import annotations

from typing import ClassVar, Protocol

from ingest.records import Decoded


class Decoder(Protocol):
    """Reads one payload format. It has no state, does no I/O, reads no clock, and never raises for a bad payload."""

    topics: ClassVar[tuple[str, ...]]
    """MQTT topic filters, in which `+` stands for one level."""

    def gateway(self, topic: str) -> str:
        """Return who vouches for what is published on a topic: the gateway its devices are registered with."""
        ...

    def decode(self, topic: str, payload: bytes, received: int) -> Decoded:
        """Return what a payload says, and what in it cannot be accepted.

        `received` is microseconds UTC and stands in for a time that the payload does not tell.
        """
        ...
