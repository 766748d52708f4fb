"""What lies in a topic, from its first envelope to its last."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition


def written(servers: str, topic: str, partition: int) -> list[bytes]:
    """Return what a partition holds now."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "tests", "enable.auto.commit": False})
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
        consumer.assign([TopicPartition(topic, partition, 0)])
        found: list[bytes] = []
        while len(found) < end:
            for message in consumer.consume(end - len(found), 30):
                assert message.error() is None, message.error()
                found.append(message.value() or b"")
        return found
    finally:
        consumer.close()
