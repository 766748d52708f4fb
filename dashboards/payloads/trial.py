"""What the service would make of a payload, by the decoders and checks that telemetry goes through; nothing is kept."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from dashboards.problems import Refusal
from ingest.decoders import TOPICS, decode, json_payload
from ingest.directory import Directory, Owner
from ingest.records import Message
from ingest.validation import Refusal as Refused
from ingest.validation import validate
from registry.instants import to_datetime, to_micros
from registry.quantities import SCALES, Quantity

FORMATS: Final = ("senml", "senml-cbor", "chirpstack", "zigbee2mqtt")
ENCODINGS: Final = ("text", "hex")
LARGEST: Final = 64 * 1024
"""Bytes of a payload that can be tried; a gateway may send more."""

_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F\s:,]+")
_BLANKS: Final = re.compile(r"0x|[\s:,]")
_CBOR_ARRAYS: Final = range(0x80, 0xA0)
_NOBODY: Final = "GATEWAY"

Owners = Callable[[Sequence[str]], Sequence[Mapping[str, Any]]]
"""Looks devices up: those that are registered and that the reader may see, with gateway, household and quantities."""


class Understood(NamedTuple):
    """A reading as it would be stored, in SI units; `new` says that its sensor would come into being with it."""

    device: str
    quantity: str
    value: float
    unit: str
    time: datetime
    new: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a payload on a topic."""

    topic: str
    payload: bytes
    gateway: str
    readings: tuple[Understood, ...]
    refusals: tuple[Refused, ...]
    refused: int
    """How many refusals there are; beyond a hundred they are not all told."""


def payload_of(written: str, encoding: str) -> bytes:
    """Return what somebody wrote as bytes: a text as UTF-8, or hexadecimal digits; without an `encoding` as it looks.

    Raises:
        Refusal: (413) it is too large; (422) it is empty, or no hexadecimal.
    """
    if not written.strip():
        raise Refusal(422, "The payload is empty: paste what the gateway sends")
    hexadecimal = encoding == "hex" or (encoding not in ENCODINGS and _HEX.fullmatch(written.strip()) is not None)
    if hexadecimal:
        try:
            payload = binascii.unhexlify(_BLANKS.sub("", written))
        except (binascii.Error, ValueError) as error:
            raise Refusal(
                422, "The payload is no hexadecimal: write two digits for each byte, or choose text"
            ) from error
    else:
        payload = written.strip().encode()
    if len(payload) > LARGEST:
        raise Refusal(413, f"The payload has more than {LARGEST // 1024} KiB: try a part of it")
    return payload


def format_of(payload: bytes) -> str:
    """Return the format that a payload looks like."""
    if payload[0] in _CBOR_ARRAYS:
        return "senml-cbor"
    try:
        told = json_payload.read(payload)
    except json_payload.NotJsonError:
        return "senml"
    if not isinstance(told, dict):
        return "senml"
    return "chirpstack" if told.keys() & {"deviceInfo", "object", "fPort"} else "zigbee2mqtt"


def topic_of(payload: bytes, form: str, owners: Owners, gateways: Sequence[str] = ()) -> str:
    """Return a topic on which a payload of some format would be published.

    What it does not tell is taken from whose its devices are, or else from the `gateways` of whoever tries it.
    """
    if form in ("chirpstack", "zigbee2mqtt"):
        try:
            told = json_payload.read(payload)
        except json_payload.NotJsonError:
            told = None
        about = told.get("deviceInfo") if isinstance(told, dict) else None
        names = about if isinstance(about, dict) else {}
        if form == "chirpstack":
            app, device = _level(names.get("applicationId"), "APPLICATION"), _level(names.get("devEui"), "DEVEUI")
            return f"application/{app}/device/{device}/event/up"
        sender = told.get("device") if isinstance(told, dict) else None
        friendly = sender.get("friendlyName") if isinstance(sender, dict) else None
        return f"zigbee2mqtt/{_level(friendly, 'DEVICE')}"
    said = decode(Message(f"telemetry/{_NOBODY}/{form}", payload, 0))
    devices = [one for one in dict.fromkeys(record.device for record in said.records) if one]
    known = owners(devices) if devices else ()
    gateway = known[0]["gateway"] if known else next(iter(gateways), _NOBODY)
    return f"telemetry/{_level(gateway, _NOBODY)}/{form}"


def tried(topic: str, payload: bytes, owners: Owners, now: datetime) -> Trial:
    """Return what the service would say of a payload on a topic at a moment of its clock.

    A device that `owners` does not show is told to be unknown, whether there is one or not.
    """
    message = Message(topic, payload, to_micros(now))
    said = decode(message)
    devices = list(dict.fromkeys(record.device for record in said.records))
    ids: dict[tuple[str, str], int] = {}
    known: dict[str, Owner] = {}
    for row in owners(devices) if devices else ():
        known[row["id"]] = Owner(row["gateway"], row["household"])
        for quantity in row["quantities"]:
            ids[row["id"], quantity] = len(ids) + 1
    checked = validate([(message, said)], Directory(0, known, ids), now)
    names = {number: name for name, number in ids.items()} | {-1 - at: name for at, name in enumerate(checked.unborn)}
    readings = tuple(
        Understood(*names[sensor], value, _unit(names[sensor][1]), to_datetime(time), sensor < 0)
        for sensor, time, value in zip(
            checked.sent.sensor.tolist(), checked.sent.time.tolist(), checked.sent.value.tolist(), strict=True
        )
    )
    return Trial(topic, payload, said.gateway, readings, tuple(checked.refusals), checked.tallies[0].rejected)


def _unit(quantity: str) -> str:
    return SCALES[Quantity[quantity.upper()]].si


def _level(found: object, otherwise: str) -> str:
    """Return something as one level of a topic."""
    return found if isinstance(found, str) and found and not set(found) & set("/+#\0") else otherwise


__all__ = [
    "ENCODINGS",
    "FORMATS",
    "LARGEST",
    "TOPICS",
    "Trial",
    "Understood",
    "format_of",
    "payload_of",
    "topic_of",
    "tried",
]
