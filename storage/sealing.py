"""Numbers and addresses at rest: sealed with AES-GCM to their row, and found again by a keyed index.

What is sealed is text, `sealed:1:KEY:TABLE.COLUMN:` and then nonce, ciphertext and tag in base64. Table, column and row
are part of what is authenticated: in another row the same text opens nothing. The index is an HMAC-SHA-256: equal
numbers have equal ones, and without the key nobody can try all numbers there are.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, overload

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.errors import SealError

PREFIX: Final = "sealed:1:"
"""How all that is sealed begins; the number is that of this format."""
_KEY_PREFIX: Final = "sk1_"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """What one key is used as: its name, its cipher, and the secret of its index."""

    name: str
    cipher: AESGCM
    index: bytes

    @classmethod
    def read(cls, text: str) -> _Key:
        try:
            raw = base64.b64decode(text.removeprefix(_KEY_PREFIX) + "=", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not text.startswith(_KEY_PREFIX) or len(raw) != _KEY_BYTES:
            raise SealError("what numbers and addresses are sealed with is none: make one with `shouwang key create`")
        return cls(_derived(raw, "name")[:4].hex(), AESGCM(_derived(raw, "seal")), _derived(raw, "index"))


class Seals:
    """Seals with the newest of some keys, and opens with any of them. It never shows them."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take keys as `new_key` makes them, the newest first.

        Raises:
            SealError: there is none, or one of them is no key; the message does not show it.
        """
        read = [_Key.read(text) for text in keys]
        if not read:
            raise SealError(_MISSING)
        self._newest = read[0]
        self._keys = {key.name: key for key in read}
        self.keys = tuple(self._keys)
        """The names of the keys, the newest first; they tell nothing of the keys."""
        self.current = f"{PREFIX}{self._newest.name}:"
        """How all begins that is sealed with the newest key."""

    def seal(self, column: str, row: object, plain: str) -> str:
        """Return a text sealed for the column (`person.phone`) of a row (its id)."""
        nonce = os.urandom(_NONCE_BYTES)
        box = nonce + self._newest.cipher.encrypt(nonce, plain.encode(), _bound(column, row))
        return f"{self.current}{column}:{base64.b64encode(box).decode()}"

    def open(self, column: str, row: object, sealed: str) -> str:
        """Return what was sealed for the column of a row.

        Raises:
            SealError: it was not sealed at all, with a key that is not here, or for another row or column.
        """
        if not sealed.startswith(PREFIX):
            raise SealError(f"{column} of {row} is not sealed: run `shouwang migrate`")
        name, _, rest = sealed[len(PREFIX) :].partition(":")
        key = self._keys.get(name)
        if key is None:
            raise SealError(
                f"{column} of {row} is sealed with the key {name}, which is not here: add it to SHOUWANG_SEAL_KEYS, "
                "behind the newest one"
            )
        try:
            box = base64.b64decode(rest.rpartition(":")[2], validate=True)
            return key.cipher.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], _bound(column, row)).decode()
        except (InvalidTag, ValueError) as error:
            raise SealError(
                f"{column} of {row} does not open: it was changed, or belongs to another row; restore it from a backup"
            ) from error

    def index(self, plain: str) -> bytes:
        """Return what a number is found by, made with the newest key."""
        return _keyed(self._newest, plain)

    def indexes(self, plain: str) -> list[bytes]:
        """Return all that a number may be found by while rows of older keys are still about."""
        return [_keyed(key, plain) for key in self._keys.values()]


def new_key() -> str:
    """Return a fresh key as settings and key files hold it: 256 random bits."""
    return _KEY_PREFIX + base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode().rstrip("=")


def hold(seals: Seals | None) -> None:
    """Give this process its seals, or take them away; whoever puts the parts together does this before they work."""
    _Held.seals = seals


def held() -> Seals:
    """Return the seals of this process.

    Raises:
        SealError: nobody gave it any.
    """
    if _Held.seals is None:
        raise SealError(_MISSING)
    return _Held.seals


@overload
def sealed(column: str, row: object, plain: str) -> str: ...
@overload
def sealed(column: str, row: object, plain: str | None) -> str | None: ...
def sealed(column: str, row: object, plain: str | None) -> str | None:
    """Return a text sealed for the column of a row with this process's seals; nothing and '' need none."""
    return held().seal(column, row, plain) if plain else plain


@overload
def opened(column: str, row: object, sealed: str) -> str: ...
@overload
def opened(column: str, row: object, sealed: str | None) -> str | None: ...
def opened(column: str, row: object, sealed: str | None) -> str | None:
    """Return what was sealed for the column of a row; nothing and '' are that.

    Raises:
        SealError: it does not open (`Seals.open`), or this process has no seals.
    """
    return held().open(column, row, sealed) if sealed else sealed


def indexed(plain: str | None) -> bytes | None:
    """Return what a number is found by, None of nothing and ''."""
    return held().index(plain) if plain else None


class _Held:
    """The one set of seals in a process: keys are in no value that travels, is shown, or ends up in a traceback."""

    seals: Seals | None = None


_MISSING: Final = (
    "there is no key to seal numbers and addresses with: make one with `shouwang key create`, and set "
    "SHOUWANG_SEAL_KEYS to it wherever Shouwang runs"
)


def _derived(key: bytes, purpose: str) -> bytes:
    """Return a key of its own for one purpose (RFC 5869, one block of its expansion)."""
    return hmac.digest(key, b"shouwang " + purpose.encode() + b"\x01", "sha256")


def _keyed(key: _Key, plain: str) -> bytes:
    return hmac.digest(key.index, plain.encode(), "sha256")


def _bound(column: str, row: object) -> bytes:
    """Return what a text is bound to; no id in PostgreSQL has the character that stands between."""
    return f"{column}\0{row}".encode()
