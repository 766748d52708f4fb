"""A broker for the tests of what speaks MQTT: SHOUWANG_TEST_MQTT_URL, or the embedded one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from ingest.broker import EmbeddedBroker
from ingest.mqtt import Endpoint
from tests.e2e.service import free_port


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """Return where MQTT 5 clients of these tests connect."""
    if given := os.environ.get("SHOUWANG_TEST_MQTT_URL"):
        yield Endpoint.parse(given)
        return
    with EmbeddedBroker(tmp_path_factory.mktemp("broker"), port=free_port()) as broker:
        yield Endpoint("127.0.0.1", broker.port5, None, None, tls=False)


@pytest.fixture
def gateway() -> str:
    """Return the name of a gateway that nobody else publishes for."""
    return f"gw-{uuid.uuid4().hex[:12]}"
