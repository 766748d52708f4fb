"""Sends a spool to a broker as fast as the service commits, or at a rate: `python -m shouwang.bench.generator`.

A process of its own, and a cheap one: it speaks just enough MQTT 5 to hand pieces of the spool to a socket and to read
what comes back. That the broker has a message says nothing here; receipts say how far the service has committed, and
what waits for them is bounded. SIGUSR1 ends the sending; the process ends when all that was sent is committed.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shouwang.bench.spool import ASKS_EVERY, Spool, variable_length

_STALLED = 60.0
"""Seconds without a receipt after which what was sent is held to be lost."""
_PIECE = 256 * 1024
_LOOK, _PACE = 0.1, 0.005
"""Seconds to wait for the broker: as fast as possible, and at a rate."""
_KEEP_ALIVE = 3_600  # seconds; rumqttd takes no client that never says how long


@dataclass(frozen=True, slots=True)
class Load:
    """Where to send which spool, from its `first` message on, and where the figures go, `result`.

    At most `window` messages are not yet committed, None for no such limit; `rate` is in messages a second.
    """

    host: str
    port: int
    spool: str
    first: int
    window: int | None
    rate: float | None
    result: str


class MqttError(Exception):
    """The broker said something that a publisher cannot go on with."""


class Connection:
    """The publisher's side of MQTT 5: a socket, what has come in, and the little that a publisher must understand."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._arrived = bytearray()
        self.in_flight = 65_535
        self._socket.sendall(_connect(f"bench-{os.getpid()}"))
        [(_, answer)] = self._wait()
        if answer[1] != 0:
            self.close()
            raise MqttError(f"the broker refused the generator: reason {answer[1]:#x}")
        self._obey(answer[2:])
        self._socket.sendall(_subscribe("receipts/#"))
        self._wait()
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """Return what `select` waits for."""
        return self._socket.fileno()

    def close(self) -> None:
        """Leave without a word."""
        self._socket.close()

    def send(self, piece: memoryview) -> int:
        """Send what the socket takes at once; return how many bytes."""
        try:
            return self._socket.send(piece)
        except BlockingIOError:
            return 0

    def read(self) -> tuple[int, list[int]]:
        """Return how many messages the broker took, and the numbers of those that were committed, since last time."""
        try:
            while piece := self._socket.recv(1 << 18):
                self._arrived += piece
        except BlockingIOError:
            pass
        else:
            raise MqttError("the broker closed the generator's connection")
        taken, committed = 0, []
        for kind, body in self._packets():
            if kind == 0x40:
                taken += 1
            elif kind & 0xF0 == 0x30:
                committed.append(_number(body))
            elif kind == 0xE0:
                raise MqttError(f"the broker sent the generator away: reason {body[0] if body else 0:#x}")
        return taken, committed

    def _wait(self) -> list[tuple[int, bytes]]:
        while not (found := self._packets()):
            piece = self._socket.recv(65_536)
            if not piece:
                raise MqttError("the broker closed the generator's connection")
            self._arrived += piece
        return found

    def _packets(self) -> list[tuple[int, bytes]]:
        """Return the whole packets that have come: their first byte and what follows their length."""
        data, at, found = self._arrived, 0, []
        while at + 2 <= len(data):
            length, behind = _variable(data, at + 1)
            if behind is None or behind + length > len(data):
                break
            found.append((data[at], bytes(data[behind : behind + length])))
            at = behind + length
        del data[:at]
        return found

    def _obey(self, properties: bytes) -> None:
        """Take the broker's receive maximum (§3.2.2.3.3), the one limit of it that concerns us."""
        length, at = _variable(properties, 0)
        end = (at or 0) + length
        while at is not None and at < end:
            kind, at = properties[at], at + 1
            if kind == 0x21:
                self.in_flight = int.from_bytes(properties[at : at + 2], "big")
            if kind in (0x11, 0x27):
                at += 4
            elif kind in (0x21, 0x22, 0x13):
                at += 2
            elif kind in (0x24, 0x25, 0x28, 0x29, 0x2A):
                at += 1
            elif kind in (0x12, 0x1F, 0x1A, 0x1C, 0x15, 0x16):
                at += 2 + int.from_bytes(properties[at : at + 2], "big")
            else:
                return


class Generator:
    """Sends a spool's packets in order, and ends with one that asked for a receipt."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._spool = Spool.load(Path(load.spool))
        self._connection = Connection(load.host, load.port)
        self._last = len(self._spool.ends) // ASKS_EVERY * ASKS_EVERY
        # Numbers of messages: handed to the socket, taken by the broker, committed by the service.
        self._sent = self._taken = self._committed = load.first
        self._handed = self._spool.behind(load.first)
        self._ending = False
        self._left: dict[int, float] = {}
        self._waited: list[tuple[float, float]] = []

    def end(self, *_: object) -> None:
        """Send nothing more but what leads to the next receipt; may be called at any moment."""
        self._ending = True

    def run(self) -> dict[str, Any]:
        """Send until told to end or all is sent; wait for receipts; return what happened."""
        load, connection = self._load, self._connection
        began = heard = time.monotonic()
        with (
            closing(connection),
            Path(load.spool).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as whole,
        ):
            while not self._done and time.monotonic() - heard < _STALLED:
                if self._ending:
                    begun = int(np.searchsorted(self._spool.ends, self._handed, "left")) + 1
                    self._last = min(self._last, -(-begun // ASKS_EVERY) * ASKS_EVERY)
                    self._ending = False
                full = self._send(whole, time.monotonic() - began)
                select.select([connection], [connection] if full else [], [], _LOOK if load.rate is None else _PACE)
                taken, committed = connection.read()
                self._taken += taken
                if committed or self._sent == self._committed:
                    heard = time.monotonic()
                    self._commit(committed, heard)
        return {
            "behind": self._sent,
            "committed": self._committed,
            "ran_out": self._sent == len(self._spool.ends) // ASKS_EVERY * ASKS_EVERY,
            "sent_at": [at for at, _ in self._waited],
            "waited": [seconds for _, seconds in self._waited],
        }

    @property
    def _done(self) -> bool:
        waiting = self._taken if self._load.window is None else self._committed
        return self._sent >= self._last and waiting >= self._last

    def _send(self, whole: memoryview, elapsed: float) -> bool:
        """Send what may be sent now; say whether the socket is full."""
        upto = min(self._last, self._taken + self._connection.in_flight)
        if self._load.window is not None:
            upto = min(upto, self._committed + self._load.window)
        if self._load.rate is not None:
            upto = min(upto, self._load.first + int(elapsed * self._load.rate))
        behind = self._spool.behind(upto)
        if self._handed >= behind:
            return False
        self._handed += self._connection.send(whole[self._handed : min(behind, self._handed + _PIECE)])
        sent, now = int(np.searchsorted(self._spool.ends, self._handed, "right")), time.monotonic()
        for asking in range(self._sent // ASKS_EVERY, sent // ASKS_EVERY):
            self._left[asking] = now
        self._sent = sent
        return self._handed < behind

    def _commit(self, numbers: list[int], now: float) -> None:
        for number in numbers:
            left = self._left.pop(number // ASKS_EVERY, None)
            if left is not None:
                self._waited.append((left, now - left))
            self._committed = max(self._committed, number + 1)


def _connect(name: str) -> bytes:
    client = name.encode()
    body = b"\x00\x04MQTT\x05\x02" + struct.pack(">HB", _KEEP_ALIVE, 0) + struct.pack(">H", len(client)) + client
    return b"\x10" + variable_length(len(body)) + body


def _subscribe(topic: str) -> bytes:
    told = topic.encode()
    body = b"\x00\x01\x00" + struct.pack(">H", len(told)) + told + b"\x00"
    return b"\x82" + variable_length(len(body)) + body


def _number(body: bytes) -> int:
    """Return the correlation data of a receipt: the number of the message that it is for."""
    (topic,) = struct.unpack_from(">H", body)
    length, at = _variable(body, 2 + topic)
    end = (at or 0) + length
    while at is not None and at < end:
        kind, at = body[at], at + 1
        size = int.from_bytes(body[at : at + 2], "big")
        if kind == 0x09:
            return int.from_bytes(body[at + 2 : at + 2 + size], "big")
        at += 2 + size if kind in (0x03, 0x08) else {0x01: 1, 0x02: 4, 0x23: 2, 0x0B: 1}.get(kind, len(body))
    raise MqttError("a receipt came without the number of its message")


def _variable(data: bytes | bytearray, at: int) -> tuple[int, int | None]:
    """Read a variable byte integer; return it and where it ends, None if it is not whole yet."""
    number = 0
    for digit in range(4):
        if at + digit >= len(data):
            return 0, None
        byte = data[at + digit]
        number |= (byte & 0x7F) << (7 * digit)
        if not byte & 0x80:
            return number, at + digit + 1
    raise MqttError("a length of more than four bytes")


def main() -> None:
    """Run a load that standard input describes as JSON; write the figures to its `result`."""
    load = Load(**json.loads(sys.stdin.readline()))
    generator = Generator(load)
    signal.signal(signal.SIGUSR1, generator.end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ready", flush=True)  # noqa: T201 - the other end of the pipe waits for it
    Path(load.result).write_text(json.dumps(generator.run()), encoding="ascii")


if __name__ == "__main__":
    main()
