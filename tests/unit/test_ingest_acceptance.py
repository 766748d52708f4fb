"""What is read by columns is what is read record by record: readings, refusals and tallies, in the same order."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.acceptance import accept
from ingest.columns import usual
from ingest.decoders import decode
from ingest.directory import Directory, Owner
from ingest.records import Message
from ingest.validation import OLDEST, TOO_FAR_AHEAD, Validated, validate
from registry.instants import SECOND, to_datetime
from registry.quantities import BY_LABEL

NOW = 1_760_000_000 * SECOND
SENSORS = {("all", label): 10 + int(quantity) for label, quantity in BY_LABEL.items()}
DIRECTORY = Directory(
    7,
    {
        "all": Owner("gw-1", "h-1"),
        "new": Owner("gw-1", "h-2"),
        "far": Owner("gw-2", "h-3"),
        "水表": Owner("gw-1", "h-4"),
    },
    {**SENSORS, ("far", "volume"): 30, ("水表", "volume"): 31},
)
VOLUME = {"n": "all/volume", "u": "l", "v": 12.5, "t": 1_760_000_000 - 60}


def message(pack: Any, topic: str = "telemetry/gw-1/senml", received: int = NOW) -> Message:
    payload = pack if isinstance(pack, bytes) else json.dumps(pack).encode()
    return Message(topic, payload, received)


def alike(messages: list[Message]) -> Validated:
    """Accept messages, and compare that with what is read of them record by record."""
    accepted = accept(messages, DIRECTORY, to_datetime(NOW))
    one_by_one = validate([(each, decode(each)) for each in messages], DIRECTORY, to_datetime(NOW))
    assert accepted.refusals == one_by_one.refusals
    assert accepted.tallies == one_by_one.tallies
    assert accepted.unborn == one_by_one.unborn
    for column in ("sensor", "time", "value", "received"):
        ours, theirs = getattr(accepted.sent, column), getattr(one_by_one.sent, column)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    return accepted


def by_columns(pack: Any, topic: str = "telemetry/gw-1/senml") -> int:
    """Return how many readings of a pack are read by columns, -1 if it is left to the decoders."""
    read = usual([message(pack, topic)], DIRECTORY, OLDEST, NOW + TOO_FAR_AHEAD)
    assert len(read.batch) == max(read.taken[0], 0)
    return int(read.taken[0])


_NAMES = st.sampled_from(
    [
        *(f"all/{label}" for label in BY_LABEL),
        "new/volume",
        "far/volume",
        "水表/volume",
        "all/flow",
        "x/volume",
        "",
        "l",
    ]
)
_NUMBERS = st.one_of(
    st.sampled_from([0, 1, 1.0, 0.0, -0.0, 12.5, -3, 1e15, 2**53 + 1, 2**64, 10**30, 273.15]),
    st.floats(allow_nan=False, allow_infinity=False),
)
_TIMES = st.one_of(
    st.sampled_from([1_760_000_000, 1_760_000_000.25, -60, 0, 2**28 - 1, 2**28, 2**28 + 1, 1e12, -1e12, 1_760_000_301]),
    st.floats(1_759_000_000, 1_760_000_400),
)
_ODD: st.SearchStrategy[Any] = st.sampled_from([None, True, "1", [], {}, 1e400])
_RECORDS = st.fixed_dictionaries(
    {"n": _NAMES, "v": _NUMBERS},
    optional={"u": st.sampled_from(["l", "m3", "Wh", "kWh", "J", "W", "Cel", "K", "%EL", "/100", "%/m", "", "mi"]),
              "t": _TIMES},
)  # fmt: skip
_BASES = st.fixed_dictionaries(
    {},
    optional={"bn": st.sampled_from(["", "all/", "new/", "a"]), "bt": _TIMES, "bu": st.sampled_from(["", "l", "Wh"]),
              "bver": st.sampled_from([10, 5, 26, 11, 0, 10.0, True, "10"]), "bv": _NUMBERS, "bs": _NUMBERS},
)  # fmt: skip


@st.composite
def packs(draw: st.DrawFn) -> Any:
    """Return a pack, mostly as gateways write it."""
    records: list[Any] = draw(st.lists(_RECORDS, max_size=5))
    based: bool = draw(st.booleans())
    if records and based:
        at = draw(st.sampled_from([0, 0, 0, len(records) - 1]))
        records[at] |= draw(_BASES)
    if records and draw(st.integers(0, 9)) == 0:
        records[0] |= {draw(st.sampled_from(["n", "u", "v", "t", "bt", "vb", "x", "x_"])): draw(_ODD)}
    if draw(st.integers(0, 19)) == 0:
        records.insert(0, draw(st.one_of(_ODD, _BASES)))
    return records


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            packs(),
            st.sampled_from(
                ["telemetry/gw-1/senml"] * 4 + ["telemetry/gw-2/senml", "telemetry/gw-9/senml", "x/gw-1/senml"]
            ),
            st.sampled_from([NOW, NOW - 7 * SECOND, NOW + 3]),
        ),
        max_size=4,
    )
)
def test_columns_read_what_decoders_read(sent: list[tuple[Any, str, int]]) -> None:
    alike([message(*each) for each in sent])


@pytest.mark.parametrize(
    "pack",
    [
        [VOLUME, {"n": "all/alarm", "v": 1}, {"n": "all/energy", "u": "kWh", "v": 3.25, "t": -5}],
        [{"bn": "all/", "bt": 1_760_000_000, "bu": "l", "bver": 9, "n": "volume", "v": 1}, {"n": "volume", "v": 2}],
        [{"bu": "Wh", "n": "all/energy", "v": 1}, {"n": "all/alarm", "u": "", "v": 0}],
        [],
    ],
)  # fmt: skip
def test_the_usual_way_is_read_by_columns(pack: list[dict[str, Any]]) -> None:
    assert by_columns(pack) == len(pack)
    assert len(alike([message(pack)]).sent) == len(pack)


@pytest.mark.parametrize(
    "pack",
    [
        [VOLUME, {**VOLUME, "n": "x/volume"}],
        [VOLUME, {**VOLUME, "n": "new/volume"}],
        [VOLUME, {**VOLUME, "n": "far/volume"}],
        [VOLUME, {**VOLUME, "n": "水表/volume"}],
        [VOLUME, {**VOLUME, "u": "kWh"}],
        [VOLUME, {**VOLUME, "v": -1}],
        [VOLUME, {**VOLUME, "v": "1"}],
        [VOLUME, {**VOLUME, "t": 1_760_000_301}],
        [VOLUME, {"n": "all/alarm", "v": 0.5}],
        [VOLUME, {"bn": "all/", "n": "volume", "u": "l", "v": 1}],
        [{"bver": 10.0, **VOLUME}],
        [{**VOLUME, "bn": "all/", "n": "volume"}, {**VOLUME, "bn": "far/", "n": "volume"}],
        [{**VOLUME, "bt": 0.0, "n": "all/volume"}, {**VOLUME, "bt": -60.0}],
        [{"bu": "l", "n": "all/volume", "v": 1}, {"bu": "m3", "n": "all/volume", "v": 1}],
        [VOLUME] * 10_001,
        b"[",
        b"\xff",
        [VOLUME, VOLUME | {"u": "m3", "v": 1.7e308}],
        [{"bt": 1.7e308} | VOLUME | {"t": 1.7e308}],
    ],
)
def test_what_is_unusual_in_one_record_leaves_its_pack_to_the_decoders(pack: Any) -> None:
    assert by_columns(pack) == -1
    alike([message([VOLUME]), message(pack), message([VOLUME, VOLUME])])


def test_another_topic_is_left_to_its_decoder() -> None:
    assert by_columns([VOLUME], "telemetry/gw-1/senml-cbor") == -1
    assert by_columns([VOLUME], "telemetry/gw-1/senml/more") == -1
