"""`shouwang audit`: does the audit trail hold?"""

from __future__ import annotations

from typing import Annotated

import typer

from shouwang.command_frame import DataDir, database, told

app = typer.Typer(help="The trail of who saw and did what.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `verify` a command of its own."""


@app.command()
def verify(
    witness: Annotated[
        str | None, typer.Option(help="A line that was written down earlier, as ROWS:HASH; it must still be there.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Check every line and the end of the chain; print the end, to be written down elsewhere. Exit code 1: broken."""
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
