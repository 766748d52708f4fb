"""The short reference of a message: at the end of its text, so that it can be found again and be answered by name.

Twilio takes no idempotency key. After a timeout the message is looked for by this reference before it is sent again.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, which are mistaken for others."""
_LENGTH: Final = 5
_WRITTEN: Final = re.compile(rf"[#＃]\s?([0-9A-Za-z]{{{_LENGTH}}})(?![0-9A-Za-z])")
_READ_AS: Final = str.maketrans("ILO", "110")


def reference_of(notification: UUID) -> str:
    """Return a message's reference, such as `#3F9K2`; among a person's messages of a month one in 100,000 is double."""
    number = notification.int
    letters = [_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH))]
    return "#" + "".join(letters)


def referred(text: str) -> str | None:
    """Return the reference that somebody wrote in a text, None where there is none."""
    found = _WRITTEN.search(text)
    return None if found is None else "#" + found[1].upper().translate(_READ_AS)


def without_reference(text: str) -> str:
    """Return a text without the reference somebody wrote in it."""
    return _WRITTEN.sub(" ", text).strip()
