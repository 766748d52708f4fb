"""What becomes of a partition's envelopes, whatever order, fault or rival they meet: each is judged once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

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
from shouwang.distributed import watching
from shouwang.distributed.assignments import Assignments
from shouwang.distributed.watching import GapError, Watch
from shouwang.engine import Engine
from shouwang.outcome import Outcome
from storage import engine_state, registry
from storage.database import connect
from storage.errors import StorageError
from storage.shards import claim
from tests.integration.engine_house import HOMES, START, rows, settle

PART = Shard(0, 2)
_END_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database()
"""
HOME = next(home for home in HOMES if shard_of(home, 2) == 0)


class _Watched(Engine):
    """An engine that tells when it looks at the clock."""

    clock: Clock
    looks: list[datetime]

    def tick(self, *, hearing: bool = True) -> Outcome:
        self.looks.append(self.clock.now())
        return super().tick(hearing=hearing)


@dataclass
class Desk:
    """A partition's envelopes, and workers that may hold it."""

    database: str
    sensor: int
    looks: list[datetime] = field(default_factory=list)
    """When an engine looked at the clock."""
    loaded: int = 0
    """How often an engine was loaded."""

    def worker(self) -> Assignments:
        """Return the assignments of one more worker, who has the partition."""
        made = Assignments(self._take_over)
        made.assigned([PART.number])
        return made

    def sealed(self, offset: int) -> tuple[int, bytes]:
        """Return the envelope at an offset: a reading, one each quarter of an hour."""
        return self.sealed_at(offset, timedelta(minutes=15 * offset))

    def sealed_at(self, offset: int, since: timedelta) -> tuple[int, bytes]:
        """Return an envelope with a reading so long after the start."""
        at = to_micros(START + since)
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
            made = _Watched(conn, "shanghai-12h", built_in(), clock, shard=PART, tenure=tenure)
            made.clock, made.looks = clock, self.looks
            made.load()
            self.loaded += 1
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
        worker.close()

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
        worker.close()

    asyncio.run(story())
    assert desk.stored == [0.0, 1.0, 2.0, 7.0]
    assert desk.next_offset == 8


def test_an_envelope_that_cannot_be_judged_goes_to_quarantine_and_stops_nothing(desk: Desk) -> None:
    async def story() -> None:
        worker = desk.worker()
        assert await worker.take(0, [desk.sealed(0), (1, b"nonsense"), desk.sealed(2)])
        await worker.revoked([0])
        worker.close()

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
        fresh.close()

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
        worker.close()

    asyncio.run(story())
    assert desk.stored == [0.0, 1.0]
    assert desk.next_offset == 3


def test_what_comes_back_to_us_goes_on_from_memory(desk: Desk) -> None:
    async def story() -> None:
        worker = desk.worker()
        assert await worker.take(0, [desk.sealed(0)])
        await worker.revoked([0])
        worker.assigned([0])
        assert await worker.take(0, [desk.sealed(0), desk.sealed(1)])
        await worker.revoked([0])
        worker.close()

    asyncio.run(story())
    assert desk.stored == [0.0, 1.0]
    assert desk.loaded == 1
    assert rows(desk.database, "SELECT epoch FROM shard") == [(1,)]


def test_what_another_had_meanwhile_is_loaded_anew(desk: Desk) -> None:
    async def story() -> None:
        worker, other = desk.worker(), desk.worker()
        assert await worker.take(0, [desk.sealed(0)])
        await worker.revoked([0])
        assert await other.take(0, [desk.sealed(1)])
        await other.revoked([0])
        worker.assigned([0])
        other.assigned([])
        assert await worker.take(0, [desk.sealed(1), desk.sealed(2)])
        await worker.revoked([0])
        worker.close()

    asyncio.run(story())
    assert desk.stored == [0.0, 1.0, 2.0]
    assert desk.loaded == 3


def test_who_must_give_a_partition_up_ends_with_what_is_under_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    hear = Engine.hear

    async def story() -> None:
        worker, loop = desk.worker(), asyncio.get_running_loop()
        gone: list[asyncio.Task[None]] = []

        async def give_up() -> None:
            gone.append(asyncio.create_task(worker.revoked([0])))
            await asyncio.sleep(0)

        def hear_of_it(engine: Engine, batch: ReadingBatch) -> Outcome:
            asyncio.run_coroutine_threadsafe(give_up(), loop).result()
            return hear(engine, batch)

        monkeypatch.setattr(Engine, "hear", hear_of_it)
        assert not await worker.take(0, _four(desk))
        assert desk.stored == [0.0, 1.0]  # up to the first look at the clock
        await gone[0]
        monkeypatch.setattr(Engine, "hear", hear)
        other = desk.worker()
        assert await other.take(0, _four(desk))
        await other.revoked([0])
        worker.close()
        other.close()

    asyncio.run(story())
    assert desk.stored == [0.0, 1.0, 2.0, 3.0]
    assert desk.next_offset == 4


def _four(desk: Desk) -> list[tuple[int, bytes]]:
    return [desk.sealed(offset) for offset in range(4)]


@pytest.mark.parametrize("together", [1, 4, 100])
def test_the_clock_is_looked_at_at_the_same_moments_however_envelopes_are_taken(desk: Desk, together: int) -> None:
    envelopes = [desk.sealed_at(offset, timedelta(seconds=3 * offset + 1)) for offset in range(14)]

    async def story() -> None:
        for begin in range(0, len(envelopes), together):
            worker = desk.worker()  # each lot taken over by another
            assert await worker.take(0, envelopes[begin : begin + together])
            await worker.revoked([0])
            worker.close()

    asyncio.run(story())
    assert [(look - START).total_seconds() for look in desk.looks] == [10, 22, 31, 40]
    assert len(desk.stored) == 14


def test_a_look_that_fails_leaves_nothing_of_what_was_heard_before_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[list[float]] = []
    tick = Engine.tick

    def fails_once(_engine: Engine, **_: bool) -> Outcome:
        monkeypatch.setattr(Engine, "tick", tick)
        raise StorageError("away")

    async def story() -> None:
        worker = desk.worker()
        assert await worker.take(0, [desk.sealed(0)])
        monkeypatch.setattr(Engine, "tick", fails_once)
        monkeypatch.setattr(asyncio, "sleep", lambda _: looked())
        assert await worker.take(0, [desk.sealed(1)])
        await worker.revoked([0])
        worker.close()

    async def looked() -> None:
        found.append(desk.stored)

    asyncio.run(story())
    assert found == [[0.0]]
    assert desk.stored == [0.0, 1.0]
    assert len(desk.looks) == 2


def test_very_many_readings_are_committed_in_several_lots(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_READINGS", 2)

    async def story() -> None:
        worker = desk.worker()
        assert await worker.take(0, [desk.sealed_at(offset, timedelta(seconds=offset)) for offset in range(5)])
        await worker.revoked([0])
        worker.close()

    asyncio.run(story())
    assert len(desk.stored) == 5
    assert rows(desk.database, "SELECT count(*) FROM batch") == [(3,)]
