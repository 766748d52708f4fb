"""Who watches which part of the households: taken over by epoch, so that whoever had it before commits nothing more."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from registry.shards import Shard
from storage.errors import StorageError

_CLAIM = """
INSERT INTO shard (number, shards, epoch) VALUES (%s, %s, 1)
ON CONFLICT (shards, number) DO UPDATE SET epoch = shard.epoch + 1, taken_at = now()
RETURNING epoch, next_offset
"""
_HOLD = "UPDATE shard SET next_offset = %s WHERE shards = %s AND number = %s AND epoch = %s"
_EPOCH = "SELECT epoch FROM shard WHERE shards = %s AND number = %s"


class FencedError(StorageError):
    """Another worker has taken over this part of the households: nothing of this one is committed any more."""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


@dataclass(slots=True)
class Tenure:
    """The right to commit for a shard, under an epoch. `next_offset` is where its stream goes on after the commit."""

    shard: Shard
    epoch: int
    next_offset: int

    def hold(self, conn: psycopg.Connection) -> None:
        """Write down within the caller's transaction how far the stream is, and make sure that it may commit.

        Raises:
            FencedError: the shard has been taken over.
        """
        row = (self.next_offset, self.shard.of, self.shard.number, self.epoch)
        if conn.execute(_HOLD, row).rowcount != 1:
            raise FencedError

    def lasts(self, conn: psycopg.Connection) -> bool:
        """Whether nobody has taken the shard over since."""
        return conn.execute(_EPOCH, (self.shard.of, self.shard.number)).fetchone() == (self.epoch,)


def claim(conn: psycopg.Connection, shard: Shard) -> Tenure:
    """Take a shard over from whoever has it; waits for a commit of theirs that is under way."""
    with conn.transaction():
        row = conn.execute(_CLAIM, (shard.number, shard.of)).fetchone()
    assert row is not None, "INSERT … RETURNING returns a row"  # noqa: S101 (PostgreSQL's own promise)
    return Tenure(shard, int(row[0]), int(row[1]))
