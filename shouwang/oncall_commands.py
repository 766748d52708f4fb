"""`shouwang oncall`: the command line of on-call schedules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shouwang.command_frame import DataDir, database, told

app = typer.Typer(help="Who is on call, by area and hour.", no_args_is_help=True)


@app.command("import")
def take(
    file: Annotated[Path, typer.Argument(help="Schedules as TOML, or exceptions to one as iCalendar (.ics).")],
    schedule: Annotated[str | None, typer.Option(help="Whose shifts an .ics file holds.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Take over on-call schedules: all or nothing; every error names the place and what to write instead."""
    from shouwang import oncall

    with told(data_dir) as settings, database(settings) as conn:
        typer.echo(oncall.take(conn, file, schedule))


@app.command("show")
def show(
    schedule: Annotated[str | None, typer.Argument(help="A schedule's id.", show_default="all")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="So many days from now on.")] = 14,
    data_dir: DataDir = None,
) -> None:
    """Tell who is on call and how turns are taken."""
    from shouwang import oncall

    with told(data_dir) as settings, database(settings) as conn:
        for line in oncall.show(conn, schedule, days):
            typer.echo(line)


@app.command("export")
def export(
    schedule: Annotated[str, typer.Argument(help="A schedule's id.")],
    ics: Annotated[Path, typer.Option("--ics", help="Write the next 90 days to this iCalendar file.")],
    data_dir: DataDir = None,
) -> None:
    """Write a schedule's shifts as a calendar."""
    from shouwang import oncall

    with told(data_dir) as settings, database(settings) as conn:
        ics.write_bytes(oncall.export(conn, schedule))
        typer.echo(f"written to {ics}")


@app.command("remove")
def remove(schedule: Annotated[str, typer.Argument(help="A schedule's id.")], data_dir: DataDir = None) -> None:
    """Remove a schedule with its overrides; areas around it are asked instead."""
    from shouwang import oncall

    with told(data_dir) as settings, database(settings) as conn:
        typer.echo(oncall.remove(conn, schedule))
