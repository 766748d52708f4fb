"""A dashboard behind a real port, in a thread: what a browser can be pointed at."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dashboards.app import Context, create_app
from dashboards.live.broadcaster import Broadcaster
from shouwang.laboratory import Laboratory
from shouwang.wiring import listener, server
from storage.alerts.book import PostgresAlertBook
from tests.integration.dashboards_site import Site

_PATIENCE = 30.0


@contextmanager
def serve(site: Site, port: int = 0, **more: Any) -> Iterator[str]:
    """Serve a site on a port of this machine, any free one if 0, and yield its address; `more` is of its context."""
    app = create_app(
        Context(
            pool=site.pool,
            now=lambda: site.now,
            ready=lambda: site.ready,
            embedded=True,
            events=Broadcaster(site.database, pause=0.01),
            book=PostgresAlertBook,
            **{"speed": 1.0, "laboratory": Laboratory(site.database), **more},
        )
    )
    web, at = server(app), listener("127.0.0.1", port)
    thread = threading.Thread(target=web.run, kwargs={"sockets": [at]}, name="served", daemon=True)
    thread.start()
    number = at.getsockname()[1]
    _until_it_answers(number)
    try:
        yield f"http://127.0.0.1:{number}"
    finally:
        web.should_exit = True
        thread.join(_PATIENCE)


def _until_it_answers(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as asked:
                asked.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                if asked.recv(12).endswith(b"200"):
                    return
        except OSError:
            if time.monotonic() > deadline:
                raise
