"""The API keeps to its own description, whatever it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from unittest import SkipTest

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.dashboards_site import NOON, Site, open_site


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        opened.alert()
        opened.pass_time(20)
        opened.store("meter-1", "volume", [(NOON, 1.0, 1.0, 0)])
        yield opened


def test_every_operation_is_described_for_its_reader(site: Site) -> None:
    document: dict[str, Any] = site.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) >= 28
    for path, method, operation in operations:
        assert operation["summary"], (method, path)
        if path.startswith("/api/"):
            assert operation["security"], (method, path)
            assert set(operation["responses"]) >= {"401", "403", "422"}, (method, path)
            problem = operation["responses"]["422"]["content"]
            assert list(problem) == ["application/problem+json"], (method, path)
    assert not {"/docs", "/redoc", "/events", "/", "/tasks"} & set(document["paths"])
    assert site.client.get("/docs").status_code == 404


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_whatever_is_sent_is_answered_as_described(site: Site, mode: str) -> None:
    app = site.client.app
    assert isinstance(app, FastAPI)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    known = {
        "alert_id": site.get("/api/v1/alerts")["items"][0]["id"],
        "task_id": site.get("/api/v1/tasks")["items"][0]["id"],
        "phone": "+8613812340001",
        "sensor_id": "meter-1/volume",
        "code": "4401",
    }
    settings = hypothesis.settings(
        max_examples=8, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    asked: set[str] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @hypothesis.given(operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
        @settings
        def check(case: schemathesis.Case[Any]) -> None:
            asked.add(f"{case.method} {case.path}")
            for name in set(case.path_parameters or ()) & set(known):
                if len(str(case.path_parameters[name])) % 2:  # half of them of something that is there
                    case.path_parameters[name] = known[name]
            case.call_and_validate(
                headers=site.token("operator"),
                checks=[
                    schemathesis.checks.not_a_server_error,
                    status_code_conformance,
                    content_type_conformance,
                    response_schema_conformance,
                ],
            )

        with suppress(SkipTest, Unsatisfiable):  # nothing about this operation can be wrong
            check()
    assert len(asked) >= 25, "nearly every operation was asked"
