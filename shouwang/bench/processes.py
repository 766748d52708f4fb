"""What does a process cost? Seconds of the processor and bytes of memory, of it and of all its children, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def processor_seconds(pid: int) -> float:
    """Return what a process and its children, living and ended, have used; 0 if it is gone."""
    fields = _stat(pid)
    if fields is None:
        return 0.0
    own = sum(int(one) for one in fields[11:15]) / _TICKS  # utime, stime, cutime, cstime
    return own + sum(processor_seconds(child) for child in children(pid))


def own_seconds(pid: int) -> float:
    """Return what a process alone has used, without its children."""
    fields = _stat(pid)
    return 0.0 if fields is None else sum(int(one) for one in fields[11:13]) / _TICKS


def memory_bytes(pid: int) -> int:
    """Return what a process holds in memory, without its children; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def children(pid: int) -> list[int]:
    """Return the living children of a process."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(one) for thread in threads for one in (thread / "children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def postmaster(conn: psycopg.Connection) -> int | None:
    """Return the process all others of a PostgreSQL descend from, None if it does not run on this machine."""
    row = conn.execute("SELECT pg_backend_pid(), pg_postmaster_start_time()").fetchone()
    fields = None if row is None else _stat(row[0])
    if fields is None:
        return None
    try:
        name = Path(f"/proc/{row[0] if row else 0}/comm").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(fields[1]) if name == "postgres" else None


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat behind the name, which may hold anything: first state and parent."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return told.rpartition(")")[2].split()
