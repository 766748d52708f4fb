"""`python -m shouwang.experimenting FOLDER`: one experiment of the detection lab, in a process of its own.

The folder holds `asked.json`, and `rules.toml` and `recording` if they were given; how far it is, what came of it or
what was wrong is written there for `shouwang.laboratory` to read.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from alerts.life.episodes import Episode
from dashboards.experiment import Experiment, Result, Watched, Would
from detectors.rule import RulesError
from detectors.rules import names
from ingest.recordings import read
from registry.errors import ShouwangError
from registry.instants import DAY, to_datetime, to_micros
from registry.quantities import BY_LABEL
from registry.readings import ReadingBatch
from shouwang.backtest.circumstances import Circumstances, Place
from shouwang.backtest.errors import BacktestError
from shouwang.backtest.recordings import Recordings
from shouwang.backtest.roster import Numbers
from shouwang.backtest.run import Plan, Readings, run
from storage.database import connect
from storage.views import View, lab

ASKED, PROGRESS, RESULT, ERROR = "asked.json", "progress", "result.json", "error.txt"
RULES, RECORDING = "rules.toml", "recording"
NEIGHBOURS = 11
"""How many other homes of its community a home is judged among: what is usual is learned from all."""

_YEAR = 365 * DAY
_MOST_READINGS = 5_000_000
_MOST_ALERTS = 1_000
_TELL_EVERY = 0.01
"""Of the whole way: a page that looks on moves by a hundredth."""


class Order(msgspec.Struct, frozen=True):
    """What is handed over: the experiment, where the readings are, and how many seconds it may take."""

    database: str
    limit: int
    experiment: Experiment


def main(folder: Path) -> int:
    """Carry out what `asked.json` asks for; return the exit code."""
    order = msgspec.json.decode((folder / ASKED).read_bytes(), type=Order)
    signal.alarm(order.limit)  # whatever it hangs in, the kernel ends it
    os.nice(10)
    os.chdir(folder)  # so that messages name `rules.toml`, not where it lies
    try:
        result = carried_out(order)
    except (ShouwangError, RulesError) as error:
        Path(ERROR).write_text(str(error), encoding="utf-8")
        return 1
    _replace(RESULT, msgspec.json.encode(result))
    return 0


def carried_out(order: Order) -> Result:
    """Run the rules over the readings that are asked for.

    Raises:
        ShouwangError: rules or recording cannot be read, or there is nothing to try them on.
    """
    asked = order.experiment
    with connect(order.database, name="shouwang lab") as conn:
        view = View(conn, asked.scope)
        if asked.household is None:
            shown, source, known = None, *_recorded(view, asked)
        else:
            shown, source, known = {asked.household}, *_stored(view, asked)
        report = run(_Limited(source), Plan((_rules(asked),)), known, _Told())
    if not report.readings:
        raise BacktestError("there are no readings to try rules on; choose another household or file")
    homes = {name: one for name, one in report.households.items() if shown is None or name in shown}
    alerts = [one for said in report.sets for one in said.alerts if one.household in homes]
    spans = list(homes.values()) or list(report.households.values())
    return Result(
        to_datetime(min(one.first for one in spans)),
        to_datetime(max(one.last for one in spans)),
        report.readings,
        sum(one.covered for one in spans) / max(sum(one.span for one in spans), 1),
        {name: Watched(one.span / DAY, one.zone) for name, one in homes.items()},
        [_would(one, homes[one.household].zone) for one in alerts[:_MOST_ALERTS]],
        max(len(alerts) - _MOST_ALERTS, 0),
        len(report.households) - len(homes),
    )


def _rules(asked: Experiment) -> str:
    if asked.toml is not None:
        return RULES
    if asked.rules not in names():  # never a path: files are for who may log in to the machine
        raise BacktestError(f"there is no rule set `{asked.rules}`; choose one of {', '.join(names())}")
    return asked.rules or ""


def _stored(view: View, asked: Experiment) -> tuple[Readings, Circumstances]:
    """Return the last year of a home among its neighbours."""
    home = lab.home(view, asked.household or "")
    if home is None:
        raise BacktestError(f"there is no household `{asked.household}` in your area; check its id")
    homes = [home["id"], *lab.beside(view, home["id"], home["area"], limit=NEIGHBOURS)]
    return _Past(view, homes, to_micros(asked.until)), _circumstances(view, asked.zone, homes)


def _recorded(view: View, asked: Experiment) -> tuple[Readings, Circumstances]:
    """Return what a file tells; devices that are registered stand for their homes."""
    told = {series.device for chunk in read(Path(RECORDING), asked.zone) for series in chunk.known}
    homes = sorted({row["household"] for row in lab.devices(view, named=sorted(told))})
    return Recordings([Path(RECORDING)], asked.zone), _circumstances(view, asked.zone, homes)


def _circumstances(view: View, zone: str, homes: Sequence[str]) -> Circumstances:
    rows = lab.devices(view, households=homes)
    away: dict[str, list[tuple[int, int]]] = {}
    for row in lab.absences(view, homes):
        away.setdefault(row["household"], []).append((to_micros(row["starts"]), to_micros(row["ends"])))
    dependent = frozenset(row["household"] for row in rows if row["category"] == "disabled" and row["risk"] == "high")
    places = {row["id"]: Place(row["household"], row["zone"], row["area"], row["gateway"]) for row in rows}
    return Circumstances(zone, places, away, dependent, tuple(lab.areas(view)))


class _Past:
    """What the meters of some homes said in the year before a moment (microseconds UTC), as it is stored."""

    by_home = False

    def __init__(self, view: View, homes: Sequence[str], until: int) -> None:
        self._view = view
        self._homes = homes
        self._until = until

    def batches(self, roster: Numbers) -> Iterator[tuple[ReadingBatch, float]]:
        rows = lab.sensors(self._view, self._homes)
        if not rows:
            return
        number = np.zeros(max(row["id"] for row in rows) + 1, np.int32)
        for row in rows:
            number[row["id"]] = roster.of(row["device"], BY_LABEL[row["quantity"]])
        since, until = to_datetime(self._until - _YEAR), to_datetime(self._until)
        for batch, share in lab.readings(self._view, [row["id"] for row in rows], since, until):
            yield ReadingBatch(number[batch.sensor], batch.time, batch.value, batch.received), share


class _Limited:
    """Readings that end with an error where they are more than can be tried here."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    @property
    def by_home(self) -> bool:
        return self._readings.by_home

    def batches(self, roster: Numbers) -> Iterator[tuple[ReadingBatch, float]]:
        count = 0
        for batch, share in self._readings.batches(roster):
            count += len(batch)
            if count > _MOST_READINGS:
                raise BacktestError(
                    f"there are more than {_MOST_READINGS:,} readings; try a shorter file, or run `shouwang backtest`"
                )
            yield batch, share


def _would(one: Episode, zone: str) -> Would:
    ended = None if one.ended_at is None else to_datetime(one.ended_at)
    return Would(
        one.household, one.kind.value, int(one.severity), one.rule, to_datetime(one.onset),
        to_datetime(one.raised_at), ended, dict(one.facts), zone,
    )  # fmt: skip


class _Told:
    """Writes down how far it is, whenever that is a little further: a file for each batch would be too many."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, share: float) -> None:
        if share >= self._next:
            self._next = share + _TELL_EVERY
            _replace(PROGRESS, f"{share:.3f}".encode())


def _replace(name: str, content: bytes) -> None:
    draft = Path(f"{name}.new")
    draft.write_bytes(content)
    draft.replace(name)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
