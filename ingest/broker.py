"""An MQTT broker that lives and dies with the process: rumqttd, from the `iotcore` wheel, on loopback only."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path
from typing import Self

import iotcore

from ingest.errors import BrokerError

_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 1000
max_segment_size = 104857600
max_segment_count = 10

[v4.1]
name = "gateways"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 500
dynamic_filters = true

[v5.1]
name = "service"
listen = "127.0.0.1:{port5}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 500
dynamic_filters = true
"""


class EmbeddedBroker:
    """The broker of the embedded instance: `port` speaks MQTT 3.1.1 (gateways), `port5` MQTT 5 (the service, replays).

    Both see the same topics; rumqttd wants one listener per protocol version.
    """

    def __init__(self, folder: Path, *, port: int, port5: int = 0) -> None:
        self.port = port
        self.port5 = port5
        self._folder = folder
        self._broker: iotcore.Broker | None = None

    def start(self) -> None:
        """Start the broker and wait until it accepts connections.

        Raises:
            BrokerError: a port is taken, or the broker does not come up.
        """
        self._await_free(self.port)
        self.port5 = self.port5 or (_free_port() if _taken(self.port + 1) else self.port + 1)
        config = self._folder / "broker.toml"
        config.write_text(_CONFIG.format(port=self.port, port5=self.port5), encoding="utf-8")
        self._broker = iotcore.Broker(config_path=str(config))
        # A child inherits an ignored SIGINT: Ctrl-C is for us, we stop the broker when its last message is committed.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._broker.start(timeout=20)
        except (OSError, RuntimeError) as error:
            raise BrokerError(f"the MQTT broker did not start: {error} — choose another --mqtt-port") from error
        finally:
            signal.signal(signal.SIGINT, previous)

    def stop(self) -> None:
        """Stop the broker; safe to call twice."""
        if self._broker is not None:
            self._broker.stop()
            self._broker = None

    @property
    def running(self) -> bool:
        """Whether the broker's process is alive."""
        return self._broker is not None and self._broker.is_running

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @staticmethod
    def _await_free(port: int) -> None:
        """Give a broker whose parent was killed a moment to leave its port."""
        deadline = time.monotonic() + 10
        while _taken(port):
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"port {port} is taken: choose another with --mqtt-port, or set SHOUWANG_MQTT_URL to use the "
                    "broker that runs there"
                )
            time.sleep(0.1)


def _taken(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
