"""What Prometheus and Grafana ask for is what the service tells, and the manual says what to do about each alert."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from dashboards.headers import Counting
from dashboards.webhooks.fields import WebhookMetrics
from shouwang.distributed.worker import WorkerMetrics
from shouwang.escalating import EscalationMetrics
from shouwang.listening import IngestMetrics

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
SCRAPING = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((ROOT / "dashboards/prometheus/alerts.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
BOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((ROOT / "dashboards/grafana/boards").glob("*.json"))
}
PANELS = [panel for board in BOARDS.values() for panel in board["panels"] if panel["type"] != "row"]
SOURCES = ROOT / "dashboards/grafana/provisioning"


def _told(registry: CollectorRegistry) -> Iterator[tuple[str, set[str]]]:
    """Yield the series that a registry tells, by name, with the labels each has."""
    for name, collector in registry._names_to_collectors.items():
        labels = set(getattr(collector, "_labelnames", ()))
        kind = getattr(collector, "_type", "")
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(kind, ("",))
        if name.endswith(endings):
            yield name, labels | ({"le"} if name.endswith("_bucket") else set())


def _series() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for metrics in (IngestMetrics, WorkerMetrics, EscalationMetrics, WebhookMetrics):
        registry = CollectorRegistry()
        metrics(registry)
        found.update(_told(registry))
    registry = CollectorRegistry()
    Counting(lambda *_: None, registry)  # type: ignore[arg-type]  # nothing is asked of it
    found.update(_told(registry))
    return found


SERIES = _series()
ASKED = {rule["alert"]: rule["expr"] for rule in RULES} | {
    f"{name}: {panel['title']} ({panel['id']}) {target['refId']}": target["expr"]
    for name, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel.get("targets", [])
}


def test_the_series_are_found_as_they_are_told() -> None:
    assert {"shouwang_readings_total", "shouwang_commit_seconds_bucket", "shouwang_lag_envelopes"} <= set(SERIES)
    assert SERIES["shouwang_http_requests_total"] == {"method", "route", "status"}


@pytest.mark.parametrize("name", ASKED)
def test_whatever_is_asked_for_is_told(name: str) -> None:
    asked = set(re.findall(r"\b(shouwang_\w+|up|ALERTS)\b", ASKED[name]))
    assert asked
    assert asked <= {*SERIES, "up", "ALERTS"}


@pytest.mark.parametrize("name", ASKED)
def test_whatever_it_is_grouped_or_chosen_by_is_a_label_of_it(name: str) -> None:
    expression = ASKED[name]
    labels = {"job", "instance", "alertstate"}
    for series in re.findall(r"\bshouwang_\w+", expression):
        labels |= SERIES[series]
    grouped = [one.strip() for group in re.findall(r"\bby \((.+?)\)", expression) for one in group.split(",")]
    chosen = [one for braces in re.findall(r"\{(.+?)\}", expression) for one in re.findall(r"(\w+)=?[=~!]", braces)]
    assert {*grouped, *chosen} <= labels


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_how_grave_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert {"summary", "description"} == set(rule["annotations"])
    assert f"| `{rule['alert']}` |" in MANUAL
    labels = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    whole = rule["expr"].startswith(("time() - shouwang", "up{", "absent(up{"))  # keeps every label there is
    assert whole or labels <= set(re.findall(r"\w+", " ".join(re.findall(r"by \((.+?)\)", rule["expr"]))))


def test_the_manual_names_no_alert_that_is_not_there() -> None:
    table = MANUAL.split("## When an alert fires")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z]\w+)` \|", table, re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_every_role_is_scraped_where_it_listens() -> None:
    scraped = {
        job["job_name"]: (one["names"], one["port"])
        for job in SCRAPING["scrape_configs"]
        for one in job["dns_sd_configs"]
    }
    assert scraped == {
        "ingest": (["ingest"], 9100),
        "worker": (["worker"], 9100),
        "escalate": (["escalate"], 9100),
        "web": (["web"], 8080),
    }
    for job, ([service], port) in scraped.items():
        assert job == service
        listens = COMPOSE[service]["command"][-1] if port == 9100 else COMPOSE[service]["ports"][0].split(":")[-1]
        assert listens == str(port)
    assert [name for name in SCRAPING["rule_files"] if not (ROOT / "dashboards/prometheus" / name).exists()] == []


def test_the_board_is_provisioned_with_its_source() -> None:
    [source] = yaml.safe_load((SOURCES / "datasources/shouwang.yml").read_text(encoding="utf-8"))["datasources"]
    used = {target["datasource"]["uid"] for panel in PANELS for target in panel["targets"]}
    assert used == {source["uid"]} == {panel["datasource"]["uid"] for panel in PANELS}
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((SOURCES / "dashboards/shouwang.yml").read_text(encoding="utf-8"))["providers"]
    assert f"./dashboards/grafana/boards:{provider['options']['path']}:ro" in COMPOSE["grafana"]["volumes"]
    home = COMPOSE["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/service-health.json"


def test_there_is_a_board_for_each_question() -> None:
    assert set(BOARDS) == {"service-health", "ingest", "detection", "response-times"}
    assert {board["uid"] for board in BOARDS.values()} == {f"shouwang-{name}" for name in BOARDS}


@pytest.mark.parametrize("name", BOARDS)
def test_no_panel_lies_on_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARDS[name]["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in BOARDS[name]["panels"]}) == len(BOARDS[name]["panels"])


@pytest.mark.parametrize("name", ASKED)
def test_a_legend_names_only_what_its_query_keeps(name: str) -> None:
    legends = {
        f"{board}: {panel['title']} ({panel['id']}) {target['refId']}": target["legendFormat"]
        for board, one in BOARDS.items()
        for panel in one["panels"]
        for target in panel.get("targets", [])
    }
    kept = {word for group in re.findall(r"by \((.+?)\)", ASKED[name]) for word in re.findall(r"\w+", group)}
    assert set(re.findall(r"\{\{(\w+)\}\}", legends.get(name, ""))) <= kept
