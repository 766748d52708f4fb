"""Signed links by which a message is answered without a login, where no reply by SMS gets through.

A token is the message's id, when it expires, and an HMAC-SHA256 over both, cut to 128 bits (RFC 2104 §5): whoever has
the SMS can answer it, nobody can make one up.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from alerts.errors import AlertError
from registry.instants import DAY, SECOND

LASTS: Final = DAY
"""How long a link answers: by then an alert is somebody's, or has come again with a new link."""
LEAST_SECRET: Final = 32
"""Characters: fewer can be guessed by trying."""

_PURPOSE: Final = b"shouwang answer link 1\0"
_ID, _EXPIRY, _MAC = 16, 5, 16


class ForgedLinkError(AlertError):
    """This link was not made here, or was cut off: open it from the message again."""


class ExpiredLinkError(AlertError):
    """This link is over: answer a newer message, or call."""


@dataclass(frozen=True, slots=True)
class AnswerLinks:
    """Makes and reads links below `public_url`."""

    public_url: str
    secret: str = field(repr=False)

    def to(self, notification: UUID, now: int) -> str:
        """Return the link that answers a message, good for `LASTS` from now (microseconds UTC)."""
        expires = (now + LASTS) // SECOND
        said = notification.bytes + expires.to_bytes(_EXPIRY, "big")
        token = urlsafe_b64encode(said + self._mac(said)).rstrip(b"=").decode()
        return f"{self.public_url.rstrip('/')}/a/{token}"

    def read(self, token: str, now: int) -> UUID:
        """Return which message a token answers.

        Raises:
            ForgedLinkError: it was not made with this secret.
            ExpiredLinkError: it was, but its time is over.
        """
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except ValueError as error:
            raise ForgedLinkError(ForgedLinkError.__doc__) from error
        said, mac = raw[: _ID + _EXPIRY], raw[_ID + _EXPIRY :]
        if len(raw) != _ID + _EXPIRY + _MAC or not hmac.compare_digest(mac, self._mac(said)):
            raise ForgedLinkError(ForgedLinkError.__doc__)
        if int.from_bytes(said[_ID:], "big") * SECOND <= now:
            raise ExpiredLinkError(ExpiredLinkError.__doc__)
        return UUID(bytes=said[:_ID])

    def _mac(self, said: bytes) -> bytes:
        return hmac.new(self.secret.encode(), _PURPOSE + said, sha256).digest()[:_MAC]
