"""The loop that climbs the ladders: due steps are run, messages leave, calls ring out, and an auditor looks on."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from uuid import UUID

import psycopg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from alerts.audit import TOLERANCE, Violation, audit
from alerts.book import Books
from alerts.channels.port import Channel
from alerts.delivery import deliver_due, expire_calls
from alerts.escalation import run_due
from shouwang.clock import Clock, micros
from storage.database import connect
from storage.errors import StorageError

log = structlog.get_logger(__name__)

_MOST = 100
_LOOK_SECONDS = 0.25
"""How long the loop sleeps when nobody calls it; a step is late by at most this."""
_AUDIT_SECONDS = 10.0


class EscalationMetrics:
    """What escalation tells Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.steps = Counter("shouwang_steps_total", "Escalation steps carried out", registry=registry)
        self.sent = Counter("shouwang_deliveries_total", "Messages handed to a channel", registry=registry)
        self.missed = Counter("shouwang_calls_missed_total", "Calls nobody took", registry=registry)
        self.forgotten = Gauge(
            "shouwang_forgotten_alerts", "Open alerts without a step ahead or a holder; must be 0", registry=registry
        )
        self.heartbeat = Gauge("shouwang_escalation_heartbeat", "Unix time of the last round", registry=registry)


class Escalating:
    """Runs until it is told to stop; any number of them may share a database."""

    def __init__(
        self,
        conninfo: str,
        books: Books,
        channels: Mapping[str, Channel],
        clock: Clock,
        stop: threading.Event,
        metrics: EscalationMetrics,
    ) -> None:
        self._conninfo = conninfo
        self._books = books
        self._channels = channels
        self._clock = clock
        self._stop = stop
        self._metrics = metrics
        self._reported: frozenset[UUID] = frozenset()
        self.last_round = time.monotonic()
        self.violations: list[Violation] = []

    @property
    def healthy(self) -> bool:
        """Whether the loop has gone round within the last half minute."""
        return time.monotonic() - self.last_round < 30

    def run(self) -> None:
        """Climb until `stop` is set; a database that is away is waited for."""
        pause = 0.2
        while not self._stop.is_set():
            try:
                with connect(self._conninfo, name="shouwang escalate") as listener:
                    listener.execute("LISTEN steps")
                    listener.execute("LISTEN notifications")
                    pause = 0.2
                    self._climb(listener)
            except (psycopg.OperationalError, StorageError) as error:
                log.warning("the database is away; trying again", error=str(error).strip(), seconds=pause)
                self._stop.wait(pause)
                pause = min(10.0, 2 * pause)

    def once(self) -> int:
        """Do all that is due by now; return how much that was."""
        now = micros(self._clock)
        steps = self._steps(now)
        sent = deliver_due(self._books, self._channels, now, _MOST)
        missed = expire_calls(self._books, now)
        self._metrics.steps.inc(steps)
        self._metrics.sent.inc(sent)
        self._metrics.missed.inc(missed)
        return steps + sent + missed

    def look_after(self) -> None:
        """Ask the auditor whether anybody is forgotten, and say so as loudly as a log can."""
        with self._books() as book:
            self.violations = audit(book.watched(), micros(self._clock), int(TOLERANCE * self._clock.speed))
        self._metrics.forgotten.set(len(self.violations))
        for violation in self.violations:
            if violation.alert not in self._reported:
                log.critical("an alert is being forgotten", alert=str(violation.alert), detail=violation.detail)
        self._reported = frozenset(violation.alert for violation in self.violations)

    def _climb(self, listener: psycopg.Connection) -> None:
        audited = 0.0
        while not self._stop.is_set():
            while self.once() and not self._stop.is_set():
                pass
            if time.monotonic() - audited > _AUDIT_SECONDS:
                audited = time.monotonic()
                self.look_after()
            self.last_round = time.monotonic()
            self._metrics.heartbeat.set_to_current_time()
            for _ in listener.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                pass

    def _steps(self, now: int) -> int:
        done = 0
        for _ in range(_MOST):  # one transaction a step: a step that fails takes no other with it
            with self._books() as book:
                if not run_due(book, now, 1):
                    break
            done += 1
        return done
