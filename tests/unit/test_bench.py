from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from detectors.registers import Registers
from detectors.rules import load
from registry.instants import HOUR, MINUTE
from registry.quantities import Quantity
from registry.readings import Flag
from shouwang.bench import detectors as bench
from shouwang.bench import per_object
from shouwang.bench.detectors import Options
from shouwang.bench.memory import held
from shouwang.bench.stream import START, Homes
from shouwang.cli import app
from shouwang.errors import SettingsError

SMALL = Options(sensors=300, batch=100, warm_up=0.5, hours=0.5, river=False)


def state_of(sensors: int, hours: float = 3) -> int:
    """Return the bytes that the default rules and the registers hold after some hours of as many sensors."""
    homes, registers = Homes(sensors), Registers()
    rules = load("default", homes.table)
    for batch in homes.batches(1000, START + round(hours * HOUR)):
        rules.observe(registers.interpret(batch, homes.table).observations())
        rules.tick(int(batch.received[-1]))
    return held(registers) + sum(held(one, beside=(homes.table,)) for one in rules.detectors)


def test_a_further_sensor_costs_at_most_two_kilobytes() -> None:
    """What all rules together share, such as a population's habit, is no sensor's own: two sizes are compared."""
    assert (state_of(4000) - state_of(2000)) / 2000 <= 2048


def test_what_an_object_holds_is_counted_once_and_with_the_memory_behind_views() -> None:
    column = np.zeros(10_000)
    assert held([column]) == pytest.approx(80_000, abs=500)
    assert held([column, column, column[5:]]) == pytest.approx(80_000, abs=500)
    assert held({"view": column[:1]}) == pytest.approx(80_000, abs=800)
    assert held([column], beside=(column,)) < 500


def test_homes_send_what_real_ones_send() -> None:
    homes, registers = Homes(700), Registers()
    table = homes.table
    assert len(table) == 701
    assert len(table.households) == pytest.approx(200, abs=1)
    assert len(set(table.zones)) > 1 or len(table.households) <= 200
    batches = list(homes.batches(500, START + 24 * HOUR))
    assert {len(batch) for batch in batches} == {500}
    assert sorted({int(one) for batch in batches for one in table.quantity[batch.sensor]}) == [
        Quantity.VOLUME, Quantity.ENERGY, Quantity.SMOKE, Quantity.ALARM, Quantity.TEMPERATURE, Quantity.BATTERY,
    ]  # fmt: skip
    rows = late = 0
    for batch in batches:
        interpreted = registers.interpret(batch, table)
        rows, late = rows + len(batch), late + int(interpreted.late.sum())
        seen = interpreted.observations()
        assert not np.any(seen.flags & (Flag.RESET | Flag.STEP_BACK))
        assert np.all(np.isin(seen.previous, [0]) | (seen.time - seen.previous > 14 * MINUTE))
    assert 0 < late < 0.01 * rows
    assert rows == pytest.approx(600 * 96 * 0.98, rel=0.05)  # three of a home's sensors, four times an hour


def test_the_same_seed_makes_the_same_homes() -> None:
    one, same, other = (next(Homes(350, seed).batches(300, START + HOUR)) for seed in (1, 1, 2))
    assert np.array_equal(one.value, same.value)
    assert np.array_equal(one.time, same.time)
    assert not np.array_equal(one.value, other.value)


def test_a_report_names_every_rule_with_its_cost() -> None:
    report = bench.run(SMALL)
    told = report.to_json()
    names = [one.name for one in load("default", Homes(10).table).detectors]
    assert [part["name"] for part in told["parts"]] == ["registers", "ordering", "slices", *names]
    assert told["readings"] == report.batches * 100 > 0
    assert told["readings_per_second"] > 0
    assert told["per_object"] is None
    costs = sum(part["observe_seconds_per_batch"] + part["tick_seconds"] for part in told["parts"])
    assert 0 < costs <= report.total / report.batches
    assert all(part.state > 0 for part in report.parts if part.name in names)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(report.table())
    printed = console.export_text()
    assert all(name in printed for name in names)


def test_one_rule_can_be_measured_alone_and_an_unknown_one_is_refused() -> None:
    report = bench.run(replace(SMALL, only=("offline",)))
    assert [part.name for part in report.parts] == ["registers", "ordering", "slices", "offline"]
    with pytest.raises(SettingsError, match=r"no rule `offlin`; --only takes .*offline"):
        bench.run(replace(SMALL, only=("offlin",)))


def test_every_question_can_be_asked_with_river() -> None:
    homes, registers = Homes(70), Registers()
    seen = [registers.interpret(one, homes.table).observations() for one in homes.batches(50, START + 30 * HOUR)]
    questions = per_object.asked(["registers", "leak", "electricity", "nonsense", "burst", "tap", "smoke_level"])
    assert "nonsense" not in questions
    readings, seconds = per_object.measure(seen, homes.table, questions)
    assert readings == sum(len(one) for one in seen[-(-len(seen) // 4) :])
    assert seconds > 0


def test_the_command_prints_json() -> None:
    told = CliRunner().invoke(
        app,
        ["bench", "detectors", "--sensors", "300", "--batch", "100", "--warm-up", "0", "--hours", "0.5",
         "--no-river", "--only", "offline", "--json"],
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["parts"][-1]["name"] == "offline"
