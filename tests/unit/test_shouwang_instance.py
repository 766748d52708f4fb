"""How commands find the instance of a data directory, and what they are told where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.mqtt import Endpoint
from shouwang import instance
from shouwang.errors import NoInstanceError
from shouwang.instance import Instance
from shouwang.settings import Settings

HERE = Instance(
    pid=os.getpid(),
    database="host=/tmp/somewhere user=shouwang dbname=postgres",
    mqtt="mqtt://127.0.0.1:1883",
    mqtt5="mqtt://127.0.0.1:1884",
    http="http://127.0.0.1:8080",
)


@pytest.fixture
def gone() -> int:
    """Return the number of a process that is over."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_what_was_written_is_found(tmp_path: Path) -> None:
    HERE.write(tmp_path)
    assert Instance.find(tmp_path) == HERE
    moved = replace(HERE, mqtt5="mqtt://127.0.0.1:2884")
    moved.write(tmp_path)
    assert Instance.find(tmp_path) == moved
    assert [path.name for path in tmp_path.iterdir()] == ["instance.json"]


def test_where_there_is_none_it_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NoInstanceError, match=r"start one with `shouwang up --data-dir .*SHOUWANG_DATABASE_URL"):
        Instance.find(tmp_path)
    HERE.write(tmp_path)
    Instance.remove(tmp_path)
    with pytest.raises(NoInstanceError):
        Instance.find(tmp_path)
    Instance.remove(tmp_path)


def test_one_that_was_killed_is_gone(tmp_path: Path, gone: int) -> None:
    replace(HERE, pid=gone).write(tmp_path)
    with pytest.raises(NoInstanceError, match=rf"process {gone}\) is gone: start it again"):
        Instance.find(tmp_path)


def test_somebody_elses_process_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    HERE.write(tmp_path)
    monkeypatch.setattr("shouwang.instance.os.kill", forbidden)
    assert Instance.find(tmp_path) == HERE


def test_the_database_is_the_configured_one_or_the_running_instances(tmp_path: Path) -> None:
    HERE.write(tmp_path)
    with instance.database(Settings(data_dir=tmp_path, database_url="postgresql://elsewhere/db")) as conninfo:
        assert conninfo == "postgresql://elsewhere/db"
    with instance.database(Settings(data_dir=tmp_path)) as conninfo:
        assert conninfo == HERE.database


def test_a_folder_without_a_database_is_not_given_one_by_accident(tmp_path: Path) -> None:
    with pytest.raises(NoInstanceError), instance.database(Settings(data_dir=tmp_path)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_broker_is_the_configured_one_or_the_running_instances(tmp_path: Path) -> None:
    HERE.write(tmp_path)
    assert instance.broker(Settings(data_dir=tmp_path)) == Endpoint("127.0.0.1", 1884, None, None, tls=False)
    named = Settings(data_dir=tmp_path, mqtt_url="mqtts://me:p%40ss@broker.example")
    assert instance.broker(named) == Endpoint("broker.example", 8883, "me", "p@ss", tls=True)
    Instance.remove(tmp_path)
    with pytest.raises(NoInstanceError):
        instance.broker(Settings(data_dir=tmp_path))
