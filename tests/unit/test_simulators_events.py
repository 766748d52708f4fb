from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.instants import HOUR, SECOND, to_micros
from simulators.errors import EventError
from simulators.events import FORMS, Event, Happening, event, parse, spans


def test_a_fall_is_read_in_town_time() -> None:
    found = parse("fall@household-007@2026-03-01T08:10")
    assert (found.kind, found.target) == (Happening.FALL, "household-007")
    assert found.at == to_micros(datetime(2026, 3, 1, 0, 10, tzinfo=UTC))


def test_an_offset_and_options_are_read() -> None:
    found = parse("leak@household-007@2026-03-01T08:10Z?amount=25&for=2h&unreachable=1")
    assert found.at == to_micros(datetime(2026, 3, 1, 8, 10, tzinfo=UTC))
    assert (found.amount, found.lasting, found.unreachable) == (25.0, 2 * HOUR, True)


@given(
    kind=st.sampled_from(Happening),
    at=st.integers(1_000_000_000, 3_000_000_000),
    lasting=st.none() | st.integers(0, 10_000_000),
    amount=st.none() | st.integers(0, 99_999),
    unreachable=st.booleans(),
)
def test_text_is_read_back_as_the_same_event(
    kind: Happening,
    at: int,
    lasting: int | None,
    amount: int | None,
    unreachable: bool,  # noqa: FBT001 - drawn
) -> None:
    told = event(
        kind, "household-007", at * SECOND,
        lasting=None if lasting is None else timedelta(seconds=lasting),
        amount=None if amount is None else float(amount), unreachable=unreachable,
    )  # fmt: skip
    assert parse(str(told)) == told


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("fall", "write kind@target@time"),
        ("trip@household-007@2026-03-01T08:10", "write one of fall"),
        ("fall@@2026-03-01T08:10", "write kind@target@time"),
        ("fall@household-007@soon", "write one such as"),
        ("leak@household-007@2026-03-01T08:10?for=long", "such as 2h"),
        ("leak@household-007@2026-03-01T08:10?amount=much", "such as 12.5"),
        ("leak@household-007@2026-03-01T08:10?amount=nan", "from 0 to"),
        ("leak@household-007@2026-03-01T08:10?rate=3", "write for, amount or unreachable"),
    ],
)
def test_what_is_wrong_with_an_event_is_said(text: str, advice: str) -> None:
    with pytest.raises(EventError, match=advice):
        parse(text)


def _spans(*texts: str) -> list[tuple[str, int, int]]:
    told = spans([parse(text) for text in texts], {"sd-001": "household-001"})
    return [(str(each.event.kind), each.begin, each.end) for each in told]


def test_help_ends_a_fall_of_its_own_household_only() -> None:
    found = _spans(
        "fall@household-001@2026-03-01T08:00", "fall@household-002@2026-03-01T08:00",
        "help@household-001@2026-03-01T09:00",
    )  # fmt: skip
    begin = parse("fall@household-001@2026-03-01T08:00").at
    assert [end - begin for kind, _, end in found if kind == "fall"][0] == HOUR  # noqa: RUF015 - order is meant
    assert [end > begin + 1000 * HOUR for kind, _, end in found if kind == "fall"] == [False, True]


def test_nothing_ends_death_and_a_repair_revives_a_device() -> None:
    found = {
        kind: end - begin
        for kind, begin, end in _spans(
            "death@household-001@2026-03-01T08:00", "help@household-001@2026-03-01T09:00",
            "dead@sd-001@2026-03-01T08:00", "repair@household-001@2026-03-01T10:00",
        )
    }  # fmt: skip
    assert found["death"] > 1000 * HOUR
    assert found["dead"] == 2 * HOUR


def test_every_kind_has_a_form() -> None:
    assert set(FORMS) == set(Happening)
    assert all(isinstance(event(kind, "x", 0), Event) for kind in Happening)
