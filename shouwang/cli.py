"""The command line. Every command takes --data-dir to address the embedded instance that lives there."""

from __future__ import annotations

import faulthandler
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shouwang import (
    account_commands,
    audit_commands,
    bench_commands,
    key_commands,
    oncall_commands,
    policy_commands,
    token_commands,
)
from shouwang.command_frame import DataDir, database, operator, told
from shouwang.errors import SettingsError

app = typer.Typer(
    name="shouwang",
    help="Shouwang 守望 keeps watch over households that have nobody else to notice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
registry_app = typer.Typer(help="Who is watched and who cares, as CSV files.", no_args_is_help=True)
app.add_typer(registry_app, name="registry")
app.add_typer(audit_commands.app, name="audit")
app.add_typer(account_commands.app, name="account")
app.add_typer(token_commands.app, name="token")
app.add_typer(key_commands.app, name="key")
app.add_typer(oncall_commands.app, name="oncall")
app.add_typer(policy_commands.app, name="policy")
app.add_typer(bench_commands.bench_app, name="bench")

Rules = Annotated[str | None, typer.Option("--rules", help="A rule set's name or TOML file.", show_default="default")]
Leave = Annotated[
    bool, typer.Option("--leave", help="With Kafka: hand this client's share over to the others for good, and end.")
]
MetricsPort = Annotated[int | None, typer.Option("--metrics-port", help="Serve Prometheus metrics on this port.")]


@app.command()
def up(
    data_dir: DataDir = None,
    http_port: Annotated[
        int | None, typer.Option(help="The dashboard's port; 0 takes any.", show_default="8080")
    ] = None,
    mqtt_port: Annotated[int, typer.Option(help="The embedded broker's port.")] = 1883,
    town: Annotated[bool, typer.Option("--town/--no-town", help="With a virtual town, or for real meters.")] = True,  # noqa: FBT002 - a flag of the command line
    households: Annotated[int, typer.Option(min=1, help="Households in the town.")] = 200,
    speed: Annotated[float, typer.Option(min=0.1, help="How fast the town's time runs.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Another seed, another town.")] = 1,
    history_days: Annotated[int, typer.Option(min=1, help="Days the town has been watched before the start.")] = 30,
    event: Annotated[
        list[str] | None,
        typer.Option(help="Befalls the town, such as fall@household-007@2026-11-23T09:10; repeatable."),
    ] = None,
    rules: Rules = None,
) -> None:
    """Run the whole service on this machine: broker, database, detectors, alerts, dashboard, and a virtual town."""
    from shouwang.townhall import TownOptions
    from shouwang.up import Options
    from shouwang.up import up as run

    with told(data_dir, http_port=http_port, rules=rules) as settings:
        wanted = TownOptions(households, speed, seed, history_days, tuple(event or ())) if town else None
        raise typer.Exit(run(settings, Options(mqtt_port, wanted), Console(highlight=False)))


@app.command()
def ingest(
    rules: Rules = None,
    metrics_port: MetricsPort = None,
    leave: Leave = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Carry telemetry from an MQTT broker to PostgreSQL, judging it on the way (SHOUWANG_MQTT_URL, …_DATABASE_URL).

    With SHOUWANG_KAFKA_SERVERS it carries telemetry to Kafka instead, for workers to judge; any number may run then,
    each under a SHOUWANG_MQTT_CLIENT_ID of its own that it keeps.
    """
    with told(None, rules=rules) as settings:
        if settings.kafka_servers is None:
            from shouwang.roles import run_ingest

            if leave:
                raise SettingsError("nothing is shared here: --leave is for several ingest processes on Kafka")
            run_ingest(settings, metrics_port)
        else:
            from shouwang.distributed.roles import run_gather

            run_gather(settings, metrics_port, leaving=leave)


@app.command()
def worker(rules: Rules = None, metrics_port: MetricsPort = None) -> None:
    """Judge the readings that ingest has put into Kafka; any number may run, each takes its share of the households."""
    from shouwang.distributed.roles import run_worker

    with told(None, rules=rules) as settings:
        run_worker(settings, metrics_port)


@app.command()
def escalate(metrics_port: MetricsPort = None) -> None:
    """Climb the ladders of open alerts; any number of these may run on one database."""
    from shouwang.alerting import run_escalate

    with told(None) as settings:
        run_escalate(settings, metrics_port)


@app.command()
def web(http_port: Annotated[int | None, typer.Option(show_default="8080")] = None) -> None:
    """Serve the API and the dashboard; any number of these may run on one database."""
    from shouwang.roles import run_web

    with told(None, http_port=http_port) as settings:
        run_web(settings)


@app.command()
def migrate() -> None:
    """Bring the database to the schema of this version, and make Kafka's topic where there is a cluster."""
    from shouwang.roles import run_migrate

    with told(None) as settings:
        applied = run_migrate(settings)
        typer.echo(f"applied {', '.join(applied)}" if applied else "the schema is up to date")
        if settings.kafka_servers is not None:
            from shouwang.distributed.roles import ensure_stream

            made = ensure_stream(settings)
            typer.echo(f"Kafka's topic {settings.kafka_topic} {'was made' if made else 'is there'}")


@registry_app.command("import")
def registry_import(
    directory: Annotated[Path, typer.Argument(help="A folder with areas.csv, households.csv, people.csv …")],
    region: Annotated[str, typer.Option(help="The country whose national phone numbers may be written.")] = "CN",
    data_dir: DataDir = None,
) -> None:
    """Take over CSV files: all or nothing; every error names file, line and what to write instead."""
    from storage.registry import import_directory

    with told(data_dir) as settings, database(settings) as conn:
        typer.echo(str(import_directory(conn, directory, region, actor=operator())))


@registry_app.command("export")
def registry_export(
    directory: Annotated[Path, typer.Argument(help="A folder to write the CSV files to.")], data_dir: DataDir = None
) -> None:
    """Write all that is registered as CSV files; importing them changes nothing."""
    from storage.registry import export_directory

    with told(data_dir) as settings, database(settings) as conn:
        export_directory(conn, directory, actor=operator())
        typer.echo(f"written to {directory}")


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A recording: time,device,name,unit,value; may be gzipped.")],
    zone: Annotated[str, typer.Option(help="The zone of times that are written without one.")] = "UTC",
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="Recorded seconds per second.", show_default="all at once")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Publish a recording through MQTT as its gateway would, and wait until all of it is stored."""
    from shouwang.replaying import bar
    from shouwang.replaying import replay as run

    with told(data_dir) as settings:
        with bar() as progress:
            done = run(settings, file, zone=zone, speed=speed, progress=progress)
        tally = done.tally
        typer.echo(
            f"{done.sent:,} readings sent in {tally.messages:,} messages: {tally.readings:,} accepted, "
            f"{tally.refused:,} refused; new devices: {done.new_devices}; sent again: {tally.resent}"
        )


@app.command()
def simulate(
    broker: Annotated[
        str | None, typer.Option(help="mqtt://user:password@host:port", show_default="the instance's")
    ] = None,
    households: Annotated[int, typer.Option(min=1, help="Households in the town.")] = 200,
    speed: Annotated[float, typer.Option(min=0.1, help="Above 1, times run ahead of a live service's clock.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Another seed, another town.")] = 1,
    event: Annotated[
        list[str] | None, typer.Option(help="Such as fall@household-007@2026-03-01T08:10; repeatable.")
    ] = None,
    registry_out: Annotated[
        Path | None, typer.Option(help="Write the town's registry there, for `registry import`.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Publish a virtual town to any broker, from now on, until Ctrl-C."""
    from shouwang.simulating import simulate as run

    with told(data_dir, mqtt_url=broker) as settings:
        run(settings, households, speed, seed, event or [], registry_out)


@app.command("simulate-twilio")
def simulate_twilio(
    port: Annotated[int, typer.Option(help="The port it listens on; point SHOUWANG_TWILIO_API_URL at it.")] = 8095,
    host: Annotated[str, typer.Option(help="The address it listens on.")] = "127.0.0.1",
    script: Annotated[
        Path | None, typer.Option(help="How telephones behave, as TOML or JSON (docs/simulator.md).")
    ] = None,
    sms_url: Annotated[
        str | None,
        typer.Option(help="Where SMS from people are posted.", show_default="below SHOUWANG_PUBLIC_URL"),
    ] = None,
) -> None:
    """Emulate Twilio, so that ladders can be tried without paying; account and token are the settings'."""
    from shouwang.simulating_twilio import simulate_twilio as run

    with told(None) as settings:
        run(settings, host, port, script, sms_url)


@app.command()
def backtest(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Recordings: time,device,name,unit,value; may be gzipped.")
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(help="A rule set's name or TOML file; repeat it, or separate by commas, to compare."),
    ] = None,
    registry: Annotated[Path | None, typer.Option(help="A folder of registry CSV files.")] = None,
    town: Annotated[
        str | None, typer.Option(help="SEED:HOUSEHOLDS:DAYS of a simulated town instead of files, such as 3:500:90.")
    ] = None,
    known_outings: Annotated[
        float | None, typer.Option(min=0.1, help="Register every outing of the town of so many hours as an absence.")
    ] = None,
    only: Annotated[
        str, typer.Option(help="Read these quantities alone, such as volume: what would be without other meters?")
    ] = "",
    inject: Annotated[
        str, typer.Option(help="What befalls households, such as falls:3000,leaks:200,surges:200,fires:200.")
    ] = "",
    at: Annotated[
        str, typer.Option(help="Compare delays where rules measure so many false alarms a household-year: 12,4,1.")
    ] = "",
    json: Annotated[Path | None, typer.Option("--json", help="Write every alert to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a report with pictures to this file.")] = None,
    zone: Annotated[str, typer.Option(help="The zone of times that are written without one.")] = "UTC",
    seed: Annotated[int, typer.Option(help="Another seed, other moments of what is injected.")] = 1,
    data_dir: DataDir = None,
) -> None:
    """Run the very same detectors over recordings, without servers, and report what they would have raised."""
    from shouwang.backtest import command

    with told(data_dir):
        asked = command.Asked(
            tuple(files or ()), tuple(rules or ()), registry, town, known_outings, inject, at, json, html, zone, seed,
            only,
        )  # fmt: skip
        command.backtest(asked, Console(highlight=False))


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check the settings and every server that is needed, and say what to mend."""
    from shouwang import wiring
    from shouwang.doctor import examine

    console = Console(highlight=False)
    with told(data_dir) as settings:
        ill = 0
        for result in examine(settings, lambda: wiring.policies(settings.policies)):
            word = "[green]well[/]" if result.ok else "[red]ILL [/]"
            console.print(f"{word}  {result.name}: {escape(result.found)}")
            ill += not result.ok
        raise typer.Exit(1 if ill else 0)


def main() -> None:
    """Run the command line."""
    faulthandler.enable()  # a process that a library crashes says where
    app()
