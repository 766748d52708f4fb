"""The reference at the end of an SMS."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest

from alerts.channels.twilio.reference import reference_of, referred, without_reference

ONE = UUID("6e8bc430-9c3a-11d9-9669-0800200c9a66")


def test_it_is_short_and_always_the_same() -> None:
    assert reference_of(ONE) == reference_of(UUID(str(ONE))) == "#0S6K6"


def test_few_messages_share_theirs() -> None:
    many = {reference_of(uuid5(ONE, str(number))) for number in range(2_000)}
    assert len(many) > 1_995


@pytest.mark.parametrize("text", ["1 #0S6K6", "#0s6k6 1", "1 ＃0S6K6 谢谢", "1 # 0S6K6", "1 #OS6K6"])
def test_it_is_read_from_a_reply(text: str) -> None:
    assert referred(text) == reference_of(ONE)
    assert without_reference(text).startswith("1")


@pytest.mark.parametrize("text", ["1", "call 13812340001", "#12", "#ABCDEFG"])
def test_other_things_are_none(text: str) -> None:
    assert referred(text) is None
    assert without_reference(text) == text
