"""The auditor: a thread beside the loop that climbs, which looks whether anybody is forgotten or anything is stuck.

Any number of `shouwang escalate` may run; the one that holds a lock in the database audits, the others stand by. It has
a connection of its own and shares nothing with the loop, so that it can tell when the loop stands still.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from psycopg_pool import ConnectionPool

from alerts.channels.choice import Channels
from alerts.channels.port import Channel, ChannelError
from alerts.checks.audit import TOLERANCE, Flaw, Violation, examine, summed_up
from alerts.messages.limits import PATIENCE
from alerts.messages.wording import is_chinese
from alerts.model import Notification, NotificationStatus
from alerts.people import Recipient
from dashboards.readiness import Check
from registry.instants import DAY, MINUTE, to_datetime
from shouwang.clock import Clock, LiveClock, micros
from shouwang.heartbeat import Heartbeat
from storage import audit as stored
from storage.database import connect
from storage.views import View
from storage.views import performance as answers

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 10.0
_MEASURE_SECONDS = 300.0
_MEASURED = timedelta(days=30)
_WINDOW = 10 * MINUTE
"""How long a step that ran late is held against the service: by then somebody has heard of it."""
_MOST_LOGGED = 10
_SILENT_SECONDS = 180.0
"""After so long without a round nobody audits."""

WORDS: Mapping[Flaw, tuple[str, str]] = {
    Flaw.FORGOTTEN: ("{n} alerts are being forgotten", "{n} 条报警无人跟进"),
    Flaw.LATE_STEP: ("{n} steps ran late", "{n} 个步骤执行延迟"),
    Flaw.STUCK_MESSAGE: ("{n} messages are stuck", "{n} 条消息未能送达"),
    Flaw.SILENT_HOLDER: ("{n} alerts are held in silence", "{n} 条报警接手后无动静"),
    Flaw.OVERDUE_TASK: ("{n} tasks are overdue and nobody is told", "{n} 项任务超时且无人知晓"),
}
"""What each flaw is in English and Chinese."""


class AuditMetrics:
    """What the auditor tells Prometheus. Only the process that audits sets these: the others leave them at 0."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.forgotten = Gauge(
            "shouwang_forgotten_alerts", "Open alerts without a step ahead or a holder; must be 0", registry=registry
        )
        self.flaws = Gauge("shouwang_flaws", "What is wrong with the service; must be 0", ("flaw",), registry=registry)
        self.late = Counter("shouwang_late_steps_total", "Steps that ran too late; must stay 0", registry=registry)
        self.auditing = Gauge("shouwang_auditing", "1 in the process that audits", registry=registry)
        self.answered = Gauge(
            "shouwang_answer_seconds",
            "How long people waited in the last 30 days, by what for, severity and quantile",
            ("what", "severity", "quantile"),
            registry=registry,
        )
        self.in_time = Gauge(
            "shouwang_answer_share",
            "The share of the last 30 days within a target (docs/answering.md)",
            ("target",),
            registry=registry,
        )


class Auditor:
    """Looks every ten seconds, if no other process does; `violations` is what it found last."""

    def __init__(
        self,
        conninfo: str,
        channels: Mapping[str, Channel],
        clock: Clock,
        stop: threading.Event,
        metrics: AuditMetrics,
        failures: Counter,
        heartbeat: Heartbeat | None = None,
        patience: int = PATIENCE,
    ) -> None:
        self._conninfo = conninfo
        self._channels = channels
        self._patience = patience
        self._clock = clock
        self._stop = stop
        self._metrics = metrics
        self._failures = failures
        self._heartbeat = heartbeat
        self._late: frozenset[tuple[UUID, str]] = frozenset()
        self._reported: frozenset[tuple[Flaw, UUID]] = frozenset()
        self.violations: list[Violation] = []

    def run(self) -> None:
        """Stand by until no other process audits, then audit until told to stop; no error ends it."""
        while not self._stop.is_set():
            try:
                with connect(self._conninfo, name="shouwang audit") as conn:
                    self._audit(conn)
            except Exception as error:  # noqa: BLE001 - whatever it is, an auditor that is gone helps nobody
                log.warning("the auditor lost its connection; trying again", error=str(error).strip())
                self._beat(well=False)
            self._metrics.auditing.set(0)
            self._stop.wait(_LOOK_SECONDS)

    def once(self) -> None:
        """Look once, whoever else does."""
        with connect(self._conninfo, name="shouwang audit") as conn:
            self.look(conn)

    def look(self, conn: psycopg.Connection) -> None:
        """Look once on this connection; what goes wrong is told, and passed over.

        Raises:
            psycopg.OperationalError: the connection is gone.
        """
        try:
            self._look(conn)
        except Exception as error:
            self._beat(well=False)
            if conn.closed:
                raise
            self._failures.labels("audit").inc()
            log.critical("the auditor failed; trying again", exc_info=error)

    def _audit(self, conn: psycopg.Connection) -> None:
        while not stored.take_over(conn):
            if self._stop.wait(_LOOK_SECONDS):
                return
        self._metrics.auditing.set(1)
        measured = float("-inf")
        while True:
            self.look(conn)
            if time.monotonic() - measured > _MEASURE_SECONDS:
                measured = time.monotonic()
                self._measure(conn)
            if self._stop.wait(_LOOK_SECONDS):
                return

    def _look(self, conn: psycopg.Connection) -> None:
        now, speed = micros(self._clock), self._clock.speed
        found = examined(conn, now, speed, self._patience)
        self.violations = [one for one in found if one.flaw is Flaw.FORGOTTEN]
        self._count(found)
        summed = summed_up(found)
        over = stored.write_down(conn, summed, now, speed)
        for kind in over:
            log.info("a flaw of the service is over", flaw=kind)
        self._tell(conn, now)
        self._beat(well=not found)

    def _count(self, found: list[Violation]) -> None:
        for flaw in Flaw:
            self._metrics.flaws.labels(flaw.value).set(sum(one.flaw is flaw for one in found))
        self._metrics.forgotten.set(len(self.violations))
        late = frozenset((one.alert, one.detail) for one in found if one.flaw is Flaw.LATE_STEP)
        self._metrics.late.inc(len(late - self._late))
        self._late = late
        news = [one for one in found if (one.flaw, one.alert) not in self._reported]
        for one in news[:_MOST_LOGGED]:
            log.critical(
                "an alert is being forgotten" if one.flaw is Flaw.FORGOTTEN else "the service has a flaw",
                flaw=one.flaw.value,
                alert=str(one.alert),
                detail=one.detail,
            )
        if len(news) > _MOST_LOGGED:
            log.critical("the service has more flaws; `shouwang audit` names them", more=len(news) - _MOST_LOGGED)
        self._reported = frozenset((one.flaw, one.alert) for one in found)

    def _tell(self, conn: psycopg.Connection, now: int) -> None:
        """Tell duty officers once of every flaw, straight through a channel: the outbox may be what is broken."""
        news = [one for one in stored.open_ones(conn) if one.told_at is None]
        if not news:
            return
        stored.note_told(conn, [one.kind for one in news], now)
        told = [person for person in stored.officers(conn) if self._reaches(person, news, now)]
        if not told:
            log.critical("no duty officer could be told of a flaw of the service; the board says it", flaws=len(news))

    def _reaches(self, person: Recipient, news: list[stored.ServiceAlert], now: int) -> bool:
        way = Channels.of(self._channels).way(person, person.medium)
        if way is None:
            return False
        name, medium = way
        about = uuid5(NAMESPACE_URL, f"shouwang-service-alert:{news[0].kind}:{news[0].since}")
        message = Notification(
            id=uuid5(about, f"{person.person}:{medium.value}"),
            alert=about,
            step=0,
            person=person.person,
            role=person.role,
            phone=person.phone or "",
            channel=name,
            medium=medium,
            language=person.language,
            text=sentence(news, person.language),
            status=NotificationStatus.QUEUED,
            next_attempt_at=now,
            created_at=now,
            attempts=1,
            address=person.address or "",
        )
        try:
            self._channels[name].send(message, now)
        except ChannelError as error:
            log.critical("a duty officer could not be told", person=person.person, channel=name, error=str(error))
            return False
        return True

    def _measure(self, conn: psycopg.Connection) -> None:
        try:
            for what, severity, quantile, seconds in answers.quantiles(
                View(conn, ""), now=self._clock.now(), length=_MEASURED
            ):
                self._metrics.answered.labels(what, severity, quantile).set(seconds)
            for target, share in answers.shares(View(conn, ""), now=self._clock.now(), length=_MEASURED):
                self._metrics.in_time.labels(target).set(share)
        except psycopg.Error as error:
            if conn.closed:
                raise
            self._failures.labels("measure").inc()
            log.critical("answers could not be measured", exc_info=error)

    def _beat(self, *, well: bool) -> None:
        if self._heartbeat is not None:
            self._heartbeat.beat(well=well)


@dataclass(frozen=True, slots=True)
class Report:
    """What one look from outside found; `auditor` says what is wrong with the auditor itself, '' if nothing is."""

    violations: list[Violation]
    auditor: str

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations and not self.auditor

    def lines(self) -> list[str]:
        """Return what is wrong, a line each; or that nothing is."""
        said = [f"{one.flaw.value}: {one.household} ({one.alert}): {one.detail}" for one in self.violations]
        if self.auditor:
            said.insert(0, f"no_auditor: {self.auditor}")
        return said or ["all is well: nobody is forgotten, nothing is stuck, and an auditor looks"]


def examined(conn: psycopg.Connection, now: int, speed: float, patience: int = PATIENCE) -> list[Violation]:
    """Return all that is wrong at an instant (microseconds UTC) of an engine's clock."""
    window = int(_WINDOW * max(1.0, speed))
    return examine(stored.look(conn, now, int(TOLERANCE * speed), window, patience + DAY), now, speed, patience)


def report(conn: psycopg.Connection, patience: int = PATIENCE) -> Report:
    """Look from outside, as cron or systemd would, whatever else runs."""
    newest = stored.last_round(conn)
    auditor = _silence(newest)
    if stored.in_a_town(conn):
        # Its clock is the instance's own: without it nobody can say what is late.
        if newest is None or auditor:
            return Report([], auditor)
        now = newest.at + int(newest.seconds_ago * newest.speed * 1_000_000)
        return Report(examined(conn, now, newest.speed, patience), auditor)
    return Report(examined(conn, micros(LiveClock()), 1.0, patience), auditor)


def check(pool: ConnectionPool) -> Check:
    """Say what is wrong with the service itself; it goes on all the same, so it is degraded and not unready."""
    try:
        with pool.connection(timeout=2) as conn:
            found, auditor = stored.open_ones(conn), _silence(stored.last_round(conn))
    except Exception as error:  # noqa: BLE001 - whatever it is, that nobody can look is the answer
        return Check(ok=True, why=f"the auditor's rows cannot be read: {error}", degraded=True)
    said = [f"{sentence([one], 'en')} since {to_datetime(one.since):%Y-%m-%d %H:%M} UTC" for one in found]
    why = "; ".join([*([auditor] if auditor else []), *said])
    return Check(ok=True, why=why, degraded=bool(why))


def sentence(news: list[stored.ServiceAlert], language: str) -> str:
    """Return what is wrong, without naming any household."""
    chinese = is_chinese(language)
    parts = [_words(one.kind, chinese=chinese).format(n=one.count) for one in news]
    if chinese:
        return f"守望系统自身异常：{'；'.join(parts)}。请查看看板并联系运维。"
    return f"Shouwang itself is not well: {'; '.join(parts)}. Look at the board and call the operator."


def _words(kind: str, *, chinese: bool) -> str:
    known: Any = WORDS.get(Flaw(kind)) if kind in set(Flaw) else None
    return str(known[chinese]) if known else f"{kind} ({{n}})"


def _silence(newest: stored.LastRound | None) -> str:
    if newest is None:
        return "no auditor has ever looked: start `shouwang escalate`"
    if newest.seconds_ago > _SILENT_SECONDS:
        minutes = int(newest.seconds_ago // 60)
        return f"no auditor has looked for {minutes} min: is any `shouwang escalate` running?"
    return ""
