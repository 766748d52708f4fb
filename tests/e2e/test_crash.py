"""Promises 1 and 2: a crash anywhere leads to redelivery, never to a gap, and nothing happens twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.service import Service, until

# All that a crash must not change; the clock of the crash itself (opened_at, due) is not among it.
_STATE = {
    "readings": """
        SELECT device, quantity, time, value, use, flags FROM reading JOIN sensor ON sensor.id = reading.sensor
        ORDER BY device, quantity, time
    """,
    "alerts": """
        SELECT id, household, kind, rule, severity, status, onset, raised_at, score, facts, sources, held_by, outcome,
               returned_at, closed_at
        FROM alert ORDER BY id
    """,
    "events": "SELECT alert, seq, at, actor, kind, detail FROM alert_event ORDER BY alert, seq",
    "steps": "SELECT alert, no, action, status FROM step ORDER BY alert, no",
    "notifications": "SELECT count(*) FROM notification",
    "tasks": "SELECT count(*) FROM task",
}


def _state(service: Service) -> dict[str, list[tuple[Any, ...]]]:
    return {name: service.rows(query) for name, query in _STATE.items()}


@pytest.mark.timeout(900)
def test_promise_1_nothing_accepted_is_lost_and_promise_2_nothing_happens_twice(
    services: Callable[..., Service], recording: Path
) -> None:
    calm = services("--no-town", "--rules", "shanghai-12h")
    calm.start()
    calm.run("replay", str(recording))
    expected = _state(calm)
    total = len(expected["readings"])
    assert len(expected["alerts"]) > 50
    calm.interrupt()

    shaken = services("--no-town", "--rules", "shanghai-12h")
    shaken.start()
    random = np.random.default_rng(7)
    replay = shaken.command("replay", str(recording))
    in_the_middle = 0
    for share in sorted(random.uniform(0.01, 0.97, 10)):

        def reached(wanted: int = int(share * total)) -> bool:
            stored = shaken.rows("SELECT count(*) FROM reading")[0][0]
            return bool(stored >= wanted) or replay.poll() is not None

        until(reached, f"{share:.0%} stored", 120)
        in_the_middle += replay.poll() is None
        shaken.kill()
        shaken.start()
    out, _ = replay.communicate(timeout=300)
    assert replay.returncode == 0, out
    assert in_the_middle >= 8

    found = _state(shaken)
    for name, rows in expected.items():
        assert found[name] == rows, name
