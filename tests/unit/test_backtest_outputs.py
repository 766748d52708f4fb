"""What a backtest hands out: JSON for programs, a page for people, tables on a terminal; and its command line."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console
from typer.testing import CliRunner

from registry.instants import HOUR, to_datetime
from shouwang.backtest import Plan, Report, export, html, run, table
from shouwang.backtest.command import Asked, backtest
from shouwang.backtest.errors import BacktestError
from shouwang.backtest.inject import Befallen
from shouwang.backtest.recordings import Recordings
from shouwang.cli import app
from tests.unit.detector_streams import NOON
from tests.unit.test_backtest import flat, living, write

_INSTANT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_NUMBER = {"type": ["number", "null"], "minimum": 0}
_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_KIND = {"enum": ["fall", "leak", "surge", "drop", "flaming", "smouldering"]}


def _exactly(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False,
    }  # fmt: skip


def _list(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _exactly(**properties)}


SCHEMA = _exactly(
    alerts=_list(
        id={"type": "string", "format": "uuid"}, household=_TEXT, kind=_TEXT,
        severity={"enum": ["low", "medium", "high", "urgent"]}, status={"enum": ["closed", "suppressed"]},
        onset=_INSTANT, raised_at=_INSTANT, ended_at={"anyOf": [_INSTANT, {"type": "null"}]}, sentence=_TEXT,
        held_by={"type": "null"}, next_step_at={"type": "null"}, rules=_TEXT, rule=_TEXT, score={"type": "number"},
        levels={"minItems": 1, **_list(severity=_TEXT, rate=_NUMBER, raised_at=_INSTANT)},
    ),
    summary=_list(
        rules=_TEXT, rule=_MAYBE, kind=_TEXT, alerts={"type": "integer", "minimum": 1}, household_years=_NUMBER,
        per_household_year=_NUMBER, per_1000_household_days=_NUMBER, per_household_year_from_second_month=_NUMBER,
    ),
    levels=_list(
        rules=_TEXT, rule=_TEXT, kind=_TEXT, asked={"type": "number"}, measured=_NUMBER,
        measured_from_second_month=_NUMBER,
    ),
    incidents=_list(
        id={"type": "string", "format": "uuid"}, rules=_TEXT, cause={"enum": ["power", "water", "radio", "gateway"]},
        area=_TEXT, source=_TEXT, onset=_INSTANT, ended_at={"anyOf": [_INSTANT, {"type": "null"}]},
        homes={"type": "integer"}, of={"type": "integer"},
    ),
    injected=_list(
        household=_TEXT, at=_INSTANT, kind=_KIND, amount=_NUMBER,
        delay={"type": "object", "additionalProperties": _NUMBER}, standing={"type": "array", "items": _TEXT},
    ),
    delays=_list(
        rules=_TEXT, rule=_MAYBE, asked=_NUMBER, kind=_KIND, events={"type": "integer"}, per_household_year=_NUMBER,
        median=_NUMBER, p90=_NUMBER, within_24_h=_NUMBER, within_48_h=_NUMBER,
    ),
    matched=_list(rules=_TEXT, rule=_TEXT, rate={"type": "number"}, median=_NUMBER, p90=_NUMBER),
    recording=_exactly(
        readings={"type": "integer"}, late={"type": "integer"}, households={"type": "integer"},
        household_years=_NUMBER, coverage={"type": "number", "minimum": 0, "maximum": 1},
    ),
    notices={"type": "array", "items": _TEXT},
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    days = [*living("a <b>", 70), *flat("a <b>", range(70 * 24 + 1, 72 * 24), 8000), *living("c", 80)]
    file = write(tmp_path_factory.mktemp("recorded") / "one.csv", *sorted(days))
    asked = Plan(("shanghai-12h", "gap-quantile-12"), {Befallen.FALL: 30, Befallen.LEAK: 5}, (12, 4))
    return run(Recordings([file]), asked)


def test_the_json_keeps_to_its_schema(report: Report, tmp_path: Path) -> None:
    export.write(report, tmp_path / "out.json")
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    jsonschema.validate(written, SCHEMA)
    assert {one["rules"] for one in written["alerts"]} == {"shanghai-12h", "gap-quantile-12"}
    assert {one["kind"] for one in written["injected"]} == {"fall", "leak"}
    assert all(set(one["delay"]) == {"shanghai-12h", "gap-quantile-12"} for one in written["injected"])
    assert [one["rate"] for one in written["matched"]] == [12, 4]
    # The summary of a set counts the alerts that are listed.
    for one in written["summary"]:
        if one["rule"] is None:
            listed = [
                each for each in written["alerts"] if (each["rules"], each["kind"]) == (one["rules"], one["kind"])
            ]
            assert one["alerts"] == len(listed)


def test_an_alert_as_json_has_the_names_of_the_api(tmp_path: Path) -> None:
    rows = [*flat("a", range(14)), (14, "a", "volume", 1050), (14.5, "b", "alarm", 1)]
    found = run(Recordings([write(tmp_path / "one.csv", *rows)]), Plan(("shanghai-12h",)))
    first, second = export.as_json(found)["alerts"]
    ended = to_datetime(NOON + 14 * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
    raised = to_datetime(NOON + 12 * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert first == {
        "id": str(found.sets[0].alerts[0].id),
        "household": "a",
        "kind": "inactivity",
        "severity": "medium",
        "status": "closed",
        "onset": to_datetime(NOON).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "raised_at": raised,
        "ended_at": ended,
        "sentence": first["sentence"],
        "held_by": None,
        "next_step_at": None,
        "rules": "shanghai-12h",
        "rule": "shanghai-12h",
        "score": 1.0,
        "levels": [{"severity": "medium", "rate": None, "raised_at": raised}],
    }
    assert first["sentence"].startswith("No water for 12 h")
    assert (second["kind"], second["status"], second["severity"]) == ("smoke", "suppressed", "urgent")


class _Page(HTMLParser):
    """Checks that what is opened is closed, and collects what is asked of other places."""

    EMPTY = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.asked: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_whole_and_needs_nothing_else(report: Report, tmp_path: Path) -> None:
    html.write(report, tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.asked == []
    assert not re.search(r"url\(|@import|<script|https?://", text)
    assert page.tags.count("svg") >= 3, "the curves, and each household's timeline"
    assert page.tags.count("polyline") == 1, "one rule has a ladder of rates"
    assert "a <b>" in page.text
    assert "width=device-width" in text
    for word in ("shanghai-12h", "gap-quantile-12", "At equal false-alarm rates: median / 90th percentile"):
        assert word in " ".join(page.text)


def test_a_page_of_nothing_is_a_page(tmp_path: Path) -> None:
    page = _Page()
    page.feed(html.page(run(Recordings([write(tmp_path / "one.csv")]), Plan())))
    assert page.open == []


def shown(report: Report, tmp_path: Path) -> list[str]:
    with (tmp_path / "shown.txt").open("w", encoding="utf-8") as file:
        console = Console(record=True, width=120, file=file)
        table.show(report, console)
        return console.export_text().splitlines()


def test_the_printed_report_counts_alerts_and_rates(tmp_path: Path) -> None:
    file = write(tmp_path / "one.csv", *flat("a", range(14)), (14, "a", "volume", 1050))
    console = Console(quiet=True)
    with table.progress_bar(console) as progress:
        found = run(Recordings([file]), Plan(("shanghai-12h",)), progress=progress)
    (row,) = (line for line in shown(found, tmp_path) if "inactivity" in line)
    assert row.split() == ["shanghai-12h", "inactivity", "1", "1", "626.14", "–", "1,714.29", "12.0", "h"]


def test_the_printed_report_compares_delays_at_equal_rates(report: Report, tmp_path: Path) -> None:
    text = "\n".join(shown(report, tmp_path))
    assert "counts as false" in text
    assert re.search(r"fall +shanghai-12h +\d+", text)
    assert re.search(r"shanghai-12h +fixed: \d", text)
    assert "gap-quantile-12: gap-quantile-12" in text


def test_the_command_runs_and_writes_what_was_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path / "one.csv.gz", *living("a", 40))
    result = CliRunner().invoke(
        app,
        ["backtest", str(file), "--rules", "shanghai-12h,taicang-24h", "--rules", "gap-quantile-4", "--inject",
         "falls:3", "--json", str(tmp_path / "out.json"), "--html", str(tmp_path / "out.html")],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "taicang-24h" in result.output
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert len(written["injected"]) == 3
    assert (tmp_path / "out.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(), "nothing to read; write recordings, or --town"),
        (Asked(files=(Path("a.csv"),), town="1:2:3"), "leave out the files, or --town"),
        (Asked(files=(Path("a.csv"),), known_outings=5), "belong in absences.csv"),
        (Asked(town="1:2:3", only="volume,heart"), "no quantity `heart`; there are volume, energy"),
        (Asked(town="1:2:3", at="12;4"), "write numbers such as 12,4,1"),
        (Asked(town="1:2:3", at="0"), "write false alarms a household-year, 0.01 to 1000"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(asked: Asked, message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        backtest(asked, Console(quiet=True))
