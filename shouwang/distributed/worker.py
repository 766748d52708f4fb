"""The distributed engine: a Faust app that carries envelopes from Kafka to the watches of this process.

Faust is transport, group membership and lifecycle; what is true lies in PostgreSQL, and so does a partition's next
offset. Its tables, its own `take` and exactly-once are not used: they lost or doubled events (DESIGN §6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import faust
import structlog
from faust.types import TP
from mode.supervisors import CrashingSupervisor
from prometheus_client import CollectorRegistry, Counter, Gauge

from detectors.finding import Finding
from ingest.topic import Held
from shouwang.distributed.assignments import Assignments
from shouwang.distributed.watching import GapError

log = structlog.get_logger(__name__)

TOGETHER = 512
"""Envelopes that are taken together at the most, of all partitions: what waits is judged in large batches."""
_WITHIN_SECONDS = 0.2
"""For how long envelopes are gathered. A commit of a few readings costs as much as one of a thousand."""


class WorkerMetrics:
    """What a worker tells Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.envelopes = Counter("shouwang_envelopes_total", "Envelopes committed", registry=registry)
        self.findings = Counter("shouwang_findings_total", "Findings", ["kind", "phase"], registry=registry)
        self.failures = Counter("shouwang_commit_failures_total", "Batches tried again", registry=registry)
        self.partitions = Gauge("shouwang_partitions", "Partitions that are ours", registry=registry)
        self.all = Gauge("shouwang_topic_partitions", "Partitions that there are", registry=registry)
        self.lag = Gauge("shouwang_lag_envelopes", "Envelopes that wait", ["partition"], registry=registry)

    def found(self, findings: Sequence[Finding]) -> None:
        """Count what was found."""
        for one in findings:
            self.findings.labels(one.kind, one.phase).inc()


@dataclass(frozen=True, slots=True)
class Membership:
    """Where a worker belongs: cluster `servers` (`host:port,…`), `topic`, consumer `group`.

    Whoever is not heard of for `session_seconds` loses its partitions to the others.
    """

    servers: str
    topic: str
    group: str
    session_seconds: float


class Worker:
    """One member of the group. `app` is Faust's side of it."""

    def __init__(
        self,
        membership: Membership,
        assignments: Assignments,
        metrics: WorkerMetrics,
        held: Held,
        leaving: Callable[[], None],
    ) -> None:
        """Make a member. `held` asks the cluster what there is; `leaving` is told before Faust is asked to stop."""
        self._held = held
        self._leaving = leaving
        self._assignments = assignments
        self._metrics = metrics
        self._topic = membership.topic
        self._settled = asyncio.Event()  # Faust lets the stream go on before it tells what was assigned
        self._folder = TemporaryDirectory(prefix="shouwang-worker-")  # Faust wants one, and puts nothing into it
        self.app = _app(membership, self._folder.name)
        self.app.on_partitions_assigned.connect(self._on_assigned)
        self.app.on_partitions_revoked.connect(self._on_revoked)
        topic = self.app.topic(
            membership.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        self.app.agent(topic, concurrency=1, supervisor_strategy=CrashingSupervisor)(self._watch)

    async def run(self, told_to_stop: Awaitable[object]) -> bool:
        """Work until told to stop or until something falls over; say whether it was told."""
        await self.app.start()
        over = (told_to_stop, self.app._stopped.wait(), self.app._crashed.wait())  # noqa: SLF001 - mode has no public way to wait for either
        waits = [asyncio.ensure_future(one) for one in over]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        told = waits[0].done()
        for one in waits:
            one.cancel()
        self._leaving()
        self._settled.clear()
        await self._assignments.revoked(self._assignments.ours)  # Faust does not tell of it when it stops
        self._assignments.close()
        await self.app.stop()
        return told

    async def _on_assigned(self, _app: Any, /, *told: Any, **_: Any) -> None:
        self._assignments.assigned(self._ours(told[0]))
        self._metrics.partitions.set(len(self._assignments.ours))
        self._settled.set()
        log.info("partitions", ours=sorted(self._assignments.ours))

    async def _on_revoked(self, _app: Any, /, *told: Any, **_: Any) -> None:
        self._settled.clear()
        await self._assignments.revoked(self._ours(told[0]))
        self._metrics.partitions.set(len(self._assignments.ours))

    def _ours(self, partitions: Iterable[TP]) -> list[int]:
        return [tp.partition for tp in partitions if tp.topic == self._topic]

    async def _watch(self, stream: Any) -> None:
        async for events in stream.noack_take(TOGETHER, within=_WITHIN_SECONDS):
            await self._settled.wait()
            parts: dict[TP, list[Any]] = {}
            for one in events:
                parts.setdefault(one.message.tp, []).append(one)
            await asyncio.gather(*(self._take(tp, some) for tp, some in parts.items()))

    async def _take(self, tp: TP, events: list[Any]) -> None:
        generation = self.app.consumer_generation_id
        current = [one for one in events if one.message.generation_id == generation]
        if not current:
            return  # of an assignment that is over: whoever has it now gets them again
        sealed = [(one.message.offset, one.message.value) for one in current]
        try:
            held = await self._assignments.take(tp.partition, sealed)
        except GapError as gap:
            await self._fill(tp, gap.offset)
            return
        if held:
            self._metrics.envelopes.inc(len(current))
            for one in current:
                one.ack()

    async def _fill(self, tp: TP, offset: int) -> None:
        """Read a partition again from an offset, or from the first envelope there is if Kafka has forgotten it."""
        kept = await asyncio.to_thread(self._held, [tp.partition])
        first, _ = kept.get(tp.partition, (offset, offset))
        if first > offset:
            log.critical(
                "Kafka removed readings before they were judged: keep the topic for longer than workers may be away",
                partition=tp.partition, envelopes=first - offset,
            )  # fmt: skip
            await self._assignments.skip(tp.partition, first)
            offset = first
        else:
            # Envelopes that only tell the time are told to Kafka as done before they are committed, with the next look.
            log.info("reading a partition again from what is committed", partition=tp.partition, offset=offset)
        await self.app.consumer.seek(tp, offset)


def _app(membership: Membership, folder: str) -> faust.App:
    session = membership.session_seconds
    return faust.App(
        membership.group,
        broker=[f"kafka://{one.strip()}" for one in membership.servers.split(",")],
        store="memory://",
        datadir=folder,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        stream_buffer_maxsize=TOGETHER,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 6,
        broker_rebalance_timeout=60.0,
        broker_request_timeout=max(10.0, session),
        broker_commit_interval=1.0,
        broker_max_poll_records=TOGETHER,
        key_serializer="raw",
        value_serializer="raw",
        worker_redirect_stdouts=False,
    )
