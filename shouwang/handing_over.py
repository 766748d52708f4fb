"""The round that tells of hand-overs; any number of processes may make it at once."""

from __future__ import annotations

from psycopg_pool import ConnectionPool

from alerts.channels.choice import Channels
from alerts.oncall.handover import due, tell
from registry.instants import MINUTE
from storage import oncall
from storage.alerts.book import PostgresAlertBook
from storage.handovers import PostgresHandOvers


class HandingOver:
    """Looks once a minute of the engine's clock whose shift has ended, and tells of each hand-over exactly once."""

    def __init__(self, pool: ConnectionPool, channels: Channels) -> None:
        self._pool = pool
        self._channels = channels
        self._next = 0

    def __call__(self, now: int) -> int:
        """Tell of what was handed over by `now`, microseconds UTC; return how many messages were queued."""
        if now < self._next:
            return 0
        with self._pool.connection() as conn:
            ended = list(due(oncall.load(conn), now))
        queued = 0
        for one in ended:
            with self._pool.connection() as conn, conn.transaction():
                queued += tell(PostgresHandOvers(conn), PostgresAlertBook(conn), one, self._channels, now)
        self._next = now + MINUTE
        return queued
