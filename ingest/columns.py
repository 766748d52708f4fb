"""Packs written in the usual way, from their payloads straight to columns: no Python for each reading but its lookup.

The usual way is SenML in JSON of records with a name, a unit, a value and a time, base fields in the first record
alone, of registered sensors by the gateway that speaks for them, with values that can be. A pack in which anything is
otherwise is left whole to the decoders and `ingest.validation`, which read it record by record and say what is wrong;
what both can read, both read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.decoders.dispatch import MAX_PAYLOAD
from ingest.decoders.senml import FARTHEST, MAX_RECORDS, RELATIVE_BELOW, VERSION, is_version
from ingest.directory import NOBODY, Directory
from ingest.records import Message
from ingest.units import RULES
from registry.quantities import Quantity
from registry.readings import ReadingBatch

_UNITS = {unit: code for code, unit in enumerate(sorted({unit for rule in RULES.values() for unit in rule.units}))}
_NO_UNIT = len(_UNITS)
_TOPICS = 65_536
"""Topics whose gateway is remembered: one for each gateway that speaks."""
_MICROS = 1e6


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record without base fields."""

    n: str
    v: float
    u: str = ""
    t: float = 0.0


class _Based(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record of a pack whose first has base fields."""

    n: str
    v: float
    u: str | msgspec.UnsetType = msgspec.UNSET
    t: float = 0.0
    bn: str = ""
    bt: float = 0.0
    bu: str = ""
    bver: Any = VERSION


_NAME, _VALUE, _UNIT, _TIME = attrgetter("n"), attrgetter("v"), attrgetter("u"), attrgetter("t")
_PLAIN = msgspec.json.Decoder(list[_Record])
_BASED = msgspec.json.Decoder(list[_Based])
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _tables() -> tuple[NDArray[np.float64], ...]:
    """Return factor and offset by quantity and unit, NaN where a unit is none of the quantity's; low and high."""
    shape = len(Quantity) + 1, len(_UNITS) + 1
    factor, offset = np.full(shape, np.nan), np.zeros(shape)
    low, high = np.full(shape[0], np.inf), np.full(shape[0], -np.inf)
    for quantity in Quantity:
        rule = RULES[quantity.label]
        low[quantity], high[quantity] = rule.low, rule.high
        for unit, conversion in rule.units.items():
            factor[quantity, _UNITS[unit]], offset[quantity, _UNITS[unit]] = conversion
    return factor, offset, low, high


_FACTOR, _OFFSET, _LOW, _HIGH = _tables()
_SWITCH = np.array([False, *(RULES[quantity.label].switch for quantity in Quantity)])


class Usual(NamedTuple):
    """The readings of the packs that are written in the usual way, and of each message how many, -1 of another one.

    `message` (n,) says for each reading which of the messages it came with; readings are in the order of messages.
    """

    batch: ReadingBatch
    message: NDArray[np.intp]
    taken: NDArray[np.intp]


def usual(messages: Sequence[Message], directory: Directory, oldest: int, newest: int) -> Usual:
    """Read the packs among some messages that are written in the usual way.

    `oldest` and `newest` are the times, microseconds UTC, that a reading may have.
    """
    names: list[str] = []
    values: list[float] = []
    units: list[str] = []
    times: list[float] = []
    taken = np.full(len(messages), -1, np.intp)
    base = np.zeros(len(messages))
    gateway = np.full(len(messages), NOBODY)
    for at, message in enumerate(messages):
        speaker = _speaker(message.topic)
        if speaker is None or len(message.payload) > MAX_PAYLOAD:
            continue
        read = _read(message.payload)
        if read is None:
            continue
        records, first = read
        values += map(_VALUE, records)
        times += map(_TIME, records)
        if first is None:
            names += map(_NAME, records)
            units += map(_UNIT, records)
        else:
            names += [first.bn + one.n for one in records]
            units += [first.bu if one.u is msgspec.UNSET else one.u for one in records]
            base[at] = first.bt
        taken[at] = len(records)
        gateway[at] = directory.gateways.get(speaker, NOBODY)
    counts = np.maximum(taken, 0)
    message_of = np.repeat(np.arange(len(messages)), counts)
    received = np.repeat(np.fromiter((one.received for one in messages), np.int64, len(messages)), counts)
    sensor = np.fromiter(map(directory.sensors.get, names, repeat(0)), np.int32, len(names))
    unit = np.fromiter(map(_UNITS.get, units, repeat(_NO_UNIT)), np.intp, len(units))
    quantity = directory.quantity[sensor]
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large for a number is out of every range, too
        value = np.array(values) * _FACTOR[quantity, unit] + _OFFSET[quantity, unit]
        seconds = base[message_of] + np.array(times)
    near = np.abs(seconds) < FARTHEST
    time = np.rint(np.where(near, seconds, 0.0) * _MICROS).astype(np.int64)
    time += np.where(seconds < RELATIVE_BELOW, received, 0)

    good = near & (oldest <= time) & (time <= newest)
    good &= (directory.gateway[sensor] == gateway[message_of]) & (gateway[message_of] != NOBODY)
    good &= (_LOW[quantity] <= value) & (value <= _HIGH[quantity])  # not so where the unit is wrong: it is NaN then
    good &= ~_SWITCH[quantity] | (value == 0.0) | (value == 1.0)
    batch = ReadingBatch(sensor, time, value, received)
    if good.all():
        return Usual(batch, message_of, taken)
    taken[message_of[~good]] = -1
    kept = taken[message_of] >= 0
    return Usual(batch.only(kept), message_of[kept], taken)


@lru_cache(_TOPICS)
def _speaker(topic: str) -> str | None:
    """Return the gateway of a topic that SenML in JSON is published on, None for others."""
    levels = topic.split("/")
    return levels[1] if len(levels) == 3 and (levels[0], levels[2]) == ("telemetry", "senml") else None


def _read(payload: bytes) -> tuple[Sequence[_Record | _Based], _Based | None] | None:
    """Return the records of a pack, and the first if it has base fields; None if it is written in another way."""
    try:
        records = _PLAIN.decode(payload)
    except _UNREADABLE:
        return _read_based(payload)
    return (records, None) if len(records) <= MAX_RECORDS else None


def _read_based(payload: bytes) -> tuple[Sequence[_Based], _Based] | None:
    try:
        records = _BASED.decode(payload)
    except _UNREADABLE:
        return None
    first, *others = records
    unusual = any(one.bn or one.bt or one.bu or one.bver != VERSION for one in others)
    return None if unusual or len(records) > MAX_RECORDS or not is_version(first.bver) else (records, first)
