"""The loop that climbs the ladders: due steps are run, messages leave, calls ring out; beside it an auditor looks on.

What cannot be done for one household must not keep the others waiting: each step, message and call stands for
itself. Only when the database is away everything waits, and begins again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

import psycopg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from alerts.book import Books, Due
from alerts.channels.choice import Channels
from alerts.channels.port import Channel
from alerts.checks.audit import Violation
from alerts.escalation import STORMS, carry_out
from alerts.messages.delivery import claim, deliver, give_up, miss, rung_out, unreported
from alerts.messages.limits import Limits
from alerts.storms.gate import look
from alerts.tasks.cap import Cap
from registry.instants import MINUTE
from shouwang.auditing import AuditMetrics, Auditor
from shouwang.clock import Clock, micros
from shouwang.heartbeat import Heartbeat
from storage.database import connect
from storage.errors import StorageError

log = structlog.get_logger(__name__)

_MOST = 10
"""So few at a turn, that a fire which breaks out meanwhile waits for no more than these."""
_LOOK_SECONDS = 0.25
"""How long the loop sleeps when nobody calls it; a step is late by at most this."""
_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_TRY_AGAIN = MINUTE
"""After how long what failed is tried again. A step keeps its due time: by then the auditor finds it."""
_AWAY = ("08", "53", "57")
"""Classes of SQLSTATE that tell of the server, not of a statement: connection, resources, operator."""


class EscalationMetrics:
    """What escalation tells Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.steps = Counter("shouwang_steps_total", "Escalation steps carried out", registry=registry)
        self.sent = Counter("shouwang_deliveries_total", "Messages handed to a channel", registry=registry)
        self.unreported = Counter(
            "shouwang_messages_unreported_total", "Messages their provider told nothing of", registry=registry
        )
        self.missed = Counter("shouwang_calls_missed_total", "Calls nobody took", registry=registry)
        self.failures = Counter(
            "shouwang_escalation_failures_total",
            "What could not be done and was passed over; must stay 0",
            ("what",),
            registry=registry,
        )
        self.audit = AuditMetrics(registry)
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
        cap: Cap | None = None,
        heartbeat: Heartbeat | None = None,
        limits: Limits | None = None,
        hand_overs: Callable[[int], int] | None = None,
    ) -> None:
        self._conninfo = conninfo
        self._books = books
        self._channels = channels
        self._choice = Channels.of(channels)
        self._limits = limits or Limits()
        self._hand_overs = hand_overs
        self._clock = clock
        self._stop = stop
        self._metrics = metrics
        self._cap = cap
        self._auditor = Auditor(
            conninfo, channels, clock, stop, metrics.audit, metrics.failures, heartbeat, self._limits.patience
        )
        self._aside: dict[UUID, int] = {}
        self.last_round = time.monotonic()

    @property
    def violations(self) -> list[Violation]:
        """The alerts that the auditor of this process found to be forgotten when it last looked."""
        return self._auditor.violations

    @property
    def healthy(self) -> bool:
        """Whether the loop has got on with anything within the last half minute."""
        return time.monotonic() - self.last_round < 30

    def run(self) -> None:
        """Climb and audit until `stop` is set; a database that is away is waited for, and no error ends it."""
        auditor = threading.Thread(target=self._auditor.run, name="audit", daemon=True)
        auditor.start()
        self._climb_on()
        auditor.join(30)

    def _climb_on(self) -> None:
        pause = _PAUSE_SECONDS
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with connect(self._conninfo, name="shouwang escalate") as listener:
                    listener.execute("LISTEN steps")
                    listener.execute("LISTEN notifications")
                    self._climb(listener)
            except Exception as error:
                if self.last_round > began:
                    pause = _PAUSE_SECONDS
                if _is_away(error):
                    log.warning("the database is away; trying again", error=str(error).strip(), seconds=pause)
                else:
                    self._metrics.failures.labels("round").inc()
                    log.critical("escalation failed; trying again", seconds=pause, exc_info=error)
                self._stop.wait(pause)
                pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)

    def once(self) -> int:
        """Do what is due by now, some ten things of each sort at most; return how much that was.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        now = micros(self._clock)
        begun = self._storms(now) + self._shifts(now) + self._steps(now)
        return begun + self._messages(now) + self._calls(now) + self._silences(now)

    def _what_is_due(self) -> int:
        now = micros(self._clock)
        return self._steps(now) + self._messages(now)

    def look_after(self) -> None:
        """Have the auditor look once, whichever process audits."""
        self._auditor.once()

    def _climb(self, listener: psycopg.Connection) -> None:
        looked = -math.inf
        while not self._stop.is_set():
            # Every step that anybody's loop runs calls all of them: what time alone brings about is not asked for then.
            if time.monotonic() - looked >= _LOOK_SECONDS:
                looked = time.monotonic()
                busy = self.once()
            else:
                busy = self._what_is_due()
            self._alive()
            if not busy:
                for _ in listener.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                    pass

    def _storms(self, now: int) -> int:
        seen = 0
        with self._passing_over("storm"), self._books() as book:
            seen += look(book, now, STORMS)
        return seen

    def _shifts(self, now: int) -> int:
        """Tell those whose shift ends or begins what is still held."""
        told = 0
        if self._hand_overs is not None:
            with self._passing_over("hand-over"):
                told = self._hand_overs(now)
        return told

    def _steps(self, now: int) -> int:
        done = 0
        for _ in range(_MOST):
            due = None
            try:
                with self._books() as book:  # one transaction a step: a step that fails takes no other with it
                    due = book.next_due(now)
                    if due is None:
                        break
                    carry_out(book, due, now, self._choice, self._cap)
            except Exception as error:
                if due is None or _is_away(error):
                    raise
                self._step_failed(due, error, now)
            else:
                self._metrics.steps.inc()
            done += 1
            self._alive()
        return done

    def _step_failed(self, due: Due, error: Exception, now: int) -> None:
        self._failed("step", error, alert=str(due.alert), step=due.no)
        with self._books() as book:
            book.put_aside(due, now + _TRY_AGAIN)

    def _messages(self, now: int) -> int:
        tried = 0
        while tried < _MOST and (claimed := claim(self._books, self._channels, now, self._limits)) is not None:
            tried += 1
            message = claimed.message
            # One that could not be recorded is tried again when its claim has run out.
            with self._passing_over("message", alert=str(message.alert), step=message.step, message=str(message.id)):
                deliver(self._books, self._channels, claimed, now)
                self._metrics.sent.inc()
        return tried

    def _calls(self, now: int) -> int:
        missed = 0
        self._aside = {call: until for call, until in self._aside.items() if until > now}
        rang = [call for call in rung_out(self._books, now) if call not in self._aside]
        for call in rang[:_MOST]:
            self._aside[call] = now + _TRY_AGAIN
            with self._passing_over("call", message=str(call)):
                missed += miss(self._books, call, now)
                del self._aside[call]
        self._metrics.missed.inc(missed)
        return missed

    def _silences(self, now: int) -> int:
        """Have messages fail that their provider tells nothing of."""
        given_up = 0
        for message in unreported(self._books, now, self._limits.patience):
            with self._passing_over("report", message=str(message)):
                given_up += give_up(self._books, message, now, self._choice)
        self._metrics.unreported.inc(given_up)
        return given_up

    @contextmanager
    def _passing_over(self, what: str, **about: object) -> Iterator[None]:
        """Report what goes wrong within and go on after it, unless the database is away."""
        try:
            yield
        except Exception as error:
            if _is_away(error):
                raise
            self._failed(what, error, **about)
        self._alive()

    def _failed(self, what: str, error: Exception, **about: object) -> None:
        self._metrics.failures.labels(what).inc()
        log.critical("this could not be done; going on with the others", what=what, **about, exc_info=error)

    def _alive(self) -> None:
        self.last_round = time.monotonic()
        self._metrics.heartbeat.set_to_current_time()


def _is_away(error: Exception) -> bool:
    """Say whether an error tells of the database, rather than of what was being done."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return error.sqlstate is None or error.sqlstate.startswith(_AWAY)
    return isinstance(error, StorageError)
