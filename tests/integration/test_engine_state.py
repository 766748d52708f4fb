"""What detectors remember, in the database: however large, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest

from registry.shards import Shard
from storage import snapshots
from storage.database import connect

NOW = datetime(2026, 11, 5, 4, 0, tzinfo=UTC)


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def test_a_state_of_several_pieces_comes_back_whole(conn: psycopg.Connection) -> None:
    large = np.random.default_rng(1).bytes(9_000_001)
    size = snapshots.save_snapshot(conn, "default", 7, NOW, [("large", large), ("empty", b""), ("small", b"x")])
    found = snapshots.load_snapshot(conn, "default")
    assert found is not None
    assert (found.batch, found.saved_at, found.size) == (7, NOW, size) == (7, NOW, len(large) + 1)
    assert dict(found.states) == {"large": large, "empty": b"", "small": b"x"}
    with pytest.raises(KeyError):
        found.states["never saved"]


def test_a_later_snapshot_leaves_nothing_of_the_one_before(conn: psycopg.Connection) -> None:
    snapshots.save_snapshot(conn, "default", 7, NOW, [("one", bytes(5_000_000)), ("gone", b"x")])
    snapshots.save_snapshot(conn, "default", 7, NOW, [("one", b"other")], Shard(1, 2))
    snapshots.save_snapshot(conn, "default", 8, NOW, [("one", b"short")])
    found = snapshots.load_snapshot(conn, "default")
    assert found is not None
    assert found.batch == 8
    assert dict(found.states) == {"one": b"short"}
    assert snapshots.load_snapshot(conn, "another") is None


def test_a_draft_counts_when_its_last_piece_is_there(conn: psycopg.Connection) -> None:
    snapshots.save_snapshot(conn, "default", 7, NOW, [("one", b"before"), ("gone", b"x")])
    large = np.random.default_rng(1).bytes(9_000_001)
    left = snapshots.Draft(conn, "default", 8, NOW, [("one", b"never finished"), ("two", b"y")])
    assert not left.write_next(conn)
    other = snapshots.Draft(conn, "default", 3, NOW, [("one", b"other")], Shard(1, 2))
    assert not other.write_next(conn)
    draft = snapshots.Draft(conn, "default", 9, NOW, [("large", large), ("empty", b"")])
    assert draft.size == len(large)
    for _ in range(4):  # of the large one three
        assert not draft.write_next(conn)
        found = snapshots.load_snapshot(conn, "default")
        assert found is not None
        assert (found.batch, dict(found.states)) == (7, {"one": b"before", "gone": b"x"})
    assert draft.write_next(conn)
    found = snapshots.load_snapshot(conn, "default")
    assert found is not None
    assert (found.batch, found.size, dict(found.states)) == (9, len(large), {"large": large, "empty": b""})
    assert other.write_next(conn)
    assert conn.execute("SELECT count(*) FROM detector_state").fetchone() == (5,)
