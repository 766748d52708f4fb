"""Signed links: whoever has the SMS can answer it, nobody can make one up, and it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from alerts.messages.links import LASTS, AnswerLinks, ExpiredLinkError, ForgedLinkError
from registry.instants import SECOND, to_micros

NOW = to_micros(datetime(2026, 11, 22, 4, tzinfo=UTC))
ONE = UUID("6e8bc430-9c3a-11d9-9669-0800200c9a66")
LINKS = AnswerLinks("https://shouwang.example/", "s" * 32)


def _token(links: AnswerLinks = LINKS, now: int = NOW) -> str:
    return links.to(ONE, now).rpartition("/")[2]


def test_a_link_leads_to_its_message_until_it_ends() -> None:
    assert LINKS.to(ONE, NOW).startswith("https://shouwang.example/a/")
    assert LINKS.read(_token(), NOW) == ONE
    assert LINKS.read(_token(), NOW + LASTS - SECOND) == ONE
    with pytest.raises(ExpiredLinkError):
        LINKS.read(_token(), NOW + LASTS)


def test_a_link_fits_into_an_sms() -> None:
    assert len(_token()) == 50
    assert _token().replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("place", range(0, 49, 4))
def test_whatever_is_changed_in_it_makes_it_void(place: int) -> None:
    token = _token()
    other = "A" if token[place] != "A" else "B"
    with pytest.raises(ForgedLinkError):
        LINKS.read(token[:place] + other + token[place + 1 :], NOW)


@pytest.mark.parametrize("token", ["", "a", "é", "../../etc", "A" * 50, "A" * 500])
def test_what_is_no_link_is_refused(token: str) -> None:
    with pytest.raises(ForgedLinkError):
        LINKS.read(token, NOW)


def test_a_link_that_was_cut_off_is_refused() -> None:
    with pytest.raises(ForgedLinkError):
        LINKS.read(_token()[:-4], NOW)


def test_another_secret_makes_other_links() -> None:
    with pytest.raises(ForgedLinkError):
        LINKS.read(_token(AnswerLinks("https://shouwang.example", "t" * 32)), NOW)


def test_the_secret_is_not_shown() -> None:
    assert "ssss" not in repr(LINKS)
