"""`shouwang key`: what telephone numbers and addresses are sealed with."""

from __future__ import annotations

import typer

from shouwang.command_frame import DataDir, database, told

app = typer.Typer(help="Keys that telephone numbers and addresses are sealed with.", no_args_is_help=True)


@app.command()
def create() -> None:
    """Print a new key; nothing else is done with it. It goes to the front of SHOUWANG_SEAL_KEYS."""
    from storage.sealing import new_key

    typer.echo(new_key())


@app.command()
def rotate(data_dir: DataDir = None) -> None:
    """Seal everything with the newest key, so that older ones can go; may be interrupted, and run again.

    An embedded instance, stopped, gets a new key here. Elsewhere first put a new key in front of SHOUWANG_SEAL_KEYS and
    start every role anew; when this is done take the older keys away.
    """
    from shouwang.rotating import rotate as run

    with told(data_dir) as settings, database(settings) as conn:
        typer.echo(run(settings, conn))
