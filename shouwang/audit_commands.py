"""`shouwang audit`: is anybody forgotten, and does the audit trail hold?"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shouwang.command_frame import DataDir, database, told

app = typer.Typer(invoke_without_command=True)


@app.callback()
def audit(context: typer.Context, data_dir: DataDir = None) -> None:
    """Look whether anybody is forgotten or anything is stuck; exit code 1 if so. For cron, systemd and monitors."""
    from shouwang import auditing

    if context.invoked_subcommand is not None:
        return
    console = Console(highlight=False)
    with told(data_dir) as settings, database(settings) as conn:
        report = auditing.report(conn, settings.limits.patience)
        for line in report.lines():
            console.print(escape(line), soft_wrap=True)
        raise typer.Exit(0 if report.well else 1)


@app.command()
def verify(
    witness: Annotated[
        str | None, typer.Option(help="A line that was written down earlier, as ROWS:HASH; it must still be there.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Check the trail of who saw and did what, line by line; print its end, to be written down elsewhere.

    Exit code 1: it is broken.
    """
    from storage import trail

    with told(data_dir) as settings, database(settings) as conn:
        first = trail.broken(conn)
        if first is not None:
            typer.echo(f"the trail is broken at line {first}: it was changed, or a line before it is missing", err=True)
            raise typer.Exit(1)
        if witness is not None and not trail.holds(conn, witness):
            typer.echo(f"the trail does not hold {witness}: it was written anew", err=True)
            raise typer.Exit(1)
        end = trail.head(conn)
        typer.echo(f"{end.rows} lines, every one in its place; the end is {end.rows}:{end.hash}")
