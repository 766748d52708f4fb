"""Puts the pages' scripts into the wheel: fetches them when they are missing, and ships what git ignores."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AssetBuildHook(BuildHookInterface[Any]):
    """Runs before a wheel is built; an editable installation fetches with `python -m dashboards.assets`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the scripts into the tree and list them as artifacts."""
        if version == "editable":
            return
        assets = _load(Path(self.root) / "dashboards" / "assets" / "__init__.py")
        assets.install()
        build_data["artifacts"].append("/dashboards/static/vendor/**/*")


def _load(path: Path) -> ModuleType:
    # By path: in an isolated build the tree is not importable, and must not become so.
    spec = importlib.util.spec_from_file_location("shouwang_assets", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is missing from the source tree")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
