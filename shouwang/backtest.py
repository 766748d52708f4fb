"""What would these rules have said? The very same detectors over recorded readings, without servers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from alerts.episodes import Episode, fold
from detectors.explanation import sentence
from detectors.finding import Finding
from detectors.registers import Registers
from detectors.rules import load
from ingest.recordings import Chunk, Series, read
from registry.csv_files import read_directory
from registry.instants import DAY, HOUR, to_datetime
from registry.model import Registry
from registry.readings import ReadingBatch, SensorTable

YEAR = 365.25 * DAY


@dataclass(frozen=True, slots=True)
class Watched:
    """How long a household was watched: its zone, and its first and last reading in microseconds UTC."""

    zone: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a rule set said about recordings. `late` readings were older than their sensor's last: not scored."""

    rules: str
    readings: int
    late: int
    households: Mapping[str, Watched]
    episodes: Sequence[Episode]

    @property
    def household_years(self) -> float:
        """How long all households together were watched."""
        return sum(one.last - one.first for one in self.households.values()) / YEAR


def run(
    files: Sequence[Path], rules: str, *,
    households: Mapping[str, tuple[str, str]] | None = None,
    zone: str = "UTC", progress: Callable[[float], None] | None = None,
) -> Report:  # fmt: skip
    """Run a rule set over recordings, in the order of the file; several files are merged by time.

    `households` names the household and the zone of registered devices; any other device is a household of its
    own in `zone`, which is also where times without an offset are read. `progress` is told the share done.
    The clock is the recording's own: the newest time so far.

    Raises:
        RecordingError: a file cannot be read.
        RulesError: there is no such rule set.
    """
    sensors = SensorTable()
    registers = Registers()
    ruleset = load(rules, sensors)
    ids = _Ids(sensors, households or {}, zone)
    findings: list[Finding] = []
    readings = late = now = 0
    for batch, share in _batches(files, zone, ids):
        batch.received[:] = np.maximum(np.maximum.accumulate(batch.time), now)
        now = int(batch.received[-1])
        interpreted = registers.interpret(batch, sensors)
        findings += ruleset.observe(interpreted.observations())
        findings += ruleset.tick(now)
        ids.saw(batch)
        readings += len(batch)
        late += int(interpreted.late.sum())
        if progress is not None:
            progress(share)
    # Batches are cut anywhere, findings have one order: without this, which of two sensors of a household
    # raised first could depend on the cut. Sorting is stable: a sensor's own findings stay in their order.
    return Report(rules, readings, late, ids.watched(), fold(sorted(findings, key=Finding.order)))


class _Ids:
    """Gives the sensors of recordings their ids, and remembers how long each household was watched."""

    def __init__(self, sensors: SensorTable, households: Mapping[str, tuple[str, str]], zone: str) -> None:
        self._sensors = sensors
        self._households = households
        self._zone = zone
        self._ids: dict[tuple[str, int], int] = {}
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}

    def of(self, series: Series) -> int:
        key = series.device, int(series.quantity)
        if key not in self._ids:
            self._ids[key] = len(self._ids) + 1
            household, zone = self._households.get(series.device, (series.device, self._zone))
            self._sensors.add(self._ids[key], series.device, series.quantity, household, zone)
        return self._ids[key]

    def saw(self, batch: ReadingBatch) -> None:
        order = np.lexsort((batch.time, batch.sensor))
        sensor, time = batch.sensor[order], batch.time[order]
        change = np.flatnonzero(sensor[1:] != sensor[:-1])
        heads, tails = np.append(0, change + 1), np.append(change, len(sensor) - 1)
        for one, first, last in zip(sensor[heads], time[heads], time[tails], strict=True):
            home = int(self._sensors.household[one])
            self._first[home] = min(self._first.get(home, int(first)), int(first))
            self._last[home] = max(self._last.get(home, int(last)), int(last))

    def watched(self) -> dict[str, Watched]:
        return {
            self._sensors.households[home]: Watched(self._sensors.zones[home], first, self._last[home])
            for home, first in self._first.items()
        }


class _Source:
    """A recording that is read as far as it is needed; `key` is its newest time so far, row by row."""

    def __init__(self, path: Path, zone: str, ids: _Ids) -> None:
        self._chunks = read(path, zone)
        self._ids = ids
        self._newest = np.iinfo(np.int64).min
        self.share = 0.0
        self.done = False
        self.sensor: NDArray[np.int32]
        self.time: NDArray[np.int64]
        self.value: NDArray[np.float64]
        self.key: NDArray[np.int64]
        self.fill()

    def fill(self) -> None:
        chunk: Chunk | None = next(self._chunks, None)
        if chunk is None:
            self.done, self.share = True, 1.0
            return
        ids = np.array([self._ids.of(series) for series in chunk.known], np.int32)
        self.sensor, self.time, self.value = ids[chunk.series], chunk.time, chunk.value
        self.key = np.maximum(np.maximum.accumulate(chunk.time), self._newest)
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


def _batches(files: Sequence[Path], zone: str, ids: _Ids) -> Iterator[tuple[ReadingBatch, float]]:
    """Yield the rows of all files in the order of their keys, and how much of the files that is."""
    sources = [_Source(path, zone, ids) for path in files]
    while waiting := [one for one in sources if not one.done]:
        upto = min(int(one.key[-1]) for one in waiting)
        taken = [one.take(upto) for one in waiting]
        sensor, time, value, key = (np.concatenate(column) for column in zip(*taken, strict=True))
        order = np.argsort(key, kind="stable")
        batch = ReadingBatch(sensor[order], time[order], value[order], np.zeros(len(order), np.int64))
        yield batch, sum(one.share for one in sources) / len(sources)


def registered(directory: Path) -> dict[str, tuple[str, str]]:
    """Return the household and the zone of each device that a folder of registry files names.

    Raises:
        RegistryFileError: the files have errors; the message names each by file and line.
    """
    known = read_directory(directory, Registry())
    zones = {household.id: household.zone for household in known.households}
    return {device.id: (device.household, zones[device.household]) for device in known.devices}


def as_json(report: Report, language: str = "en") -> dict[str, Any]:
    """Return `{"alerts": […]}` with the names of the REST API.

    An episode that has not ended is `suppressed`: a recording is the past, and wakes nobody.
    """
    return {
        "alerts": [
            {
                "id": str(one.id),
                "household": one.household,
                "kind": one.kind.value,
                "severity": one.severity.label,
                "status": "suppressed" if one.ended_at is None else "closed",
                "onset": _iso(one.onset),
                "raised_at": _iso(one.raised_at),
                "sentence": sentence(one.kind, one.facts, language, report.households[one.household].zone),
                "held_by": None,
                "next_step_at": None,
            }
            for one in report.episodes
        ]
    }


def write_json(report: Report, out: Path, language: str = "en") -> None:
    """Write `as_json` to a file."""
    text = json.dumps(as_json(report, language), ensure_ascii=False, indent=1)
    out.write_text(text + "\n", encoding="utf-8")


def print_report(report: Report, console: Console, *, worst: int = 5) -> None:
    """Print alerts per kind with their delays and rates, and the households with most of them."""
    years = report.household_years
    console.print(
        f"[bold]{report.rules}[/] over {report.readings:,} readings ({report.late:,} late) of "
        f"{len(report.households):,} households, {years:,.2f} household-years"
    )
    if not report.episodes:
        console.print("No alerts.")
        return
    table = Table("kind", title="Alerts, their rate for each household-year and 1,000 household-days, median delay")
    for column in (
        "alerts", "open", "homes", "a home-year", "1,000 home-days", "delay",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for kind in sorted({one.kind for one in report.episodes}):
        episodes = [one for one in report.episodes if one.kind is kind]
        delay = median(one.raised_at - one.onset for one in episodes) / HOUR
        table.add_row(
            kind.value,
            f"{len(episodes):,}",
            f"{sum(one.ended_at is None for one in episodes):,}",
            f"{len({one.household for one in episodes}):,}",
            _rate(len(episodes), years),
            _rate(1000 * len(episodes), years * YEAR / DAY),
            f"{delay:.2f} h",
        )
    console.print(table)
    counts = Counter(one.household for one in report.episodes).most_common(worst)
    table = Table("household", title="Households with most alerts")
    for column in ("alerts", "per year", "days watched"):
        table.add_column(column, justify="right")
    for household, count in counts:
        watched = report.households[household]
        span = watched.last - watched.first
        table.add_row(household, f"{count:,}", _rate(count, span / YEAR), f"{span / DAY:.0f}")
    console.print(table)


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[float], None]]:
    """Show a progress bar while inside; gives what `run` takes as `progress`."""
    columns = TextColumn("Reading"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _rate(count: float, span: float) -> str:
    return f"{count / span:,.2f}" if span else "–"


def _iso(micros: int) -> str:
    return to_datetime(micros).isoformat().replace("+00:00", "Z")
