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

MAX_RECORD = 4096
"""Bytes of a record at the most. CBOR can be written so that reading a map takes time in the square of its size, so
a pack is read record by record, each out of no more than this."""
_MAX_DEPTH = 16  # a record needs three levels: map, decimal fraction, its two integers

# RFC 8428 table 4: what CBOR writes instead of words.
LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_NUMBER_OF = {label: number for number, label in LABELS.items()}

_ARRAY = 4
_ARRAY_UNTIL_BREAK = 0x9F
_BREAK = b"\xff"

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
        try:
            items = _read(payload)
        except _NotAPackError as error:
            return Decoded(gateway, rejects=[error.reject])
        rejects: list[Reject] = []
        pack = [_in_words(item, index, rejects) for index, item in enumerate(items)]
        records, refused = senml.resolve(pack, received)
        return Decoded(gateway, records, rejects + refused)


class _NotAPackError(IngestError):
    """The payload is no CBOR array of records."""

    def __init__(self, place: str, detail: str, reason: Reason = Reason.MALFORMED) -> None:
        super().__init__(detail)
        self.reject = Reject(reason, place, detail)


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


def _read(payload: bytes) -> list[object]:
    """Return the records of a pack; of one that is too long, as many as it takes to see that."""
    count, at = _head(payload)
    items: list[object] = []
    decoder = cbor2.CBORDecoder(BytesIO(), max_depth=_MAX_DEPTH, tag_hook=_foreign, semantic_decoders=_TAGS)
    while len(items) != count:
        if count is None and payload[at : at + 1] == _BREAK:
            at += 1
            break
        if len(items) > senml.MAX_RECORDS:
            return items
        decoder.fp = stream = BytesIO(payload[at : at + MAX_RECORD])
        try:
            items.append(decoder.decode())
        except cbor2.CBORDecodeEOF as error:
            if at + MAX_RECORD >= len(payload):
                raise _NotAPackError("$", "the payload ends before its CBOR does: send it whole") from error
            sentence = f"the record has more than {MAX_RECORD} bytes: a record is one measurement, send no more in it"
            raise _NotAPackError(f"[{len(items)}]", sentence, Reason.TOO_LARGE) from error
        except cbor2.CBORDecodeError as error:
            sentence = f"the record at byte {at} is no CBOR ({shown(str(error), 120)}): send a SenML record"
            raise _NotAPackError(f"[{len(items)}]", sentence) from error
        at += stream.tell()
    if at != len(payload):
        sentence = f"{len(payload) - at} bytes follow the pack, which ends at byte {at}: send one pack only"
        raise _NotAPackError("$", sentence)
    return items


def _head(payload: bytes) -> tuple[int | None, int]:
    """Return how many items the array at the start of a payload has, None if it tells by a break, and where they start.

    RFC 8949 §3: the major type stands in the upper three bits; the count in the lower five, or in the bytes after.
    """
    first = payload[0] if payload else -1
    if first >> 5 != _ARRAY:
        raise _NotAPackError("$", "a SenML pack is a CBOR array of records, and this is none: send [{…}, {…}] in CBOR")
    if first == _ARRAY_UNTIL_BREAK:
        return None, 1
    short = first & 0x1F
    if short < 24:
        return short, 1
    width = 1 << (short - 24)
    if short > 27 or len(payload) <= width:
        raise _NotAPackError("$", "the payload ends before its CBOR does: send it whole")
    return int.from_bytes(payload[1 : 1 + width], "big"), 1 + width


def _in_words(item: object, index: int, rejects: list[Reject]) -> object:
    """Return a record under the labels that JSON uses; what CBOR writes otherwise is refused and left out."""
    if not isinstance(item, dict):
        return item
    record: dict[object, object] = {}
    for key, found in item.items():
        if type(key) is int:
            label = LABELS.get(key)
            if label is not None:
                record[label] = found
        elif type(key) is str:
            if key in _NUMBER_OF:
                sentence = f"{shown(key)} is written as a word: in CBOR its label is the integer {_NUMBER_OF[key]}"
                rejects.append(Reject(Reason.MALFORMED, within(f"[{index}]", key), sentence))
            else:
                record[key] = found
    return record
