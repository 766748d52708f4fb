"""What a newcomer sees: a town at work, somebody who stops using water, a phone that rings, a visit, an outcome."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import Service, until


def _processes(group: int) -> list[str]:
    """Return the command lines of whatever is left of a session."""
    left = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                session = int((folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[3])
                if session == group:
                    left.append((folder / "cmdline").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
    return left


@pytest.mark.timeout(600)
def test_the_story_of_a_first_minute(services: Callable[..., Service]) -> None:
    service = services("--households", "60", "--history-days", "8")
    service.start(240)
    visit: dict[str, Any] = until(
        lambda: next(
            (
                task
                for task in service.all("/api/v1/tasks?status=open")
                if task["kind"] == "visit" and service.api(f"/api/v1/alerts/{task['alert']}")["kind"] == "inactivity"
            ),
            None,
        ),
        "a visit stands in a caseworker's list",
    )
    alert = service.api(f"/api/v1/alerts/{visit['alert']}")
    assert alert["kind"] == "inactivity"
    assert re.match(r"No water (or electricity )?use for \d+ h.* \(since .*by chance about once in", alert["sentence"])
    told = [event["kind"] for event in alert["timeline"]]
    assert told[0] == "raised"
    assert told.index("notified") < told.index("missed") < told.index("task_planned")
    calls = [message for message in alert["notifications"] if message["medium"] == "call"]
    assert calls
    assert all(message["answer"] is None for message in calls)

    task = service.api(f"/api/v1/tasks/{visit['id']}/accept", {})
    assert task["status"] == "accepted"
    assert service.api(f"/api/v1/alerts/{alert['id']}")["next_step_at"] is None
    service.api(
        f"/api/v1/tasks/{visit['id']}/outcome", {"outcome": "helped", "note": "On the floor; ambulance called."}
    )
    closed = service.api(f"/api/v1/alerts/{alert['id']}")
    assert (closed["status"], closed["outcome"]) == ("closed", "helped")

    group = service.group
    stored = service.rows("SELECT count(*) FROM reading")[0][0]
    pid_file = service.data_dir / "postgres" / "cluster" / "postmaster.pid"
    postgres = int(pid_file.read_text().split()[0]) if pid_file.exists() else None
    assert service.interrupt() == 0, service.log[-2000:]
    assert _processes(group) == []
    if postgres is not None:
        assert not Path(f"/proc/{postgres}").exists()

    service.start(120)
    assert service.rows("SELECT count(*) FROM reading")[0][0] >= stored
    assert service.api(f"/api/v1/alerts/{alert['id']}")["outcome"] == "helped"
    until(lambda: service.rows("SELECT count(*) FROM reading")[0][0] > stored, "the town goes on")
