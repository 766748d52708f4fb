"""The loop that carries telemetry from the broker to the database: take, judge, commit, acknowledge, in this order.

While batches are being committed by a thread of its own, one after the other, the next is judged: the database and the
detectors work side by side. What was judged is of no use once something before it could not be committed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from enum import StrEnum
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec
import psycopg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingest.mqtt import Delivery, Subscriber
from shouwang.engine import Engine
from shouwang.errors import AnotherEngineError
from shouwang.outcome import Outcome
from storage.database import blames_data
from storage.errors import StorageError

log = structlog.get_logger(__name__)
_T = TypeVar("_T")

MOST_MESSAGES = 1_000
"""Messages in one transaction at the most; what a broker has ready is taken at once, so a busy one fills it."""
_AHEAD = 2
"""Batches that are judged and not yet committed, at the most, while one more is judged. With one, whichever of the two
was the quicker this time waits for the other, and neither makes up for it."""
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


class _What(StrEnum):
    """What is under way, as the log calls it."""

    BATCH = "a batch"
    LOOK = "a look at the clock"
    MEMORY = "a piece of the detectors' memory"


class _Underway(NamedTuple):
    """What is being committed behind whatever was under way before it; of a batch its messages, and since when."""

    what: _What
    outcome: Future[Outcome | None]
    deliveries: Sequence[Delivery] = ()
    began: float = 0.0


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
        self._underway: deque[_Underway] = deque()
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
                idle = not self._underway and not self._waiting
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
        self._finish(_AHEAD - 1 if judged is not None else 0)
        if judged is None and engine is self._engine:
            self._discard()
        if engine is None or judged is None or engine is not self._engine:
            self._carry(deliveries)
            return
        self._submit(committer, _What.BATCH, partial(engine.commit, judged), deliveries, began)

    def _submit(
        self,
        committer: Executor,
        what: _What,
        work: Callable[[], Outcome | None],
        deliveries: Sequence[Delivery] = (),
        began: float = 0.0,
    ) -> None:
        """Have something done behind all that is under way; if any of that fails, it is not done."""
        before = self._underway[-1].outcome if self._underway else None
        self._underway.append(_Underway(what, committer.submit(_behind, before, work), deliveries, began))

    def _is_underway(self, what: _What) -> bool:
        return any(one.what is what for one in self._underway)

    def _finish(self, most: int = 0) -> None:
        """Wait until no more than so many batches are under way, with 0 nothing at all; acknowledge what is done."""
        while self._underway and (
            self._underway[0].outcome.done()
            or not most
            or sum(one.what is _What.BATCH for one in self._underway) > most
        ):
            self._end(self._underway.popleft())

    def _end(self, one: _Underway) -> None:
        """Wait for what is first under way; where it fails, so does the rest, and a new engine tries again."""
        try:
            outcome = one.outcome.result()
        except Exception as error:  # noqa: BLE001 - it is tried again, and told if it fails again
            log.warning("a commit failed; a new engine tries again", what=one.what.value, error=str(error).strip())
            self._metrics.failures.inc()
            lost = [one, *self._underway]
            self._underway.clear()
            wait([each.outcome for each in lost])
            self._discard()
            for each in lost:
                if each.deliveries:
                    self._carry(each.deliveries)
            return
        if outcome is None:
            return
        if one.what is _What.LOOK:
            self._still = outcome.due
            return
        self._metrics.commit.observe(time.monotonic() - one.began)
        self._metrics.count(outcome, len(one.deliveries))
        self._acknowledge(one.deliveries, outcome)

    @property
    def _unsaved(self) -> bool:
        return self._engine is not None and self._engine.memory.due

    def _go_on_saving(self, committer: Executor) -> None:
        """Have the next piece of the detectors' memory written down behind what is under way."""
        if self._engine is not None and self._engine.memory.underway and not self._is_underway(_What.MEMORY):
            self._submit(committer, _What.MEMORY, self._engine.go_on_saving)

    def _save(self) -> None:
        if self._unsaved:
            self._attempt(lambda engine: engine.begin_saving(), "copying the detectors' memory")

    @property
    def _looks_ahead(self) -> bool:
        """Whether a look at the clock may be taken while something is being committed."""
        if self._engine is None or not self._underway:
            return False
        return not self._still and not self._waiting and self._engine.looks_ahead

    def _look(self, committer: Executor) -> None:
        """Look at the clock, and have what it shows committed behind what is under way."""
        engine = self._engine
        if engine is None or self._is_underway(_What.LOOK):
            return
        try:
            judged = engine.look(hearing=self._subscriber.connected)
        except Exception:
            log.exception("this failed; a new engine tries again", what="the engine's look at the clock")
            self._metrics.failures.inc()
            self._finish()
            self._discard()
            return
        self._submit(committer, _What.LOOK, partial(engine.commit, judged))

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
        if engine is not None:
            engine.close()


def _behind(before: Future[Outcome | None] | None, work: Callable[[], Outcome | None]) -> Outcome | None:
    """Do something behind what was to be done before; if that failed, neither is this done."""
    if before is not None:
        before.result()
    return work()
