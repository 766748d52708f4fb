"""What the load generator sends: whole MQTT packets, written to a file before any clock starts.

Encoding is no work of the service, so it must cost the machine nothing while the service is measured: the generator
hands pieces of this file to the socket, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.instants import DAY, SECOND
from registry.quantities import SCALES, Quantity
from registry.readings import ReadingBatch
from shouwang.bench.stream import START, Homes

ASKS_EVERY = 20
"""One message in so many asks for a receipt: often enough to steer by, too seldom to be work."""
_IDENTIFIERS = 65_000  # MQTT §2.2.1 has 65,535 of them; never are so many messages in flight
_ROUND = 15 * 60 * SECOND


@dataclass(frozen=True, slots=True)
class Spool:
    """Packets one after the other in `path`; of each, n rows.

    `ends` (n,) is the byte behind it, `readings` (n,) and `new` (n,) how many readings were sent up to it, and how
    many of them differ in sensor and time: the rows that shall be stored.
    """

    path: Path
    ends: NDArray[np.int64]
    readings: NDArray[np.int64]
    new: NDArray[np.int64]

    def behind(self, messages: int) -> int:
        """Return the byte behind so many messages."""
        return int(self.ends[messages - 1]) if messages else 0

    @property
    def index(self) -> Path:
        """The file of the columns."""
        return self.path.with_suffix(".npz")

    @classmethod
    def load(cls, path: Path) -> Spool:
        """Return a spool that `write` made."""
        with np.load(path.with_suffix(".npz")) as columns:
            return cls(path, columns["ends"], columns["readings"], columns["new"])


@dataclass(frozen=True, slots=True)
class Round:
    """What all gateways say in a quarter of an hour: of each message, n rows, who says it and what.

    `readings` (n,) says how many readings are in it, `new` (n,) how many of them no message said before.
    """

    gateways: list[str]
    payloads: list[bytes]
    readings: NDArray[np.int64]
    new: NDArray[np.int64]


def rounds(homes: Homes, pack: int, shift: int = 0) -> Iterator[Round]:
    """Yield what homes say in packs of up to `pack`; `shift` is added to the stream's own times, microseconds."""
    table = homes.table
    names, of_device = np.unique(np.array(table.gateways), return_inverse=True)
    gateway = of_device[table.device]
    openings = [
        f'{{"n":"{table.name(sensor)}","u":"{SCALES[Quantity(quantity)].si or "/"}","v":' if quantity else ""
        for sensor, quantity in enumerate(table.quantity.tolist())
    ]
    while True:
        batch, speaker, begins, ends = _packed(homes.quarter(), gateway, pack)
        records = _records(batch, openings, shift)
        first = np.zeros(len(batch), np.int64)
        first[np.unique(batch.sensor, return_index=True)[1]] = 1
        yield Round(
            names[speaker].tolist(),
            [
                f"[{','.join(records[begin:end])}]".encode("ascii")
                for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
            ],
            ends - begins,
            np.add.reduceat(first, begins),
        )


def write(path: Path, homes: Homes, readings: int, pack: int, until: int) -> Spool:
    """Write the homes' next `readings`, and a round's rest, in packs of up to `pack`, so that the last ends by `until`.

    `until` is in microseconds UTC; whole days are added to the stream's own times.
    """
    most = -(-readings // max(len(homes.table) * 3 // 4, 1))
    shift = (until - START - (most + 2) * _ROUND) // DAY * DAY
    lengths: list[NDArray[np.int64]] = []
    sizes: list[NDArray[np.int64]] = []
    new: list[NDArray[np.int64]] = []
    count = number = 0
    with path.open("wb") as file:
        for said in rounds(homes, pack, shift):
            packets = [
                publication(gateway, payload, at)
                for at, (gateway, payload) in enumerate(zip(said.gateways, said.payloads, strict=True), number)
            ]
            file.writelines(packets)
            lengths.append(np.array([len(packet) for packet in packets]))
            sizes.append(said.readings)
            new.append(said.new)
            number += len(packets)
            count += int(said.readings.sum())
            if count >= readings:
                break
    spool = Spool(path, *(np.cumsum(np.concatenate(parts)) for parts in (lengths, sizes, new)))
    np.savez(spool.index, ends=spool.ends, readings=spool.readings, new=spool.new)
    return spool


def publication(gateway: str, payload: bytes, number: int) -> bytes:
    """Return an MQTT 5 PUBLISH at QoS 1 (§3.3), the stream's `number`-th; every `ASKS_EVERY`-th asks for a receipt."""
    topic = f"telemetry/{gateway}/senml".encode()
    properties = b""
    if number % ASKS_EVERY == ASKS_EVERY - 1:
        answer = f"receipts/{gateway}".encode()
        properties = b"\x08" + len(answer).to_bytes(2, "big") + answer + b"\x09\x00\x08" + number.to_bytes(8, "big")
    body = b"".join(
        (
            len(topic).to_bytes(2, "big"),
            topic,
            (number % _IDENTIFIERS + 1).to_bytes(2, "big"),
            bytes([len(properties)]),
            properties,
            payload,
        )
    )
    return b"\x32" + variable_length(len(body)) + body


def variable_length(number: int) -> bytes:
    """Return a number as MQTT's variable byte integer (§1.5.5)."""
    digits = bytearray()
    while True:
        number, digit = divmod(number, 128)
        digits.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(digits)


def _packed(
    batch: ReadingBatch, gateway: NDArray[np.intp], size: int
) -> tuple[ReadingBatch, NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return a round in the order of its messages, and of each its gateway and its rows [begin, end).

    A gateway gathers what its homes send, in the order in which they send it; a message leaves with its last reading.
    """
    speaker = gateway[batch.sensor]
    order = np.argsort(speaker, kind="stable")
    starts = np.flatnonzero(np.diff(speaker[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    begins = np.flatnonzero(place % size == 0)
    lasts = np.append(begins[1:], len(order)) - 1
    turn = np.argsort(batch.received[order[lasts]], kind="stable")
    lengths = (lasts + 1 - begins)[turn]
    ends = np.cumsum(lengths)
    rows = np.repeat(begins[turn] - (ends - lengths), lengths) + np.arange(len(order))
    return batch.only(order[rows]), speaker[order[begins[turn]]], ends - lengths, ends


def _records(batch: ReadingBatch, openings: list[str], shift: int) -> list[str]:
    """Return SenML records in JSON (RFC 8428 §5), each with a time of its own."""
    whole = batch.value == np.floor(batch.value)
    values: list[float | int] = batch.value.astype(np.int64).tolist()
    for row in np.flatnonzero(~whole).tolist():
        values[row] = float(batch.value[row])
    times = ((batch.time + shift) // SECOND).tolist()
    return [
        f'{openings[sensor]}{value},"t":{time}}}'
        for sensor, value, time in zip(batch.sensor.tolist(), values, times, strict=True)
    ]
