from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from detectors.finding import Kind
from ingest.recordings import HEADER
from registry.instants import HOUR, to_datetime
from shouwang.backtest import Report, print_report, progress_bar, run, write_json
from tests.unit.detector_streams import NOON

RECORDINGS = Path(os.environ.get("SHOUWANG_RECORDINGS", Path(__file__).parents[3] / "shared" / "data"))


def recording(name: str) -> Path:
    path = RECORDINGS / name
    if not path.is_file():
        pytest.skip(f"no recording {name}; set SHOUWANG_RECORDINGS to the folder that has it")
    return path


def write(file: Path, *rows: tuple[float, str, str, float]) -> Path:
    """Write (hours after noon, device, name, value) as a recording."""
    units = {"volume": "l", "alarm": "", "power": "W"}
    lines = [
        f"{to_datetime(NOON + round(hour * HOUR)).isoformat()},{device},{name},{units[name]},{value}"
        for hour, device, name, value in rows
    ]
    file.write_text("\n".join([",".join(HEADER), *lines]) + "\n", encoding="utf-8")
    return file


def flat(device: str, hours: range, value: float = 1000) -> list[tuple[float, str, str, float]]:
    return [(hour, device, "volume", value) for hour in hours]


def brief(report: Report) -> list[tuple[str, str, float, float, float | None]]:
    return [
        (
            one.household,
            one.kind.value,
            (one.onset - NOON) / HOUR,
            (one.raised_at - NOON) / HOUR,
            None if one.ended_at is None else (one.ended_at - NOON) / HOUR,
        )
        for one in report.episodes
    ]


def test_alerts_of_a_recording(tmp_path: Path) -> None:
    rows = [*flat("a", range(14)), (15, "a", "volume", 1050), *flat("a", range(16, 30), 1050), (3, "b", "alarm", 1)]
    report = run([write(tmp_path / "one.csv", *rows)], "shanghai-12h")
    assert brief(report) == [
        ("b", "smoke", 3, 3, None),
        ("a", "inactivity", 0, 12, 15),
        ("a", "inactivity", 15, 27, None),
    ]
    assert (report.readings, report.late, set(report.households)) == (30, 0, {"a", "b"})


def test_several_files_are_merged_by_time_and_households_come_from_the_registry(tmp_path: Path) -> None:
    """Two halves of one meter's record, given in the wrong order, and a smoke detector of the same home."""
    files = [
        write(tmp_path / "later.csv", *flat("a", range(7, 14))),
        write(tmp_path / "smoke.csv", (13, "s", "alarm", 1), (13.5, "s", "alarm", 0)),
        write(tmp_path / "early.csv", *flat("a", range(7))),
    ]
    report = run(files, "shanghai-12h", households={"a": ("home", "UTC"), "s": ("home", "UTC")})
    assert brief(report) == [("home", "inactivity", 0, 12, None), ("home", "smoke", 13, 13, 13.5)]
    assert report.late == 0


def test_a_device_that_falls_silent_is_told_by_the_recordings_own_clock(tmp_path: Path) -> None:
    rows = sorted([*flat("a", range(3)), *[(hour, "b", "power", 50.0) for hour in range(60)]])
    report = run([write(tmp_path / "one.csv", *rows)], "default")
    assert [one for one in brief(report) if one[1] == "offline"] == [("a", "offline", 2, 26, None)]


def test_homes_one_after_the_other_in_a_file_are_not_taken_for_silent(tmp_path: Path) -> None:
    rows = [(hour, device, "power", 50.0) for device in "ab" for hour in range(60)]
    assert brief(run([write(tmp_path / "one.csv", *rows)], "default")) == []


def test_the_report_as_json_has_the_names_of_the_api(tmp_path: Path) -> None:
    rows = [*flat("a", range(14)), (14, "a", "volume", 1050), (14.5, "b", "alarm", 1)]
    report = run([write(tmp_path / "one.csv", *rows)], "shanghai-12h")
    write_json(report, tmp_path / "out.json")
    first, second = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["alerts"]
    moment = to_datetime(NOON).strftime("%Y-%m-%d")
    assert first == {
        "id": str(report.episodes[0].id),
        "household": "a",
        "kind": "inactivity",
        "severity": "high",
        "status": "closed",
        "onset": f"{moment}T12:00:00Z",
        "raised_at": to_datetime(NOON + 12 * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sentence": first["sentence"],
        "held_by": None,
        "next_step_at": None,
    }
    assert first["sentence"].startswith("No water for 12 h")
    assert (second["kind"], second["status"], second["severity"]) == ("smoke", "suppressed", "urgent")


def test_the_printed_report_counts_alerts_and_rates(tmp_path: Path) -> None:
    file = write(tmp_path / "one.csv", *flat("a", range(14)), (14, "a", "volume", 1050))
    console = Console(record=True, width=160, quiet=False, file=(tmp_path / "out.txt").open("w", encoding="utf-8"))
    with progress_bar(console) as progress:
        report = run([file], "shanghai-12h", progress=progress)
    print_report(report, console)
    text = console.export_text()
    console.file.close()
    row = next(line for line in text.splitlines() if "inactivity" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [
        "inactivity", "1", "0", "1", "626.14", "1,714.29", "12.00 h",
    ]  # fmt: skip


def test_an_empty_recording_is_reported(tmp_path: Path) -> None:
    report = run([write(tmp_path / "one.csv")], "default")
    assert (report.readings, report.household_years, report.episodes) == (0, 0, [])


def test_one_real_home_under_the_twelve_hour_rule() -> None:
    report = run([recording("telelectura_water.csv.gz")], "shanghai-12h")
    assert (report.readings, report.late) == (10_323, 0)
    (one,) = report.episodes
    assert one.facts["used"] == 3
    assert one.raised_at - one.onset >= 12 * HOUR
    assert one.ended_at is not None


def test_46_real_homes() -> None:
    """Families use more water than the old who live alone, for whom DESIGN §7 expects 90 alarms a year."""
    report = run([recording("daiad_water_dev.csv.gz")], "shanghai-12h", zone="Europe/Madrid")
    assert (report.readings, report.late, len(report.households)) == (343_688, 42, 46)
    counts = Counter(one.kind for one in report.episodes)
    assert set(counts) == {Kind.INACTIVITY}
    assert 30 < counts[Kind.INACTIVITY] / report.household_years < 60
    onsets: dict[str, int] = {}
    for one in report.episodes:
        assert one.onset > onsets.get(one.household, 0)
        assert one.raised_at - one.onset >= 12 * HOUR
        onsets[one.household] = one.onset
