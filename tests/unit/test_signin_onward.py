"""Whoever signs in goes on to a page of ours: no address that a browser reads as another host's is among them."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboards.signin.browsers import browser
from dashboards.signin.onward import door, onward


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.test/", "//evil.test/", "///evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test",
        "/\n/evil.test", " //evil.test", "javascript:alert(1)", "evil.test", "", "/sign-in", "/sign-in/oidc?next=/",
        "/a\r\nSet-Cookie: x=y", "/\x00", "/" + "a" * 2000, "/李",
    ],
)  # fmt: skip
def test_anything_but_a_page_of_ours_leads_to_the_front_page(address: str) -> None:
    assert onward(address) == "/"


@pytest.mark.parametrize("address", ["/", "/tasks", "/alerts/5?x=1&y=%E6%9D%8E#story", "/areas/4401?days=7"])
def test_a_page_of_ours_is_kept(address: str) -> None:
    assert onward(address) == address


@given(st.text(max_size=60))
@example("/\\/evil.test")
@example("/%09//evil.test")
def test_no_text_leads_to_another_host(address: str) -> None:
    assert urlsplit(urljoin("https://shouwang.test/sign-in", onward(address))).netloc == "shouwang.test"
    assert onward(address).isascii()


def test_the_door_remembers_where_somebody_wanted_to_go() -> None:
    assert door("/tasks?for=me&x=1") == "/sign-in?next=/tasks%3Ffor%3Dme%26x%3D1"
    assert door("//evil.test") == door("/") == "/sign-in"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/116.0 MicroMessenger/8.0", "WeChat, Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox, Linux"),
        ("curl/8.5.0", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_browsers_are_called_what_their_owners_call_them(agent: str, name: str) -> None:
    assert browser(agent) == name
