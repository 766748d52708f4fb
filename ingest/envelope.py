"""What travels between ingest and workers: the readings of a moment as three columns, and what the clock was then.

Little-endian: 4 bytes of magic, the number of rows (uint32), the clock (int64 microseconds UTC), then the columns time
(int64), value (float64) and sensor (int32): 16 bytes and 20 for each reading. An envelope without readings carries the
clock only: workers know no other, so that what they find follows from what lies in their partition and nothing else.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from ingest.errors import IngestError
from registry.readings import ReadingBatch

_HEAD = struct.Struct("<4sIq")
_MAGIC = b"SWE1"
_ROW = 20

MOST_ROWS = 40_000
"""Readings of one envelope at the most: 800 kB, where Kafka takes messages of 1 MiB unless it is told otherwise."""


class EnvelopeError(IngestError):
    """These bytes are no envelope of this version."""


class Envelope(NamedTuple):
    """Readings by database ids of sensors, and `at`, when ingest heard them (microseconds UTC)."""

    at: int
    batch: ReadingBatch


def seal(at: int, batch: ReadingBatch) -> bytes:
    """Return readings as bytes; when they were `received` is `at` for all of them."""
    return b"".join(
        (
            _HEAD.pack(_MAGIC, len(batch), at),
            batch.time.astype("<i8", copy=False).tobytes(),
            batch.value.astype("<f8", copy=False).tobytes(),
            batch.sensor.astype("<i4", copy=False).tobytes(),
        )
    )


def unseal(sealed: bytes) -> Envelope:
    """Return what `seal` was given.

    Raises:
        EnvelopeError: these bytes are something else.
    """
    if len(sealed) < _HEAD.size:
        raise EnvelopeError(f"{len(sealed)} bytes are no envelope: who else writes to this topic?")
    magic, rows, at = _HEAD.unpack_from(sealed)
    if magic != _MAGIC or len(sealed) != _HEAD.size + _ROW * rows:
        told = f"{len(sealed)} bytes that begin with {magic!r}"
        raise EnvelopeError(f"{told} are no envelope of this version: upgrade the workers before ingest")
    time = np.frombuffer(sealed, "<i8", rows, _HEAD.size)
    value = np.frombuffer(sealed, "<f8", rows, _HEAD.size + 8 * rows)
    sensor = np.frombuffer(sealed, "<i4", rows, _HEAD.size + 16 * rows)
    return Envelope(
        at,
        ReadingBatch(
            sensor.astype(np.int32), time.astype(np.int64), value.astype(np.float64), np.full(rows, at, np.int64)
        ),
    )
