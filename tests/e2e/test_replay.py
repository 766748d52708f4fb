from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import Service


def _distinct(recording: Path) -> int:
    with gzip.open(recording, "rt", encoding="utf-8") as file:
        return len({(row["time"], row["device"], row["name"]) for row in csv.DictReader(file)})


def _told(alert: dict[str, Any]) -> tuple[str, str, str, str]:
    return alert["household"], alert["kind"], alert["onset"], alert["raised_at"]


def _replay_equals_backtest(service: Service, recording: Path, rules: str, out: Path) -> None:
    service.run("replay", str(recording))
    service.run("backtest", str(recording), "--rules", rules, "--json", str(out))
    expected = sorted(_told(alert) for alert in json.loads(out.read_text(encoding="utf-8"))["alerts"])
    devices = {household for household, *_ in expected}
    assert expected, "a recording without an alert proves nothing"
    assert sorted(_told(alert) for alert in service.all("/api/v1/alerts") if alert["household"] in devices) == expected


@pytest.mark.parametrize("rules", ["shanghai-12h", "jingan-day", "longgang-leak"])
def test_a_replay_raises_what_the_backtest_raises(
    services: Callable[..., Service], short_recording: Path, tmp_path: Path, rules: str
) -> None:
    service = services("--no-town", "--rules", rules)
    service.start()
    _replay_equals_backtest(service, short_recording, rules, tmp_path / "backtest.json")
    assert service.rows("SELECT count(*) FROM reading") == [(_distinct(short_recording),)]
    # The same file a second time changes nothing: no reading, no alert, no event.
    before = service.rows("SELECT count(*) FROM alert_event")
    service.run("replay", str(short_recording))
    assert service.rows("SELECT count(*) FROM reading") == [(_distinct(short_recording),)]
    assert service.rows("SELECT count(*) FROM alert_event") == before
    # What is long over wakes nobody.
    assert service.rows("SELECT count(*) FROM notification") == [(0,)]


@pytest.mark.timeout(900)
def test_real_homes_raise_what_the_backtest_raises(
    services: Callable[..., Service], real: Callable[[str], Path], tmp_path: Path
) -> None:
    service = services("--no-town", "--rules", "shanghai-12h")
    service.start()
    for name in ("telelectura_water.csv.gz", "daiad_water_dev.csv.gz"):
        _replay_equals_backtest(service, real(name), "shanghai-12h", tmp_path / "backtest.json")
    stored = _distinct(real("telelectura_water.csv.gz")) + _distinct(real("daiad_water_dev.csv.gz"))
    assert service.rows("SELECT count(*) FROM reading") == [(stored,)]
