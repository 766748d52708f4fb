"""Scripts of telephones: what is written wrong is said with its place."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from simulators.errors import SimulationError
from simulators.twilio.script import Pickup, Script, read, understand

GUIDE = Path(__file__).parents[2] / "docs" / "simulator.md"


def test_the_example_in_the_guide_is_a_script(tmp_path: Path) -> None:
    [example] = re.findall(r"```toml\n(\[numbers.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "town.toml").write_text(example)
    (tmp_path / "town.json").write_text(json.dumps(tomllib.loads(example)))
    script = read(tmp_path / "town.toml")
    assert script == read(tmp_path / "town.json")
    first, second = script.numbers["+12025550101"].calls
    assert first == Pickup()
    assert second.keys == ("", "1")
    assert script.faults[0].lasts == 3600
    assert script.callbacks.copies == 2


def test_an_empty_script_is_one() -> None:
    assert understand({}) == Script()


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("[numbers.'+1']\ncolour = 'red'", "unknown field `colour`"),
        ("[numbers.'138 1234']", "write '138 1234' as E.164"),
        ("[numbers.'+12025550101']\ncalls = [{ fate = 'maybe' }]", "Invalid enum value 'maybe'"),
        ("[numbers.'+12025550101']\ncalls = []", "needs an entry in sms and in calls"),
        ("[[faults]]\nkind = 'broken'", "Invalid enum value 'broken'"),
        ("[callbacks]\ncopies = 0", "copies must be at least 1"),
        ("[numbers", "cannot be read"),
    ],
)
def test_what_is_written_wrong_is_said(tmp_path: Path, written: str, why: str) -> None:
    file = tmp_path / "town.toml"
    file.write_text(written)
    with pytest.raises(SimulationError, match=re.escape(why)):
        read(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="cannot be read"):
        read(tmp_path / "nowhere.toml")
