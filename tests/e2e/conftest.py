"""Services and recordings for the tests that run the whole house."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.service import Service

_SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Return what makes a service with a data directory of its own; all are disposed of."""
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.owner() == tmp_path.owner() and folder.name.startswith("pytest-"):
            folder.chmod(0o755)
    made: list[Service] = []

    def make(*options: str) -> Service:
        service = Service(tmp_path / f"data{len(made)}", *options)
        made.append(service)
        return service

    yield make
    for service in made:
        service.dispose()


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return twelve made-up homes over ninety days, long enough to be interrupted."""
    return _made_up(tmp_path_factory.mktemp("recording"), days=90)


@pytest.fixture(scope="session")
def short_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the first half of it, in which everything befalls the homes too."""
    return _made_up(tmp_path_factory.mktemp("recording"), days=46)


def _made_up(folder: Path, days: int) -> Path:
    """Write down homes that report every quarter of an hour, with the faults of real meters."""
    random = np.random.default_rng(20261121)
    lines = []
    start = datetime(2020, 3, 1, tzinfo=UTC)
    for home in range(12):
        register, quiet_until = float(random.integers(10_000, 900_000)), -1
        for quarter in range(days * 96):
            hour = quarter // 4 % 24
            if random.random() < 0.0012:
                quiet_until = quarter + int(random.integers(30, 120))
            leaking = home == 3 and 4000 < quarter < 4300
            if leaking or (quarter > quiet_until and random.random() < (0.02 if hour < 6 else 0.25)):
                register += float(random.integers(1, 40))
            if not leaking and random.random() < 0.01:
                continue  # lost on its way
            shown = register - 1 if random.random() < 0.001 else register
            time = start + timedelta(minutes=15 * quarter, seconds=home)
            row = f"{time:%Y-%m-%dT%H:%M:%S},made-{home:02d},volume,l,{shown:.0f}\n"
            lines.append((quarter, home, row))
            if random.random() < 0.002:
                lines.append((quarter + 1, home, row))  # sent twice, the second time late
    lines.sort(key=lambda line: line[:2])
    path = folder / "made.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("time,device,name,unit,value\n")
        file.writelines(row for _, _, row in lines)
    return path


@pytest.fixture
def real() -> Callable[[str], Path]:
    """Return what finds a real recording, skipping the test where there are none."""

    def find(name: str) -> Path:
        path = Path(os.environ.get("SHOUWANG_RECORDINGS", str(_SHARED))) / name
        if not path.exists():
            pytest.skip(f"the recording {name} is not on this machine; SHOUWANG_RECORDINGS says where such files are")
        return path

    return find
