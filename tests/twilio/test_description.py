"""The vendored description is what cutting Twilio's makes, and is a description itself."""

from __future__ import annotations

import json

import pytest
from openapi_spec_validator import validate

from tests.twilio.description import VENDORED, WHOLE, cut


@pytest.mark.skipif(not WHOLE.exists(), reason="the whole description does not lie beside this repository")
def test_the_copy_is_what_cutting_the_whole_makes() -> None:
    assert json.loads(VENDORED.read_text()) == cut(json.loads(WHOLE.read_text()))


def test_it_is_valid_openapi_and_has_the_four_paths() -> None:
    description = json.loads(VENDORED.read_text())
    validate(description)
    account = "/2010-04-01/Accounts/{AccountSid}"
    assert set(description["paths"]) == {
        f"{account}/Messages.json", f"{account}/Messages/{{Sid}}.json",
        f"{account}/Calls.json", f"{account}/Calls/{{Sid}}.json",
    }  # fmt: skip
    assert description["info"]["license"]["name"] == "Apache 2.0"


def test_fields_named_like_prose_survive_the_cut() -> None:
    whole = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1", "license": {"name": "MIT"}, "description": "gone"},
        "components": {"schemas": {"s": {"properties": {"description": {"type": "string", "description": "gone"}}}}},
        "paths": {},
    }
    assert cut(whole)["components"]["schemas"]["s"] == {"properties": {"description": {"type": "string"}}}
