"""Reads JSON as vendors write it: a number that no double can hold must not lose its neighbours."""

from __future__ import annotations

import json
import math

import msgspec

from ingest.errors import IngestError

_DIGITS = 400  # an integer with more of them is no double


class NotJsonError(IngestError):
    """The payload is no JSON text; the message says where it stops being one."""


def read(payload: bytes) -> object:
    """Return what a JSON text says, in Python's own types.

    `NaN`, `Infinity` and numbers beyond a double's range are no JSON, but come from common encoders. They are read as
    floats that are not finite, so that the field which holds them can be named.

    Raises:
        NotJsonError: it is no JSON text.
    """
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_patiently(payload)


def _read_patiently(payload: bytes) -> object:
    try:
        return json.loads(payload.decode(), parse_int=_integer)
    except UnicodeDecodeError as error:
        raise NotJsonError(f"byte {error.start} of the payload is not UTF-8: send JSON text in UTF-8") from error
    except json.JSONDecodeError as error:
        raise NotJsonError(f"the payload is no JSON ({error.msg} at character {error.pos}): send JSON text") from error
    except RecursionError as error:
        raise NotJsonError("the payload nests too deeply: send it flat") from error


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else math.copysign(math.inf, -1.0 if digits[0] == "-" else 1.0)
