"""What the documentation says of rules is what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from detectors import rules
from detectors.rule import Rule
from detectors.rules import entries, load, names
from registry.readings import SensorTable

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
TYPES = {str(one.__struct_config__.tag): one for one in rules._TYPES}
WRITTEN = {"required": msgspec.NODEFAULT, "none": None}


def documented() -> dict[str, dict[str, object]]:
    """Return the keys and defaults that docs/rules.md tells, by type."""
    _, *sections = re.split(r"^### `(\w+)`$", TEXT, flags=re.MULTILINE)
    found = {}
    for kind, section in zip(sections[::2], sections[1::2], strict=True):
        own = re.split(r"^#+ ", section, flags=re.MULTILINE)[0]
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", own, flags=re.MULTILINE)
        found[kind] = {key: _value(default) for key, default in rows}
    return found


def _value(text: str) -> object:
    if text in WRITTEN:
        return WRITTEN[text]
    return tomllib.loads(f"x = {text.strip('`')}")["x"]


def _defaults(kind: type[Rule]) -> dict[str, object]:
    found = {}
    for field in msgspec.structs.fields(kind):
        made = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        found[field.name] = list(made) if isinstance(made, tuple) else made
    del found["name"]
    return found


def test_every_type_of_rule_is_documented_with_its_keys_and_defaults() -> None:
    assert documented() == {tag: _defaults(kind) for tag, kind in TYPES.items()}


def test_the_table_of_rule_sets_names_those_that_exist() -> None:
    table = TEXT.split("| name |")[1].split("\n\n")[0]
    told = [name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1])]
    assert sorted(told) == names()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_rule_set_that_a_command_names_exists(page: Path) -> None:
    commands = re.findall(r"--rules[ =]([\w.,/-]+)", page.read_text(encoding="utf-8"))
    told = {name for command in commands for name in command.split(",") if not name.endswith(".toml")}
    assert told - {"NAME"} <= set(names())


def test_some_command_names_a_rule_set() -> None:
    assert any("--rules default" in page.read_text(encoding="utf-8") for page in PAGES)


def test_the_file_of_ones_own_can_be_loaded(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.+?)```", TEXT, flags=re.DOTALL)
    assert example is not None
    file = tmp_path / "mine.toml"
    file.write_text(example[1], encoding="utf-8")
    assert load(file, SensorTable()).detectors
    assert [one.name for one in entries(file)][-3:] == ["inactivity", "quiet-18h", "odd-hours"]


def test_every_type_of_rule_has_its_assumptions_told() -> None:
    told = (ROOT / "docs" / "detection.md").read_text(encoding="utf-8")
    assert [tag for tag in TYPES if f"`{tag}`" not in told] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_that_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
