"""Findings become alerts: a few at once, of very many the gravest first and the others a slice at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import psycopg
import structlog

from alerts.escalation import take
from alerts.ladders.policy import Policies
from alerts.storms.turns import in_turn
from detectors.finding import Finding
from registry.shards import Shard
from storage import waiting
from storage.alerts.book import PostgresAlertBook
from storage.database import blames_data
from storage.waiting import Slice

log = structlog.get_logger(__name__)

AT_ONCE = 200
"""So many findings become alerts in one transaction: some 0.2 s in which nothing else is heard."""


class Raising:
    """Knows which findings of a shard wait to become alerts, as the database has it. Commits are the caller's."""

    def __init__(self, conn: psycopg.Connection, policies: Policies, shard: Shard) -> None:
        self._conn = conn
        self._policies = policies
        self._shard = shard
        self._waiting: deque[Slice] = deque()

    def load(self) -> None:
        """Read what waits."""
        self._waiting = deque(waiting.waiting(self._conn, self._shard))

    @property
    def first(self) -> Slice | None:
        """What has waited longest, None if nothing waits."""
        return self._waiting[0] if self._waiting else None

    def take(self, findings: Sequence[Finding], now: int) -> deque[Slice]:
        """Make alerts of findings, `now` microseconds; return what then waits: `settle` with it once it is committed.

        Whatever waits already of the same household and kind goes before.
        """
        if not findings:
            return self._waiting
        turns = in_turn(findings, AT_ONCE, behind=bool(self._waiting))
        at_once = {(one.household, one.kind) for one in turns.at_once}
        left: deque[Slice] = deque()
        for one in self._waiting:
            if at_once.isdisjoint((found.household, found.kind) for found in one.findings):
                left.append(one)
            else:
                self.make_alerts(one)
        if turns.at_once:
            take(PostgresAlertBook(self._conn), turns.at_once, now, self._policies)
        left.extend(waiting.put(self._conn, now, turns.later, self._shard))
        return left

    def settle(self, left: deque[Slice]) -> None:
        """Note that what `take` did is committed."""
        self._waiting = left

    def done(self) -> None:
        """Note that what waited longest is committed."""
        self._waiting.popleft()

    def make_alerts(self, of: Slice) -> None:
        """Make alerts of findings that waited."""
        take(PostgresAlertBook(self._conn), of.findings, of.told_at, self._policies)
        waiting.remove(self._conn, of)

    def make_alerts_one_by_one(self, of: Slice) -> None:
        """Make alerts of findings that waited; one that nothing can be made of is put aside with the reason."""
        for finding in of.findings:
            try:
                with self._conn.transaction():
                    take(PostgresAlertBook(self._conn), [finding], of.told_at, self._policies)
            except Exception as error:
                if isinstance(error, psycopg.Error) and not blames_data(error):
                    raise
                log.critical("no alert can be made of a finding; it is put aside", finding=str(finding), exc_info=error)
                waiting.refuse(self._conn, of.told_at, finding, f"{type(error).__name__}: {error}")
        waiting.remove(self._conn, of)
