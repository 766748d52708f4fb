"""From the broker to Kafka: take, check, seal, send, and acknowledge to the broker only what Kafka has.

Any number of these run side by side: each message comes to one of them. Whatever time it is travels with the readings,
and where there are none for a second, alone: the workers have no other clock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event

import msgspec
import numpy as np
import psycopg
import structlog

from ingest.envelope import MOST_ROWS, seal
from ingest.kafka import NotWrittenError, Writer
from ingest.mqtt import Delivery, Subscriber
from ingest.validation import Tally, Validated
from registry.readings import ReadingBatch
from registry.shards import shard_of
from shouwang.clock import Clock, micros
from shouwang.distributed.admission import Admission
from shouwang.listening import IngestMetrics
from storage.registry import DirectoryRow

log = structlog.get_logger(__name__)

MOST_MESSAGES = 2_000
"""Messages sealed together at the most."""
GATHER_SECONDS = 0.1
"""How long readings are gathered before they are sealed."""
_GLANCE_SECONDS = 0.01
_TICK_SECONDS = 1.0
_QUIET_SECONDS = 3.0
_NOTHING = ReadingBatch(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))


@dataclass(slots=True)
class _Sent:
    """Messages that were sealed together, and how many of their envelopes Kafka does not have yet."""

    deliveries: Sequence[Delivery]
    tallies: Sequence[Tally]
    left: int


class Partitions:
    """Which partition each sensor's readings belong to."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._of = np.zeros(1, np.int16)  # by database id

    def met(self, row: DirectoryRow) -> None:
        """Note where the sensors of a device belong."""
        at = shard_of(row.household, self.count)
        for sensor in row.sensors.values():
            if sensor >= len(self._of):
                longer = np.zeros(max(sensor + 1, 2 * len(self._of)), np.int16)
                longer[: len(self._of)] = self._of
                self._of = longer
            self._of[sensor] = at

    def parted(self, batch: ReadingBatch) -> list[tuple[int, ReadingBatch]]:
        """Return the readings of each partition in the order in which they came, as many as an envelope may hold."""
        of = self._of[batch.sensor]
        parts = []
        for partition in np.unique(of).tolist():
            every = np.flatnonzero(of == partition)
            for start in range(0, len(every), MOST_ROWS):
                rows = every[start : start + MOST_ROWS]
                part = ReadingBatch(batch.sensor[rows], batch.time[rows], batch.value[rows], batch.received[rows])
                parts.append((partition, part))
        return parts


@dataclass(slots=True)
class Gathering:
    """Carries messages until it is told to stop, over whatever befalls the database, the broker or Kafka.

    `connect` makes a connection to the database, for the registry and the quarantine. What Kafka refuses for good ends
    it; the broker delivers again what was not acknowledged.
    """

    subscriber: Subscriber
    writer: Writer
    connect: Callable[[], psycopg.Connection]
    clock: Clock
    stop: Event
    metrics: IngestMetrics
    monotonic: Callable[[], float] = time.monotonic
    _told: dict[int, float] = field(default_factory=dict)
    """When each partition was last told the time, by `monotonic`."""
    _telling: set[int] = field(default_factory=set)
    """The partitions whose last tick is still on its way to Kafka: while it is away, they get no more."""

    def run(self, *, leaving: bool = False) -> None:
        """Carry messages until `stop` is set; then wait until Kafka has what was taken, and return.

        Without `leaving` our share of the messages goes on waiting for us: a restart loses nothing, even where nobody
        else is there. `leaving` is for good: the others get what comes from now on, and it ends when nothing that the
        broker still had for us has come for a while.

        Raises:
            NotWrittenError: Kafka refused readings.
            BrokerError: the broker does not let us leave.
        """
        if leaving:
            self.subscriber.leave()
        partitions = Partitions(self.writer.partitions)
        admission = Admission(self.connect, partitions.met, self.clock, self._pause)
        try:
            admission.open()
            looked = self.monotonic()
            while not self.stop.is_set() and not (leaving and self._drained()):
                deliveries = self._gathered()
                if deliveries:
                    self._carry(admission, partitions, deliveries)
                if self.monotonic() - looked >= _TICK_SECONDS:
                    looked = self.monotonic()
                    admission.open()
                    self._tell_the_time(partitions.count)
                self.writer.poll()
                self.metrics.heartbeat.set_to_current_time()
        finally:
            admission.close()
            self.writer.flush()

    def _gathered(self) -> list[Delivery]:
        """Return what comes within a moment; meanwhile tell the broker of what Kafka has."""
        taken: list[Delivery] = []
        until = self.monotonic() + GATHER_SECONDS
        while len(taken) < MOST_MESSAGES and (left := until - self.monotonic()) > 0:
            taken += self.subscriber.take(MOST_MESSAGES - len(taken), min(left, _GLANCE_SECONDS))
            self.writer.poll()
        return taken

    def _carry(self, admission: Admission, partitions: Partitions, deliveries: Sequence[Delivery]) -> None:
        try:
            validated = admission.admit([delivery.message for delivery in deliveries])
        except NotWrittenError:
            raise
        except Exception as error:  # whatever is wrong with one message must not stop the others
            self.metrics.failures.inc()
            if len(deliveries) > 1:
                log.exception(
                    "messages cannot be checked together; they are tried one by one", messages=len(deliveries)
                )
                for delivery in deliveries:
                    self._carry(admission, partitions, [delivery])
                return
            log.exception("a message cannot be checked; it goes to quarantine", topic=deliveries[0].message.topic)
            if admission.refuse(deliveries[0].message, f"{type(error).__name__}: {error}"):
                self.metrics.refused.inc()
                self._acknowledge(_Sent(deliveries, [Tally(0, 1)], 0))
        else:
            if validated is not None:  # else told to stop while the database was away: they will come again
                self._send(partitions, deliveries, validated)

    def _send(self, partitions: Partitions, deliveries: Sequence[Delivery], validated: Validated) -> None:
        at = micros(self.clock)
        parts = partitions.parted(validated.batch)
        sent = _Sent(deliveries, validated.tallies, len(parts))
        self.metrics.readings.inc(len(validated.batch))
        self.metrics.refused.inc(len(validated.refusals))
        if not parts:
            self._acknowledge(sent)
        for partition, part in parts:
            self._told[partition] = self.monotonic()
            self.writer.write(partition, seal(at, part), lambda: self._has(sent))

    def _has(self, sent: _Sent) -> None:
        sent.left -= 1
        if not sent.left:
            self._acknowledge(sent)

    def _acknowledge(self, sent: _Sent) -> None:
        self.subscriber.acknowledge(sent.deliveries)
        self.metrics.messages.inc(len(sent.deliveries))
        for delivery, tally in zip(sent.deliveries, sent.tallies, strict=True):
            if delivery.response_topic is not None:
                told = {"readings": tally.readings, "rejected": tally.rejected}
                self.subscriber.receipt(delivery, msgspec.json.encode(told))

    def _tell_the_time(self, partitions: int) -> None:
        if not self.subscriber.connected:
            return  # while the broker is away we are deaf, and nobody's silence means anything
        now, at = self.monotonic(), micros(self.clock)
        for partition in range(partitions):
            if partition not in self._telling and now - self._told.get(partition, -math.inf) >= _TICK_SECONDS:
                self._told[partition] = now
                self._telling.add(partition)
                self.writer.write(partition, seal(at, _NOTHING), partial(self._telling.discard, partition))

    def _pause(self, seconds: float) -> bool:
        self.writer.poll()
        return self.stop.wait(seconds)

    def _drained(self) -> bool:
        quiet = self.subscriber.empty and self.subscriber.quiet_seconds > _QUIET_SECONDS
        return quiet and self.subscriber.connected and not self.writer.waiting
