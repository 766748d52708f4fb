"""A loop that was killed is back at once: `shouwang escalate` loads neither the web nor the engine."""

from __future__ import annotations

import subprocess
import sys

_HEAVY = {"fastapi", "starlette", "uvicorn", "shouwang.engine", "shouwang.wiring", "dashboards.app", "detectors.rules"}


def test_the_loop_that_climbs_loads_neither_web_nor_engine() -> None:
    loads = "import shouwang.cli, shouwang.alerting, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True).stdout.split()
    assert "shouwang.escalating" in loaded
    assert not _HEAVY & set(loaded)
