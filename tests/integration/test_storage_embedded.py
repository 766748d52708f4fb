"""The PostgreSQL of the data directory: it starts, dies with us, and comes back with everything, however it died."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from storage.embedded import EmbeddedPostgres
from storage.errors import EmbeddedDatabaseError
from tests.e2e.service import until

ROOT = os.geteuid() == 0
LINUX = sys.platform == "linux"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder that the server's account can reach even where root runs the tests."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("pytest-", "test_")) and folder.owner() == tmp_path.owner():
            folder.chmod(0o755)
    return tmp_path


@pytest.fixture
def cluster(home: Path) -> Iterator[Path]:
    """Return the folder of a server that ran before, stored a row, and was stopped."""
    folder = home / "postgres"
    with EmbeddedPostgres(folder) as server, psycopg.connect(server.conninfo) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 1 AS number")
    yield folder
    if folder.is_symlink():
        shutil.rmtree(folder.resolve(), ignore_errors=True)


def _numbers(conninfo: str) -> list[int]:
    with psycopg.connect(conninfo) as conn:
        return [number for (number,) in conn.execute("SELECT number FROM kept ORDER BY number")]


def _postmaster(server: EmbeddedPostgres) -> int:
    return int((server.folder / "cluster" / "postmaster.pid").read_text(encoding="ascii").split()[0])


def _gone(pid: int) -> bool:
    """Whether a process is over, or nothing but its exit code is left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return LINUX and Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"


def test_a_server_starts_answers_and_stops(home: Path) -> None:
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    assert server.running
    with psycopg.connect(server.conninfo) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
        assert conn.execute("SHOW timezone").fetchone() == ("UTC",)
        assert conn.execute("SHOW fsync").fetchone() == ("on",)
        assert conn.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    pid = _postmaster(server)
    server.stop()
    assert _gone(pid)
    assert not (server.folder / "cluster" / "postmaster.pid").exists()
    server.stop()


def test_what_was_stored_is_there_at_the_next_start(cluster: Path) -> None:
    with EmbeddedPostgres(cluster) as server:
        assert _numbers(server.conninfo) == [1]


def test_the_cluster_is_nobody_elses(cluster: Path) -> None:
    assert (cluster / "cluster").stat().st_mode & 0o077 == 0
    assert not (cluster / "cluster.new").exists()
    if ROOT:
        assert (cluster / "cluster").stat().st_uid != 0


def test_a_killed_server_comes_back_with_everything_committed(cluster: Path) -> None:
    server = EmbeddedPostgres(cluster)
    server.start()
    conn, other = psycopg.connect(server.conninfo, autocommit=True), psycopg.connect(server.conninfo)
    conn.execute("INSERT INTO kept VALUES (2)")
    other.execute("INSERT INTO kept VALUES (3)")  # never committed
    os.kill(_postmaster(server), signal.SIGKILL)
    until(lambda: not server.running, "it is dead")
    with EmbeddedPostgres(cluster) as again:
        assert _numbers(again.conninfo) == [1, 2]
    server.stop()
    conn.close()
    other.close()


def test_a_second_start_takes_over_from_a_predecessor_that_is_still_there(cluster: Path) -> None:
    first = EmbeddedPostgres(cluster)
    first.start()
    pid = _postmaster(first)
    with EmbeddedPostgres(cluster) as second:
        assert _gone(pid)
        assert not first.running
        assert _postmaster(second) != pid
        assert _numbers(second.conninfo) == [1]
        first.stop()
        assert second.running


_PARENT = """
import sys, time
from pathlib import Path
from storage.embedded import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1])).start()
print("up", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not LINUX, reason="only Linux tells a child that its parent died")
def test_a_server_dies_with_the_process_that_started_it(cluster: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT, str(cluster)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        pid = _postmaster(EmbeddedPostgres(cluster))
        assert not _gone(pid)
        parent.kill()
    until(lambda: _gone(pid), "the server is gone", 30)
    with EmbeddedPostgres(cluster) as server:
        assert _numbers(server.conninfo) == [1]


def test_a_number_left_over_from_a_crash_that_now_means_somebody_else_harms_nobody(cluster: Path) -> None:
    owner = (cluster / "cluster").stat().st_uid
    with subprocess.Popen(["sleep", "600"], user=owner if ROOT else None) as other:
        try:
            stale = f"{other.pid}\n{cluster}/cluster\n1760000000\n5432\n\n\n  0 0\nready\n"
            path = cluster / "cluster" / "postmaster.pid"
            path.write_text(stale, encoding="ascii")
            os.chown(path, owner, -1)
            with EmbeddedPostgres(cluster) as server:
                assert _numbers(server.conninfo) == [1]
            assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.skipif(not ROOT, reason="only root's own folders can hide a cluster from the server's account")
def test_a_folder_that_the_servers_account_cannot_reach_is_kept_elsewhere_and_found_again(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    folder = hidden / "postgres"
    try:
        with EmbeddedPostgres(folder) as server, psycopg.connect(server.conninfo) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 7 AS number")
        elsewhere = server.folder
        assert elsewhere == folder.resolve() != folder
        assert elsewhere.stat().st_mode & 0o077 == 0
        with EmbeddedPostgres(folder) as again:
            assert again.folder == elsewhere
            assert _numbers(again.conninfo) == [7]
    finally:
        if folder.is_symlink():
            shutil.rmtree(folder.resolve())


def test_a_path_too_long_for_a_socket_gets_its_socket_elsewhere(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with EmbeddedPostgres(deep / "postgres") as server:
        with psycopg.connect(server.conninfo) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        socket = server._socket
        assert len(str(socket)) < 90
    shutil.rmtree(socket)


def test_a_server_that_cannot_start_says_why(cluster: Path) -> None:
    with (cluster / "cluster" / "postgresql.conf").open("a", encoding="utf-8") as config:
        config.write("no_such_setting = 1\n")
    server = EmbeddedPostgres(cluster)
    with pytest.raises(EmbeddedDatabaseError, match="no_such_setting"):
        server.start()
    assert not server.running
