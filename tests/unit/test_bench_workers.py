"""What `shouwang bench workers` makes of its figures, and when it cannot measure."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from detectors.rules import load
from registry.readings import SensorTable
from shouwang.bench.workers import MODELS, Options, Report, Run, run
from shouwang.errors import BenchError


def did(workers: int, readings: int, spent: tuple[float, float], takeover: float | None = None) -> Run:
    return Run("default", workers, readings, 10.0, {"workers": spent[0], "postgresql": spent[1]}, takeover)


def test_a_ratio_is_told_beside_what_the_cores_allow() -> None:
    one, two, four = did(1, 500_000, (9.0, 3.5)), did(2, 800_000, (14.0, 6.0), 7.5), did(4, 810_000, (14.0, 6.0), 8.0)
    report = Report(Options(), 2, [one, two, four])
    assert one.cores == 1.25
    assert [report.ratio(each) for each in report.runs] == [1.0, 1.6, 1.62]
    assert [report.most(each) for each in report.runs] == [1.0, 1.6, 1.6]
    told = report.to_json()["runs"][1]
    assert (told["readings_per_second"], told["ratio"], told["takeover_seconds"]) == (80_000, 1.6, 7.5)
    assert told["processor_seconds_per_million"] == {"workers": 17.5, "postgresql": 7.5}


def test_where_workers_take_nearly_all_two_can_do_twice_as_much() -> None:
    report = Report(Options(), 2, [did(1, 100_000, (9.5, 0.2)), did(2, 195_000, (19.0, 0.4))])
    assert report.most(report.runs[1]) == 2.0


def test_the_table_says_who_took_what() -> None:
    console = Console(width=200, record=True, file=StringIO())
    console.print(Report(Options(), 2, [did(1, 500_000, (9.0, 3.5)), did(2, 800_000, (14.0, 6.0), 7.5)]).table())
    shown = console.export_text()
    assert "80,000" in shown
    assert "7.5 s" in shown
    assert "postgresql, µs a reading" in shown


@pytest.mark.parametrize(
    ("options", "why"),
    [(Options(), "SHOUWANG_KAFKA_SERVERS"), (Options("nowhere:1", workers=(1, 8)), "--partitions 8")],
)
def test_what_it_needs_is_said(options: Options, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        run(options)


def test_its_models_are_rules() -> None:
    assert "drift-of-smoke" in {one.name for one in load(str(MODELS), SensorTable()).detectors}
