"""Envelopes into Kafka's partitions; each is told of when all replicas have it."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ingest.errors import BrokerError, IngestError

log = structlog.get_logger(__name__)

_FLUSH_SECONDS = 30.0


class NotWrittenError(IngestError):
    """Kafka refused an envelope for good; nothing of it was acknowledged, so the broker will deliver it again."""


class Writer:
    """Writes to one topic; `poll` and `flush` call back, in the thread that calls them."""

    def __init__(self, servers: str, topic: str, client_id: str, *, patience: float = 10.0) -> None:
        """Connect to the cluster at `host:port,…`, within `patience` seconds.

        Raises:
            BrokerError: it cannot be reached, or has no such topic.
        """
        self._topic = topic
        self._refused: KafkaError | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "client.id": client_id,
                "enable.idempotence": True,  # in order and once, whatever is sent again; it implies acks=all
                "linger.ms": 5,
                "delivery.timeout.ms": 0,  # for ever: while Kafka is away the broker keeps what is not acknowledged
                "compression.type": "gzip",  # what Python reads without another library
                "queue.buffering.max.kbytes": 64 << 10,
                "reconnect.backoff.max.ms": 2_000,
                "log_level": 2,  # else it says many times a second that Kafka is away
                "error_cb": self._heard,
            }
        )
        try:
            found = self._producer.list_topics(topic, timeout=patience).topics[topic]
        except KafkaException as error:
            why = f"no Kafka at {servers} ({error.args[0].str()}): check SHOUWANG_KAFKA_SERVERS and that it runs"
            raise BrokerError(why) from error
        if found.error is not None:
            raise BrokerError(f"Kafka has no topic {topic} ({found.error.str()}): create it with `shouwang migrate`")
        self.partitions = len(found.partitions)

    @property
    def waiting(self) -> int:
        """How many envelopes are not written or not told of."""
        return len(self._producer)

    def write(self, partition: int, sealed: bytes, written: Callable[[], None] | None = None) -> None:
        """Send an envelope; `written` is called by `poll` or `flush` once all replicas have it.

        Raises:
            NotWrittenError: it is refused at once, or something was before.
        """

        def told(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self._refused = error
            elif written is not None:
                written()

        while True:
            try:
                self._producer.produce(self._topic, sealed, partition=partition, on_delivery=told)
            except BufferError:
                self.poll(0.1)  # Kafka is slower than we are: wait for room
            except KafkaException as error:
                raise self._not_written(error.args[0]) from error
            else:
                return

    def poll(self, seconds: float = 0.0) -> None:
        """Tell of what was written since the last call, waiting for it at most so long.

        Raises:
            NotWrittenError: something was refused.
        """
        self._producer.poll(seconds)
        if self._refused is not None:
            raise self._not_written(self._refused)

    def flush(self) -> None:
        """Wait until everything is written and told of; what is not within half a minute is left unacknowledged."""
        left = self._producer.flush(_FLUSH_SECONDS)
        if left:
            log.warning("Kafka does not have everything; the broker will deliver it again", envelopes=left)

    def _heard(self, error: KafkaError) -> None:
        if error.fatal():
            self._refused = error
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - so named by the library for its own errors
            log.warning("Kafka is away; nothing is acknowledged until it is back", waiting=self.waiting)

    def _not_written(self, error: KafkaError) -> NotWrittenError:
        return NotWrittenError(f"Kafka refused readings ({error.str()}): mend the topic {self._topic}")
