"""Where in a payload each of its fields stands, also in one that is cut short or wrong further on.

A path is made of keys and positions, as ingest writes places: `[3].u` is (3, 'u').
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Final

from ingest.decoders.senml_cbor import LABELS

Path = tuple[str | int, ...]
Span = tuple[int, int]
"""From where up to where, half open: characters of a text, or bytes."""

_STEP: Final = re.compile(r"\[(\d{1,9})\]|'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^.\[\]'\"]+)")
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_WORD: Final = re.compile(r"[^\s,\]}\[{]+")
_DEEPEST: Final = 32


def path_of(place: str) -> Path:
    """Return the path that a place names; `$`, the whole, has none."""
    if place == "$":
        return ()
    return tuple(
        int(found[1]) if found[1] else found[2] or found[3] or found[4] or "" for found in _STEP.finditer(place)
    )


def find(spans: Iterator[tuple[Path, Span]], wanted: Path) -> Span | None:
    """Return where a path stands, or the nearest thing around it that is there; None where that is only the whole."""
    best: Path = ()
    where: Span | None = None
    for path, span in spans:
        if len(path) > len(best) and wanted[: len(path)] == path:
            best, where = path, span
    return where


def of_json(text: str) -> Iterator[tuple[Path, Span]]:
    """Yield every field of a JSON text with where its value stands, as far as it can be followed."""
    yield from _Json(text).value((), 0)


class _Json:
    """Follows a text that may break off anywhere."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.end = 0

    def value(self, path: Path, at: int) -> Iterator[tuple[Path, Span]]:
        """Yield what a value holds, then itself; `end` is then behind it."""
        at = self._skip(at)
        mark = self._text[at : at + 1]
        if mark in ("[", "{") and len(path) < _DEEPEST:
            yield from self._inside(path, at + 1, mark)
        else:
            found = (_TEXT if mark == '"' else _WORD).match(self._text, at)
            self.end = found.end() if found else min(at + 1, len(self._text))
        yield path, (at, self.end)

    def _inside(self, path: Path, at: int, mark: str) -> Iterator[tuple[Path, Span]]:
        for number in count():
            at = self._skip(at)
            key: str | int = number
            if mark == "{":
                found = _TEXT.match(self._text, at)
                if found is None:
                    break
                key = found[0].strip('"')
                at = self._skip(found.end())
                if self._text[at : at + 1] != ":":
                    break
                at += 1
            elif self._text[at : at + 1] in ("]", ""):
                break
            yield from self.value((*path, key), at)
            at = self._skip(self.end)
            if self._text[at : at + 1] != ",":
                break
            at += 1
        self.end = min(at + 1, len(self._text))

    def _skip(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        return found.end() if found else at


class _CutShortError(ValueError):
    """The bytes end within an item."""


def of_cbor(payload: bytes) -> Iterator[tuple[Path, Span]]:
    """Yield the records of a SenML pack in CBOR and their fields with where they stand, as far as that can be read."""
    try:
        major, records, at = _head(payload, 0)
        if major != 4:
            return
        for number in count() if records is None else range(records):
            begin = at
            if payload[at : at + 1] == b"\xff":
                return
            for path, span in _fields(payload, at):
                at = max(at, span[1])
                yield (number, *path), span
            yield (number,), (begin, at)
    except _CutShortError:
        return


def _fields(payload: bytes, at: int) -> Iterator[tuple[Path, Span]]:
    """Yield the fields of a record, and at last the record itself as ()."""
    begin = at
    major, entries, inside = _head(payload, at)
    if major == 5:
        at = inside
        for _ in count() if entries is None else range(entries):
            if payload[at : at + 1] == b"\xff":
                at += 1
                break
            value = _behind(payload, at)
            end = _behind(payload, value)
            key = _key(payload, at, value)
            if key is not None:
                yield (key,), (value, end)
            at = end
    else:
        at = _behind(payload, at)
    yield (), (begin, at)


def _key(payload: bytes, at: int, end: int) -> str | None:
    major, number, inside = _head(payload, at)
    if major == 3:
        return payload[inside:end].decode("utf-8", "replace")
    if number is None or major not in (0, 1):
        return None
    return LABELS.get(number if major == 0 else -1 - number)


def _behind(payload: bytes, at: int, depth: int = 0) -> int:
    """Return where the item at some place ends.

    Raises:
        _CutShortError: the bytes end before, or it nests too deeply.
    """
    if depth > _DEEPEST:
        raise _CutShortError
    major, number, at = _head(payload, at)
    if major in (0, 1, 7):
        return at
    if major in (2, 3) and number is not None:
        if at + number > len(payload):
            raise _CutShortError
        return at + number
    if major == 6:
        return _behind(payload, at, depth + 1)
    for _ in count() if number is None else range(number * (2 if major == 5 else 1)):
        if number is None and payload[at : at + 1] == b"\xff":
            return at + 1
        at = _behind(payload, at, depth + 1)
    return at


def _head(payload: bytes, at: int) -> tuple[int, int | None, int]:
    """Return major type, argument (None: until a break) and where the head ends (RFC 8949 §3)."""
    if at >= len(payload):
        raise _CutShortError
    major, short = payload[at] >> 5, payload[at] & 0x1F
    if short < 24:
        return major, short, at + 1
    if short == 31:
        return major, None, at + 1
    width = 1 << (short - 24)
    if short > 27 or at + 1 + width > len(payload):
        raise _CutShortError
    return major, int.from_bytes(payload[at + 1 : at + 1 + width], "big"), at + 1 + width
