"""What `shouwang backtest` does with its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from shouwang.backtest import export, html, table
from shouwang.backtest.circumstances import Circumstances, registered
from shouwang.backtest.errors import BacktestError
from shouwang.backtest.inject import asked as asked_for
from shouwang.backtest.only import Only, chosen
from shouwang.backtest.recordings import Recordings
from shouwang.backtest.report import Report
from shouwang.backtest.run import Plan, Readings, run
from shouwang.backtest.town import TownPlan, TownReadings


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written."""

    files: tuple[Path, ...] = ()
    rules: tuple[str, ...] = ()
    registry: Path | None = None
    town: str | None = None
    known_outings: float | None = None
    inject: str = ""
    at: str = ""
    json: Path | None = None
    html: Path | None = None
    zone: str = "UTC"
    seed: int = 1
    only: str = ""


def backtest(asked: Asked, console: Console) -> Report:
    """Run it, print the report and write the files that were asked for.

    Raises:
        BacktestError: options that do not fit together; other errors as `run` raises them.
    """
    plan = _plan(asked)
    readings, circumstances = _source(asked)
    if asked.only:
        readings = Only(readings, chosen(asked.only))
    with table.progress_bar(console) as progress:
        report = run(readings, plan, circumstances, progress)
    table.show(report, console)
    if asked.json is not None:
        export.write(report, asked.json)
    if asked.html is not None:
        html.write(report, asked.html)
    return report


def _plan(asked: Asked) -> Plan:
    names = [name.strip() for text in asked.rules for name in text.split(",") if name.strip()] or ["default"]
    rules = tuple(dict.fromkeys(names))
    try:
        targets = tuple(sorted({float(part) for part in asked.at.split(",") if part.strip()}, reverse=True))
    except ValueError:
        raise BacktestError(f"rates `{asked.at}` are none; write numbers such as 12,4,1") from None
    if any(not 0.01 <= one <= 1000 for one in targets):
        raise BacktestError(f"rates `{asked.at}` are beyond any use; write false alarms a household-year, 0.01 to 1000")
    return Plan(rules, asked_for(asked.inject), targets, asked.seed)


def _source(asked: Asked) -> tuple[Readings, Circumstances]:
    if asked.town is not None:
        if asked.files or asked.registry is not None:
            raise BacktestError("a town has its own readings and registry; leave out the files, or --town")
        town = TownReadings(TownPlan.parse(asked.town, asked.known_outings))
        return town, town.circumstances()
    if not asked.files:
        raise BacktestError("there is nothing to read; write recordings, or --town SEED:HOUSEHOLDS:DAYS")
    if asked.known_outings is not None:
        raise BacktestError(
            "--known-outings is for a town; absences of recordings belong in absences.csv of --registry"
        )
    known = Circumstances(asked.zone) if asked.registry is None else registered(asked.registry, asked.zone)
    return Recordings(asked.files, asked.zone), known
