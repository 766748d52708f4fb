"""Ends a worker whose consumer has died without a word: whoever supervises the process starts it again.

aiokafka's fetcher can be cancelled where nobody hears of it (seen: nothing logged, heartbeats go on, nothing comes).
Only the cluster knows that something waits, so a client of our own asks it, in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition
from prometheus_client import Gauge

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 180.0
"""How long a partition may wait for us without any progress; taking one over and loading its memory is within it."""
_ASK_SECONDS = 5.0


@dataclass(slots=True)
class Guard:
    """Compares what the cluster has with what is committed. `standing` is told of a partition that stands still."""

    ends: Callable[[Iterable[int]], dict[int, int]]
    """Returns the end of each partition that the cluster tells of."""
    committed: Callable[[], dict[int, int]]
    lag: Gauge
    standing: Callable[[int], None]
    _since: dict[int, tuple[int, float]] = field(default_factory=dict)

    def look(self, now: float) -> None:
        """Look once; `now` is a monotonic clock, seconds."""
        committed = self.committed()
        for gone in self._since.keys() - committed.keys():
            self.lag.remove(gone)  # of a partition that another worker has now, its lag is not ours to tell
        self._since = {one: since for one, since in self._since.items() if one in committed}
        ends = self.ends(committed)
        for partition, at in committed.items():
            end = ends.get(partition)
            before, since = self._since.get(partition, (-1, now))
            if end is None or end <= at or at != before:
                self._since[partition] = (at, now)
            elif now - since > PATIENCE_SECONDS:
                log.critical("a partition stands still", partition=partition, at=at, end=end)
                self.standing(partition)
            self.lag.labels(partition).set(max(0, (end or at) - at))


def cluster_ends(servers: str, topic: str) -> Callable[[Iterable[int]], dict[int, int]]:
    """Return what asks a cluster for the ends of partitions; of those it cannot tell of just now it says nothing."""
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": "shouwang-guard", "enable.auto.commit": False, "log_level": 0}
    )

    def ends(partitions: Iterable[int]) -> dict[int, int]:
        found = {}
        for partition in partitions:
            try:
                _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_ASK_SECONDS)
            except KafkaException:
                continue  # the cluster is away, which is not our death
            found[partition] = end
        return found

    return ends
