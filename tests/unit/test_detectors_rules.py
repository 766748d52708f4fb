from __future__ import annotations

from pathlib import Path

import pytest

from detectors.finding import Finding
from detectors.registers import Registers
from detectors.rule import RulesError
from detectors.rules import load, names
from registry.instants import HOUR
from registry.readings import SensorTable
from tests.unit.detector_streams import NOON, Sent, batch, house

ALWAYS = ["smoke-alarm", "smoke-level", "battery", "tamper"]


def rules(path: Path, text: str) -> Path:
    file = path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_preset_watches_for_fire() -> None:
    assert names() == [
        "default", "gap-quantile-1", "gap-quantile-12", "gap-quantile-4", "jingan-day", "longgang-leak", "shanghai-12h",
        "survival-1", "survival-12", "survival-4", "taicang-24h",
    ]  # fmt: skip
    for name in names():
        own = [one.name for one in load(name, SensorTable()).detectors]
        assert own[:4] == ALWAYS
        assert len(own) > 4
        assert ("offline" in own) == (name == "default")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = rules(
        tmp_path,
        """
        [[rule]]
        type = "low_use"
        name = "mine"
        litres = 5
        hours = 6.5

        [[rule]]
        type = "river"
        name = "kettle"
        model = "GaussianScorer"
        quantity = "power"
        parameters = { window_size = 300 }
        severity = "high"

        [[rule]]
        type = "battery"
        name = "battery"
        percent = 30
        until = 40
        """,
    )
    assert [one.name for one in load(str(file), SensorTable()).detectors] == [*ALWAYS, "mine", "kettle"]


LOW, DAY = "[[rule]]\ntype = 'low_use'\n", "[[rule]]\ntype = 'day_use'\n"
RIVER = "[[rule]]\ntype = 'river'\nname = 'a'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LOW + "name = 'a'\nlitre = 5", r"mine.toml: rule 1 \(`a`\): .*`litre`.* may have litres, hours, name"),
        (LOW + "name = 'a'\nlitres = '5'", r"rule 1 \(`a`\): Expected `float`"),
        (LOW + "name = 'a'\nhours = 0", "Expected `float` > 0"),
        ("[[rule]]\ntype = 'x'\nname = 'a'", r"rule 1 \(`a`\): its type .* write `type` as one of inactivity, low_use"),
        (LOW, "missing required field `name`"),
        (LOW + "name = 'a'\n" + DAY + "name = 'a'", "rule 2: another rule is named `a`"),
        (DAY + "name = 'a'", "rule `a`: it asks nothing; write `below`"),
        ("[[rule]]\ntype = 'smoke_level'\nname = 'a'\nclear = 5", "its limits must ascend"),
        ("[[rule]]\ntype = 'battery'\nname = 'a'\nuntil = 5", "`until` must be above `percent`"),
        (RIVER + "model = 'No'\nquantity = 'power'", "rule `a`: River has no anomaly detector"),
        (RIVER + "model = 'LODA'\nquantity = 'sound'", "Invalid enum value 'sound'"),
        (LOW + "name = 'smoke-alarm'", "`smoke-alarm` is always on"),
        ("rule = 3", r"write `\[\[rule\]\]` entries"),
        ("rules = []", "`rules` is not known"),
        ("rule = [3]", "rule 1: it is no table"),
        ("[[rule]", "it is not TOML"),
    ],
)
def test_errors_name_file_and_entry(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RulesError, match=message):
        load(rules(tmp_path, text), SensorTable())


def test_an_unknown_name_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"write one of default, .*jingan-day"):
        load("shanghai", SensorTable())
    with pytest.raises(RulesError, match=r"none\.toml: it cannot be read"):
        load(tmp_path / "none.toml", SensorTable())


def night(table: SensorTable, rule_set: str) -> list[Finding]:
    readings = [Sent(1, NOON + hour * HOUR, 1000, NOON + hour * HOUR) for hour in range(13)]
    readings += [Sent(5, NOON + 12 * HOUR, 1, NOON + 12 * HOUR)]
    return load(rule_set, table).observe(Registers().interpret(batch(readings), table).observations())


def test_a_rule_set_tells_findings_in_their_one_order() -> None:
    found = night(house(), "shanghai-12h")
    assert [one.rule for one in found] == ["shanghai-12h", "smoke-alarm"]
    assert found == sorted(found, key=Finding.order)


def test_a_restored_rule_set_continues_and_names_what_starts_empty(tmp_path: Path) -> None:
    table = house()
    file = rules(tmp_path, "[[rule]]\ntype = 'low_use'\nname = 'mine'\nhours = 6")
    registers, before = Registers(), load(file, table)
    readings = [Sent(1, NOON + hour * HOUR, 1000, NOON + hour * HOUR) for hour in range(8)]
    assert before.observe(registers.interpret(batch(readings[:6]), table).observations()) == []
    after = load(file, table)
    assert after.restore(before.snapshot()) == []
    seen = registers.interpret(batch(readings[6:]), table).observations()
    assert [one.time for one in after.observe(seen)] == [NOON + 6 * HOUR]
    changed = load(rules(tmp_path, "[[rule]]\ntype = 'low_use'\nname = 'mine'\nhours = 7"), table)
    assert changed.restore(before.snapshot()) == ["mine"]
    default = load("default", table)
    always = {*ALWAYS}
    assert default.restore(before.snapshot()) == [one.name for one in default.detectors if one.name not in always]


def test_the_clock_and_deafness_reach_the_offline_rule() -> None:
    table = house()
    watching = load("default", table)
    registers = Registers()
    watching.observe(registers.interpret(batch([Sent(4, NOON, 0, NOON)]), table).observations())
    watching.deaf(NOON, NOON + 10 * HOUR)
    assert watching.tick(NOON + 34 * HOUR) == []
    assert [one.rule for one in watching.tick(NOON + 35 * HOUR)] == ["offline"]
