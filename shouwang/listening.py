"""The loop that carries telemetry from the broker to the database: take, judge, commit, acknowledge, in this order.

While one batch is being committed by a thread of its own, the next is judged: the database and the detectors work side
by side. Nothing else overlaps, and what was judged is of no use once the batch before it could not be committed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple, TypeVar

import msgspec
import psycopg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingest.mqtt import Delivery, Subscriber
from shouwang.engine import Engine
from shouwang.errors import AnotherEngineError
from shouwang.outcome import Judged, Outcome
from storage.database import blames_data
from storage.errors import StorageError

log = structlog.get_logger(__name__)
_T = TypeVar("_T")

MOST_MESSAGES = 1_000
"""Messages in one transaction at the most; what a broker has ready is taken at once, so a busy one fills it."""
_WAIT_SECONDS = 0.2
_TICK_SECONDS = 1.0


class IngestMetrics:
    """What ingest tells Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages = Counter("shouwang_messages_total", "MQTT messages committed", registry=registry)
        self.readings = Counter("shouwang_readings_total", "Readings accepted", registry=registry)
        self.stored = Counter("shouwang_readings_stored_total", "Readings stored for the first time", registry=registry)
        self.refused = Counter("shouwang_refused_total", "Records refused into quarantine", registry=registry)
        self.findings = Counter("shouwang_findings_total", "Findings", ["kind", "phase"], registry=registry)
        self.failures = Counter("shouwang_commit_failures_total", "Batches tried again", registry=registry)
        self.commit = Histogram("shouwang_commit_seconds", "From taking a batch to its commit", registry=registry)
        self.heartbeat = Gauge("shouwang_engine_heartbeat", "Unix time of the engine's last round", registry=registry)

    def count(self, outcome: Outcome, messages: int) -> None:
        """Count what became of a batch."""
        self.messages.inc(messages)
        self.readings.inc(outcome.readings)
        self.stored.inc(outcome.stored)
        self.refused.inc(outcome.refused)
        for finding in outcome.findings:
            self.findings.labels(finding.kind, finding.phase).inc()


class _Underway(NamedTuple):
    """Messages that are being committed, and since when they were judged (monotonic seconds)."""

    deliveries: Sequence[Delivery]
    outcome: Future[Outcome]
    began: float


class Listening:
    """Runs an engine over a subscriber until it is told to stop.

    `engine` makes a loaded engine on a connection of its own; after any failure the old one is thrown away with
    whatever it had half done, and a new one takes its memory from the database.
    """

    def __init__(
        self, subscriber: Subscriber, engine: Callable[[], Engine], stop: threading.Event, metrics: IngestMetrics
    ) -> None:
        self._subscriber = subscriber
        self._make = engine
        self._engine: Engine | None = None
        self._stop = stop
        self._metrics = metrics
        self._underway: _Underway | None = None
        self._looking: Future[Outcome] | None = None
        self._writing: Future[None] | None = None
        self._still = True
        """Whether the next look at the clock must wait until nothing is under way."""
        self.last_round = time.monotonic()
        self.busy = False
        """Whether messages are on their way into the database right now."""

    @property
    def healthy(self) -> bool:
        """Whether the loop has an engine and has gone round within the last half minute."""
        return self._engine is not None and time.monotonic() - self.last_round < 30

    def run(self, engine: Engine | None = None) -> None:
        """Carry messages until `stop` is set; then commit what was taken and return."""
        self._engine = engine
        ticked = 0.0
        with ThreadPoolExecutor(1, "commit") as committer:
            while not self._stop.is_set():
                idle = self._underway is None and not self._waiting
                deliveries = self._subscriber.take(MOST_MESSAGES, _WAIT_SECONDS if idle else 0.0)
                if deliveries:
                    self.busy = True
                    self._begin(deliveries, committer)
                look = time.monotonic() - ticked >= _TICK_SECONDS
                if not deliveries or self._waiting or self._unsaved or (look and not self._looks_ahead):
                    self._finish()
                    self.busy = False
                    self._save()
                if look:
                    ticked = time.monotonic()
                    if self._looks_ahead:
                        self._look(committer)
                    else:
                        self._tick()
                # A fire may be among those not yet taken.
                if self._waiting and (look or len(deliveries) < MOST_MESSAGES):
                    self._go_on()
                self._go_on_saving(committer)
                self.last_round = time.monotonic()
                self._metrics.heartbeat.set_to_current_time()
            self._finish()
        if self._engine is not None:
            self._engine.close()

    def _begin(self, deliveries: Sequence[Delivery], committer: Executor) -> None:
        """Judge messages, and have them committed when those before them are."""
        engine, began = self._engine, time.monotonic()
        judged = None
        if engine is not None:
            try:
                judged = engine.judge([delivery.message for delivery in deliveries])
            except Exception as error:  # noqa: BLE001 - it is tried again, and told if it fails again
                log.warning("a batch cannot be judged; a new engine tries again", error=repr(error))
        self._finish()
        if judged is None and engine is self._engine:
            self._discard()
        if engine is None or judged is None or engine is not self._engine:
            self._carry(deliveries)
            return
        self._underway = _Underway(deliveries, committer.submit(engine.commit, judged), began)

    def _finish(self) -> None:
        """Wait until the messages under way are committed, and acknowledge them."""
        underway, self._underway = self._underway, None
        if underway is None:
            self._await_behind()
            return
        try:
            outcome = underway.outcome.result()
        except Exception as error:  # noqa: BLE001 - it is tried again, and told if it fails again
            log.warning("a commit failed; a new engine tries again", error=str(error).strip())
            self._metrics.failures.inc()
            self._discard()
            self._carry(underway.deliveries)
            return
        self._metrics.commit.observe(time.monotonic() - underway.began)
        self._metrics.count(outcome, len(underway.deliveries))
        self._acknowledge(underway.deliveries, outcome)
        self._await_behind()

    @property
    def _unsaved(self) -> bool:
        return self._engine is not None and self._engine.memory.due

    def _go_on_saving(self, committer: Executor) -> None:
        """Have the next piece of the detectors' memory written down behind the batch under way."""
        if self._writing is None and self._engine is not None and self._engine.memory.underway:
            self._writing = committer.submit(self._engine.go_on_saving)

    def _await_behind(self) -> None:
        """Wait for what is under way behind a batch; what could not be written, the next engine writes."""
        if self._looking is not None:
            if (error := self._looking.exception()) is not None:
                log.warning("a look at the clock could not be committed", error=str(error).strip())
                self._metrics.failures.inc()
                self._discard()
                return
            self._still = self._looking.result().due
            self._looking = None
        if self._writing is not None and (error := self._writing.exception()) is not None:
            log.warning("the detectors' memory could not be written down", error=str(error).strip())
            self._metrics.failures.inc()
            self._discard()
        self._writing = None

    def _save(self) -> None:
        if self._unsaved:
            self._attempt(lambda engine: engine.begin_saving(), "copying the detectors' memory")

    @property
    def _looks_ahead(self) -> bool:
        """Whether a look at the clock may be taken while a batch is being committed."""
        if self._engine is None or self._underway is None:
            return False
        return not self._still and not self._waiting and self._engine.looks_ahead

    def _look(self, committer: Executor) -> None:
        """Look at the clock, and have what it shows committed behind the batch under way."""
        engine, underway = self._engine, self._underway
        if engine is None or underway is None or self._looking is not None:
            return
        try:
            judged = engine.look(hearing=self._subscriber.connected)
        except Exception:
            log.exception("this failed; a new engine tries again", what="the engine's look at the clock")
            self._metrics.failures.inc()
            self._finish()
            self._discard()
            return
        self._looking = committer.submit(_behind, underway.outcome, engine, judged)

    def _tick(self) -> None:
        # While the broker is away we are deaf, and nobody's silence means anything.
        hearing = self._subscriber.connected
        self._attempt(lambda engine: engine.tick(hearing=hearing), "the engine's look at the clock")
        self._still = False

    @property
    def _waiting(self) -> bool:
        return self._engine is not None and self._engine.waiting

    def _go_on(self) -> None:
        """Make alerts of some of the findings that wait; then whatever has come meanwhile goes first."""
        self._finish()
        self._attempt(lambda engine: engine.go_on(), "making alerts of findings that wait")

    def _attempt(self, work: Callable[[Engine], object], what: str) -> None:
        """Do something with the engine that no message waits for; where it fails, the next engine tries again."""
        try:
            self._until_done(work)
        except Exception:
            log.exception("this failed; a new engine tries again", what=what)
            self._metrics.failures.inc()
            self._discard()

    def _carry(self, deliveries: Sequence[Delivery]) -> None:
        try:
            self._commit(deliveries)
        except Exception:  # whatever is wrong with one message must not stop the others
            log.exception("a batch failed; its messages are tried one by one", messages=len(deliveries))
            self._metrics.failures.inc()
            self._discard()
            for delivery in deliveries:
                self._carry_alone(delivery)

    def _carry_alone(self, delivery: Delivery) -> None:
        try:
            self._commit([delivery])
        except Exception as error:  # a bug of ours that this message brings to light
            log.exception("a message cannot be processed; it goes to quarantine", topic=delivery.message.topic)
            self._discard()
            reason = f"{type(error).__name__}: {error}"
            if self._until_done(lambda engine: engine.refuse(delivery.message, reason)) is not None:
                self._acknowledge([delivery])

    def _commit(self, deliveries: Sequence[Delivery]) -> None:
        with self._metrics.commit.time():
            outcome = self._until_done(lambda engine: engine.process([delivery.message for delivery in deliveries]))
        if outcome is None:
            return  # told to stop while the database was away: the broker will deliver these again
        self._metrics.count(outcome, len(deliveries))
        self._acknowledge(deliveries, outcome)

    def _acknowledge(self, deliveries: Sequence[Delivery], outcome: Outcome | None = None) -> None:
        self._subscriber.acknowledge(deliveries)
        for position, delivery in enumerate(deliveries):
            if delivery.response_topic is not None:
                readings, rejected = outcome.tallies[position] if outcome else (0, 1)
                self._subscriber.receipt(delivery, msgspec.json.encode({"readings": readings, "rejected": rejected}))

    def _until_done(self, work: Callable[[Engine], _T]) -> _T | None:
        """Do something with the engine; while the database is away, wait and try again.

        The engine that was thrown away may hold the database a moment longer, until the server sees that it is gone.
        """
        pause = 0.2
        while True:
            try:
                if self._engine is None:
                    self._engine = self._make()
                return work(self._engine)
            except (psycopg.Error, StorageError, AnotherEngineError) as error:
                if isinstance(error, psycopg.Error) and blames_data(error):
                    raise
                log.warning("the database cannot do this now; trying again", error=str(error).strip(), seconds=pause)
                self._metrics.failures.inc()
                self._discard()
                if self._stop.wait(pause):
                    return None
                pause = min(10.0, pause * 2)

    def _discard(self) -> None:
        engine, self._engine = self._engine, None
        behind: list[Future[Any]] = [one for one in (self._looking, self._writing) if one is not None]
        wait(behind)
        self._looking = self._writing = None
        if engine is not None:
            engine.close()


def _behind(batch: Future[Outcome], engine: Engine, judged: Judged) -> Outcome:
    """Commit what was judged behind a batch; if that is not committed, neither is this."""
    batch.result()
    return engine.commit(judged)
