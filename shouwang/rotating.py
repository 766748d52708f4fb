"""A new key for what is sealed: the instance's own is changed here, others are changed by whoever sets them."""

from __future__ import annotations

from psycopg import Connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from shouwang import seal_keys
from shouwang.command_frame import operator
from shouwang.errors import InUseError, NoInstanceError, SettingsError
from shouwang.instance import Instance
from shouwang.settings import Settings
from storage import sealing, trail
from storage.migrate import check_schema
from storage.sealed_columns import seal_anew


def rotate(settings: Settings, conn: Connection) -> str:
    """Seal with the newest key all that older ones have sealed, and return what was done, in a sentence.

    Raises:
        InUseError: the instance whose key it is runs, and would not know the new one.
        SettingsError: the settings name one key or none: there is nothing to change from or to.
        SealError: something is sealed with a key that is not there any more.
    """
    check_schema(conn)
    keys = seal_keys.kept_in_file(settings)
    if keys is None:
        if len(sealing.held().keys) == 1:
            raise SettingsError(
                "SHOUWANG_SEAL_KEYS has one key: put a new one of `shouwang key create` in front of it, with a comma "
                "between them, start every role anew, and run this again"
            )
        count = _sealed_anew(conn)
        return f"{count} rows sealed anew: now take all keys but the first out of SHOUWANG_SEAL_KEYS"
    _refuse_running(settings)
    if len(keys) == 1:  # with two, a rotation was interrupted and goes on
        keys = [sealing.new_key(), *keys]
        seal_keys.write(settings.data_dir, keys)
        seal_keys.hold(settings)
    count = _sealed_anew(conn)
    seal_keys.write(settings.data_dir, keys[:1])
    seal_keys.hold(settings)
    return f"{count} rows sealed anew: {settings.data_dir / seal_keys.FILE} holds the new key alone"


def _refuse_running(settings: Settings) -> None:
    try:
        running = Instance.find(settings.data_dir)
    except NoInstanceError:
        return
    raise InUseError(
        f"the instance in {settings.data_dir.absolute()} (process {running.pid}) runs and does not know a new key: "
        "stop it, run this again, and start it"
    )


def _sealed_anew(conn: Connection) -> int:
    """Seal everything anew, show how far it is, and return how many rows were; it is on the audit trail."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as shown:
        bars: dict[str, TaskID] = {}

        def progress(table: str, done: int, of: int) -> None:
            if table not in bars:
                bars[table] = shown.add_task(table, total=of)
            shown.update(bars[table], completed=done, total=of)

        count = seal_anew(conn, progress)
    about = {"rows": str(count), "key": sealing.held().keys[0]}
    trail.record(conn, actor=operator(), role="", action="key-rotated", detail=about)
    return count
