"""What an engine throws away: what was refused long ago, notes that no restart needs, readings kept for long enough."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg

from registry.shards import Shard
from storage import deaf_times, engine_state, retention
from storage.retention import NEEDED_DAYS

_EVERY = timedelta(hours=1)
_NEEDED = 2 * timedelta(days=NEEDED_DAYS)


class Housekeeping:
    """Keeps what was refused for `quarantine`, and readings of a shard for as long as `kept` says."""

    def __init__(self, quarantine: timedelta, kept: timedelta, shard: Shard) -> None:
        self._quarantine = quarantine
        self._kept = kept
        self._shard = shard
        self._tidied: datetime | None = None
        self._swept: datetime | None = None

    def tidy(self, conn: psycopg.Connection, now: datetime) -> None:
        """Forget what is too old by now, within the caller's transaction."""
        if self._tidied is None or now - self._tidied > _EVERY:
            engine_state.forget_quarantine(conn, now - self._quarantine)
            engine_state.forget_batches(conn, now - _NEEDED)
            deaf_times.forget(conn, now - _NEEDED)
            self._tidied = now
        retention.forget_readings(conn, self._swept or now, now, self._kept, self._shard)
        self._swept = now
