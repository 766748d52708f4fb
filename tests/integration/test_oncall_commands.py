"""`shouwang oncall`: files in, words and calendars out, errors that say what to write."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from shouwang.cli import app
from tests.alerts_tables import settle_street

FILE = """
[street]
area = "44010300"
zone = "Asia/Shanghai"
[[street.rotations]]
people = ["wang", "zhao"]
shift = "1 day"
starts = 2026-03-02
"""


@pytest.fixture
def folder(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOUWANG_DATABASE_URL", database)
    with psycopg.connect(database, autocommit=True) as conn:
        settle_street(conn)
    (tmp_path / "duty.toml").write_text(FILE, encoding="utf-8")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["oncall", *map(str, arguments)])


def test_a_schedule_goes_in_is_told_and_comes_out_as_a_calendar_that_changes_nothing(folder: Path) -> None:
    assert "1 schedule: street" in run("import", folder / "duty.toml").output
    shown = run("show", "--days", 3).output
    assert "street: street (area 44010300, Asia/Shanghai)" in shown
    assert "zhao 赵值班" in shown
    calendar = folder / "duty.ics"
    assert run("export", "street", "--ics", calendar).exit_code == 0
    events = calendar.read_text(encoding="utf-8").count("BEGIN:VEVENT")
    assert events >= 90
    back = run("import", calendar, "--schedule", "street")
    assert f"0 overrides taken, 0 called off, {events} events change nothing" in back.output
    assert run("remove", "street").output.strip() == "street removed"
    assert "there is no schedule" in run("show").output


def test_an_error_says_what_to_write(folder: Path) -> None:
    (folder / "wrong.toml").write_text(FILE.replace("wang", "wong"), encoding="utf-8")
    wrong = run("import", folder / "wrong.toml")
    assert wrong.exit_code == 1
    assert "names 'wong', who is not registered as caseworker or duty officer" in wrong.output
    assert "there is no schedule 'x'; there are: none yet" in run("export", "x", "--ics", folder / "x.ics").output
    (folder / "duty.ics").write_text("hello", encoding="utf-8")
    assert "say whose shifts these are: --schedule ID" in run("import", folder / "duty.ics").output
    assert "cannot be read" in run("import", folder / "nothing.toml").output
