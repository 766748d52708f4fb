"""The AsyncAPI document says what the decoders do: its addresses are theirs, and its examples are accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ingest.decoders import TOPICS, decode
from ingest.decoders.dispatch import MAX_PAYLOAD
from ingest.decoders.senml import MAX_RECORDS
from ingest.decoders.senml_cbor import LABELS
from ingest.directory import Directory, Owner
from ingest.records import Message
from ingest.validation import validate
from registry.instants import SECOND, to_datetime

NOW = 1_770_000_000 * SECOND
DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")
)
CHANNELS: dict[str, Any] = DOCUMENT["channels"]


def found(reference: str) -> Any:
    """What a reference within the document points at."""
    assert reference.startswith("#/")
    node: Any = DOCUMENT
    for step in reference[2:].split("/"):
        node = node[step]
    return node


def followed(node: Any) -> Any:
    """The same with every reference replaced by what it points at."""
    if isinstance(node, dict):
        if set(node) == {"$ref"}:
            return followed(found(node["$ref"]))
        return {key: followed(value) for key, value in node.items()}
    return [followed(item) for item in node] if isinstance(node, list) else node


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def examples() -> Iterator[tuple[str, str, Any]]:
    for name, channel in CHANNELS.items():
        for reference in channel["messages"].values():
            for example in found(reference["$ref"]).get("examples", ()):
                yield name, example.get("name", name), example["payload"]


def test_it_is_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])


def test_every_reference_leads_somewhere() -> None:
    pointed_at = list(references(DOCUMENT))
    assert len(pointed_at) > 20
    for reference in pointed_at:
        assert found(reference)


def test_the_channels_are_what_the_decoders_read_and_the_receipts() -> None:
    addresses = {re.sub(r"\{\w+\}", "+", channel["address"]) for channel in CHANNELS.values()}
    assert addresses == {*TOPICS, "receipts/+"}


def test_every_parameter_of_an_address_is_described() -> None:
    for channel in CHANNELS.values():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel["parameters"])


def test_telemetry_is_received_at_qos_1_and_receipts_are_sent() -> None:
    actions = {}
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"].rsplit("/", 1)[1]
        actions[channel] = operation["action"]
        if operation["action"] == "receive":
            (trait,) = operation["traits"]
            assert found(trait["$ref"])["bindings"]["mqtt"]["qos"] == 1
    assert actions == {name: "send" if name == "receipts" else "receive" for name in CHANNELS}


def test_limits_and_labels_are_those_of_the_code() -> None:
    description = DOCUMENT["info"]["description"]
    assert f"{MAX_RECORDS:,} records" in " ".join(description.split())
    assert MAX_PAYLOAD == 1024 * 1024
    assert "1 MiB" in description
    assert found("#/components/schemas/senmlPack")["maxItems"] == MAX_RECORDS
    labels = re.findall(r"(\w+) (-?\d)", found("#/components/messages/senmlCborPack")["payload"]["description"])
    assert {int(number): label for label, number in labels if label != "tag"} == LABELS


@pytest.mark.parametrize(("channel", "name", "payload"), list(examples()))
def test_examples_follow_their_schema_and_are_accepted(channel: str, name: str, payload: Any) -> None:
    (reference,) = CHANNELS[channel]["messages"].values()
    jsonschema.validate(payload, followed(found(reference["$ref"])["payload"]), jsonschema.Draft7Validator)
    if channel == "receipts":
        assert name == "receipt"
        return
    values = {"gateway": "gw-1", "application": "7", "devEui": "70b3d52dd3010203", "friendlyName": "kitchen"}
    message = Message(CHANNELS[channel]["address"].format(**values), json.dumps(payload).encode(), NOW)
    decoded = decode(message)
    owner = Owner(decoded.gateway, "h-1")
    devices = dict.fromkeys(("water-17", "smoke-4", "70b3d52dd3010203", "kitchen"), owner)
    validated = validate([(message, decoded)], Directory(1, devices, {}), to_datetime(NOW))
    assert validated.refusals == []
    assert validated.tallies[0].readings >= 2
