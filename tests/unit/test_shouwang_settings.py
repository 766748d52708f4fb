"""Settings: the command line before the environment, that before the file; what nobody knows is refused."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from alerts.messages.limits import Limits
from alerts.tasks.cap import Cap
from detectors.budget import FALSE_VISITS
from shouwang.settings import Settings
from storage.retention import Keep

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.upper().startswith("SHOUWANG_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_everything_has_a_default() -> None:
    settings = Settings()
    assert settings.data_dir == Path("data")
    assert (settings.database_url, settings.mqtt_url, settings.policies) == (None, None, None)
    assert (settings.http_host, settings.http_port, settings.rules) == ("127.0.0.1", 8080, "default")
    assert (settings.log_level, settings.log_json, settings.quarantine_days) == ("info", False, 30)
    assert settings.false_visits_per_1000_days == 1000 * FALSE_VISITS
    assert settings.cap == Cap()
    assert settings.limits == Limits()
    assert settings.keep == Keep()


def test_options_come_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "shouwang.toml").write_text('rules = "jingan-day"\nhttp_port = 1\nlog_level = "debug"\n')
    monkeypatch.setenv("SHOUWANG_HTTP_PORT", "2")
    monkeypatch.setenv("SHOUWANG_RULES", "taicang-24h")
    settings = Settings(rules="shanghai-12h")
    assert (settings.rules, settings.http_port, settings.log_level) == ("shanghai-12h", 2, "debug")


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("SHOUWANG_HTTP_PORT", "65536", "http_port"),
        ("SHOUWANG_HTTP_PORT", "eighty", "http_port"),
        ("SHOUWANG_LOG_LEVEL", "loud", "log_level"),
        ("SHOUWANG_LOG_JSON", "perhaps", "log_json"),
        ("SHOUWANG_QUARANTINE_DAYS", "0", "quarantine_days"),
        ("SHOUWANG_READINGS_DAYS", "30", "readings_days"),
        ("SHOUWANG_AGGREGATES_DAYS", "1094", "aggregates_days"),
        ("SHOUWANG_COMPRESS_AFTER_DAYS", "0", "compress_after_days"),
        ("SHOUWANG_CHUNK_DAYS", "0", "chunk_days"),
        ("SHOUWANG_FALSE_VISITS_PER_1000_DAYS", "0", "false_visits_per_1000_days"),
        ("SHOUWANG_VISITS_PER_1000_A_DAY", "-1", "visits_per_1000_a_day"),
        ("SHOUWANG_VISITS_ALWAYS_FROM", "dire", "visits_always_from"),
        ("SHOUWANG_TEXTS_AN_HOUR", "0", "texts_an_hour"),
        ("SHOUWANG_CALLS_AN_HOUR", "none", "calls_an_hour"),
        ("SHOUWANG_REPORT_MINUTES", "0", "report_minutes"),
    ],
)
def test_a_value_that_will_not_do_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


def test_readings_are_never_kept_for_less_than_a_restart_needs() -> None:
    assert Settings(readings_days=31).keep.readings == 31
    with pytest.raises(ValidationError, match="write 31 or more: at a restart detectors may learn"):
        Settings(readings_days=30)
    with pytest.raises(ValidationError, match="aggregates are made of readings, and outlast them"):
        Settings(readings_days=400, aggregates_days=399)


def test_a_key_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shouwang.toml").write_text('rulez = "jingan-day"\n')
    with pytest.raises(ValidationError, match="rulez"):
        Settings()
    (tmp_path / "shouwang.toml").unlink()
    with pytest.raises(ValidationError, match="rulez"):
        Settings.model_validate({"rulez": "jingan-day"})


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shouwang.toml").write_text("rules: jingan-day\n")
    with pytest.raises(ValueError, match="line 1"):
        Settings()


def test_the_example_lists_every_setting_with_its_default() -> None:
    listed = dict(re.findall(r"^#SHOUWANG_([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(listed) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if field.default is not None:
            default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            assert listed[name.upper()] == default, name
