"""`shouwang policy`: what it prints, and with which code it exits."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from detectors.finding import Kind
from shouwang.cli import app

BUILT_IN = files("alerts.ladders").joinpath("policies.toml").read_text(encoding="utf-8")

AREAS = "code,level,name\n44,city,Guangzhou\n"
HOUSEHOLDS = "id,area,zone,language,category,risk,address,caseworker,note\n"
PEOPLE = "id,name,role,household,area,phone,language,channel\n"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No instance, no settings file and no colours, and a terminal that is wide enough for whole sentences."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")


def _run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["policy", *(str(word) for word in words)])


def _file(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def _registry(folder: Path, *, phone: str = "") -> Path:
    registry = folder / "registry"
    registry.mkdir()
    (registry / "areas.csv").write_text(AREAS, encoding="utf-8")
    (registry / "households.csv").write_text(
        HOUSEHOLDS + "h-1,44,Asia/Shanghai,en,other,low,1 Long Street,,\n", encoding="utf-8"
    )
    (registry / "people.csv").write_text(PEOPLE + f"li,Mrs Li,resident,h-1,,{phone},en,call\n", encoding="utf-8")
    return registry


def test_a_right_file_is_well_and_counted(tmp_path: Path) -> None:
    told = _run("check", _file(tmp_path, BUILT_IN))
    assert told.exit_code == 0, told.output
    assert "mine.toml: 17 policies, 63 steps; every kind, severity and hour has its ladder" in told.output
    assert "nobody was looked at: name people with --registry DIR" in told.output


def test_a_wrong_file_is_refused_with_file_line_policy_and_key(tmp_path: Path) -> None:
    wrong = BUILT_IN.replace('who = "contact-1", do = "call"', 'who = "neighbour", do = "call"', 1)
    line = next(at for at, text in enumerate(wrong.splitlines(), 1) if "neighbour" in text)
    told = _run("check", _file(tmp_path, wrong))
    assert told.exit_code == 1
    assert f"mine.toml:{line}: inactivity-soon-night.steps[4].who is 'neighbour'; write resident" in told.output


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    told = _run("check", tmp_path / "none.toml")
    assert told.exit_code == 1
    assert "the policies cannot be read" in told.output


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 2)])
def test_a_household_nobody_of_which_can_be_reached_is_a_warning(
    tmp_path: Path, strict: tuple[str, ...], code: int
) -> None:
    told = _run("check", "--registry", _registry(tmp_path), *strict)
    assert told.exit_code == code
    assert "warning  inactivity: no step reaches anybody at 1 household: h-1 (at h-1: sms for resident" in told.output


def test_warnings_are_no_errors_and_no_warning_is_well(tmp_path: Path) -> None:
    ladder = """
[all]
kinds = [KINDS]
on_return = "review"
repeat = "15 min"
recheck = "6 h"
steps = [{ after = "0 min", who = "resident", do = "call", message = "check" }]
"""
    file = _file(tmp_path, ladder.replace("KINDS", ", ".join(f'"{kind}"' for kind in Kind)))
    told = _run("check", file, "--strict", "--registry", _registry(tmp_path, phone="+8613812340001"))
    assert told.exit_code == 0, told.output
    assert "every ladder reaches somebody at each of 1 household" in told.output


def test_no_instance_where_one_was_named_is_an_error(tmp_path: Path) -> None:
    told = _run("check", "--data-dir", tmp_path / "nothing")
    assert told.exit_code == 1


def test_a_ladder_is_drawn_with_everybody_s_names(tmp_path: Path) -> None:
    told = _run(
        "show", "--kind", "smoke", "--severity", "urgent", "--household", "h-1",
        "--registry", _registry(tmp_path, phone="+8613812340001"),
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "smoke" in told.output
    assert "1. At once, a call goes to the resident (Mrs Li)." in told.output
    assert "2. After 1 min, a call goes to contact 1 (nobody: there is no such person)." in told.output
    assert "4. After 2 min, the caseworker (nobody: there is no such person) is to visit within 15 min" in told.output
    assert "While nobody has taken charge, the last step comes again every 5 min; after" in told.output
    assert "inactivity" not in told.output


def test_whoever_cannot_be_reached_is_marked(tmp_path: Path) -> None:
    told = _run("show", "--kind", "smoke", "--household", "h-1", "--registry", _registry(tmp_path))
    assert "the resident (Mrs Li, who cannot be reached)" in told.output


def test_a_ladder_is_told_in_chinese() -> None:
    told = _run("show", "--kind", "inactivity", "--severity", "low", "--language", "zh_CN")
    assert told.exit_code == 0
    assert "无生活迹象 · 低 · 全天" in told.output
    assert "1. 12 小时后，由社工在 1 天内核实并记录；只列入任务清单，不另行通知。" in told.output


def test_conditions_and_repetitions_are_told(tmp_path: Path) -> None:
    step = '{ after = "0 min", who = "resident", do = "call", message = "smoke" }'
    more = (
        '{ after = "0 min", who = "on_call", do = "message", message = "officer", repeat = 2, every = "1 min", '
        'hours = "22-06", severities = ["high", "urgent"], language = "yue", if_channel = "message" }'
    )
    told = _run("show", _file(tmp_path, BUILT_IN.replace(step, f"{step},\n    {more}")), "--kind", "smoke")
    assert (
        "After 1 min, a message goes to whoever is on call; time 2; unless somebody has answered by then; "
        "only between 22:00 and 06:00; only while the alert is High or Urgent; only to those who speak Cantonese; "
        "only if a message can reach them."
    ) in " ".join(told.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("--kind", "fire"), "--kind fire is none of inactivity"),
        (("--severity", "dire"), "--severity dire is none of low"),
        (("--household", "h-9", "--registry", "REGISTRY"), "household 'h-9' is not in"),
    ],
)
def test_what_is_not_there_is_said(tmp_path: Path, words: tuple[str, ...], advice: str) -> None:
    registry = str(_registry(tmp_path))
    told = _run("show", *(registry if word == "REGISTRY" else word for word in words))
    assert told.exit_code == 1
    assert advice in told.output
