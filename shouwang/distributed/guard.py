"""Ends a worker whose consumer has died without a word: whoever supervises the process starts it again.

aiokafka's fetcher can be cancelled where nobody hears of it (seen: nothing logged, heartbeats go on, nothing comes).
Only the cluster knows that something waits, so a client of our own asks it, in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog
from prometheus_client import Gauge

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 180.0
"""How long a partition may wait for us without any progress; taking one over and loading its memory is within it."""


@dataclass(slots=True)
class Guard:
    """Compares what the cluster has with what is committed.

    `standing` is told of a partition that stands still, or cannot go on.
    """

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
            if end is not None and end < at:
                log.critical(
                    "Kafka has less than is committed: the topic was made anew. Name another SHOUWANG_KAFKA_TOPIC, or "
                    "set next_offset in the table shard to 0",
                    partition=partition, at=at, end=end,
                )  # fmt: skip
                self.standing(partition)
            elif end is None or end == at or at != before:
                self._since[partition] = (at, now)
            elif now - since > PATIENCE_SECONDS:
                log.critical("a partition stands still", partition=partition, at=at, end=end)
                self.standing(partition)
            self.lag.labels(partition).set(max(0, (end or at) - at))
