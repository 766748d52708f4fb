"""A payload that a stranger sent, made safe to look at: as text or as bytes, with what is wrong in it marked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple

from dashboards.payloads.spans import Span, find, of_cbor, of_json, path_of

_KEPT: Final = "\n\t"
_LONGEST_WIDTH: Final = 3
"""Bytes at the end of a payload that may be the beginning of a character, where it was cut."""
_AT: Final = re.compile(r"\b(character|byte) (\d{1,9})\b")


class Piece(NamedTuple):
    """A part of a payload as it is shown."""

    text: str
    marked: bool


class Shown(NamedTuple):
    """A payload in pieces; `binary` ones are bytes in hexadecimal. `size` is of what is known of it, in bytes."""

    pieces: tuple[Piece, ...]
    binary: bool
    size: int


def shown(payload: bytes, wrong: Iterable[tuple[str, str]]) -> Shown:
    """Return a payload with the places that are `wrong` marked, each given with the sentence that was said of it."""
    text = _text(payload)
    whole = len(payload) if text is None else len(text)
    marks: list[Span] = []
    for place, sentence in wrong:
        span = _span(payload, text, place, sentence)
        if span is not None:
            marks.append(span)
    edges = sorted({0, whole, *(min(edge, whole) for span in marks for edge in span)})
    pieces: list[Piece] = []
    for start, end in pairwise(edges):
        told = payload[start:end].hex(" ") if text is None else _visible(text[start:end])
        marked = any(begin <= start and end <= stop for begin, stop in marks)
        if text is None and pieces:
            pieces.append(Piece(" ", marked=False))
        pieces.append(Piece(told, marked))
    return Shown(tuple(pieces), text is None, len(payload))


def _text(payload: bytes) -> str | None:
    """Return a payload as text, None where it is none; the end of one that was cut may be missing."""
    for lost in range(min(_LONGEST_WIDTH, len(payload)) + 1):
        try:
            text = payload[: len(payload) - lost].decode()
        except UnicodeDecodeError:
            continue
        strange = sum(
            unicodedata.category(character) in ("Cc", "Cn", "Co") for character in text if character not in "\r\n\t"
        )
        return text if strange * 10 <= len(text) else None
    return None


def _span(payload: bytes, text: str | None, place: str, sentence: str) -> Span | None:
    path = path_of(place)
    if path:
        return find(of_cbor(payload) if text is None else of_json(text), path)
    told = _AT.search(sentence)  # what is no JSON or CBOR at all breaks off somewhere
    if told is None:
        return None
    at = int(told[2])
    if text is not None and told[1] == "byte":
        at = len(payload[:at].decode("utf-8", "replace"))
    return at, at + 1


def _visible(text: str) -> str:
    """Return a text in which nothing is hidden and nothing moves its neighbours about."""
    return "".join(
        character if character in _KEPT or character.isprintable() else _named(character) for character in text
    )


def _named(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
