"""What detectors remember, in the database: however large, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest

from registry.shards import Shard
from storage import engine_state
from storage.database import connect

NOW = datetime(2026, 11, 5, 4, 0, tzinfo=UTC)


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def test_a_state_of_several_pieces_comes_back_whole(conn: psycopg.Connection) -> None:
    large = np.random.default_rng(1).bytes(9_000_001)
    size = engine_state.save_snapshot(conn, "default", 7, NOW, [("large", large), ("empty", b""), ("small", b"x")])
    found = engine_state.load_snapshot(conn, "default")
    assert found is not None
    assert (found.batch, found.saved_at, found.size) == (7, NOW, size) == (7, NOW, len(large) + 1)
    assert dict(found.states) == {"large": large, "empty": b"", "small": b"x"}
    with pytest.raises(KeyError):
        found.states["never saved"]


def test_a_later_snapshot_leaves_nothing_of_the_one_before(conn: psycopg.Connection) -> None:
    engine_state.save_snapshot(conn, "default", 7, NOW, [("one", bytes(5_000_000)), ("gone", b"x")])
    engine_state.save_snapshot(conn, "default", 7, NOW, [("one", b"other")], Shard(1, 2))
    engine_state.save_snapshot(conn, "default", 8, NOW, [("one", b"short")])
    found = engine_state.load_snapshot(conn, "default")
    assert found is not None
    assert found.batch == 8
    assert dict(found.states) == {"one": b"short"}
    assert engine_state.load_snapshot(conn, "another") is None
