"""SenML in JSON (RFC 8428 §5), as gateways publish it on `telemetry/{gateway}/senml`."""

from __future__ import annotations

from typing import ClassVar

from ingest.decoders import json_payload, senml
from ingest.records import Decoded, Reason, Reject


class SenmlJson:
    """Decodes `application/senml+json`."""

    topics: ClassVar[tuple[str, ...]] = ("telemetry/+/senml",)

    def gateway(self, topic: str) -> str:
        """Return the gateway that the topic names; the broker lets a gateway publish below its own name only."""
        return topic.split("/")[1]

    def decode(self, topic: str, payload: bytes, received: int) -> Decoded:
        """Return the records of a pack and its refusals."""
        try:
            pack = json_payload.read(payload)
        except json_payload.NotJsonError as error:
            return Decoded(self.gateway(topic), rejects=[Reject(Reason.MALFORMED, "$", str(error))])
        return Decoded(self.gateway(topic), *senml.resolve(pack, received))
