"""Which part of the households an engine watches: all of them, or one of several parts of about equal size."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `of` parts, counted from 0. A household belongs to the same part wherever that is asked."""

    number: int = 0
    of: int = 1


WHOLE = Shard()
"""All households: what a single engine watches."""


def shard_of(household: str, shards: int) -> int:
    """Return the number of the part a household belongs to: 32 bits of its id's MD5, as `shard_of` in the database."""
    return int.from_bytes(md5(household.encode(), usedforsecurity=False).digest()[:4]) % shards
