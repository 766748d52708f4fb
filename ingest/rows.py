"""Rows of a recording parsed column by column: what is written in the usual way costs no Python per row.

Whatever is not of the usual form comes out as None, and `ingest.recordings` reads those lines one by one, so
that an error is always named by its line.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from registry.instants import DAY, SECOND, to_micros
from registry.readings import Times, Values

_Bytes = NDArray[np.uint8]
_Places = NDArray[np.int64]

_COMMA, _LINE_END, _RETURN, _QUOTE, _POINT, _ZERO, _MINUS = (ord(one) for one in ',\n\r".0-')
_EPOCH = date(1970, 1, 1).toordinal()
_MONTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_DIGITS = 15
"""Integers of so many digits are exact in binary64, and so is their quotient by a power of ten up to 10^22."""


class Clock:
    """Reads times that were written without an offset on the clocks of one zone; remembers each day's offset."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._offsets: dict[int, int | None] = {}

    def utc(self, local: Times) -> Times:
        """Return local times (microseconds since 1970 as the wall shows them) as UTC; a repeated hour is its first."""
        day = local // DAY
        utc = local.copy()
        for one in np.unique(day).tolist():
            rows = np.flatnonzero(day == one)
            offset = self._offset(one)
            if offset is not None:
                utc[rows] -= offset
                continue
            for row in rows.tolist():
                wall = datetime(1970, 1, 1, tzinfo=self.zone) + timedelta(microseconds=int(local[row]))
                utc[row] = to_micros(wall)
        return utc

    def _offset(self, day: int) -> int | None:
        """Return the day's offset from UTC in microseconds, None where it changes during the day."""
        if day not in self._offsets:
            begin = datetime.combine(date.fromordinal(_EPOCH + day), datetime.min.time(), self.zone)
            offsets = {(begin + timedelta(days=n)).replace(fold=fold).utcoffset() for n in (0, 1) for fold in (0, 1)}
            same = next(iter(offsets)) if len(offsets) == 1 else None
            self._offsets[day] = None if same is None else same // timedelta(microseconds=1)
        return self._offsets[day]


def fields(data: bytes) -> tuple[_Bytes, _Places, _Places] | None:
    """Return the bytes, and where each row's five fields begin and end, (n, 5); None if a row has not five.

    `data` is whole lines. Empty lines, quotes and single carriage returns are not of the usual form.
    """
    text = np.frombuffer(data, np.uint8)
    lines = np.flatnonzero(text == _LINE_END)
    if lines.size == 0 or text[-1] != _LINE_END:
        lines = np.append(lines, len(text))
    commas = np.flatnonzero(text == _COMMA)
    if len(commas) != 4 * len(lines) or _QUOTE in data:
        return None
    begin, end = np.empty((len(lines), 5), np.int64), np.empty((len(lines), 5), np.int64)
    begin[0, 0], begin[1:, 0] = 0, lines[:-1] + 1
    inner = commas.reshape(-1, 4)
    begin[:, 1:], end[:, :4], end[:, 4] = inner + 1, inner, lines
    if (begin > end).any():
        return None
    if _RETURN in data:
        returns = np.flatnonzero(text == _RETURN)
        closes = end[:, 4] - (text[end[:, 4] - 1] == _RETURN)
        if len(returns) != int((closes < end[:, 4]).sum()):
            return None
        end[:, 4] = closes
    return text, begin, end


def values(text: _Bytes, begin: _Places, end: _Places, slow: Callable[[str], float]) -> Values:
    """Return decimal numbers, exactly what `float` makes of them; other writings are left to `slow`."""
    size = end - begin
    width = int(min(size.max(initial=1), _DIGITS + 1))
    letters, inside = _letters(text, begin, size, width)
    point = (letters == _POINT) & inside
    digits = letters - _ZERO
    digit = (digits < 10) & inside
    plain = (size <= width) & (size > 0) & ((digit | point) == inside).all(axis=1)
    plain &= (point.sum(axis=1) <= 1) & (digit.sum(axis=1) > 0) & (digit.sum(axis=1) <= _DIGITS)
    mantissa = np.zeros(len(size), np.int64)
    decimals = np.zeros(len(size), np.int64)
    after = np.zeros(len(size), np.bool_)
    for column in range(width):
        is_digit = digit[:, column]
        mantissa = np.where(is_digit, 10 * mantissa + digits[:, column], mantissa)
        decimals += is_digit & after
        after |= point[:, column]
    result: Values = mantissa / 10.0**decimals
    for row in np.flatnonzero(~plain).tolist():
        result[row] = slow(_string(text, begin[row], end[row]))
    return result


def instants(text: _Bytes, begin: _Places, end: _Places, clock: Clock, slow: Callable[[str], int]) -> Times:
    """Return ISO 8601 times as microseconds UTC; other writings than `2026-03-01T08:30:00[Z|+08:00]` go to `slow`."""
    size = end - begin
    width = 25 if (size > 20).any() else 20
    letters, _ = _letters(text, begin, size, width)
    number = letters.astype(np.int64) - _ZERO
    digit = (number >= 0) & (number < 10)

    def two(at: int) -> NDArray[np.int64]:
        value: NDArray[np.int64] = 10 * number[:, at] + number[:, at + 1]
        return value

    year, month, day = 100 * two(0) + two(2), two(5), two(8)
    hour, minute, second = two(11), two(14), two(17)
    plain = digit[:, [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]].all(axis=1)
    for at, sign in ((4, "-"), (7, "-"), (13, ":"), (16, ":")):
        plain &= letters[:, at] == ord(sign)
    plain &= (letters[:, 10] == ord("T")) | (letters[:, 10] == ord(" "))
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = _MONTHS[np.clip(month, 0, 12)] + (leap & (month == 2))
    plain &= (year > 0) & (month > 0) & (month <= 12) & (day > 0) & (day <= longest)
    plain &= (hour < 24) & (minute < 60) & (second < 60)

    naive = size == 19
    zulu = (size == 20) & (letters[:, 19] == ord("Z"))
    offset = np.zeros(len(size), np.int64)
    aware = zulu
    if width == 25:
        signed = (letters[:, 19] == ord("+")) | (letters[:, 19] == _MINUS)
        ahead = two(20) * 60 + two(23)
        given = (size == 25) & signed & (letters[:, 22] == ord(":")) & digit[:, [20, 21, 23, 24]].all(axis=1)
        given &= (two(23) < 60) & (two(20) < 24)
        offset = np.where(given, np.where(letters[:, 19] == _MINUS, -ahead, ahead), 0)
        aware = zulu | given
    plain &= naive | aware
    seconds = _days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    result: Times = np.where(plain, (seconds - 60 * offset) * SECOND, 0)
    local = np.flatnonzero(plain & naive)
    if local.size:
        result[local] = clock.utc(result[local])
    for row in np.flatnonzero(~plain).tolist():
        result[row] = slow(_string(text, begin[row], end[row]))
    return result


def _days(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return days since 1970-01-01 of proleptic Gregorian dates (Richards, Explanatory Supplement, 2013, 15.11.3)."""
    march = (month + 9) % 12  # a year that begins in March has its leap day at its end
    years = year - (month < 3)
    days: NDArray[np.int64] = 365 * years + years // 4 - years // 100 + years // 400
    days += (153 * march + 2) // 5 + day - 1
    return days - 719_468


def _letters(text: _Bytes, begin: _Places, size: _Places, width: int) -> tuple[_Bytes, NDArray[np.bool_]]:
    """Return the first `width` bytes of some fields, (n, width), and which of them belong to the field."""
    lane = np.arange(width)
    at = np.minimum(begin[:, None] + lane, len(text) - 1)
    inside = lane < size[:, None]
    return np.where(inside, text[at], 0).astype(np.uint8), inside


def _string(text: _Bytes, begin: int, end: int) -> str:
    return bytes(text[begin:end]).decode()
