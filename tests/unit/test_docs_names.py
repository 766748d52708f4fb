"""What the documentation names is there: commands with their options, settings, and files of this repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from shouwang.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = ("alerts", "dashboards", "detectors", "docs", "ingest", "registry", "shouwang", "simulators", "storage")
SCHEMA = "".join(one.read_text(encoding="utf-8") for one in (ROOT / "storage" / "migrations").glob("*.sql"))
SESSION = set(re.findall(r"current_setting\('([\w.]+)'", SCHEMA))
"""Settings of a session of the database, which are written like modules."""
EVERY: Any = get_command(app)


def said(page: Path) -> str:
    """Return a page with its lines that end in a backslash joined."""
    return page.read_text(encoding="utf-8").replace("\\\n", " ")


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield (words, rest) of every command that a page writes down, in a block or within a sentence."""
    blocks = re.findall(r"^```sh\n(.+?)^```", text, re.MULTILINE | re.DOTALL)
    for line in (line for block in blocks for line in block.splitlines()):
        for one in re.findall(r"(?:^|[/;&] *|&& )shouwang (\w[^#;&|]*)", line):
            yield one, line
        if options := re.search(r"make up ARGS='([^']*)'", line):
            yield f"up {options[1]}", line
    prose = re.sub(r"^```.+?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for one in re.findall(r"`shouwang (\w[^`]*)`", prose):
        yield one, one


def unknown(command: str) -> list[str]:
    """Return what of a command does not exist: its name, or options."""
    words, at = command.split(), EVERY
    while hasattr(at, "commands"):
        word = words.pop(0) if words else ""
        if word not in at.commands:
            return [word] if word and not word.startswith("-") else []
        at = at.commands[word]
        if not words:
            return []
        if at.name == "bench" and words[0].startswith("-"):
            break
    known = {option for one in at.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    return [word for word in re.findall(r"--[a-z][a-z-]*", " ".join(words)) if word not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_exists(page: Path) -> None:
    assert {line: wrong for one, line in commands(said(page)) if (wrong := unknown(one))} == {}


def test_commands_are_found_in_the_pages() -> None:
    found = [one.split()[0] for page in PAGES for one, _ in commands(said(page))]
    assert {"up", "backtest", "bench", "oncall", "policy", "migrate", "escalate", "simulate-twilio"} <= set(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_exists(page: Path) -> None:
    known = set(re.findall(r"SHOUWANG_[A-Z0-9_]+", (ROOT / ".env.example").read_text(encoding="utf-8")))
    named = set(re.findall(r"SHOUWANG_(?!TEST_|RECORDINGS)[A-Z0-9_]*[A-Z0-9](?!\w)", said(page)))  # but what tests read
    assert named - known == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_exists(page: Path) -> None:
    named = re.findall(rf"(?<![\w./-])((?:{'|'.join(FOLDERS)}|tests)/[\w./*-]*[\w*])", said(page))
    assert [one for one in named if not list(ROOT.glob(one))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_exists(page: Path) -> None:
    for one in re.findall(rf"`((?:{'|'.join(FOLDERS)}|tests)(?:\.\w+)+)`", said(page)):
        if one in SESSION:
            continue
        *above, last = one.split(".")
        place = ROOT.joinpath(*above)
        within = [file.read_text() for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists()]
        modules = (place / last, place / f"{last}.py")
        assert any(module.exists() for module in modules) or any(last in text for text in within), one


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_in_a_module_exists(page: Path) -> None:
    """`again.py` is somewhere, and so is `lifecycle.join` in a `lifecycle.py`."""
    missing = []
    for stem, name in re.findall(r"`([a-z_]+)\.(\w+)(?:\(\))?`", said(page)):
        if stem in FOLDERS:
            continue  # a module of that folder, which another test looks for
        files = [file for folder in (*FOLDERS, "tests") for file in (ROOT / folder).rglob(f"{stem}.py")]
        named = [file for file in files if re.search(rf"\b{name}\b", file.read_text(encoding="utf-8"))]
        if (name == "py" and not files) or (name not in ("py", "csv", "toml") and files and not named):
            missing.append(f"{stem}.{name}")
    assert missing == []
