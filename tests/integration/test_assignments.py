"""What becomes of a partition's envelopes, whatever order, fault or rival they meet: each is judged once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import psycopg
import pytest

from alerts.ladders.policy_file import built_in
from ingest.envelope import seal
from registry.instants import to_micros
from registry.quantities import Quantity
from registry.readings import NO_READINGS, ReadingBatch
from registry.shards import Shard, shard_of
from shouwang.clock import Clock
from shouwang.distributed.assignments import Assignments
from shouwang.distributed.watching import GapError, Watch
from shouwang.engine import Engine
from storage import engine_state, registry
from storage.database import connect
from storage.shards import claim
from tests.integration.engine_house import HOMES, START, rows, settle

PART = Shard(0, 2)
_END_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database()
"""
HOME = next(home for home in HOMES if shard_of(home, 2) == 0)


@dataclass
class Desk:
    """A partition's envelopes, and workers that may hold it."""

    database: str
    sensor: int

    def worker(self) -> Assignments:
        """Return the assignments of one more worker, who has the partition."""
        made = Assignments(self._take_over)
        made.assigned([PART.number])
        return made

    def sealed(self, offset: int) -> tuple[int, bytes]:
        """Return the envelope at an offset: a reading, one each quarter of an hour."""
        at = to_micros(START + timedelta(minutes=15 * offset))
        ids = np.array([self.sensor], np.int32)
        return offset, seal(at, ReadingBatch(ids, np.array([at]), np.array([float(offset)]), np.array([at])))

    @property
    def stored(self) -> list[float]:
        """The readings that are stored, by time."""
        return [value for (value,) in rows(self.database, "SELECT value FROM reading ORDER BY time")]

    @property
    def next_offset(self) -> int:
        [(offset,)] = rows(self.database, "SELECT next_offset FROM shard")
        return int(offset)

    def _take_over(self, partition: int) -> Watch:
        with connect(self.database) as conn:
            tenure = claim(conn, Shard(partition, PART.of))
            stood = engine_state.get_clock(conn, tenure.shard)

        def load(clock: Clock) -> Engine:
            conn = connect(self.database)
            made = Engine(conn, "shanghai-12h", built_in(), clock, shard=PART, tenure=tenure)
            made.load()
            return made

        return Watch(tenure, None if stood is None else stood[1], load)


@pytest.fixture
def desk(database: str) -> Desk:
    settle(database)
    with connect(database) as conn:
        [(_, sensor)] = registry.add_sensors(conn, [(f"meter-{HOME}", Quantity.VOLUME)]).items()
    return Desk(database, sensor)


def test_each_envelope_is_committed_once_and_what_came_before_is_passed_over(desk: Desk) -> None:
    async def story() -> None:
        worker = desk.worker()
        assert await worker.take(0, [desk.sealed(0), desk.sealed(1)])
        assert await worker.take(0, [desk.sealed(0), desk.sealed(1), desk.sealed(2)])
        await worker.revoked([0])
        assert not await worker.take(0, [desk.sealed(3)])
        assert worker.committed() == {}

    asyncio.run(story())
    assert desk.stored == [0.0, 1.0, 2.0]
    assert desk.next_offset == 3


def test_what_is_missing_in_between_is_asked_for(desk: Desk) -> None:
    async def story() -> None:
        worker = desk.worker()
        for gone in ([desk.sealed(1)], [desk.sealed(0), desk.sealed(2)]):
            with pytest.raises(GapError) as gap:
                await worker.take(0, gone)
            assert gap.value.offset == (0 if len(gone) == 1 else 1)
        assert await worker.take(0, [desk.sealed(0), desk.sealed(1), desk.sealed(2)])
        await worker.skip(0, 7)  # Kafka has forgotten the rest
        assert await worker.take(0, [desk.sealed(7)])
        await worker.revoked([0])

    asyncio.run(story())
    assert desk.stored == [0.0, 1.0, 2.0, 7.0]
    assert desk.next_offset == 8


def test_an_envelope_that_cannot_be_judged_goes_to_quarantine_and_stops_nothing(desk: Desk) -> None:
    async def story() -> None:
        worker = desk.worker()
        assert await worker.take(0, [desk.sealed(0), (1, b"nonsense"), desk.sealed(2)])
        await worker.revoked([0])

    asyncio.run(story())
    assert desk.stored == [0.0, 2.0]
    assert desk.next_offset == 3
    [(topic, payload)] = rows(desk.database, "SELECT topic, payload FROM quarantine")
    assert (topic, bytes(payload)) == ("partition 0 of 2, offset 1", b"nonsense")


def test_who_was_replaced_without_knowing_gives_up(desk: Desk) -> None:
    async def story() -> None:
        zombie, fresh = desk.worker(), desk.worker()
        assert await zombie.take(0, [desk.sealed(0)])
        assert await fresh.take(0, [desk.sealed(0), desk.sealed(1)])
        assert not await zombie.take(0, [desk.sealed(1), desk.sealed(2)])
        assert not zombie.ours
        assert await fresh.take(0, [desk.sealed(2)])
        await fresh.revoked([0])

    asyncio.run(story())
    assert desk.stored == [0.0, 1.0, 2.0]


def test_while_the_database_does_not_let_us_it_is_tried_again(desk: Desk) -> None:
    async def story() -> None:
        worker = desk.worker()
        assert await worker.take(0, [desk.sealed(0)])
        with psycopg.connect(desk.database, autocommit=True) as conn:
            conn.execute(_END_ALL)
        assert await worker.take(0, [desk.sealed(1), (2, seal(to_micros(START + timedelta(hours=1)), NO_READINGS))])
        await worker.revoked([0])

    asyncio.run(story())
    assert desk.stored == [0.0, 1.0]
    assert desk.next_offset == 3
