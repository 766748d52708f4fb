"""What a recorded CSV of readings says, row by row in the order of the file (DESIGN §5)."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from ingest.errors import IngestError
from ingest.rows import Clock, fields, instants, values
from registry.instants import to_micros
from registry.quantities import BY_LABEL, SCALES, Quantity
from registry.readings import Times, Values

HEADER = ("time", "device", "name", "unit", "value")
_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"
_BLOCK = 1 << 21
"""Bytes read at once: some 40,000 rows."""


_Columns = tuple[NDArray[np.int32], Times, Values, Values]
"""Series, time, value as written and in SI units."""


class RecordingError(IngestError):
    """A recording cannot be read; the message names file and line and what to write instead."""


class Series(NamedTuple):
    """One quantity of one device as a file writes it."""

    device: str
    quantity: Quantity
    unit: str

    @property
    def factor(self) -> float:
        """What a value as written is multiplied with to be in SI units."""
        return SCALES[self.quantity].factors[self.unit]


class Row(NamedTuple):
    """One reading as it was written: `value` in the unit of its series, `time` in microseconds UTC."""

    series: Series
    time: int
    value: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a recording in file order, n rows.

    `series` (n,) int32 indexes `known`, which grows from chunk to chunk; `time` (n,) int64 microseconds UTC;
    `written` (n,) float64 as written, `value` (n,) float64 in SI units. `share` is how much of the file has been
    read so far, 0 to 1.
    """

    known: list[Series]
    series: NDArray[np.int32]
    time: Times
    written: Values
    value: Values
    share: float

    def __len__(self) -> int:
        return len(self.series)

    def rows(self) -> Iterator[Row]:
        """Return the readings one by one, for publishing."""
        for series, time, value in zip(self.series.tolist(), self.time.tolist(), self.written.tolist(), strict=True):
            yield Row(self.known[series], time, value)


def read(path: Path, zone: str = "UTC", *, rows: int = 50_000) -> Iterator[Chunk]:
    """Read a recording, gzipped or not, in chunks of `rows` at most; memory does not grow with the file.

    A time without an offset is read on the clocks of `zone`; an hour that summer time's end repeats counts as
    its first. A field may be quoted, but a line's end is a row's end.

    Raises:
        RecordingError: the file, its header or a row cannot be understood.
    """
    try:
        clock = Clock(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError) as wrong:
        raise RecordingError(f"zone `{zone}` is not known; write an IANA name such as Asia/Shanghai") from wrong
    try:
        with path.open("rb") as file:
            size = max(path.stat().st_size, 1)
            packed = file.read(2) == _GZIP
            file.seek(0)
            raw: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=file) if packed else file
            reader = _Reader(path, clock)
            for block in _blocks(raw):
                yield from reader.chunks(block, rows, lambda: min(file.tell() / size, 1.0))
            reader.finish()
    except (OSError, EOFError, zlib.error) as wrong:
        raise RecordingError(f"{path}: it cannot be read ({wrong}); check the path, or pack the file anew") from wrong
    except UnicodeDecodeError as wrong:
        raise RecordingError(f"{path}: it is not UTF-8 text ({wrong.reason}); save it as UTF-8") from wrong
    except csv.Error as wrong:
        raise RecordingError(f"{path}: it is not CSV ({wrong}); separate fields by commas") from wrong


def _blocks(raw: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    """Yield a file in blocks of whole lines, without its byte order mark."""
    rest = raw.read(_BLOCK).removeprefix(_MARK)
    while more := raw.read(_BLOCK):
        cut = rest.rfind(b"\n") + 1
        if cut:
            yield rest[:cut]
        rest = rest[cut:] + more
    if rest:
        yield rest


class _Reader:
    """Reads one file; knows its series."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._line = 1
        self._known: list[Series] = []
        self._number: dict[tuple[str, str, str], int] = {}
        self._bytes: dict[bytes, int] = {}

    def chunks(self, block: bytes, rows: int, share: Callable[[], float]) -> Iterator[Chunk]:
        """Yield what some lines say."""
        if self._line == 1:
            line, _, block = block.partition(b"\n")
            header = next(csv.reader([line.decode()]), [])
            if tuple(name.strip() for name in header) != HEADER:
                raise self._error(1, f"its header is `{','.join(header)}`; write `{','.join(HEADER)}`")
            self._line = 2
        if not block:
            return
        columns = self._fast(block)
        if columns is None:
            columns = self._slow(block)
        else:
            self._line += len(columns[0])
        series, time, written, si = columns
        for at in range(0, len(series), rows):
            part = slice(at, at + rows)
            yield Chunk(self._known, series[part], time[part], written[part], si[part], share())

    def finish(self) -> None:
        """Refuse a file that had nothing, not even a header."""
        if self._line == 1:
            raise self._error(1, f"its header is ``; write `{','.join(HEADER)}`")

    def _fast(self, block: bytes) -> _Columns | None:
        """Return the columns of lines written as usual, None if there may be something wrong with one."""
        found = fields(block)
        if found is None:
            return None
        text, begin, end = found
        number = self._bytes
        try:
            series = [
                number[key] if (key := block[first:last]) in number else self._entered(key)
                for first, last in zip(begin[:, 1].tolist(), end[:, 3].tolist(), strict=True)
            ]
            time = instants(text, begin[:, 0], end[:, 0], self._clock, self._instant)
            written = values(text, begin[:, 4], end[:, 4], float)
        except (ValueError, RecordingError):
            return None
        of = np.array(series, np.int32)
        si, wrong = self._scaled(of, written)
        return None if wrong.size else (of, time, written, si)

    def _entered(self, key: bytes) -> int:
        device, name, unit = key.decode().split(",")
        self._bytes[key] = self._numbered(self._line, device, name, unit)
        return self._bytes[key]

    def _slow(self, block: bytes) -> _Columns:
        """Read lines one by one; an error is that of the first line that has one."""
        series: list[int] = []
        time: list[int] = []
        value: list[float] = []
        lines: list[int] = []
        for row in csv.reader(io.StringIO(block.decode(), newline="")):
            if row:
                self._take(self._line, row, series, time, value)
                lines.append(self._line)
            self._line += 1
        of, written = np.array(series, np.int32), np.array(value, np.float64)
        si, wrong = self._scaled(of, written)
        if wrong.size:
            row_of = int(wrong[0])
            one = self._known[of[row_of]]
            scale = SCALES[one.quantity]
            limits = f"{scale.low:g} to {scale.high:g} {scale.si}".strip()
            label = one.quantity.label
            raise self._error(
                lines[row_of], f"value {written[row_of]:g} is impossible for {label}; it is from {limits}"
            )
        return of, np.array(time, np.int64), written, si

    def _take(self, line: int, row: list[str], series: list[int], time: list[int], value: list[float]) -> None:
        try:
            moment_text, device, name, unit, value_text = row
        except ValueError:
            raise self._error(line, f"it has {len(row)} fields; write the five of the header") from None
        number = self._numbered(line, device, name, unit)
        try:
            moment = self._instant(moment_text)
        except ValueError:
            raise self._error(line, f"time `{moment_text}` is not ISO 8601; write it as 2026-03-01T08:30:00Z") from None
        try:
            value.append(float(value_text))
        except ValueError:
            raise self._error(line, f"value `{value_text}` is not a number; write it as 12.5") from None
        series.append(number)
        time.append(moment)

    def _instant(self, text: str) -> int:
        moment = datetime.fromisoformat(text)
        return to_micros(moment if moment.tzinfo is not None else moment.replace(tzinfo=self._clock.zone))

    def _numbered(self, line: int, device: str, name: str, unit: str) -> int:
        known = self._number.get((device, name, unit))
        return self._enter(line, device, name, unit) if known is None else known

    def _enter(self, line: int, device: str, name: str, unit: str) -> int:
        if not device or not set("/+#").isdisjoint(device):
            raise self._error(line, f"device `{device}` is no id; write one without `/`, `+` and `#`")
        quantity = BY_LABEL.get(name)
        if quantity is None:
            raise self._error(line, f"name `{name}` is not known; write one of {', '.join(BY_LABEL)}")
        if unit not in SCALES[quantity].factors:
            units = " or ".join(f"`{one}`" for one in SCALES[quantity].factors)
            raise self._error(line, f"unit `{unit}` is not one of {name}; write {units}")
        self._known.append(Series(device, quantity, unit))
        self._number[device, name, unit] = len(self._known) - 1
        return len(self._known) - 1

    def _scaled(self, series: NDArray[np.int32], written: Values) -> tuple[Values, NDArray[np.intp]]:
        """Return values in SI units, and the rows whose value is impossible."""
        scales = [SCALES[one.quantity] for one in self._known]
        si = written * np.array([one.factor for one in self._known])[series]
        low, high = np.array([one.low for one in scales])[series], np.array([one.high for one in scales])[series]
        return si, np.flatnonzero(~((si >= low) & (si <= high)))

    def _error(self, line: int, what: str) -> RecordingError:
        return RecordingError(f"{self._path}:{line}: {what}")
