"""Mosquitto for the tests of what only servers have: shared subscriptions, on which the embedded broker falls over."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from ingest.mqtt import Endpoint
from tests.e2e.service import free_port, until

PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
max_inflight_messages 10000
max_queued_messages 0
persistence false
user {user}
"""


class Mosquitto:
    """One broker on a port of its own, with the limits of ingest/mosquitto/mosquitto.conf."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.endpoint = Endpoint("127.0.0.1", port, None, None, tls=False)
        self.url = f"mqtt://127.0.0.1:{port}"
        self._config = folder / "mosquitto.conf"
        self._config.write_text(_CONFIG.format(port=port, user=getpass.getuser()))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        assert PROGRAM is not None, "Mosquitto is not installed: install the package mosquitto"
        self._process = subprocess.Popen([PROGRAM, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        until(self._answers, "Mosquitto listens", 20)
        return self

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.endpoint.host, self.endpoint.port), 1).close()
        except OSError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
