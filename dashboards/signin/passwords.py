"""What a password must be, and how it is kept: as argon2id, which is slow for whoever steals it.

Length decides, as NIST SP 800-63B asks: 12 characters of any kind, no rules of composition. What is short in truth is
refused by its look (few different characters, runs such as 123456 or abcdef, the account's own name), not by a
dictionary.
"""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache
from itertools import pairwise
from threading import BoundedSemaphore
from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

LEAST: Final = 12
MOST: Final = 200

_DIFFERENT: Final = 6
_SHORTEST_NAME: Final = 4
_HASH: Final = PasswordHash((Argon2Hasher(),))
_AT_ONCE: Final = BoundedSemaphore(2)
"""Each takes 64 MiB for its while: a flood of attempts waits here and does not exhaust the machine."""


def flaw(password: str, name: str) -> str | None:
    """Return why a password will not do for an account of this name, in English; None where it will."""
    plain = _normal(password)
    if len(plain) < LEAST:
        return "A password has 12 characters or more; a few words in a row are easy to remember"
    if len(plain) > MOST:
        return "A password has at most 200 characters"
    if len(set(plain.casefold())) < _DIFFERENT or _runs(plain):
        return "This password is easy to guess: use more different characters, and no rows such as 123456"
    if len(name) >= _SHORTEST_NAME and _normal(name).casefold() in plain.casefold():
        return "This password is easy to guess: leave your name out of it"
    return None


def refusal(name: str, kept: str | None, chosen: str, again: str) -> str | None:
    """Return why a new password cannot take the place of the one `kept`, in English; None where it can."""
    found = flaw(chosen, name)
    if found is None and chosen != again:
        return "The two passwords differ: type the same one twice"
    if found is None and fits(chosen, kept):
        return "This is the password you have: choose another that only you know"
    return found


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    with _AT_ONCE:
        return _HASH.hash(_normal(password))


def fits(password: str, kept: str | None) -> bool:
    """Say whether a password is the one that was kept; where none was, it takes as long to say no."""
    plain = _normal(password)[: MOST + 1]
    with _AT_ONCE:
        return _HASH.verify(plain, kept or _nobodys()) and kept is not None


def made() -> str:
    """Return a password for somebody to begin with: 100 random bits in four groups, without letters easily mistaken."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


@cache
def _nobodys() -> str:
    return _HASH.hash(secrets.token_urlsafe(32))


def _normal(password: str) -> str:
    # The same characters come in different codes from different keyboards: full-width, composed.
    return unicodedata.normalize("NFKC", password)


def _runs(plain: str) -> bool:
    """Say whether most characters are next to the one before them: 123456, abcdef, 987654."""
    near = sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(plain))
    return 2 * near > len(plain)
