"""Whether a webhook comes from Twilio: its signature over the address it was sent to and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from twilio.request_validator import RequestValidator, get_signature_algorithm


class Fields(Protocol):
    """The fields of a form, each with all its values, as the validator reads them."""

    def getlist(self, key: str) -> list[str]:
        """Return every value of one field."""
        ...


@dataclass(frozen=True, slots=True)
class Signatures:
    """Checks `X-Twilio-Signature` against the configured public base URL.

    Never against the Host header: whoever sends a request chooses that, and a signature made for another of the
    account's services would pass.
    """

    auth_token: str = field(repr=False)
    public_url: str

    def genuine(self, path: str, query: str, fields: Fields, signature: str | None, how: str | None = None) -> bool:
        """Say whether Twilio signed this request; `path` begins with a slash, `how` is the signature's settings."""
        address = self.public_url.rstrip("/") + path + (f"?{query}" if query else "")
        validator = RequestValidator(self.auth_token)
        if not signature:
            return False
        return bool(validator.validate(address, fields, signature, get_signature_algorithm(how)))
