"""What travels between broker, decoders and validation: messages in, records and reasoned refusals out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

_SHOWN = 40  # characters of a vendor's own text that a sentence repeats

_CONSTANTS = {None: "null", True: "true", False: "false"}
_KINDS: dict[type, str] = {list: "an array", tuple: "an array", dict: "an object", bytes: "a byte string"}


class Reason(StrEnum):
    """Why something cannot be accepted: the code in quarantine, stable for whoever filters by it."""

    MALFORMED = "malformed"  # not the format that its topic promises
    UNKNOWN_TOPIC = "unknown_topic"
    TOO_LARGE = "too_large"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNSUPPORTED_FIELD = "unsupported_field"  # it may change the meaning, and nobody here knows how
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    BAD_NAME = "bad_name"
    UNKNOWN_DEVICE = "unknown_device"
    WRONG_GATEWAY = "wrong_gateway"
    UNKNOWN_QUANTITY = "unknown_quantity"
    WRONG_UNIT = "wrong_unit"
    IMPOSSIBLE_VALUE = "impossible_value"
    TIME_TOO_FAR_AHEAD = "time_too_far_ahead"
    TIME_TOO_OLD = "time_too_old"


@dataclass(frozen=True, slots=True)
class Message:
    """What a broker delivered; `received` is microseconds UTC by the clock of the engine that drives the service."""

    topic: str
    payload: bytes
    received: int


class Record(NamedTuple):
    """One measurement as a vendor wrote it, not yet checked against the registry.

    `name` is meant to be a quantity's label; `value` is in `unit` and may be anything a float can be; `time` is
    microseconds UTC; `place` is where it stood in the payload, such as `[3]`.
    """

    device: str
    name: str
    unit: str
    value: float
    time: int
    place: str


class Reject(NamedTuple):
    """One thing that cannot be accepted: why, at which field, and what its vendor should write instead.

    `device` is whom it is about, '' where that cannot be read.
    """

    reason: Reason
    place: str
    detail: str
    device: str = ""


class Places(NamedTuple):
    """Which field of a format says what; `{}` stands for the record's own place."""

    device: str = "{}.n"
    name: str = "{}.n"
    unit: str = "{}.u"
    value: str = "{}.v"
    time: str = "{}.t"


SENML_PLACES = Places()
"""Where SenML writes things: device and quantity in `n`, then `u`, `v` and `t`."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a payload said. `gateway` vouches for it; good records stand beside the refusal of their neighbours.

    `device` is whom all of it is about, '' in a format whose messages may tell of several.
    """

    gateway: str
    records: list[Record] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    places: Places = SENML_PLACES
    device: str = ""


def shown(value: object, most: int = _SHOWN) -> str:
    """Return a value as a sentence repeats it: short, printable, and never slow however large it is."""
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    if isinstance(value, str):
        return repr(value) if len(value) <= most else f"{value[:most]!r}…"
    if isinstance(value, int):
        return str(value) if -(10**20) < value < 10**20 else "a number of more than 20 digits"
    if isinstance(value, float):
        return repr(value)
    return _KINDS.get(type(value), "something else")


def within(place: str, label: str) -> str:
    """Return the place of a field inside another, such as `[3].u`; a label that is no plain word is quoted."""
    plain = len(label) <= _SHOWN and label.isascii() and label.replace("-", "_").isidentifier()
    written = label if plain else shown(label)
    return f"{place}.{written}" if place else written
