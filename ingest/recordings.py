"""What a recorded CSV of readings says, row by row in the order of the file (DESIGN §5)."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from ingest.errors import IngestError
from registry.instants import to_micros
from registry.quantities import BY_LABEL, SCALES, Quantity
from registry.readings import Times, Values

HEADER = ("time", "device", "name", "unit", "value")
_GZIP = b"\x1f\x8b"


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


def read(path: Path, zone: str = "UTC", *, rows: int = 20_000) -> Iterator[Chunk]:
    """Read a recording, gzipped or not, in chunks of `rows` at most; memory does not grow with the file.

    A time without an offset is read on the clocks of `zone`; an hour that summer time's end repeats counts as
    its first.

    Raises:
        RecordingError: the file, its header or a row cannot be understood.
    """
    try:
        clock = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as wrong:
        raise RecordingError(f"zone `{zone}` is not known; write an IANA name such as Asia/Shanghai") from wrong
    try:
        with path.open("rb") as file:
            size = max(path.stat().st_size, 1)
            packed = file.read(2) == _GZIP
            file.seek(0)
            raw: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=file) if packed else file
            with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
                yield from _Reader(path, csv.reader(text), clock).chunks(rows, file, size)
    except (OSError, EOFError) as wrong:
        raise RecordingError(f"{path}: it cannot be read ({wrong}); check the path, or pack the file anew") from wrong
    except UnicodeDecodeError as wrong:
        raise RecordingError(f"{path}: it is not UTF-8 text ({wrong.reason}); save it as UTF-8") from wrong
    except csv.Error as wrong:
        raise RecordingError(f"{path}: it is not CSV ({wrong}); separate fields by commas") from wrong


class _Reader:
    """Reads one file; knows its series."""

    def __init__(self, path: Path, lines: Iterator[list[str]], zone: ZoneInfo) -> None:
        self._path = path
        self._lines = lines
        self._zone = zone
        self._known: list[Series] = []
        self._number: dict[tuple[str, str, str], int] = {}

    def chunks(self, rows: int, file: BinaryIO, size: int) -> Iterator[Chunk]:
        header = next(self._lines, [])
        if tuple(name.strip() for name in header) != HEADER:
            raise self._error(1, f"its header is `{','.join(header)}`; write `{','.join(HEADER)}`")
        line = 2
        while True:
            series: list[int] = []
            time: list[int] = []
            value: list[float] = []
            lines: list[int] = []
            for row in self._lines:
                if row:
                    self._take(line, row, series, time, value)
                    lines.append(line)
                line += 1
                if len(series) == rows:
                    break
            if not series:
                return
            yield self._chunk(lines, series, time, value, min(file.tell() / size, 1.0))

    def _take(self, line: int, row: list[str], series: list[int], time: list[int], value: list[float]) -> None:
        try:
            moment_text, device, name, unit, value_text = row
        except ValueError:
            raise self._error(line, f"it has {len(row)} fields; write the five of the header") from None
        number = self._number.get((device, name, unit))
        if number is None:
            number = self._enter(line, device, name, unit)
        try:
            moment = datetime.fromisoformat(moment_text)
        except ValueError:
            raise self._error(line, f"time `{moment_text}` is not ISO 8601; write it as 2026-03-01T08:30:00Z") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone)
        try:
            value.append(float(value_text))
        except ValueError:
            raise self._error(line, f"value `{value_text}` is not a number; write it as 12.5") from None
        series.append(number)
        time.append(to_micros(moment))

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

    def _chunk(self, lines: list[int], series: list[int], time: list[int], value: list[float], share: float) -> Chunk:
        of = np.array(series, np.int32)
        written = np.array(value)
        scales = [SCALES[one.quantity] for one in self._known]
        si = written * np.array([one.factor for one in self._known])[of]
        low, high = np.array([one.low for one in scales])[of], np.array([one.high for one in scales])[of]
        wrong = np.flatnonzero(~((si >= low) & (si <= high)))
        if wrong.size:
            row = int(wrong[0])
            one, scale = self._known[of[row]], scales[of[row]]
            limits = f"{scale.low:g} to {scale.high:g} {scale.si}".strip()
            label = one.quantity.label
            raise self._error(lines[row], f"value {written[row]:g} is impossible for {label}; it is from {limits}")
        return Chunk(self._known, of, np.array(time, np.int64), written, si, share)

    def _error(self, line: int, what: str) -> RecordingError:
        return RecordingError(f"{self._path}:{line}: {what}")
