"""`shouwang bench`: each part by its name, with its options; alone, everything there is to measure."""

from __future__ import annotations

from importlib import import_module
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from registry.errors import ShouwangError
from shouwang.bench.machine import MOSQUITTO, describe
from shouwang.bench.report import Report
from shouwang.command_frame import told
from shouwang.settings import Settings

bench_app = typer.Typer(help="Measure this machine with Shouwang on it; alone: everything, as JSON.")

PARTS = ("ingest", "detectors", "store", "end-to-end", "latency", "cold-start", "viewers", "workers")
"""In this order; each is a module of `shouwang.bench` with `Options` and `run`, see `shouwang.bench.report`."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Rules = Annotated[str, typer.Option(help="A rule set's name or TOML file.")]
Sensors = Annotated[int, typer.Option(min=100, help="Sensors, three or four to a home.")]
Seed = Annotated[int, typer.Option(help="Another seed, other homes.")]
Broker = Annotated[str, typer.Option(help="mosquitto or embedded.")]
Database = Annotated[
    str | None, typer.Option("--database-url", help="A PostgreSQL to make a database on.", show_default="embedded")
]
WarmUp = Annotated[float, typer.Option(min=0, help="Seconds under load before that.")]
Pack = Annotated[int, typer.Option(min=1, help="Readings in a message.")]
Window = Annotated[int, typer.Option(min=20, help="Messages sent and not yet committed, at the most.")]
_BROKER = "embedded" if MOSQUITTO is None else "mosquitto"


@bench_app.callback(invoke_without_command=True)
def bench(context: typer.Context) -> None:
    """Measure this machine with Shouwang on it; alone: everything there is to measure, as JSON."""
    if context.invoked_subcommand is None:
        with told(None) as settings:
            machine = describe().to_json()
            typer.echo(dumps({"machine": machine, **{part: _measured(part, settings) for part in PARTS}}, indent=1))


@bench_app.command("ingest")
def bench_ingest(
    sensors: Sensors = 100_000,
    readings: Annotated[int, typer.Option(min=1, help="Readings to decode, about.")] = 300_000,
    pack: Annotated[list[int] | None, typer.Option(min=1, help="Readings in a message; repeatable.")] = None,
    seed: Seed = 1,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Measure decoding and checking, from payloads to columns, on one core."""
    from shouwang.bench import ingest

    _tell("ingest", ingest.Options(sensors, readings, tuple(pack or (50, 1)), seed), json=json)


@bench_app.command("detectors")
def bench_detectors(
    sensors: Sensors = 100_000,
    batch: Annotated[int, typer.Option(min=1, help="Readings in a batch.")] = 10_000,
    rules: Rules = "default",
    only: Annotated[list[str] | None, typer.Option(help="Measure this rule of the set alone; repeatable.")] = None,
    warm_up: Annotated[float, typer.Option(min=0, help="Hours of readings before what is measured.")] = 25.0,
    hours: Annotated[float, typer.Option(min=0.25, help="Hours of readings to measure.")] = 2.0,
    seed: Seed = 1,
    river: Annotated[bool, typer.Option("--river/--no-river", help="Compare with River, an object a sensor.")] = True,  # noqa: FBT002 - a flag of the command line
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Measure readings per second and core, memory per sensor, and what each rule of a set costs."""
    from shouwang.bench import detectors

    options = detectors.Options(sensors, batch, rules, tuple(only or ()), warm_up, hours, seed, river)
    _tell("detectors", options, json=json)


@bench_app.command("store")
def bench_store(
    sensors: Sensors = 100_000,
    batch: Annotated[int, typer.Option(min=1, help="Readings in a transaction.")] = 20_000,
    batches: Annotated[int, typer.Option(min=1, help="Transactions.")] = 50,
    database_url: Database = None,
    seed: Seed = 1,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Measure rows stored a second, and what both sides spend on them."""
    from shouwang.bench import store

    _tell("store", store.Options(sensors, batch, batches, database_url, seed), json=json)


@bench_app.command("end-to-end")
def bench_end_to_end(
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure.")] = 60.0,
    warm_up: WarmUp = 15.0,
    rate: Annotated[
        float | None, typer.Option(min=1, help="Readings sent a second.", show_default="as fast as they are committed")
    ] = None,
    peers: Annotated[float, typer.Option(min=0, help="Seconds for each of the others; 0 leaves them out.")] = 20.0,
    node_red: Annotated[
        Path | None, typer.Option(help="A folder in which `npm install node-red pg` was run, to measure Node-RED too.")
    ] = None,
    pack: Pack = 50,
    sensors: Sensors = 100_000,
    broker: Broker = _BROKER,
    database_url: Database = None,
    rules: Rules = "default",
    window: Window = 2_000,
    seed: Seed = 1,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Measure what a real service carries: generator, broker, `shouwang ingest`, PostgreSQL, acknowledged."""
    from shouwang.bench import end_to_end
    from shouwang.bench.under_load import Setting

    setting = Setting(pack, sensors, broker, database_url, rules, window, seed)
    flows = None if node_red is None else str(node_red)
    options = end_to_end.Options(setting, seconds, warm_up, rate, peers, flows)
    _tell("end-to-end", options, json=json)


@bench_app.command("latency")
def bench_latency(
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure, at each load.")] = 60.0,
    warm_up: WarmUp = 15.0,
    every: Annotated[float, typer.Option(min=0.05, help="Seconds between two alarms.")] = 0.25,
    pack: Pack = 50,
    sensors: Sensors = 100_000,
    broker: Broker = _BROKER,
    database_url: Database = None,
    rules: Rules = "default",
    window: Window = 2_000,
    seed: Seed = 1,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Measure how long a smoke alarm takes to somebody's telephone, at full load and at half."""
    from shouwang.bench import latency
    from shouwang.bench.under_load import Setting

    setting = Setting(pack, sensors, broker, database_url, rules, window, seed)
    _tell("latency", latency.Options(setting, seconds, warm_up, every), json=json)


@bench_app.command("cold-start")
def bench_cold_start(
    sensors: Sensors = 1_000_000,
    hours: Annotated[float, typer.Option(min=0.25, help="Hours of readings that the snapshot knows.")] = 1.25,
    unsaved: Annotated[float, typer.Option(min=15, help="Minutes of readings that it does not.")] = 15.0,
    rules: Rules = "default",
    seed: Seed = 1,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Measure a start over a whole city: seconds, memory, and how fast the pages are then."""
    from shouwang.bench import cold_start

    options = cold_start.Options(sensors, hours, unsaved, rules=rules, seed=seed)
    _tell("cold-start", options, json=json)


@bench_app.command("viewers")
def bench_viewers(
    viewers: Annotated[int, typer.Option(min=1, help="Open boards.")] = 200,
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure.")] = 60.0,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two alarms.")] = 10.0,
    sensors: Sensors = 17_500,
    seed: Seed = 1,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Measure what people who watch cost, and how soon after its commit they see an alert."""
    from shouwang.bench import viewers as bench

    _tell("viewers", bench.Options(viewers, seconds, every, sensors, seed=seed), json=json)


@bench_app.command("workers")
def bench_workers(
    workers: Annotated[list[int] | None, typer.Option(min=1, help="Workers at a time; repeatable.")] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            help="A rule set's name or TOML file; repeatable.", show_default="default, and one of River's models"
        ),
    ] = None,
    partitions: Annotated[int, typer.Option(min=1, help="What they share.")] = 4,
    sensors: Sensors = 10_000,
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure, with so many workers.")] = 20.0,
    warm_up: WarmUp = 10.0,
    envelope: Annotated[int, typer.Option(min=1, help="Readings in an envelope.")] = 500,
    peer: Annotated[float, typer.Option(min=0, help="Seconds for Faust event by event; 0 leaves it out.")] = 20.0,
    seed: Seed = 1,
    json: Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Measure several `shouwang worker` on one backlog in Kafka (SHOUWANG_KAFKA_SERVERS)."""
    from shouwang.bench.workers import MODELS, Options

    with told(None) as settings:
        counts, sets = tuple(workers or (1, 2, 4)), tuple(rules or ("default", str(MODELS)))
        options = Options(
            settings.kafka_servers, counts, sets, partitions, sensors, seconds, warm_up, envelope, seed=seed, peer=peer
        )  # fmt: skip
    _tell("workers", options, json=json)


def _tell(part: str, options: Any, *, json: bool) -> None:
    """Measure one part and print its report, with the machine that it is of."""
    with told(None):
        machine = describe()
        report = _run(part, options)
        if json:
            typer.echo(dumps({"machine": machine.to_json(), **report.to_json()}, indent=1))
        else:
            console = Console(highlight=False)
            console.print(report.table())
            console.print(machine.table())


def _measured(part: str, settings: Settings) -> dict[str, Any]:
    """Return what a part measures with its own options, or why it cannot."""
    options = _module(part).Options()
    if part == "workers":
        options = _module(part).Options(settings.kafka_servers)
    try:
        return _run(part, options).to_json()
    except ShouwangError as error:
        return {"left_out": str(error)}


def _run(part: str, options: Any) -> Report:
    aside = Console(stderr=True, highlight=False)
    report: Report = _module(part).run(options, lambda line: aside.print(f"[dim]{part}:[/] {escape(line)}"))
    return report


def _module(part: str) -> Any:
    return import_module(f"shouwang.bench.{part.replace('-', '_')}")
