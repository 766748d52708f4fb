"""Envelopes into a real Kafka: in order, told of when they are there, and plain words when they cannot be."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ingest.envelope import MOST_ROWS, seal, unseal
from ingest.errors import BrokerError
from ingest.kafka import NotWrittenError, Writer
from ingest.topic import ensure_topic
from registry.readings import ReadingBatch
from tests.e2e.service import free_port, until
from tests.kafka.broker import KafkaBroker
from tests.kafka.reading import written


def _writer(servers: str, topic: str) -> Writer:
    return Writer(servers, topic, "test")


def _until_told(writer: Writer, told: list[int], count: int) -> None:
    def enough() -> bool:
        writer.poll(0.1)
        return len(told) >= count

    until(enough, f"{count} envelopes are written", 120)


def test_each_partition_keeps_the_order_in_which_it_was_written(kafka: str, topic: str) -> None:
    writer = _writer(kafka, topic)
    assert writer.partitions == 3
    for number in range(3000):
        writer.write(number % 3, str(number).encode())
    writer.flush()
    for partition in range(3):
        assert [int(one) for one in written(kafka, topic, partition)] == list(range(partition, 3000, 3))


def test_it_is_told_of_what_is_written_once_it_can_be_read(kafka: str, topic: str) -> None:
    writer = _writer(kafka, topic)
    seen: list[int] = []
    writer.write(1, b"one", lambda: seen.extend(map(len, written(kafka, topic, 1))))
    assert (seen, writer.waiting) == ([], 1)  # nobody is told before asking
    _until_told(writer, seen, 1)
    assert (seen, writer.waiting) == ([3], 0)


def test_the_largest_envelope_goes_through_a_topic_as_kafka_makes_it(kafka: str, topic: str) -> None:
    random = np.random.default_rng(7)  # what cannot be compressed
    rows = random.integers(0, 1 << 30, (3, MOST_ROWS))
    batch = ReadingBatch(rows[0].astype(np.int32), rows[1], rows[2].astype(np.float64), np.zeros(MOST_ROWS, np.int64))
    writer = _writer(kafka, topic)
    told: list[int] = []
    writer.write(0, seal(5, batch), lambda: told.append(1))
    writer.flush()
    assert told == [1]
    [sealed] = written(kafka, topic, 0)
    assert unseal(sealed).batch.sensor.tolist() == batch.sensor.tolist()


def test_what_is_too_large_is_refused_at_once(kafka: str, topic: str) -> None:
    with pytest.raises(NotWrittenError, match=r"too large.*mend the topic"):
        _writer(kafka, topic).write(0, bytes(3 << 20))


def test_what_kafka_refuses_is_said_and_never_told_of_as_written(kafka: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    small = f"{topic}-small"
    admin.create_topics([NewTopic(small, 1, 1, config={"max.message.bytes": "100"})])[small].result(30)
    writer = _writer(kafka, small)
    told: list[int] = []
    writer.write(0, np.random.default_rng(7).bytes(1_000), partial(told.append, 1))
    writer.flush()
    with pytest.raises(NotWrittenError, match=rf"too large.*mend the topic {small}"):
        writer.poll()
    assert told == []
    admin.delete_topics([small])[small].result(30)


def test_no_such_topic_is_said_with_what_to_do(kafka: str) -> None:
    with pytest.raises(BrokerError, match=r"no topic nowhere.*`shouwang migrate`"):
        _writer(kafka, "nowhere")


def test_no_cluster_is_said_with_what_to_do() -> None:
    with pytest.raises(BrokerError, match=r"no Kafka at 127\.0\.0\.1:\d+ .*check SHOUWANG_KAFKA_SERVERS"):
        Writer(f"127.0.0.1:{free_port()}", "any", "test", patience=0.5)


def test_what_is_written_while_kafka_is_away_is_there_once_when_it_is_back(mortal_kafka: KafkaBroker) -> None:
    ensure_topic(mortal_kafka.servers, "t", 1)
    writer = _writer(mortal_kafka.servers, "t")
    told: list[int] = []
    for number in range(100):
        writer.write(0, str(number).encode(), partial(told.append, number))
        if number == 50:
            mortal_kafka.kill()
    writer.poll(1.0)
    assert len(told) <= 51
    mortal_kafka.start()
    _until_told(writer, told, 100)
    assert told == list(range(100))
    assert [int(one) for one in written(mortal_kafka.servers, "t", 0)] == list(range(100))
