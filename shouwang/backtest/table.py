"""A backtest as tables on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from registry.instants import DAY
from shouwang.backtest.figures import hours, number, pair
from shouwang.backtest.report import Report
from shouwang.backtest.roster import YEAR
from shouwang.backtest.summary import Count, counts, found, levels, lines, worst


def show(report: Report, console: Console, *, most: int = 5) -> None:
    """Print what was found: alerts, asked rates, delays, and the households with most alerts."""
    console.print(
        f"[bold]{report.readings:,}[/] readings ({report.late:,} late) of {len(report.households):,} households, "
        f"{report.household_years:,.2f} household-years; readings came often enough to be judged in "
        f"{report.coverage:.0%} of that time."
    )
    for notice in report.notices:
        console.print(f"[yellow]{notice}[/]")
    if not any(said.alerts for said in report.sets):
        console.print("No alerts.")
        return
    console.print("Every alert of a recording counts as false: nothing in it is known to be an emergency.")
    for said in report.sets:
        _alerts(said.rules, counts(said, report), console)
    _levels(report, console)
    _delays(report, console)
    _matched(report, console)
    _worst(report, console, most)


def _alerts(rules: str, told: list[Count], console: Console) -> None:
    if not told:
        console.print(f"{rules}: no alerts.")
        return
    table = _table(
        f"[bold]{rules}[/]: false alarms a household-year, from the second month on, and in 1,000 household-days",
        ("rule", "kind"), ("alerts", "homes", "a year", "month 2+", "1,000 days", "after"),
    )  # fmt: skip
    for one in told:
        if one.rule is None and sum(other.kind is one.kind for other in told) == 2:
            continue  # of one rule alone: its own row says the same
        table.add_row(
            one.rule or "[dim]all together[/]", one.kind.value, f"{one.alerts:,}", f"{one.homes:,}",
            number(one.per_year), number(one.settled_per_year), number(one.per_1000_days),
            hours(one.raised_after),
        )  # fmt: skip
    console.print(table)


def _levels(report: Report, console: Console) -> None:
    table = _table(
        "False alarms a household-year: asked, measured, from the second month on",
        ("rules", "rule"), ("asked", "measured", "month 2+", "factor"),
    )  # fmt: skip
    for said in report.sets:
        for one in levels(said, report):
            factor = None if one.settled is None else one.settled / one.asked
            table.add_row(
                said.rules, one.rule, f"{one.asked:g}", number(one.measured), number(one.settled), number(factor)
            )
    if table.row_count:
        console.print(table)


def _delays(report: Report, console: Console) -> None:
    table = _table(
        "Delays on injected events, beside false alarms a household-year from the second month on",
        ("event", "rules"), ("events", "false", "median", "p90", "in 24 h", "in 48 h"),
    )  # fmt: skip
    for one in found(report):
        own = one.delays
        table.add_row(
            one.kind.value, one.rules if one.rule is None else f"  {one.rule} at {one.asked:g}",
            f"{own.events:,}", number(one.false), hours(own.quantile(0.5)), hours(own.quantile(0.9)),
            f"{own.within(24):.1%}", f"{own.within(48):.1%}",
        )  # fmt: skip
    if table.row_count:
        console.print(table)


def _matched(report: Report, console: Console) -> None:
    if not report.played or not report.targets:
        return
    table = _table(
        "Falls: median / p90 to alarm at equal false alarms a household-year",
        ("rule",), [f"at {target:g}" for target in report.targets],
    )  # fmt: skip
    for line in lines(report):
        if line.fixed is not None:
            point = line.fixed
            told = f"fixed: {point.rate:.2f}, {pair(point.delays.quantile(0.5), point.delays.quantile(0.9))}"
            table.add_row(line.rules, told, *[""] * (len(report.targets) - 1))
        else:
            table.add_row(f"{line.rules}: {line.rule}", *[pair(one.median, one.p90) for one in line.matched])
    console.print(table)


def _worst(report: Report, console: Console, most: int) -> None:
    table = _table(
        "Households with most alerts", ("rules", "household"), ("alerts", "a year", "days watched", "judged")
    )
    for said in report.sets:
        for household, count in worst(said, most):
            watched = report.households[household]
            table.add_row(
                said.rules, household, f"{count:,}",
                number(count / (watched.span / YEAR) if watched.span else None), f"{watched.span / DAY:.0f}",
                f"{watched.covered / watched.span:.0%}" if watched.span else "–",
            )  # fmt: skip
    console.print(table)


def _table(title: str, words: Sequence[str], figures: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in words:
        table.add_column(column, overflow="fold", min_width=8)
    for column in figures:
        table.add_column(column, justify="right", no_wrap=True)
    return table


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[float], None]]:
    """Show a progress bar while inside; gives what `run` takes as `progress`."""
    columns = TextColumn("Reading"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda share: bar.update(task, completed=share)
