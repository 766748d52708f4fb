"""`docker-compose.yml`: what it names exists, what it runs is pinned and looked after. CI also asks docker-compose."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from shouwang.cli import app
from shouwang.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ROLES = {name for name, one in SERVICES.items() if one["image"].startswith("shouwang:") and "command" in one}
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
FIXED = {
    "SHOUWANG_DATA_DIR": "nothing is embedded",
    "SHOUWANG_HTTP_HOST": "the image says it",
    "SHOUWANG_HTTP_PORT": "`ports` says which port of the host it is",
    "SHOUWANG_KAFKA_REPLICAS": "there is one Kafka",
}
"""Settings that containers take from elsewhere, and why."""


def _waited_for() -> set[str]:
    """Return the services that others wait for until they have ended."""
    return {
        needed
        for one in SERVICES.values()
        for needed, how in one.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }


def _environment(service: str) -> dict[str, Any]:
    found: dict[str, Any] = SERVICES[service].get("environment", {})
    return found


def test_everything_the_issue_names_is_there() -> None:
    wanted = {"broker", "kafka", "database", "migrate", "ingest", "worker", "escalate", "web", "prometheus", "grafana"}
    assert wanted <= set(SERVICES)
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("service", SERVICES)
def test_every_image_is_pinned(service: str) -> None:
    image = SERVICES[service]["image"]
    assert re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+[a-z0-9-]*", image), image


def test_the_images_of_the_build_are_pinned_and_the_same() -> None:
    stages = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(stages) == 2
    assert len(set(stages)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", stages[0])


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_that_stays_is_looked_after(service: str) -> None:
    one = SERVICES[service]
    looked = one.get("healthcheck", {"disable": True})
    if service in _waited_for():
        assert looked == {"disable": True}
        assert one["restart"] in {"no", "on-failure"}
    else:
        assert looked["test"][0] in {"CMD", "CMD-SHELL"}
        assert one["restart"] == "unless-stopped"


def test_who_is_waited_for_can_be_healthy() -> None:
    for one in SERVICES.values():
        for needed, how in one.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[needed]["healthcheck"]


@pytest.mark.parametrize("service", sorted(ROLES))
def test_every_role_is_a_command_that_exists(service: str) -> None:
    command, *options = SERVICES[service]["command"]
    known = get_command(app).commands[command]  # type: ignore[attr-defined]  # typer's groups are click's
    names = {name for parameter in known.params for name in parameter.opts}
    assert {option for option in options if option.startswith("--")} <= names
    assert command == service


def test_every_setting_of_a_role_exists_and_none_is_forgotten() -> None:
    known = {f"SHOUWANG_{name.upper()}" for name in Settings.model_fields}
    for role in ROLES:
        assert {name for name in _environment(role) if name.startswith("SHOUWANG_")} <= known
    given = set(_environment("ingest"))
    assert known - given == set(FIXED)


def test_every_variable_that_is_asked_for_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", TEXT))
    asked |= {name for role in ROLES for name, value in _environment(role).items() if value is None}
    assert asked <= set(re.findall(r"^#?([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))


def test_the_proxy_on_the_host_is_trusted_and_nobody_else() -> None:
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert _environment("web")["FORWARDED_ALLOW_IPS"] == network["gateway"]
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])


def test_passwords_have_no_default() -> None:
    for name in re.findall(r"\$\{([A-Z0-9_]*(?:PASSWORD|SECRET|TOKEN)[A-Z0-9_]*)", TEXT):
        assert f"${{{name}:?" in TEXT
        assert f"${{{name}:-" not in TEXT


def test_every_file_and_volume_that_is_mounted_exists() -> None:
    for one in SERVICES.values():
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"]


def test_only_gateways_come_in_from_outside_and_only_by_tls() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    outside = {name: ports for name, ports in published.items() if not all(p.startswith("127.0.0.1:") for p in ports)}
    assert outside == {"broker": ["8883:8883"]}
    config = (ROOT / "ingest/mosquitto/mosquitto.conf").read_text(encoding="utf-8")
    assert re.search(r"^listener 8883\ncertfile \S+\nkeyfile \S+$", config, re.MULTILINE)
    assert "allow_anonymous false" in config


def test_the_build_sees_neither_secrets_nor_what_is_made_again() -> None:
    ignored, *_ = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("!", 1)
    assert ignored.splitlines()[-1] == "*"  # nothing is taken but what is named behind it


def test_the_build_sees_all_that_the_wheel_holds() -> None:
    taken = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    packages = re.search(r"^packages = \[(.+)\]$", project, re.MULTILINE)
    assert packages is not None
    assert set(re.findall(r'"(\w+)"', packages[1])) <= set(taken)
    assert all((ROOT / one).exists() for one in taken)
