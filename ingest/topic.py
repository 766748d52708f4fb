"""Kafka's topic of readings: made once, with as many partitions as there are shards; and what lies in it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ingest.errors import BrokerError

_SECONDS = 20.0
_ASK_SECONDS = 5.0

Held = Callable[[Iterable[int]], dict[int, tuple[int, int]]]
"""Returns the offset of the first envelope and of the next one to come, by partition, as far as the cluster tells."""


def ensure_topic(servers: str, topic: str, partitions: int, *, replicas: int = 1) -> bool:
    """Make the topic if there is none; say whether it was made.

    Raises:
        BrokerError: the cluster cannot be reached, refuses, or has the topic with another number of partitions.
    """
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    try:
        known = admin.list_topics(timeout=_SECONDS).topics
        if topic not in known:
            admin.create_topics([NewTopic(topic, partitions, replicas)])[topic].result(_SECONDS)
            _await(admin, topic)
            return True
    except KafkaException as error:
        why = f"no topic {topic} on Kafka at {servers} ({error.args[0].str()}): check SHOUWANG_KAFKA_SERVERS"
        raise BrokerError(why) from error
    found = len(known[topic].partitions)
    if found != partitions:
        raise BrokerError(
            f"Kafka's topic {topic} has {found} partitions, SHOUWANG_KAFKA_PARTITIONS says {partitions}: households "
            "would be divided anew; set it back, or name another SHOUWANG_KAFKA_TOPIC"
        )
    return False


def remove_topic(servers: str, topic: str) -> None:
    """Remove a topic with all that lies in it; one that is not there is no error."""
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    with contextlib.suppress(KafkaException):
        admin.delete_topics([topic])[topic].result(_SECONDS)


def _await(admin: AdminClient, topic: str) -> None:
    """Wait until the cluster's brokers have heard of the topic that its controller has made."""
    patient_until = time.monotonic() + _SECONDS
    while topic not in admin.list_topics(timeout=_SECONDS).topics and time.monotonic() < patient_until:
        time.sleep(0.1)


def partitions_of(servers: str, topic: str) -> int:
    """Return how many partitions a topic has, 0 if there is none.

    Raises:
        BrokerError: the cluster cannot be reached.
    """
    try:
        known = AdminClient({"bootstrap.servers": servers, "log_level": 0}).list_topics(timeout=_SECONDS).topics
    except KafkaException as error:
        why = f"no Kafka at {servers} ({error.args[0].str()}): check SHOUWANG_KAFKA_SERVERS and that it runs"
        raise BrokerError(why) from error
    return len(known[topic].partitions) if topic in known else 0


def held(servers: str, topic: str) -> Held:
    """Return what asks a cluster what a topic holds."""
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": "shouwang-guard", "enable.auto.commit": False, "log_level": 0}
    )

    def ask(partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        found = {}
        for partition in partitions:
            try:
                found[partition] = consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=_ASK_SECONDS
                )
            except KafkaException:
                continue  # the cluster is away, which is not our death
        return found

    return ask
