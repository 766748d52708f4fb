"""Readings kept in a temporary file, so that they can be walked through twice, or in another order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from registry.readings import ReadingBatch

_ROW = np.dtype([("sensor", "<i4"), ("time", "<i8"), ("value", "<f8"), ("received", "<i8")])
_BATCH = 50_000


class Spool:
    """Readings in the order in which they were kept, 28 bytes each on disk; use it as a context manager."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="shouwang-backtest-")  # noqa: SIM115 - closed by __exit__
        self._rows = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Throw the readings away."""
        self._file.close()

    def keep(self, batch: ReadingBatch) -> None:
        """Append readings."""
        rows = np.empty(len(batch), _ROW)
        rows["sensor"], rows["time"], rows["value"] = batch.sensor, batch.time, batch.value
        rows["received"] = batch.received
        self._file.write(rows.tobytes())
        self._rows += len(batch)

    def sort(self) -> None:
        """Bring the readings into the order of their times, as if each had been received when it was taken."""
        if not self._rows:
            return
        rows = self._mapped()
        rows["received"] = rows["time"]
        order = np.argsort(rows["time"], kind="stable")
        fresh = tempfile.TemporaryFile(prefix="shouwang-backtest-")  # noqa: SIM115 - closed by __exit__
        for at in range(0, self._rows, _BATCH):
            fresh.write(rows[order[at : at + _BATCH]].tobytes())
        self._file.close()
        self._file = fresh

    def batches(self) -> Iterator[tuple[ReadingBatch, float]]:
        """Yield the readings, and how much of them that is (0 to 1)."""
        if not self._rows:
            return
        rows = self._mapped()
        for at in range(0, self._rows, _BATCH):
            some = np.array(rows[at : at + _BATCH])
            columns = (np.ascontiguousarray(some[name]) for name in ("sensor", "time", "value", "received"))
            yield ReadingBatch(*columns), min((at + _BATCH) / self._rows, 1.0)

    def _mapped(self) -> NDArray[Any]:
        self._file.flush()
        rows: NDArray[Any] = np.memmap(self._file, _ROW, "r+", shape=(self._rows,))
        return rows
