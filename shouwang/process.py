"""What every process of ours needs, whatever its role: where the database is, a signal to stop, metrics to read."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from shouwang.errors import NoInstanceError
from shouwang.settings import Settings


def database_of(settings: Settings) -> str:
    """Return where PostgreSQL is.

    Raises:
        NoInstanceError: no setting says so.
    """
    if settings.database_url is None:
        raise NoInstanceError(
            "say where PostgreSQL is: SHOUWANG_DATABASE_URL=postgresql://user:password@host/name "
            "(or run everything on this machine with `shouwang up`)"
        )
    return settings.database_url


def serve_metrics(port: int | None, metrics: CollectorRegistry) -> None:
    """Serve Prometheus metrics on a port, if one is wanted."""
    if port is not None:
        start_http_server(port, registry=metrics)


@contextmanager
def told_to_stop(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` on Ctrl-C and SIGTERM for as long as the block runs."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: act())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
