"""A payload on a page: what is wrong in it is marked where it stands, and nothing in it can be anything but text."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.payloads.shown import shown
from dashboards.payloads.spans import find, of_cbor, of_json, path_of
from dashboards.payloads.trial import format_of, payload_of
from dashboards.problems import Refusal

PACK: Any = [{"bn": "m1/", "n": "volume", "u": "gal", "v": 1.5}, {"n": "power", "u": "W", "v": [3, {"x": "a,b]"}]}]


def _at(text: str, place: str) -> str | None:
    span = find(of_json(text), path_of(place))
    return None if span is None else text[slice(*span)]


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("[0].u", '"gal"'),
        ("[1].v", '[3, {"x": "a,b]"}]'),
        ("[1].v[1].x", '"a,b]"'),
        ("[1].t", json.dumps(PACK[1])),  # it is missing: its record is nearest
        ("[7].u", None),
        ("$", None),
    ],
)
def test_a_place_is_found_in_json(place: str, found: str | None) -> None:
    assert _at(json.dumps(PACK), place) == found


def test_what_was_cut_short_is_followed_as_far_as_it_goes() -> None:
    whole = json.dumps(PACK)
    cut = whole[: whole.index('"power"') + 4]
    assert _at(cut, "[0].u") == '"gal"'
    assert _at(cut, "[1].n") == '"pow'
    assert _at('{"object": {"power_w": "x"', "object.power_w") == '"x"'


@given(st.text(alphabet='[]{},:"\\ax1 \n'))
def test_no_text_is_too_strange_to_be_followed(text: str) -> None:
    assert all(0 <= start <= end <= len(text) for _, (start, end) in of_json(text))


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange_to_be_shown(payload: bytes) -> None:
    assert all(0 <= start <= end <= len(payload) for _, (start, end) in of_cbor(payload))
    told = shown(payload, [("[0].u", "x"), ("$", "the record at byte 3 is no CBOR")])
    if told.binary:
        assert "".join(piece.text for piece in told.pieces) == payload.hex(" ")


def test_a_place_is_found_in_cbor() -> None:
    packed = cbor2.dumps([{0: "m1/volume", 1: "gal", 2: 1.5}, {0: "m1/power", 2: "x"}])
    span = find(of_cbor(packed), path_of("[0].u"))
    assert span is not None
    assert cbor2.loads(packed[slice(*span)]) == "gal"
    record = find(of_cbor(packed), path_of("[1].u"))
    assert record is not None
    assert cbor2.loads(packed[slice(*record)]) == {0: "m1/power", 2: "x"}
    marked = [piece.text.strip() for piece in shown(packed, [("[1].v", "")]).pieces if piece.marked]
    assert marked == [cbor2.dumps("x").hex(" ")]


def test_what_is_no_json_is_marked_where_it_breaks_off() -> None:
    told = shown(b"[{]", [("$", "the payload is no JSON (Expecting property name at character 2): send JSON text")])
    assert [(piece.text, piece.marked) for piece in told.pieces] == [("[{", False), ("]", True)]


def test_nothing_hidden_stays_hidden_and_nothing_moves_its_neighbours() -> None:
    hostile = '{"n": "\u202egnp.exe\u200b\x07"}'.encode()
    told = shown(hostile, [])
    assert [piece.text for piece in told.pieces] == ['{"n": "\\u202egnp.exe\\u200b\\x07"}']
    assert not told.binary
    assert shown("水表".encode()[:-1], []).pieces[0].text == "水"  # cut within a character
    assert shown(b"\x00\x01\x02\x03", []).binary


@pytest.mark.parametrize(
    ("written", "encoding", "payload"),
    [
        ('[{"n":"a/b"}]', "", b'[{"n":"a/b"}]'),
        ("82 a0 A0", "", b"\x82\xa0\xa0"),
        ("0x82:a0", "hex", b"\x82\xa0"),
        ("82a0", "text", b"82a0"),
    ],
)
def test_a_payload_is_text_or_hexadecimal_as_it_looks(written: str, encoding: str, payload: bytes) -> None:
    assert payload_of(written, encoding) == payload


@pytest.mark.parametrize(("written", "encoding", "status"), [(" ", "", 422), ("8", "hex", 422), ("a" * 65537, "", 413)])
def test_what_cannot_be_tried_is_refused_with_what_to_do(written: str, encoding: str, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        payload_of(written, "text" if len(written) > 9 else encoding)
    assert refused.value.status_code == status


@pytest.mark.parametrize(
    ("payload", "form"),
    [
        (b"[]", "senml"),
        (b"no JSON", "senml"),
        (cbor2.dumps([{}]), "senml-cbor"),
        (b'{"deviceInfo": {}, "object": {}}', "chirpstack"),
        (b'{"battery": 5}', "zigbee2mqtt"),
    ],
)
def test_a_format_is_told_by_how_a_payload_looks(payload: bytes, form: str) -> None:
    assert format_of(payload) == form
