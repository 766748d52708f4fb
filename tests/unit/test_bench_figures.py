"""What `shouwang bench` makes of its measurements, and what it says of the machine."""

from __future__ import annotations

import io
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from shouwang import bench_commands
from shouwang.bench import ingest, machine, processes
from shouwang.bench.end_to_end import Options, Report
from shouwang.bench.latency import Options as LatencyOptions
from shouwang.bench.latency import Report as LatencyReport
from shouwang.bench.latency import Told
from shouwang.bench.naive import Sensor
from shouwang.bench.peers import Peer
from shouwang.bench.store import Options as StoreOptions
from shouwang.bench.store import Report as StoreReport
from shouwang.bench.store import Stored
from shouwang.bench.under_load import Sample, Stretch
from shouwang.cli import app
from shouwang.errors import BenchError


def stretch(stored: Sequence[float], memory: Sequence[int] | None = None, waited: Sequence[float] = (0.1,)) -> Stretch:
    """Return one that was looked at once a second; the service takes 4 µs of the processor a reading."""
    held = memory or [100] * len(stored)
    samples = [
        Sample(
            1000.0 + second, rows, rows / 50, held[second], {"service": 7.0 + rows * 4e-6, "PostgreSQL": rows * 6e-6}
        )
        for second, rows in enumerate(stored)
    ]
    return Stretch(samples, waited, sent=int(stored[-1]), ran_out=False)


def printed(what: RenderableType) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(what)
    return console.export_text()


def test_a_stretch_tells_its_rate_and_its_worst_ten_seconds() -> None:
    steady = [second * 1_000.0 for second in range(21)]
    stumbling = [*steady, *(20_000.0 for _ in range(10)), *(20_000.0 + 1_000 * second for second in range(20))]
    assert stretch(steady).per_second == stretch(steady).worst == pytest.approx(1_000)
    assert stretch(steady).messages_per_second == pytest.approx(20)
    assert stretch(stumbling).worst == 0
    assert stretch(stumbling).per_second == pytest.approx(39_000 / 50)
    assert stretch(steady[:5]).worst == pytest.approx(1_000), "too short for ten seconds"


def test_a_stretch_tells_what_a_reading_costs_and_whether_memory_grows() -> None:
    found = stretch([second * 1_000.0 for second in range(21)])
    assert found.spent == pytest.approx({"service": 4.0, "PostgreSQL": 6.0})
    assert found.growth == pytest.approx(0, abs=1e-6)
    growing = stretch([0.0] + [1.0] * 60, memory=[100 + max(0, second - 5) * 10 for second in range(61)])
    assert growing.growth == pytest.approx(600)
    filled = stretch([0.0] + [1.0] * 60, memory=[min(300, 10 * second) for second in range(61)])
    assert filled.growth == pytest.approx(0, abs=1e-6), "what happened in the first half says nothing"


def test_waiting_is_told_in_percentiles() -> None:
    found = stretch([0.0, 1.0], waited=[index / 100 for index in range(101)])
    assert found.percentile(50) == pytest.approx(0.5)
    assert found.percentile(99) == pytest.approx(0.99)
    assert math.isnan(stretch([0.0, 1.0], waited=()).percentile(50))


def report(*peers: Peer) -> Report:
    return Report(
        options=Options(),
        cores=2,
        broker="Mosquitto",
        postgresql="18.6",
        stretch=stretch([second * 90_000.0 for second in range(11)]),
        lost=0,
        refused=3,
        failures=0,
        findings={"a": 2},
        alerts=1,
        peers=peers,
    )


def test_end_to_end_is_told_beside_the_naive_pipeline() -> None:
    told = report(Peer("naive", 60_000, 20.0, {"naive": 15.0})).to_json()
    json.dumps(told)
    assert told["readings_per_second"] == 90_000
    assert told["readings_per_second_bound_by_processor"] == 200_000, "10 µs a reading on 2 cores"
    assert told["peers"][0]["readings_per_second"] == 3_000
    assert told["peers"][0]["ratio"] == 30
    assert told["peers"][0]["processor_seconds_per_million_readings"] == {"naive": 250.0}
    assert told["each_second"] == [90_000] * 10
    text = printed(report(Peer("naive", 60_000, 20.0, {})).table())
    assert "a ratio of 30.0" in text
    assert "3 readings refused" in text
    assert report().to_json()["peers"] == []
    assert "naive" not in printed(report().table())


def test_an_alarm_that_was_never_told_is_the_worst() -> None:
    told = Told("full", 90_000.0, [0.1 * second for second in range(1, 100)], untold=1)
    assert told.percentile(50) == pytest.approx(5.1)
    assert told.percentile(100) == math.inf
    figures = told.to_json()
    assert figures["alarms"] == 100
    assert figures["untold"] == 1
    assert figures["p50"] == pytest.approx(5.1)
    assert figures["p100"] is None, "JSON has no infinity"
    text = printed(LatencyReport(LatencyOptions(), [told]).table())
    assert "full" in text
    assert "inf" in text


def test_storing_is_compared_on_the_wall_and_on_the_processor() -> None:
    ours, many = Stored(100_000, 1.0, 0.05, 0.45), Stored(10_000, 1.0, 0.3, 0.2)
    found = StoreReport(StoreOptions(), "18.6", ours, many)
    assert found.ratio == pytest.approx(10)
    assert found.ratio_of_processor == pytest.approx(10)
    assert found.to_json()["write"]["rows_per_second"] == 100_000
    elsewhere = StoreReport(StoreOptions(), "18.6", Stored(1, 1.0, 1.0, None), many)
    assert elsewhere.ratio_of_processor is None
    assert "elsewhere" in printed(elsewhere.table())


def test_decoding_is_measured_beside_the_standard_library() -> None:
    found = ingest.run(ingest.Options(sensors=700, readings=2_000, packs=(20, 1)))
    assert [cost.pack for cost in found.costs] == [20, 1]
    for cost in found.costs:
        assert cost.readings >= 2_000
        assert cost.checked > 0
        assert cost.loads > 0
    json.dumps(found.to_json())
    assert "readings in a message" in printed(found.table())


def test_the_naive_pipeline_is_no_straw_man() -> None:
    sensor, chance = Sensor(register=True), random.Random(1)
    register = alarms = 0.0
    for quarter in range(2_000):
        register += chance.gauss(50, 10)
        alarms += sensor.judge(900.0 * quarter, register)[1]
    assert alarms < 120
    score, alarm = sensor.judge(900.0 * 2_000, register + 500)
    assert score > 0.999
    assert alarm


def test_the_machine_is_described() -> None:
    found = machine.describe()
    assert found.cores >= 1
    assert found.memory_bytes > 2**28
    assert found.packages["numpy"]
    assert found.python.endswith(sys.version.split()[0])
    json.dumps(found.to_json())
    assert "load before" in printed(found.table())


def test_processes_are_counted_with_their_children() -> None:
    code = "import sys; sum(range(3_000_000)); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in processes.children(os.getpid())
        spent = processes.processor_seconds(child.pid)
        assert spent > 0
        assert processes.processor_seconds(os.getpid()) >= processes.own_seconds(os.getpid()) + spent - 0.05
        assert processes.memory_bytes(child.pid) > 2**20
        child.kill()
    assert processes.processor_seconds(child.pid) == 0
    assert processes.memory_bytes(child.pid) == 0
    assert processes.children(child.pid) == []


class Part:
    """A part of the bench that measures nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def Options(self, *given: object) -> object:  # noqa: N802 - as modules have it
        return given

    def run(self, options: object, progress: Any) -> Any:
        progress(f"{self.name} begins")
        if self.name == "workers":
            raise BenchError("no Kafka")
        return SimpleNamespace(to_json=lambda: {"options": options, "part": self.name})


def test_the_bench_alone_measures_all_parts_and_says_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_commands, "_module", Part)
    monkeypatch.setenv("SHOUWANG_KAFKA_SERVERS", "there:9092")
    told = CliRunner().invoke(app, ["bench"])
    assert told.exit_code == 0, told.output
    figures = json.loads(told.stdout)
    assert list(figures) == ["machine", *bench_commands.PARTS]
    assert figures["end-to-end"] == {"options": [], "part": "end-to-end"}
    assert figures["workers"] == {"left_out": "no Kafka"}
    assert "end-to-end: end-to-end begins" in told.stderr


def test_every_part_has_its_command_and_is_a_module() -> None:
    names = {command.name for command in bench_commands.bench_app.registered_commands}
    assert names == set(bench_commands.PARTS)
    for part in bench_commands.PARTS:
        assert callable(bench_commands._module(part).run)
        bench_commands._module(part).Options()


def test_a_part_is_told_with_its_machine() -> None:
    told = CliRunner().invoke(
        app, ["bench", "ingest", "--sensors", "700", "--readings", "500", "--pack", "9", "--json"]
    )
    assert told.exit_code == 0, told.output
    figures = json.loads(told.stdout)
    assert figures["machine"]["cores"] >= 1
    assert figures["packs"][0]["pack"] == 9
