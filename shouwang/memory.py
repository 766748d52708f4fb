"""When and how the detectors' memory is written down: so rarely that it costs little, so often that a restart does.

All of it is as of one batch. Either it is written in one go, or it is copied and the copy written piece by piece, while
the engine goes on: a hundred thousand sensors' is 160 MB, and a fire does not wait for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg

from registry.shards import Shard
from storage import snapshots
from storage.snapshots import Draft, Snapshot

_EVERY = timedelta(minutes=1)
_SLOWEST = 2_500_000  # bytes of memory for each second between two saves: they take a few per cent of the time
_BYTES_A_READING = 80  # bytes of memory for each reading between two saves, for the same reason
_LEAST, _MOST = 100_000, 2_000_000  # readings; the most is what a restart replays in some 15 s


class Memory:
    """What the database has of an engine's memory. What it is told happens within the caller's transactions."""

    def __init__(self, conn: psycopg.Connection, rules: str, shard: Shard, after: int | None) -> None:
        """Take after how many readings it is written down; None for the later, the larger it is."""
        self._conn = conn
        self._rules = rules
        self._shard = shard
        self._after = after
        self._unsaved = 0
        self._size = 0
        self._found = False
        self._draft: Draft | None = None
        self.saved: datetime | None = None
        """When it was written down last, None where it must be at the next look at the clock."""

    def load(self) -> Snapshot | None:
        """Return what was written down last, None if nothing was."""
        found = snapshots.load_snapshot(self._conn, self._rules, self._shard)
        if found is not None:
            self._size, self.saved = found.size, found.saved_at
        return found

    def stored(self, readings: int) -> None:
        """Count readings that a restart would have to replay."""
        self._unsaved += readings

    def looked(self, now: datetime) -> None:
        """Note that a look at the clock found something: a replay would not find it, so it is written down soon."""
        rest = max(_EVERY, timedelta(seconds=self._size / _SLOWEST))
        self._found |= self.saved is not None and now - self.saved > rest

    @property
    def due(self) -> bool:
        """Whether it is time to write it down."""
        enough = self._after
        if enough is None:
            enough = min(max(self._size // _BYTES_A_READING, _LEAST), _MOST)
        return self._draft is None and (self._found or self._unsaved >= enough)

    @property
    def underway(self) -> bool:
        """Whether a copy is being written."""
        return self._draft is not None

    def save(self, batch: int, now: datetime, states: Iterator[tuple[str, bytes]]) -> None:
        """Write it down as of a batch."""
        size = snapshots.save_snapshot(self._conn, self._rules, batch, now, states, self._shard)
        self._draft = None
        self._saved(now, size)

    def copy(self, batch: int, now: datetime, states: Iterator[tuple[str, bytes]]) -> None:
        """Copy it as of a batch, for `write_next`."""
        self._draft = Draft(self._conn, self._rules, batch, now, list(states), self._shard)
        self._saved(now, self._draft.size)

    def write_next(self) -> bool:
        """Write the next piece of the copy; return whether that was the last, for `written`."""
        return self._draft is None or self._draft.write_next(self._conn)

    def written(self) -> None:
        """Forget the copy, all of which is committed."""
        self._draft = None

    def _saved(self, now: datetime, size: int) -> None:
        self._unsaved, self._found, self.saved, self._size = 0, False, now, size
