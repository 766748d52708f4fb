"""A network between a browser and a service that can be cut, or lose every answer: a forwarder of TCP."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

_PIECE: Final = 65536


class State(Enum):
    """What becomes of what is sent."""

    OPEN = "open"
    CUT = "cut"  # nothing gets through
    DEAF = "deaf"  # requests arrive, answers do not


class Network:
    """Forwards what comes to `home` to a service, for as long as it is open."""

    def __init__(self, service: str) -> None:
        self._service = urlsplit(service)
        self._door = socket.create_server(("127.0.0.1", 0))
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._state = State.OPEN
        self.home = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._accept, name="network", daemon=True).start()

    def become(self, state: State) -> None:
        """Change what becomes of what is sent; connections that were there are lost."""
        with self._lock:
            self._state = state
            lines, self._lines = self._lines, set()
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it."""
        self._door.close()
        self.become(State.CUT)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        """Pass on what comes from either end until one of them hangs up, or the network does."""
        with self._lock:
            state = self._state
        if state is State.CUT:
            near.close()
            return
        far = socket.create_connection((self._service.hostname or "", self._service.port or 80))
        with near, far, suppress(OSError):
            with self._lock:
                self._lines |= {near, far}
            while True:
                for source in select.select([near, far], [], [])[0]:
                    piece = source.recv(_PIECE)
                    if not piece or (source is far and state is State.DEAF):
                        return
                    (far if source is near else near).sendall(piece)


@contextmanager
def network(service: str) -> Iterator[Network]:
    """Lay a network in front of a service."""
    laid = Network(service)
    try:
        yield laid
    finally:
        laid.close()
