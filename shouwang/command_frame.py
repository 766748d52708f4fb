"""What every command shares: where its instance lives, its settings, its database, and how it tells of an error."""

from __future__ import annotations

import difflib
import getpass
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from registry.errors import ShouwangError
from shouwang import logging
from shouwang.errors import SettingsError
from shouwang.settings import Settings

_NOT_SETTINGS = (
    "SHOUWANG_TEST_", "SHOUWANG_RECORDINGS", "SHOUWANG_DATABASE_PASSWORD", "SHOUWANG_MQTT_PASSWORD",
    "SHOUWANG_GRAFANA_PASSWORD", "SHOUWANG_MQTT_HOST",
)  # fmt: skip
"""Names that tests and docker compose use; every other name with our prefix is meant for us."""

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where the embedded instance lives.", show_default="data")
]


@contextmanager
def told(data_dir: Path | None, **given: Any) -> Iterator[Settings]:
    """Yield the settings; an error that is meant for the user ends the command with its message, not a traceback."""
    from shouwang import seal_keys

    options = {name: value for name, value in {"data_dir": data_dir, **given}.items() if value is not None}
    try:
        settings = _settings(options)
        logging.set_up(settings.log_level, json=settings.log_json)
        seal_keys.hold(settings)
        yield settings
    except ShouwangError as error:
        typer.secho(str(error), fg="red", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _settings(options: dict[str, Any]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: one of them is wrong, or its name is.
    """
    known = {f"SHOUWANG_{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith("SHOUWANG_") and name not in known and not name.startswith(_NOT_SETTINGS):
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "see .env.example for all of them"
            raise SettingsError(f"{name} is no setting: {hint}")
    try:
        return Settings(**options)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"shouwang.toml cannot be read: {error}") from error
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"])
            problems.append(f"{name} (SHOUWANG_{name.upper()}, --{name.replace('_', '-')}): {problem['msg']}")
        raise SettingsError("; ".join(problems)) from error


def operator() -> str:
    """Return who types a command, as the audit trail names them: their account on this machine."""
    try:
        return f"shell:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without an entry, as in a container
        return f"shell:{os.getuid()}"


@contextmanager
def database(settings: Settings) -> Iterator[Any]:
    """Yield a connection to the database that the settings name, or to that of the instance."""
    from shouwang import instance
    from storage.database import connect

    with instance.database(settings) as conninfo, connect(conninfo) as conn:
        yield conn
