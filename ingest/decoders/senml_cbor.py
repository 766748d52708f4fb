"""SenML in CBOR (RFC 8428 §6), as gateways publish it on `telemetry/{gateway}/senml-cbor`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from io import BytesIO
from typing import Any, ClassVar

import cbor2

from ingest.decoders import senml
from ingest.errors import IngestError
from ingest.records import Decoded, Reason, Reject, shown, within

MAX_PAYLOAD = 128 * 1024
"""Bytes: about 5,000 records. CBOR can be written so that reading a map takes time in the square of its size."""
_MAX_DEPTH = 16  # a pack needs four levels: array, map, decimal fraction, its two integers

# RFC 8428 table 4.
_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_NUMBER_OF = {label: number for number, label in _LABELS.items()}

# Every tag that the library would turn into something of its own: SenML knows only decimal fractions, and some of
# these (regular expressions, messages, shared references) would let a payload keep us busy.
_FOREIGN_TAGS = (0, 1, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)


class SenmlCbor:
    """Decodes `application/senml+cbor`."""

    topics: ClassVar[tuple[str, ...]] = ("telemetry/+/senml-cbor",)

    def gateway(self, topic: str) -> str:
        """Return the gateway that the topic names; the broker lets a gateway publish below its own name only."""
        return topic.split("/")[1]

    def decode(self, topic: str, payload: bytes, received: int) -> Decoded:
        """Return the records of a pack and its refusals."""
        gateway = self.gateway(topic)
        if len(payload) > MAX_PAYLOAD:
            sentence = f"the payload has {len(payload)} bytes: send at most {MAX_PAYLOAD} bytes of CBOR in one message"
            return Decoded(gateway, rejects=[Reject(Reason.TOO_LARGE, "$", sentence)])
        try:
            pack = _read(payload)
        except _NotCborError as error:
            return Decoded(gateway, rejects=[Reject(Reason.MALFORMED, "$", str(error))])
        rejects: list[Reject] = []
        if isinstance(pack, list):
            pack = [_in_words(item, index, rejects) for index, item in enumerate(pack)]
        records, refused = senml.resolve(pack, received)
        return Decoded(gateway, records, rejects + refused)


class _NotCborError(IngestError):
    """The payload is no CBOR data item; the message says why."""


class _ForeignTag:
    """What stands for a tagged item that SenML does not know, so that the field which holds it can be named."""


_FOREIGN = _ForeignTag()


def _foreign(_content: object, _immutable: bool) -> object:  # noqa: FBT001 -- the signature cbor2 asks for
    return _FOREIGN


def _decimal_fraction(content: object, _immutable: bool) -> object:  # noqa: FBT001 -- the signature cbor2 asks for
    """Return tag 4 as the nearest double. The library's own decimals take minutes for a mantissa of 250 kB."""
    if not isinstance(content, (list, tuple)) or len(content) != 2:
        return _FOREIGN
    exponent, mantissa = content
    if type(exponent) is not int:
        return _FOREIGN
    if type(mantissa) is int:
        return float(f"{mantissa}e{exponent}")
    if type(mantissa) is not float:  # a bignum is a double by now
        return _FOREIGN
    try:
        return float(mantissa * 10.0**exponent)
    except OverflowError:
        return math.inf


def _bignum(content: object, *, negative: bool) -> object:
    """Return tags 2 and 3 as a double, which is all that a measurement can be, infinite where it is too large."""
    if not isinstance(content, bytes):
        return _FOREIGN
    number = int.from_bytes(content.lstrip(b"\0")[:129], "big")
    try:
        return float(-1 - number if negative else number)
    except OverflowError:
        return -math.inf if negative else math.inf


_TAGS: Mapping[int, Any] = {
    **dict.fromkeys(_FOREIGN_TAGS, _foreign),
    2: lambda content, _immutable: _bignum(content, negative=False),
    3: lambda content, _immutable: _bignum(content, negative=True),
    4: _decimal_fraction,
}


def _read(payload: bytes) -> object:
    stream = BytesIO(payload)
    decoder = cbor2.CBORDecoder(stream, max_depth=_MAX_DEPTH, tag_hook=_foreign, semantic_decoders=_TAGS)
    try:
        item: object = decoder.decode()
    except cbor2.CBORDecodeEOF as error:
        raise _NotCborError("the payload ends before its CBOR does: send it whole") from error
    except cbor2.CBORDecodeError as error:
        raise _NotCborError(f"the payload is no CBOR ({shown(str(error), 120)}): send a SenML pack in CBOR") from error
    if stream.tell() != len(payload):
        left = len(payload) - stream.tell()
        raise _NotCborError(f"{left} bytes follow the pack, which ends at byte {stream.tell()}: send one pack only")
    return item


def _in_words(item: object, index: int, rejects: list[Reject]) -> object:
    """Return a record under the labels that JSON uses; what CBOR writes otherwise is refused and left out."""
    if not isinstance(item, dict):
        return item
    record: dict[object, object] = {}
    for key, found in item.items():
        if type(key) is int:
            label = _LABELS.get(key)
            if label is not None:
                record[label] = found
        elif type(key) is str:
            if key in _NUMBER_OF:
                sentence = f"{shown(key)} is written as a word: in CBOR its label is the integer {_NUMBER_OF[key]}"
                rejects.append(Reject(Reason.MALFORMED, within(f"[{index}]", key), sentence))
            else:
                record[key] = found
    return record
