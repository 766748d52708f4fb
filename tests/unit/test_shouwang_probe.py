"""The health check of a container: who does not answer, answers with an error, or stands still is not well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from shouwang.listening import IngestMetrics
from shouwang.probe import STALE_SECONDS, ailment


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Serve one answer on a port of this machine; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/metrics"
        finally:
            server.shutdown()


def test_a_role_whose_heart_beats_is_well_and_one_that_stands_still_is_not() -> None:
    registry = CollectorRegistry()
    IngestMetrics(registry).heartbeat.set(1_800_000_000)
    with answering(200, generate_latest(registry)) as url:
        assert ailment(url, 1_800_000_000 + STALE_SECONDS) == ""
        assert "shouwang_engine_heartbeat is 61 s old" in ailment(url, 1_800_000_001 + STALE_SECONDS)


def test_a_role_without_a_heart_is_well_if_it_answers() -> None:
    with answering(200, b"shouwang_partitions 2.0\n") as url:
        assert ailment(url, 1_800_000_000) == ""


def test_what_is_wrong_is_passed_on() -> None:
    with answering(503, b'{"ready": false, "why": "no database"}') as url:
        said = ailment(url, 0)
    assert "503" in said
    assert "no database" in said
    assert "does not answer" in ailment(url, 0)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "9100"])
def test_only_addresses_of_the_web_are_asked(url: str) -> None:
    assert "is no address" in ailment(url, 0)
