"""The readings of recorded files, merged by time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.recordings import Chunk, read
from registry.instants import DAY
from registry.readings import ReadingBatch, Sensors, Times, Values
from shouwang.backtest.roster import Numbers


class Recordings:
    """Some files, read once from front to back; each in its own order, all together by time.

    What a file tells of is its arrival order: a reading older than its sensor's last came late. But a file that
    holds one home after the other was sorted by somebody, not received like this: `by_home` says so as soon as a
    sensor is first heard of more than a day before the newest reading so far.
    """

    def __init__(self, files: Sequence[Path], zone: str = "UTC") -> None:
        self._files = files
        self._zone = zone
        self.by_home = False

    def batches(self, roster: Numbers) -> Iterator[tuple[ReadingBatch, float]]:
        """Yield the rows of all files, and how much of them that is (0 to 1). The clock is the newest time so far."""
        sources = [_Source(path, self._zone, roster) for path in self._files]
        now = np.iinfo(np.int64).min
        while waiting := [one for one in sources if not one.done]:
            upto = min(int(one.key[-1]) for one in waiting)
            taken = [one.take(upto) for one in waiting]
            self.by_home = self.by_home or any(one.by_home for one in sources)
            sensor, time, value, key = (np.concatenate(column) for column in zip(*taken, strict=True))
            order = np.argsort(key, kind="stable")
            received = np.maximum(np.maximum.accumulate(time[order]), now)
            now = int(received[-1])
            batch = ReadingBatch(sensor[order], time[order], value[order], received)
            yield batch, sum(one.share for one in sources) / len(sources)


class _Source:
    """A recording that is read as far as it is needed; `key` is its newest time so far, row by row."""

    def __init__(self, path: Path, zone: str, roster: Numbers) -> None:
        self._chunks = read(path, zone)
        self._roster = roster
        self._newest = np.iinfo(np.int64).min
        self._seen = 0
        self.by_home = False
        self.share = 0.0
        self.done = False
        self.sensor: Sensors
        self.time: Times
        self.value: Values
        self.key: Times
        self.fill()

    def fill(self) -> None:
        chunk: Chunk | None = next(self._chunks, None)
        if chunk is None:
            self.done, self.share = True, 1.0
            return
        ids = np.array([self._roster.of(series.device, series.quantity) for series in chunk.known], np.int32)
        self.sensor, self.time, self.value = ids[chunk.series], chunk.time, chunk.value
        self.key = np.maximum(np.maximum.accumulate(chunk.time), self._newest)
        if len(chunk.known) > self._seen:
            heard, first = np.unique(chunk.series, return_index=True)
            new = first[heard >= self._seen]
            self.by_home = self.by_home or bool((self.key[new] - self.time[new] > DAY).any())
            self._seen = int(heard.max()) + 1 if len(heard) else self._seen
        self._newest = int(self.key[-1])
        self.share = chunk.share

    def take(self, upto: int) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Return the rows whose key is at most `upto` and go on behind them."""
        cut = int(np.searchsorted(self.key, upto, side="right"))
        taken = self.sensor[:cut], self.time[:cut], self.value[:cut], self.key[:cut]
        self.sensor, self.time, self.value, self.key = (
            self.sensor[cut:], self.time[cut:], self.value[cut:], self.key[cut:],
        )  # fmt: skip
        if not len(self.key):
            self.fill()
        return taken
