"""What a worker tells of partitions that stand still, that it has given up, or that cannot be committed."""

from __future__ import annotations

import asyncio

import psycopg
from prometheus_client import CollectorRegistry, generate_latest

from shouwang.distributed.assignments import Assignments
from shouwang.distributed.guard import PATIENCE_SECONDS, Guard
from shouwang.distributed.watching import Watch
from shouwang.distributed.worker import WorkerMetrics


class Cluster:
    """What the cluster has and what is committed, by partition; `stood` are those that the guard complained of."""

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}
        self.committed: dict[int, int] = {}
        self.stood: list[int] = []
        self._registry = CollectorRegistry()
        lag = WorkerMetrics(self._registry).lag
        self.guard = Guard(lambda _: self.ends, lambda: self.committed, lag, self.stood.append)

    def lag(self, partition: int) -> float | None:
        return self._registry.get_sample_value("shouwang_lag_envelopes", {"partition": str(partition)})


def test_a_partition_that_waits_and_does_not_get_on_is_told_of() -> None:
    cluster = Cluster()
    cluster.ends, cluster.committed = {0: 9, 1: 9}, {0: 3, 1: 3}
    cluster.guard.look(0.0)
    assert (cluster.lag(0), cluster.lag(1)) == (6, 6)
    cluster.committed = {0: 3, 1: 4}
    cluster.guard.look(PATIENCE_SECONDS + 1)
    assert cluster.stood == [0]


def test_a_topic_that_was_made_anew_is_told_of_at_once() -> None:
    cluster = Cluster()
    cluster.ends, cluster.committed = {0: 3}, {0: 9}
    cluster.guard.look(0.0)
    assert cluster.stood == [0]


def test_one_with_nothing_to_do_and_one_whose_end_nobody_knows_are_let_be() -> None:
    cluster = Cluster()
    cluster.ends, cluster.committed = {0: 3}, {0: 3, 1: 3}
    cluster.guard.look(0.0)
    cluster.guard.look(PATIENCE_SECONDS + 1)
    assert cluster.stood == []
    assert cluster.lag(0) == 0


def test_the_lag_of_a_partition_that_another_worker_has_now_is_told_no_more() -> None:
    cluster = Cluster()
    cluster.ends, cluster.committed = {0: 900, 1: 5}, {0: 3, 1: 3}
    cluster.guard.look(0.0)
    cluster.committed = {1: 3}
    cluster.guard.look(5.0)
    assert cluster.lag(0) is None
    assert cluster.lag(1) == 2


def test_attempts_that_come_to_nothing_are_counted() -> None:
    registry = CollectorRegistry()
    assignments: Assignments
    loop: asyncio.AbstractEventLoop

    def take_over(partition: int) -> Watch:
        loop.call_soon_threadsafe(lambda: asyncio.ensure_future(assignments.revoked([partition])))
        raise psycopg.OperationalError("the database is away")

    async def story() -> bool:
        nonlocal loop, assignments
        loop = asyncio.get_running_loop()
        assignments = Assignments(take_over, WorkerMetrics(registry).failures.inc)
        assignments.assigned([0])
        return await assignments.take(0, [(0, b"")])

    assert not asyncio.run(story())
    assert b"shouwang_commit_failures_total 1.0" in generate_latest(registry)
