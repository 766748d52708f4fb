"""Where the embedded instance of a data directory is: a small file it writes, so that other commands find it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from ingest.mqtt import Endpoint
from shouwang.errors import InUseError, NoInstanceError
from shouwang.settings import Settings
from storage.embedded import EmbeddedPostgres

_FILE = "instance.json"


@dataclass(frozen=True, slots=True)
class Instance:
    """A running `shouwang up`."""

    pid: int
    database: str
    mqtt: str
    """The broker's address for MQTT 3.1.1 gateways."""
    mqtt5: str
    """The broker's address for MQTT 5 clients; the same as `mqtt` where one port speaks both."""
    http: str

    def write(self, data_dir: Path) -> None:
        """Say where this instance is."""
        draft = data_dir / f"{_FILE}.{self.pid}"
        draft.write_bytes(msgspec.json.encode(asdict(self)))
        draft.replace(data_dir / _FILE)

    @staticmethod
    def remove(data_dir: Path) -> None:
        """Say that nothing runs here any more."""
        (data_dir / _FILE).unlink(missing_ok=True)

    @classmethod
    def find(cls, data_dir: Path) -> Instance:
        """Return the instance that runs in a data directory.

        Raises:
            NoInstanceError: none does.
        """
        try:
            instance = msgspec.json.decode((data_dir / _FILE).read_bytes(), type=cls)
        except FileNotFoundError:
            raise NoInstanceError(
                f"no instance runs in {data_dir.absolute()}: start one with `shouwang up --data-dir {data_dir}`, or "
                "name the servers with SHOUWANG_DATABASE_URL and SHOUWANG_MQTT_URL"
            ) from None
        if not _alive(instance.pid):
            raise NoInstanceError(
                f"the instance in {data_dir.absolute()} (process {instance.pid}) is gone: "
                f"start it again with `shouwang up --data-dir {data_dir}`"
            )
        return instance


@contextmanager
def sole_tenant(data_dir: Path, *, patience: float) -> Iterator[None]:
    """Hold a data directory for this process; the kernel lets go of it whenever and however the process ends.

    Raises:
        InUseError: another process held it for all of `patience` seconds.
    """
    with (data_dir / "lock").open("w") as lock:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InUseError(
                        f"another `shouwang` uses {data_dir.absolute()}, or is just starting there: try again when it "
                        "is ready, stop it, or choose another --data-dir"
                    ) from None
                time.sleep(0.1)
            else:
                break
        yield


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Yield conninfo: the configured server, the running instance's, or the data directory's started for the moment.

    Raises:
        NoInstanceError: there is no database at all yet.
        InUseError: an instance is just starting there.
    """
    if settings.database_url:
        yield settings.database_url
        return
    try:
        instance = Instance.find(settings.data_dir)
    except NoInstanceError:
        folder = settings.data_dir / "postgres"
        if not folder.exists():
            raise
        with sole_tenant(settings.data_dir, patience=1), EmbeddedPostgres(folder) as server:
            yield server.conninfo
    else:
        yield instance.database


def broker(settings: Settings) -> Endpoint:
    """Return where MQTT 5 clients connect: the configured broker or the running instance's.

    Raises:
        NoInstanceError: no broker is configured and no instance runs.
    """
    return Endpoint.parse(settings.mqtt_url or Instance.find(settings.data_dir).mqtt5)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
