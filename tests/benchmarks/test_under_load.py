"""The bench's own parts against real servers, so small that they measure nothing: do they do what they say?"""

from __future__ import annotations

from pathlib import Path

import pytest

from shouwang.bench import end_to_end, latency, peers, store
from shouwang.bench.under_load import Setting, city
from shouwang.errors import BenchError


def setting(postgres: str, **options: object) -> Setting:
    return Setting(**{"sensors": 700, "pack": 10, "broker": "embedded", "database_url": postgres, **options})  # type: ignore[arg-type]


def test_a_real_service_stores_all_that_was_sent(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_WARM_UP", 1.0)
    monkeypatch.setattr(peers, "_RATE", 5_000.0)
    told: list[str] = []
    options = end_to_end.Options(setting(postgres), seconds=3, warm_up=1, rate=2_000, peers=4)
    report = end_to_end.run(options, told.append)
    assert report.lost == 0
    assert report.refused == report.failures == 0
    assert report.stretch.sent > 4_000
    assert report.stretch.per_second == pytest.approx(2_000, rel=0.5)
    assert report.stretch.waited
    assert set(report.stretch.spent) == {"service", "PostgreSQL", "broker", "generator", "bench"}
    assert report.stretch.samples[-1].memory > 2**20
    assert [peer.name for peer in report.peers] == ["naive, few questions", "naive, all questions"]
    assert all(peer.rows > 0 for peer in report.peers)
    assert any("warming up" in line for line in told)
    assert report.to_json()["postgresql"]


def test_every_alarm_is_told(postgres: str) -> None:
    report = latency.run(latency.Options(setting(postgres, window=100), seconds=3, warm_up=0.5, every=0.5))
    assert [one.load for one in report.told] == ["full", "half"]
    for one in report.told:
        assert len(one.seconds) >= 4
        assert one.untold == 0
        assert min(one.seconds) > 0


def test_both_ways_of_storing_store_the_same(postgres: str) -> None:
    report = store.run(store.Options(sensors=700, batch=200, batches=10, database_url=postgres))
    assert (report.ours.rows, report.many.rows) == (2_000, 200)
    assert report.ratio > 0
    assert report.to_json()["write"]["client_processor_seconds_per_row"] > 0


def test_a_broker_that_is_not_there_is_named(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shouwang.bench.stand.MOSQUITTO", None)
    options = end_to_end.Options(setting(postgres, broker="mosquitto"), seconds=1, warm_up=0, rate=1_000)
    with pytest.raises(BenchError, match="install the package mosquitto, or take --broker embedded"):
        end_to_end.run(options)


def test_node_red_that_is_not_there_is_named(postgres: str, tmp_path: Path) -> None:
    with (
        city(setting(postgres), 100, lambda _: None) as town,
        pytest.raises(BenchError, match="run `npm install node-red pg` there"),
    ):
        peers.node_red(town, tmp_path, 1)
