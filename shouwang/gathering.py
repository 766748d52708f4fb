"""From the broker to Kafka: take, check, seal, send, and acknowledge to the broker only what Kafka has.

Any number of these run side by side: each message comes to one of them. Whatever time it is travels with the readings,
and where there are none for a second, alone: the workers have no other clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

import msgspec
import numpy as np
import psycopg
import structlog

from ingest.envelope import seal
from ingest.kafka import Writer
from ingest.mqtt import Delivery, Subscriber
from ingest.validation import Tally, Validated
from registry.instants import to_micros
from registry.readings import ReadingBatch
from registry.shards import shard_of
from shouwang.clock import Clock
from shouwang.listening import IngestMetrics
from shouwang.reception import Reception
from storage import engine_state
from storage.engine_state import Refused
from storage.registry import DirectoryRow

log = structlog.get_logger(__name__)

MOST_MESSAGES = 2_000
"""Messages sealed together at the most."""
GATHER_SECONDS = 0.1
"""How long readings are gathered before they are sealed."""
_TICK_SECONDS = 1.0
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
        """Return the readings of each partition that has any, in the order in which they came."""
        of = self._of[batch.sensor]
        parts = []
        for partition in np.unique(of).tolist():
            rows = np.flatnonzero(of == partition)
            part = ReadingBatch(batch.sensor[rows], batch.time[rows], batch.value[rows], batch.received[rows])
            parts.append((partition, part))
        return parts


@dataclass(slots=True)
class Gathering:
    """Carries messages until it is told to stop; an error ends it, and the broker delivers again what it had.

    `connect` makes a connection to the database, for the registry and the quarantine.
    """

    subscriber: Subscriber
    writer: Writer
    connect: Callable[[], psycopg.Connection]
    clock: Clock
    stop: Event
    metrics: IngestMetrics
    _told: dict[int, float] = field(default_factory=dict)
    """When each partition was last told the time, by this process's own monotonic clock."""

    def run(self) -> None:
        """Carry messages until `stop` is set; then wait until Kafka has what was taken, and return."""
        partitions = Partitions(self.writer.partitions)
        with self.connect() as conn:
            reception = Reception(conn, partitions.met)
            reception.read()
            checked = time.monotonic()
            while not self.stop.is_set():
                deliveries = self.subscriber.take(MOST_MESSAGES, GATHER_SECONDS)
                if deliveries:
                    self._carry(conn, reception, partitions, deliveries)
                if time.monotonic() - checked >= _TICK_SECONDS:
                    checked = time.monotonic()
                    if reception.stale:
                        reception.read()
                    self._tell_the_time(partitions.count)
                self.writer.poll()
                self.metrics.heartbeat.set_to_current_time()
            self.writer.flush()

    def _carry(
        self, conn: psycopg.Connection, reception: Reception, partitions: Partitions, deliveries: Sequence[Delivery]
    ) -> None:
        now = self.clock.now()
        validated = reception.check([delivery.message for delivery in deliveries], now)
        self._quarantine(conn, validated)
        parts = partitions.parted(validated.batch)
        sent = _Sent(deliveries, validated.tallies, len(parts))
        self.metrics.readings.inc(len(validated.batch))
        self.metrics.refused.inc(len(validated.refusals))
        if not parts:
            self._acknowledge(sent)
        for partition, part in parts:
            self._told[partition] = time.monotonic()
            self.writer.write(partition, seal(to_micros(now), part), lambda: self._has(sent))

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

    def _quarantine(self, conn: psycopg.Connection, validated: Validated) -> None:
        if validated.refusals:
            with conn.transaction():
                engine_state.quarantine(conn, [Refused(*refusal) for refusal in validated.refusals], self.clock.now())

    def _tell_the_time(self, partitions: int) -> None:
        if not self.subscriber.connected:
            return  # while the broker is away we are deaf, and nobody's silence means anything
        now, at = time.monotonic(), to_micros(self.clock.now())
        for partition in range(partitions):
            if now - self._told.get(partition, 0.0) >= _TICK_SECONDS:
                self._told[partition] = now
                self.writer.write(partition, seal(at, _NOTHING))
