"""How does the generic detector do on foreign data? The Numenta Anomaly Benchmark, as published.

    python -m tests.benchmarks.nab --corpus DIR

DIR is a copy of the corpus: `data/**.csv` (timestamp, value) and `labels/combined_windows.json`. It is not part of
this repository.

Scoring after Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark,
ICMLA 2015 (arXiv 1510.03336), with the positions of the benchmark's own sweep. Standard profile: A_TP = 1,
A_FP = 0.11, A_FN = 1; the first 15 % of a file, of 5,000 rows at most, are probation and count for nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.generic import Generic
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable

Floats = NDArray[np.float64]
A_TP, A_FP, A_FN = 1.0, 0.11, 1.0
_PROBATION, _PROBATION_OF = 0.15, 5000


@dataclass(frozen=True, slots=True)
class File:
    """A file of the corpus: `time` (n,) microseconds, `value` (n,), and labelled windows, first and last row each."""

    name: str
    time: NDArray[np.int64]
    value: Floats
    windows: Sequence[tuple[int, int]]

    @property
    def probation(self) -> int:
        """Rows that are only learned from."""
        return min(int(_PROBATION * len(self.value)), int(_PROBATION * _PROBATION_OF))


@dataclass(frozen=True, slots=True)
class Result:
    """The score of a corpus, 0 for a detector that says nothing and 100 for a perfect one, and how it was had."""

    score: float
    threshold: float
    found: int
    windows: int
    false: int


def sigmoid(position: Floats) -> Floats:
    """Return what a detection is worth at a position: -1 is a window's left edge, 0 its right, beyond it is false.

    Nothing is worse than -1, which is reached for good three windows later.
    """
    return np.where(position >= 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0)


def worth(file: File) -> tuple[Floats, NDArray[np.int64]]:
    """Return what a detection at each row adds (n,), and the window it lies in (n,), -1 outside all of them."""
    rows = np.arange(len(file.value))
    window = np.full(len(rows), -1)
    position = np.full(len(rows), np.inf)
    for which, (first, last) in enumerate(sorted(file.windows)):
        width = last - first + 1
        inside = slice(first, last + 1)
        position[last + 1 :] = (rows[last + 1 :] - last) / max(width - 1, 1)
        position[inside] = -(last - rows[inside] + 1) / width
        window[inside] = which
    value = sigmoid(position)
    return np.where(window >= 0, A_TP * value / sigmoid(np.array(-1.0)), A_FP * value), window


def score(files: Sequence[File], scores: Sequence[Floats]) -> Result:
    """Return the score of a detector's anomaly scores (n,) of each file, at the one threshold that is best for all.

    A detection is a score at or above the threshold. Of a window only the best detection counts.
    """
    level: list[Floats] = []
    gain: list[Floats] = []
    kind: list[NDArray[np.int64]] = []  # 0: nothing new, 1: a window is found, 2: a false detection
    count = lost = 0
    for file, own in zip(files, scores, strict=True):
        value, window = worth(file)
        count += len(file.windows)
        judged = np.arange(len(value)) >= file.probation
        false = judged & (window < 0)
        level.append(own[false])
        gain.append(value[false])
        kind.append(np.full(int(false.sum()), 2))
        for number in range(len(file.windows)):
            rows = np.flatnonzero(judged & (window == number))
            if not rows.size:  # it lies in the probation: neither to be found nor to be missed
                continue
            lost += 1
            rows = rows[np.argsort(-own[rows], kind="stable")]
            best = np.maximum.accumulate(np.append(-A_FN, value[rows]))
            level.append(own[rows])
            gain.append(np.diff(best))
            kind.append(np.where(np.arange(len(rows)) == 0, 1, 0))
    levels, gains, kinds = np.concatenate(level), np.concatenate(gain), np.concatenate(kind)
    order = np.argsort(-levels, kind="stable")
    levels, kinds = levels[order], kinds[order]
    total = -A_FN * lost + np.cumsum(gains[order])
    last = np.append(levels[1:] != levels[:-1], True)  # rows of one score are detected together
    at = int(np.argmax(np.where(last, total, -np.inf)))
    null, perfect = -A_FN * lost, A_TP * count
    if total[at] <= null:
        return Result(0.0, float(np.inf), 0, count, 0)
    upto = kinds[: at + 1]
    return Result(
        float(100 * (total[at] - null) / (perfect - null)), float(levels[at]),
        int((upto == 1).sum()), count, int((upto == 2).sum()),
    )  # fmt: skip


def read(corpus: Path) -> list[File]:
    """Return the files of a corpus that have labels, by name."""
    labels = json.loads((corpus / "labels" / "combined_windows.json").read_text(encoding="utf-8"))
    return [_file(corpus / "data" / name, name, windows) for name, windows in sorted(labels.items())]


def _file(path: Path, name: str, windows: Sequence[tuple[str, str]]) -> File:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    time = np.array([_micros(row["timestamp"]) for row in rows], np.int64)
    value = np.array([float(row["value"]) for row in rows])
    limits = [(_micros(first), _micros(last)) for first, last in windows]
    return File(
        name, time, value,
        [(int(np.argmax(time == first)), int(len(time) - 1 - np.argmax(time[::-1] == last))) for first, last in limits],
    )  # fmt: skip


def _micros(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def scores(files: Sequence[File], chunk: int = 512) -> list[Floats]:
    """Return the generic detector's anomaly scores of each file, learned row by row; the files are sensors of a home.

    They are watched side by side because many sensors cost hardly more than one.
    """
    table = SensorTable()
    for number, file in enumerate(files, 1):
        table.add(number, file.name, Quantity.POWER, "nab", "UTC")
    detector = Generic(table, quantity=Quantity.POWER)
    found: list[list[Floats]] = [[np.empty(0)] for _ in files]
    for begin in range(0, max(len(file.value) for file in files), chunk):
        parts = [(file.time[begin : begin + chunk], file.value[begin : begin + chunk]) for file in files]
        sensor = np.repeat(np.arange(1, len(files) + 1, dtype=np.int32), [len(time) for time, _ in parts])
        time = np.concatenate([time for time, _ in parts])
        value = np.concatenate([value for _, value in parts])
        none = np.full(len(time), np.nan)
        batch = Observations(
            sensor, time, value, time, none, np.zeros(len(time), np.int64), none, np.zeros(len(time), np.int16)
        )
        told = detector.scores(batch)
        for number in range(len(files)):
            found[number].append(told[sensor == number + 1])
    return [np.concatenate(own) for own in found]


def main() -> None:
    """Score the generic detector on a copy of the corpus and print the result."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.nab", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="a folder with data/ and labels/")
    files = read(parser.parse_args().corpus)
    own = scores(files)
    groups = sorted({file.name.partition("/")[0] for file in files if file.windows})
    for group in [*groups, ""]:
        chosen = [number for number, file in enumerate(files) if file.name.startswith(group)]
        result = score([files[at] for at in chosen], [own[at] for at in chosen])
        print(  # noqa: T201 - a script's answer
            f"{group or 'NAB, standard profile':24} {result.score:6.2f}   {result.found} of {result.windows} windows, "
            f"{result.false} false detections, threshold {result.threshold:.9f}"
        )


if __name__ == "__main__":
    main()
