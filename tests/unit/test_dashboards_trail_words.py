"""What a line of the audit trail says more: an address as it was asked for, and the rest by its names."""

from __future__ import annotations

from dashboards.words.trail import DETAILS, told


def test_an_address_stands_as_it_was_asked_for() -> None:
    line = told({"address": "/api/v1/sensors/{sensor_id}/chart", "sensor_id": "meter-1/volume", "from": "2026-11-01"})
    assert line.address == "/api/v1/sensors/meter-1/volume/chart"
    assert dict(line.rest) == {"from": "2026-11-01"}


def test_a_blank_that_nobody_filled_in_stays_one() -> None:
    assert told({"address": "/areas/{code}"}).address == "/areas/{code}"


def test_what_is_empty_says_nothing() -> None:
    assert told({"kind": "phone", "of": "", "address": ""}) == ("", {"kind": "phone"})


def test_names_are_words() -> None:
    assert all(word[0].isupper() for word in DETAILS.values())
