"""The heartbeat: a real server hears it, and whatever that server does keeps nobody waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shouwang.errors import SettingsError
from shouwang.heartbeat import Heartbeat


class Ear(ThreadingHTTPServer):
    """A server that hears pings; while `held` is not set it answers none of them."""

    daemon_threads = True

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.held = threading.Event()
        self.held.set()
        self.status = 200
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/ping/a-b-c"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Ear)
        self.server.heard.append(self.path)
        self.server.held.wait(30)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def ear() -> Iterator[Ear]:
    with Ear() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.held.set()
        server.shutdown()
        thread.join()


class Hand:
    """A monotonic clock that a test turns."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_all_is_well_once_a_minute(ear: Ear) -> None:
    clock = Hand()
    heart = Heartbeat(ear.url, monotonic=clock)
    for second in range(0, 121, 10):
        clock.seconds = second
        heart.beat(well=True)
        heart.rest(30)
    assert ear.heard == ["/ping/a-b-c"] * 3


def test_what_is_wrong_is_told_at_once_and_so_is_its_end(ear: Ear) -> None:
    heart = Heartbeat(f"{ear.url}/?create=1", monotonic=Hand())
    for well in (True, False, False, True):
        heart.beat(well=well)
        heart.rest(30)
    assert ear.heard == ["/ping/a-b-c/?create=1", "/ping/a-b-c/fail?create=1", "/ping/a-b-c/?create=1"]


def test_a_server_that_does_not_answer_keeps_nobody_waiting(ear: Ear) -> None:
    ear.held.clear()
    clock = Hand()
    heart = Heartbeat(ear.url, monotonic=clock, timeout=20)
    heart.beat(well=True)  # returns, though the server never will
    clock.seconds = 61
    heart.beat(well=True)  # the first is still under way: no second one beside it
    ear.held.set()
    heart.rest(30)
    assert len(ear.heard) == 1
    heart.beat(well=True)
    heart.rest(30)
    assert len(ear.heard) == 2


@pytest.mark.parametrize("status", [404, 500])
def test_a_server_that_refuses_does_no_harm(ear: Ear, status: int) -> None:
    ear.status = status
    heart = Heartbeat(ear.url)
    heart.beat(well=True)
    heart.rest(30)
    assert len(ear.heard) == 1


def test_a_server_that_is_gone_does_no_harm(ear: Ear) -> None:
    ear.server_close()
    heart = Heartbeat(ear.url)
    heart.beat(well=False)
    heart.rest(30)
    assert ear.heard == []


@pytest.mark.parametrize("url", ["", "hc-ping.com/abc", "file:///etc/passwd", "https://"])
def test_an_address_that_cannot_be_asked_for_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="heartbeat_url"):
        Heartbeat(url)
